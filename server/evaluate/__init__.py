"""How often retrieval finds what answers a question, beside the pipeline that FutFut began with."""
