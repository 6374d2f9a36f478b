"""Damaged image files: an ImageError or a picture, whatever the bytes; no hang, no flood."""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.helpers.mutations import assert_survives, mutated

from mubench_gen.errors import ImageError
from mubench_gen.images.choices import AUTO
from mubench_gen.images.files import bare, media_type
from mubench_gen.images.microscope import make_policy
from mubench_gen.images.policy import StandardPolicy

NOISE = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
COLOUR = Image.fromarray(NOISE)
GREY = COLOUR.convert("L")
DEEP = Image.fromarray(NOISE[..., 0].astype(np.uint16) * 200)
FLOAT = Image.fromarray(NOISE[..., 0].astype(np.float32))
CLEAR = Image.fromarray(np.concatenate([NOISE, NOISE[..., :1]], axis=-1))
PALETTE = COLOUR.quantize(16)
TURNED = Image.Exif()
TURNED[0x0112] = 6


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


SEEDS = {
    "PNG": [
        saved(COLOUR, "PNG", exif=TURNED), saved(DEEP, "PNG"), saved(CLEAR, "PNG"),
        saved(PALETTE, "PNG", transparency=3), saved(GREY.convert("1"), "PNG"),
        saved(COLOUR, "PNG", save_all=True, append_images=[COLOUR.rotate(180)]),
    ],
    "JPEG": [
        saved(COLOUR, "JPEG", exif=TURNED), saved(COLOUR, "JPEG", progressive=True),
        saved(GREY, "JPEG", restart_marker_rows=1), saved(COLOUR.convert("CMYK"), "JPEG"),
    ],
    "TIFF": [
        saved(COLOUR, "TIFF", exif=TURNED), saved(DEEP, "TIFF"), saved(FLOAT, "TIFF"),
        saved(COLOUR, "TIFF", compression="tiff_lzw"), saved(GREY.convert("1"), "TIFF"),
        saved(COLOUR, "TIFF", compression="jpeg"), saved(CLEAR, "TIFF", big_tiff=True),
        saved(DEEP, "TIFF", save_all=True, append_images=[DEEP], compression="tiff_adobe_deflate"),
    ],
    "GIF": [
        saved(PALETTE, "GIF", transparency=3), saved(GREY, "GIF", interlace=1),
        saved(PALETTE, "GIF", save_all=True, append_images=[GREY]),
    ],
    "WebP": [
        saved(COLOUR, "WEBP", exif=TURNED), saved(CLEAR, "WEBP", lossless=True),
        saved(COLOUR, "WEBP", save_all=True, append_images=[GREY]),
    ],
    "BMP": [saved(COLOUR, "BMP"), saved(PALETTE, "BMP"), saved(GREY.convert("1"), "BMP")],
    "PPM": [
        saved(COLOUR, "PPM"), saved(GREY, "PPM"), saved(DEEP, "PPM"), saved(FLOAT, "PPM"),
        b"P3 2 2 255 1 2 3 4 5 6 7 8 9 10 11 12\n", b"P1 2 2 0 1 1 0\n",
    ],
    "JPEG 2000": [saved(COLOUR, "JPEG2000"), saved(DEEP, "JPEG2000"), saved(CLEAR, "JPEG2000")],
}  # fmt: skip
POLICIES = {
    "standard": StandardPolicy(),
    "scientific": make_policy({"range": "percentile:1:99", "z": "max"}),
    "auto": make_policy({}, default=AUTO),
}


def of_microscopes() -> list[bytes]:
    """TIFF files with axes, channels, levels, and JPEG XL, where their packages are there."""
    tifffile, imagecodecs = map(pytest.importorskip, ("tifffile", "imagecodecs"))
    stack = np.stack([np.asarray(DEEP)] * 3)

    def tiff(values: Any, **options: Any) -> bytes:
        stream = io.BytesIO()
        tifffile.imwrite(stream, values, **options)
        return stream.getvalue()

    return [
        tiff(stack, ome=True, metadata={"axes": "ZYX"}),
        tiff(stack, ome=True, metadata={"axes": "CYX", "Channel": {"Name": list("abc")}}),
        tiff(stack, imagej=True, metadata={"axes": "TYX"}),
        tiff(NOISE.astype(np.uint16), photometric="rgb", tile=(16, 16), compression="zlib"),
        tiff(stack.astype(np.float16), photometric="miniswhite", predictor=True, compression="lzw"),
        bytes(imagecodecs.jpegxl_encode(NOISE)),
        bytes(imagecodecs.png_encode(NOISE.astype(np.uint16) * 200)),
        bytes(imagecodecs.jpeg2k_encode(NOISE.astype(np.uint16) * 200, level=0)),
    ]


def resealed(contents: Iterator[bytes]) -> Iterator[bytes]:
    """PNG files with the checksums of their chunks put right, every other one."""
    for number, content in enumerate(contents):
        if number % 2:
            changed, at = bytearray(content), 8
            while at + 12 <= len(changed):
                end = at + 8 + int.from_bytes(changed[at : at + 4], "big")
                if end + 4 > len(changed):
                    break
                changed[end : end + 4] = zlib.crc32(changed[at + 4 : end]).to_bytes(4, "big")
                at = end + 4
            content = bytes(changed)
        yield content


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", [*SEEDS, "microscopes"])
def test_a_damaged_file_is_a_picture_or_an_image_error(kind: str, policy: str, inputs: int) -> None:
    if policy != "standard":
        pytest.importorskip("tifffile", reason="microscope files need mubench-gen[tiff]")
    chosen = POLICIES[policy]

    def read(content: bytes) -> None:
        try:
            note = chosen.check(content, "x")
            picture = chosen.decode(content, "x")
        finally:
            if media_type(content) is not None:
                bare(content)
        assert (picture.mode, note) == ("RGB", chosen.check(content, "x"))

    own = kind == "microscopes"  # each of these files takes several times as long
    contents = mutated(of_microscopes() if own else SEEDS[kind], inputs // 4 if own else inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of damaged metadata
        assert_survives(
            read, resealed(contents) if kind == "PNG" else contents, refused=(ImageError,)
        )
