"""From a GGUF file of full precision to smaller ones: llama.cpp's quantization, in a process of its own."""
