"""What a generation of the index is called, what it was built from, and whether it suits what is in use."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from server.domain import Manifest
from server.errors import IndexMismatchError

GENERATION_NAME = r"\d{8}T\d{12}Z-[0-9a-f]{8}"


def generation_name(now: datetime) -> str:
    """A name that no other generation has; names sort by the time (in UTC) that they were given.

    Example: `20260131T094530123456Z-9f86d081`.
    """
    return f"{now:%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Compatibility:
    """The encoder and the terms that questions are put with, as in `server.domain.Fingerprint`."""

    encoder: str
    terms: str

    def check(self, manifest: Manifest) -> None:
        """Refuse a generation whose vectors or weights don't compare with the question's.

        Raises:
            IndexMismatchError: the generation was built with another encoder or other terms.
        """
        built = manifest.fingerprint
        if built.encoder != self.encoder:
            raise IndexMismatchError("the encoder", built.encoder, self.encoder)
        if built.terms != self.terms:
            raise IndexMismatchError("the terms", built.terms, self.terms)
