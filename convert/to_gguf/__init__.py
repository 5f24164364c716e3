"""From a checkpoint to GGUF, as llama.cpp's own converter makes it, without torch and in little memory."""
