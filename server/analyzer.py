"""The Korean analyser that chunker, terms and persona share: one a process, for each takes long to load."""

from kiwipiepy import Kiwi


def load_kiwi() -> Kiwi:
    """Load Kiwi, and warm it: its first sentence costs more than all that follow. Blocks for two seconds.

    The dictionary of names of several words is left out. It takes as long to load as all the rest, and on our
    questions as many answers are found without it.
    """
    kiwi = Kiwi(load_multi_dict=False)
    kiwi.tokenize("풋살은 다섯 명이 해요.")
    return kiwi
