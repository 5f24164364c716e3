"""What `convert` writes and `server` reads: the model catalogue, the Modelfile grammar and the persona's prompt."""
