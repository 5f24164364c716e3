"""What `convert` writes and `server` reads: the model catalogue, the Modelfile grammar, the system prompt."""
