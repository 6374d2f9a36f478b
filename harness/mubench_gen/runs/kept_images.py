"""Images that a run's folder keeps beside its records, by their digests: those of a pack, or of an
imported log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mubench_gen.images.policy import StandardPolicy
from mubench_gen.types import Image

IMAGES = "images"
_BEGINS = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"II*\0": ".tif",
           b"MM\0*": ".tif", b"RIFF": ".webp"}  # fmt: skip


def keep_as(image: Image) -> str:
    """The name of the image's file in `images/`."""
    return image.sha256 + suffix_of(image.file_bytes)


def suffix_of(content: bytes) -> str:
    """The suffix of an image file by its first bytes; ".bin" for kinds that are not known."""
    return next((end for begin, end in _BEGINS.items() if content.startswith(begin)), ".bin")


def kept_images(folder: Path) -> Mapping[str, Image]:
    """The images that the run's folder keeps, by digest."""
    found: dict[str, Image] = {}
    with suppress(OSError):
        for entry in os.scandir(folder / IMAGES):
            path = Path(entry.path)
            found[path.stem] = Image(path.name, path.read_bytes, StandardPolicy())
    return found
