"""How fast each step goes, roughly: a plan says minutes or hours, not seconds.

Measured on two virtual cores of a 2020s server (AVX2, about 5 GB/s from memory) with the mini model and with
random matrices of 2048 x 8192, other work going on beside it. Weights a second are for one core.
"""

# A line of 200 Mbit/s: it can't be known before something comes through it.
DOWNLOAD_BYTES = 25e6
# Of the file that is written, its inputs hashed first; one core works.
CONVERT_BYTES = 110e6
# Sent to an Ollama on the same machine, which hashes and copies it.
REGISTER_BYTES = 150e6
# Weights times tokens that are read, as a prompt is.
READ_WEIGHTS = 24e9
# For each generated token the whole file goes through memory, whatever the number of cores.
GENERATE_BYTES = 5e9

# Weights quantized, by how the level's name begins. The `iq` levels search a codebook for every block.
_QUANTIZE_WEIGHTS = (
    ("iq4", 5e6),
    ("iq", 3e6),
    ("q2_k", 20e6),
    ("q3_k", 25e6),
    ("q4_k", 15e6),
    ("q5_k", 17e6),
    ("q6_k", 30e6),
    ("", 90e6),
)


def quantize_weights(level: str) -> float:
    """Weights a second and core."""
    return next(rate for begin, rate in _QUANTIZE_WEIGHTS if level.startswith(begin))
