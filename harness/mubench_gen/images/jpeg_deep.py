"""JPEG files that Pillow does not read (more than 8 bits, lossless) and JPEG-LS, by imagecodecs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mubench_gen.errors import ImageError
from mubench_gen.images.deep import ArraySource, codecs
from mubench_gen.images.files import exif_orientation
from mubench_gen.images.jpeg import Frame, check_end, frame_of
from mubench_gen.images.source import Reader

_HEAD = b"\xff\xd8\xff"
_LOSSLESS, _JPEG_LS = 0xC3, 0xF7
_COMPONENTS = (1, 3)


def _accepts(content: bytes, name: str) -> bool:
    frame = frame_of(content)
    return frame is not None and (frame.bits > 8 or frame.code == _JPEG_LS)


@contextmanager
def _open(content: bytes, name: str) -> Iterator[Sequence[ArraySource]]:
    frame = frame_of(content)
    assert frame is not None
    kind = {_LOSSLESS: "lossless JPEG", _JPEG_LS: "JPEG-LS"}.get(frame.code, "JPEG")
    if frame.components not in _COMPONENTS:
        raise ImageError(f"{name}: {frame.components} colours of {kind} have no rule")
    check_end(content, name)
    library = codecs(f"Reading {kind} of {frame.bits} bits")

    def decode() -> Any:
        return _decoder(library, frame)(content)

    size = frame.width, frame.height
    yield [ArraySource(kind, size, exif_orientation(content), decode, name)]


def _decoder(library: Any, frame: Frame) -> Any:
    if frame.code == _JPEG_LS:
        return library.jpegls_decode
    return library.ljpeg_decode if frame.code == _LOSSLESS else library.jpeg_decode


JPEG_DEEP = Reader("JPEG of more than 8 bits", (_HEAD,), _open, _accepts)
