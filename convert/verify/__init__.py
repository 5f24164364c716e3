"""What a quantization level costs: how far it strays, how fast it is, and whether it still answers."""
