"""The image policy: what is refused, what is converted and how, and that records say so."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mubench_gen.errors import ImageError
from mubench_gen.images.policy import StandardPolicy, open_image

from .helpers.command import Outcome
from .helpers.data import make_png, write_data
from .helpers.limits import memory_growth
from .helpers.plugin import write_plugin

Here = Callable[..., Outcome]
Array = np.ndarray[Any, Any]

DARK = 4095  # what a 12-bit camera writes into 16-bit files


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def make_raw_png(pixels: Array, colour: int, *extra: bytes, depth: int = 16) -> bytes:
    """A PNG of these samples (height × width × channels), which Pillow cannot write."""
    height, width = pixels.shape[:2]
    sized = pixels.astype(">u2" if depth == 16 else ">u1")
    lines = b"".join(b"\0" + sized[y].tobytes() for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(extra)
        + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    )  # fmt: skip


def make_raw_tiff(pixels: Array) -> bytes:
    """A TIFF of 16-bit RGB, which Pillow cannot write."""
    height, width, channels = pixels.shape
    strip = pixels.astype("<u2").tobytes()
    bits = struct.pack("<3H", 16, 16, 16)
    entries = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 1, 8 + len(bits)), (277, 3, 1, channels), (278, 3, 1, height),
        (279, 4, 1, len(strip)), (284, 3, 1, 1),
    ]  # fmt: skip
    at = 8 + len(bits) + len(strip)
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries) + b"\0\0\0\0"
    return b"II*\0" + struct.pack("<I", at) + bits + strip + directory


def make_tiff_bomb() -> bytes:
    content = make_raw_tiff(np.zeros((4, 4, 3), np.uint16))
    sides = [struct.pack("<HHII", tag, 3, 1, 4) for tag in (256, 257)]
    for tag, side in zip((256, 257), sides, strict=True):
        content = content.replace(side, struct.pack("<HHII", tag, 3, 1, 60_000))
    return content


def make_gif_bomb() -> bytes:
    screen = b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    return screen + b"," + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0) + b"\2\2\x4c\1\0;"


def make_jpeg_bomb() -> bytes:
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + struct.pack(">HH", 65_000, 65_000) + JPEG[at + 4 :]


def make_bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few kilobytes that decodes to ten gigabytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100_000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def decoded(content: bytes) -> Array:
    picture = StandardPolicy().decode(content, "x")
    assert picture.mode == "RGB"
    return np.asarray(picture)


def note(content: bytes) -> str | None:
    return StandardPolicy().check(content, "x")


GREY = np.arange(0, 256, 16, dtype=np.uint8).reshape(4, 4)
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)
RGBA = np.concatenate([COLOUR, np.full((4, 4, 1), 128, np.uint8)], axis=-1)


def test_8_bit_rgb_passes_unchanged_and_unnoted() -> None:
    content = saved(Image.fromarray(COLOUR), "PNG")
    assert (decoded(content) == COLOUR).all()
    assert note(content) is None


def test_8_bit_grey_becomes_three_equal_channels() -> None:
    content = saved(Image.fromarray(GREY), "PNG")
    assert (decoded(content) == GREY[..., None]).all()


def test_one_bit_becomes_black_and_white() -> None:
    content = saved(Image.fromarray(GREY).convert("1", dither=Image.Dither.NONE), "PNG")
    assert set(decoded(content).ravel().tolist()) == {0, 255}


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("top", [65_535, DARK])
def test_16_bit_grey_is_scaled_from_its_own_minimum_to_its_own_maximum(kind: str, top: int) -> None:
    values = np.linspace(100, top, 16).reshape(4, 4).astype(np.uint16)
    content = saved(Image.fromarray(values), kind)
    wanted = ((values - 100.0) / (top - 100) * 255).round()
    assert (decoded(content) == wanted[..., None]).all()
    assert "8-bit, minmax" in str(note(content))


def test_16_bit_colour_png_keeps_the_high_byte_and_says_so() -> None:
    content = make_raw_png(COLOUR.astype(np.uint16) * 257, 2)
    assert (decoded(content) == COLOUR).all()
    assert note(content) == "16-bit colour to 8-bit, high byte"


def test_16_bit_colour_tiff_keeps_the_high_byte_and_says_so() -> None:
    content = make_raw_tiff(COLOUR.astype(np.uint16) * 257)
    assert (decoded(content) == COLOUR).all()
    assert note(content) == "16-bit colour to 8-bit, high byte"


def test_16_bit_with_alpha_keeps_the_high_byte_over_white() -> None:
    content = make_raw_png(RGBA.astype(np.uint16) * 257, 6)
    wanted = COLOUR * (128 / 255) + 255 * (127 / 255)
    assert np.abs(decoded(content) - wanted).max() <= 1
    assert note(content) == "16-bit colour to 8-bit, high byte; alpha over white"


def test_a_palette_is_looked_up() -> None:
    content = saved(Image.fromarray(COLOUR).quantize(16), "PNG")
    assert (decoded(content) == np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))).all()
    assert note(content) == "palette to RGB"


def test_a_palette_with_a_transparent_colour_is_laid_over_white() -> None:
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 200, 10, 10])
    picture.putpixel((0, 0), 0)
    content = saved(picture, "PNG", transparency=0)
    assert decoded(content)[0, 0].tolist() == [255, 255, 255]
    assert decoded(content)[1, 1].tolist() == [200, 10, 10]
    assert note(content) == "alpha over white"


def test_rgba_is_laid_over_white() -> None:
    content = saved(Image.fromarray(RGBA), "PNG")
    wanted = COLOUR * (128 / 255) + 255 * (127 / 255)
    assert np.abs(decoded(content) - wanted).max() <= 1
    assert note(content) == "alpha over white"


def test_grey_with_alpha_is_laid_over_white() -> None:
    pixels = np.stack([np.full((4, 4), 40, np.uint8), np.zeros((4, 4), np.uint8)], axis=-1)
    content = saved(Image.fromarray(pixels, "LA"), "PNG")
    assert (decoded(content) == 255).all()
    assert note(content) == "alpha over white"


def test_a_cmyk_jpeg_becomes_rgb() -> None:
    content = saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95)
    assert np.abs(decoded(content).astype(int) - [255, 0, 0]).max() <= 4
    assert note(content) == "CMYK to RGB"


def test_a_float_tiff_is_scaled_and_what_is_not_finite_becomes_black() -> None:
    values = np.linspace(-2, 3, 16, dtype=np.float32).reshape(4, 4)
    values[0, 0] = np.nan
    values[3, 3] = np.inf
    pixels = decoded(saved(Image.fromarray(values), "TIFF"))[..., 0]
    assert pixels[0, 0] == pixels[3, 3] == 0
    assert pixels[0, 1] == 0
    assert pixels[3, 2] == 255
    assert 0 < pixels[2, 1] < 255


def test_32_bit_integers_are_scaled() -> None:
    values = np.array([[-1_000_000, 0], [0, 1_000_000]], np.int32)
    assert decoded(saved(Image.fromarray(values), "TIFF"))[..., 0].tolist() == [
        [0, 128],
        [128, 255],
    ]


def test_a_16_bit_image_of_one_value_is_decoded() -> None:
    content = saved(Image.fromarray(np.full((4, 4), 700, np.uint16)), "PNG")
    assert len(set(decoded(content).ravel().tolist())) == 1


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "GIF", "WEBP"])
def test_of_several_pages_the_first_is_shown_and_their_number_is_told(kind: str) -> None:
    pages = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    content = saved(pages[0], kind, save_all=True, append_images=pages[1:], lossless=True)
    assert np.abs(decoded(content).astype(int) - [255, 0, 0]).max() <= 2
    assert "page 1 of 3" in str(note(content))


@pytest.mark.parametrize("name", ["cmyk.jpg", "a.png"])
def test_every_conversion_is_repeatable_to_the_byte(name: str) -> None:
    content = saved(Image.fromarray(RGBA), "PNG") if name.endswith("png") else saved(
        Image.new("CMYK", (8, 8), (10, 20, 30, 40)), "JPEG"
    )  # fmt: skip
    assert (decoded(content) == decoded(content)).all()


NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
PNG = saved(Image.fromarray(NOISE), "PNG")
JPEG = saved(Image.fromarray(NOISE), "JPEG")
TIFF = saved(Image.fromarray(NOISE), "TIFF")
GIF = saved(Image.fromarray(NOISE), "GIF")


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


BAD = {
    "empty": b"",
    "no image": b"these are not the bytes of an image",
    "a page of HTML": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n",
    "PNG: signature alone": PNG[:8],
    "PNG: half a header": PNG[:20],
    "PNG: header alone": PNG[:33],
    "PNG: truncated": PNG[: len(PNG) // 2],
    "PNG: last byte gone": PNG[:-1],
    "PNG: no end": PNG[:-12],
    "PNG: a byte of the pixels changed": flipped(PNG, len(PNG) // 2),
    "PNG: a byte of the header changed": flipped(PNG, 17),
    "PNG: no pixels": PNG[:33] + PNG[-12:],
    "PNG: too few pixels": PNG[:33] + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + PNG[-12:],
    "PNG: zero wide": PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 4, 8, 2, 0, 0, 0)),
    "PNG: unheard-of colours": PNG[:8]
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 9, 0, 0, 0))
    + PNG[33:],
    "JPEG: start alone": JPEG[:2],
    "JPEG: truncated": JPEG[: len(JPEG) // 2],
    "JPEG: last bytes gone": JPEG[:-2],
    "TIFF: truncated": TIFF[: len(TIFF) // 2],
    "TIFF: header alone": TIFF[:8],
    "GIF: truncated": GIF[: len(GIF) // 2],
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_bad_image_is_an_image_error_that_names_it(content: bytes) -> None:
    image = open_image("images/7.png", lambda: content, StandardPolicy())
    with pytest.raises(ImageError, match=r"images/7\.png"):
        image.pixels()


# Whole chunks with sound checksums: only decoding tells.
DECODING_TELLS = {"PNG: no pixels", "PNG: too few pixels", "PNG: unheard-of colours"}


@pytest.mark.parametrize(
    "kind", sorted(k for k in BAD if k[:4] in ("PNG:", "JPEG", "empt") and k not in DECODING_TELLS)
)
def test_truncation_is_found_without_decoding(kind: str) -> None:
    image = open_image("images/7.png", lambda: BAD[kind], StandardPolicy())
    with pytest.raises(ImageError):
        _ = image.conversion


def test_a_jpeg_with_a_tail_behind_its_end_is_no_truncated_one() -> None:
    assert note(JPEG + b"\0" * 10_000) is None
    assert decoded(JPEG + b"\0" * 10_000).shape == (64, 64, 3)


def test_a_missing_image_and_a_folder_are_image_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "no.png", tmp_path, tmp_path / "a\0b.png", tmp_path / ("x" * 300)):
        image = open_image(path.name, path.read_bytes, StandardPolicy())
        with pytest.raises(ImageError, match="cannot be read"):
            _ = image.sha256


@pytest.mark.parametrize(
    "content",
    [
        make_bomb(),
        make_bomb(2**31 - 1, 2**31 - 1),
        PNG[:-12] + chunk(b"IHDR", make_bomb()[16:29]) + PNG[-12:],
        make_jpeg_bomb(),
        make_tiff_bomb(),
        make_gif_bomb(),
    ],
    ids=["PNG", "PNG of the largest size", "PNG with a second header", "JPEG", "TIFF", "GIF"],
)
def test_an_image_bomb_is_refused_by_its_header_in_little_memory(content: bytes) -> None:
    assert len(content) < 40_000
    with memory_growth() as grown, pytest.raises(ImageError, match=r"bomb.png.*(limit|exceeds)"):
        StandardPolicy().decode(content, "bomb.png")
    assert grown.mebibytes < 16


def test_formats_that_run_other_programs_are_not_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        pytest.fail(f"a program was run: {args}")

    monkeypatch.setattr("subprocess.Popen", refuse)
    with pytest.raises(ImageError, match="no image format"):
        StandardPolicy().decode(BAD["PostScript"], "figure.eps")


def records_of(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder / "records.jsonl").read_text("utf-8").splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


@pytest.mark.parametrize("reads_pixels", [True, False])
def test_a_bad_image_costs_only_its_own_items(
    here: Here, tmp_path: Path, reads_pixels: bool
) -> None:
    images = {1: PNG[:-30], 2: make_bomb(), 3: b"", 4: None, 5: BAD["JPEG: truncated"]}
    data = write_data(tmp_path / "data", 9, images=images)
    plugin = write_plugin(
        tmp_path / "mine.py",
        f"""
        reads_pixels = {reads_pixels}

        def generate(self, requests):
            return ["A" for request in requests if request.image.data]
        """,
    )
    args = ("eval", "--plugin", plugin, "--data", data, "--run-dir", "run", "--json")
    outcome = here(*args, "--tasks", "modality,stain")
    assert outcome.code == 3
    assert outcome.document["scores"]["pooled"]["n"] == 2 * 4
    assert outcome.document["scores"]["pooled"]["n_errors"] == 2 * 5
    for record in records_of(tmp_path / "run").values():
        bad = int(record["image_id"].removeprefix("cell-")) in images
        assert (record["status"] == "error") is bad
        if bad:
            assert record["error"]["type"] == "ImageError"
            assert record["image_id"].replace("cell-", "images/") in record["error"]["message"]
            assert record["choice"] is None
            assert record["correct"] is None
    assert "images/1.png" in outcome.err


def test_mended_images_are_asked_by_the_same_command(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", 3, images={1: b"broken"})
    args = ("eval", "--plugin", "echo", "--data", data, "--tasks", "modality", "--run-dir", "run")
    assert here(*args).code == 3
    (data / "images/1.png").write_bytes(make_png(1))
    outcome = here(*args, "--json")
    assert outcome.code == 0
    assert outcome.document["scores"]["pooled"]["n"] == 3
    assert outcome.document["scores"]["pooled"]["n_errors"] == 0


def test_records_tell_the_conversion_and_the_manifest_the_policy(
    here: Here, tmp_path: Path
) -> None:
    deep = saved(Image.fromarray(GREY.astype(np.uint16) * 3), "PNG")
    data = write_data(tmp_path / "data", 2, images={0: deep})
    args = ("eval", "--plugin", "echo", "--data", data, "--tasks", "modality", "--run-dir", "run")
    outcome = here(*args)
    told = {
        record["image_id"]: [
            part.get("conversion")
            for message in record["messages"]
            for part in message["content"]
            if part["type"] == "image"
        ]
        for record in records_of(tmp_path / "run").values()
    }
    conversion = "auto-1: PNG uint16 to 8-bit, range auto"
    assert told == {"cell-0": [conversion], "cell-1": [None]}
    assert outcome.err.count(conversion) == 1
    policy = json.loads((tmp_path / "run/manifest.json").read_text("utf-8"))["image_policy"]
    assert policy["name"] == "auto-1"
    assert policy["range"] == "auto"
    assert policy["max_bytes"] == 256 * 2**20


def test_the_bytes_of_a_file_reach_the_model_unchanged(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", 1, images={0: JPEG})
    plugin = write_plugin(
        tmp_path / "mine.py",
        """
        def generate(self, requests):
            import hashlib
            return [hashlib.sha256(request.image.data).hexdigest() for request in requests]
        """,
    )
    here("eval", "--plugin", plugin, "--data", data, "--tasks", "modality", "--run-dir", "run")
    (record,) = records_of(tmp_path / "run").values()
    assert record["reply"] == record["image_sha256"]
