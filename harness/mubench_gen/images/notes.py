"""What decoding changes, in words: the notes of which an image's conversion is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mubench_gen.images.pixels import DEEP, is_clear
from mubench_gen.types import TURNED

if TYPE_CHECKING:
    from PIL import Image as PillowImage

_TIFF_BITS = 258  # the tag of the bits a sample


def png_note(depth: int, colour: int, transparent: bool) -> str | None:
    """The note on a PNG file, by its header."""
    if depth == 16 and colour == 0:
        return "16-bit grey to 8-bit, minmax"
    notes = ["16-bit colour to 8-bit, high byte"] if depth == 16 else []
    if colour in (4, 6) or transparent:
        notes.append("alpha over white")
    elif colour == 3:
        notes.append("palette to RGB")
    return joined(*notes)


def depth_note(picture: PillowImage.Image) -> str | None:
    """The note on a TIFF of 16-bit colour; other deep images have a mode of their own."""
    bits: Any = getattr(picture, "tag_v2", {}).get(_TIFF_BITS, (8,))
    deep = picture.mode not in DEEP and max(bits) > 8
    return f"{max(bits)}-bit colour to 8-bit, high byte" if deep else None


def mode_note(picture: PillowImage.Image) -> str | None:
    """The note on the mode of a decoded picture."""
    mode = picture.mode
    if mode in DEEP:
        return f"{mode} to 8-bit, minmax"
    if is_clear(picture):
        return "alpha over white"
    if mode in ("P", "CMYK", "YCbCr", "LAB", "HSV"):
        return {"P": "palette"}.get(mode, mode) + " to RGB"
    return None


def png_pages(frames: int, kinds: Sequence[bytes]) -> int:
    """How many pictures a PNG has: the default one may not be a frame of its animation."""
    before = kinds[: kinds.index(b"IDAT")] if b"IDAT" in kinds else kinds
    return frames + (b"fcTL" not in before) if frames else 1


def turn_note(number: int) -> str | None:
    """The note on an image with that orientation; None if it is upright."""
    return f"{TURNED} ({number})" if number > 1 else None


def page_note(pages: int) -> str | None:
    """The note on a file of several pages or frames."""
    return f"page 1 of {pages}" if pages > 1 else None


def joined(*notes: str | None) -> str | None:
    """The notes that are not None, joined; None if all are."""
    return "; ".join(note for note in notes if note) or None
