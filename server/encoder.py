"""The encoder's identity, read without loading the encoder."""

from pathlib import Path

import msgspec

from modelfiles.encoder import EncoderManifest, read_encoder_manifest
from server.errors import EncoderDamagedError, EncoderMissingError


def encoder_manifest(folder: Path) -> EncoderManifest:
    """The manifest of the encoder in `folder`.

    Raises:
        EncoderMissingError: there is no encoder in `folder`.
        EncoderDamagedError: its manifest can't be read.
    """
    try:
        return read_encoder_manifest(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise EncoderMissingError(folder) from None
    except msgspec.DecodeError as error:
        raise EncoderDamagedError(folder, f"its manifest can't be read ({error})") from error
