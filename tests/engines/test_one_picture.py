"""One key, one picture: on each engine, and in whatever decodes what it is sent."""

from __future__ import annotations

import asyncio
import base64
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps

from mubench_gen.engines.server.requests import ImageUrls
from mubench_gen.engines.vllm.asks import Asks
from mubench_gen.host.embeddings import EmbeddingStore
from mubench_gen.images.files import bare
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.model import Checkpoint
from mubench_gen.types import Image

from .conftest import CHAT, make_request

Array = np.ndarray[Any, Any]
NOISE = np.random.default_rng(0).integers(0, 256, (24, 40, 4), np.uint8)
CLEAR = Pillow.fromarray(NOISE)
COLOUR = CLEAR.convert("RGB")
GREY = COLOUR.convert("L")
PALETTE = COLOUR.quantize(16)
DEEP = Pillow.fromarray(NOISE[..., 0].astype(np.uint16) * 9)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'


def saved(picture: Pillow.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def exif(number: int) -> Pillow.Exif:
    found = Pillow.Exif()
    found[0x0112] = number
    return found


def with_chunks(content: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with these chunks in front of its pixels."""
    made = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return content[:33] + made + content[33:]


def animation(frames: int, *, hidden: bool) -> bytes:
    """A PNG that is shown as COLOUR by what knows no animations; `hidden`: and not in it."""
    red = Pillow.new("RGB", COLOUR.size, "red")
    return saved(COLOUR, "PNG", save_all=True, append_images=[red] * frames, default_image=hidden)


TURNED = {
    f"{kind} {number}": saved(COLOUR, kind, exif=exif(number), **options)
    for kind, options in {
        "JPEG": {"quality": 95}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {},
    }.items()
    for number in range(2, 9)
}  # fmt: skip
FILES = {
    **TURNED,
    "JPEG turned by XMP": saved(COLOUR, "JPEG", xmp=XMP),
    "grey JPEG, turned": saved(GREY, "JPEG", exif=exif(6)),
    "CMYK JPEG, turned": saved(COLOUR.convert("CMYK"), "JPEG", exif=exif(6)),
    "RGBA PNG, turned": saved(CLEAR, "PNG", exif=exif(5)),
    "16-bit TIFF, turned": saved(DEEP, "TIFF", exif=exif(8)),
    "palette PNG, turned": saved(PALETTE, "PNG", exif=exif(3)),
    "JPEG upright": saved(COLOUR, "JPEG", exif=exif(1)),
    "JPEG, no such orientation": saved(COLOUR, "JPEG", exif=exif(9)),
    "JPEG, damaged EXIF": saved(COLOUR, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"),
    "PNG, damaged EXIF": with_chunks(saved(COLOUR, "PNG"), (b"eXIf", b"II*\0\xff")),
    "JPEG": saved(COLOUR, "JPEG"),
    "progressive JPEG": saved(COLOUR, "JPEG", progressive=True),
    "grey JPEG": saved(GREY, "JPEG"),
    "CMYK JPEG": saved(COLOUR.convert("CMYK"), "JPEG"),
    "JPEG with a profile": saved(COLOUR, "JPEG", icc_profile=PROFILE),
    "PNG": saved(COLOUR, "PNG"),
    "grey PNG": saved(GREY, "PNG"),
    "1-bit PNG": saved(GREY.convert("1"), "PNG"),
    "PNG with a profile": saved(COLOUR, "PNG", icc_profile=PROFILE),
    "PNG with a gamma": with_chunks(saved(COLOUR, "PNG"), (b"gAMA", struct.pack(">I", 100_000))),
    "RGBA PNG": saved(CLEAR, "PNG"),
    "grey PNG with alpha": saved(CLEAR.convert("LA"), "PNG"),
    "PNG with a clear colour": saved(COLOUR, "PNG", transparency=COLOUR.getpixel((3, 3))),
    "palette PNG": saved(PALETTE, "PNG"),
    "palette PNG, clear": saved(PALETTE, "PNG", transparency=bytes(range(0, 256, 16))),
    "16-bit PNG": saved(DEEP, "PNG"),
    "animated PNG": animation(1, hidden=False),
    "animated PNG, another picture": animation(2, hidden=True),
    "PNG of one frame, another picture": animation(1, hidden=True),
    "GIF": saved(PALETTE, "GIF"),
    "grey GIF": saved(GREY, "GIF"),
    "clear GIF": saved(PALETTE, "GIF", transparency=3),
    "animated GIF": saved(PALETTE, "GIF", save_all=True, append_images=[GREY.convert("P")]),
    "WebP": saved(COLOUR, "WEBP"),
    "WebP with alpha": saved(CLEAR, "WEBP", lossless=True),
    "WebP with a profile": saved(COLOUR, "WEBP", lossless=True, icc_profile=PROFILE),
    "animated WebP": saved(COLOUR, "WEBP", save_all=True, append_images=[GREY]),
    "TIFF of pages": saved(COLOUR, "TIFF", save_all=True, append_images=[GREY]),
    "16-bit TIFF": saved(DEEP, "TIFF"),
    "BMP": saved(COLOUR, "BMP"),
    "JPEG 2000": saved(COLOUR, "JPEG2000"),
}
# Sent to the byte, since nothing in them could be taken in another way.
PLAIN = ("JPEG", "progressive JPEG", "grey JPEG", "PNG", "grey PNG", "1-bit PNG",
         "WebP")  # fmt: skip


def image_of(content: bytes, name: str = "x") -> Image:
    return open_image(name, lambda: content, StandardPolicy())


def sent(image: Image) -> bytes:
    """The file that a server gets."""

    async def made() -> bytes:
        urls = ImageUrls()
        try:
            return orjson.dumps(await urls.of(image))
        finally:
            urls.close()

    return base64.b64decode(asyncio.run(made()).decode().strip('"').partition(",")[2])


def seen_by_transformers(image: Image) -> Array:
    pytest.importorskip("transformers")
    from mubench_gen.engines.transformers.chat import Chat

    handed: list[Any] = []

    class Processor:
        chat_template = CHAT
        image_processor = None

        class tokenizer:  # noqa: N801
            bos_token = None
            padding_side = "right"

        def apply_chat_template(self, *args: Any, **kwargs: Any) -> str:
            return "text"

        def __call__(self, images: Any, **kwargs: Any) -> Any:
            handed.extend(images)
            return {"input_ids": np.zeros((1, 1))}

    chat = Chat(Processor(), Checkpoint("owner/name", "generative"), model_type="x", name="x")
    chat.tensors([make_request(image=image)])
    return np.asarray(handed[0][0])


def seen_by_vllm(image: Image) -> Array:
    (shown,) = (
        Asks(Checkpoint("owner/name", "generative"), {}).make(make_request(image=image)).images
    )
    return np.asarray(shown.pixels)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("kind", FILES)
def test_every_engine_shows_the_picture_that_a_server_decodes(kind: str) -> None:
    image = image_of(FILES[kind])
    with Pillow.open(io.BytesIO(sent(image))) as opened:
        plain = np.asarray(opened.convert("RGB"))
        assert getattr(opened, "n_frames", 1) == 1
        assert "A" not in opened.getbands()
        assert not {"icc_profile", "gamma", "transparency"} & opened.info.keys()
        turned = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    assert np.array_equal(plain, turned)
    assert not image.pixels().info
    assert image.pixels().getexif().get(0x0112, 1) not in range(2, 9)
    assert np.array_equal(seen_by_transformers(image), plain)
    assert np.array_equal(seen_by_vllm(image), plain)


@pytest.mark.parametrize("kind", PLAIN)
def test_a_plain_file_goes_to_the_byte_under_the_key_of_its_bytes(kind: str) -> None:
    image = image_of(FILES[kind])
    assert sent(image) == FILES[kind]
    assert image.identity == image.sha256
    assert image.conversion is None


@pytest.mark.parametrize("kind", ["JPEG upright", "JPEG with a profile", "PNG with a gamma"])
def test_what_may_mislead_is_left_out_and_the_pixels_stay_as_they_are_coded(kind: str) -> None:
    content = FILES[kind]
    plain = bare(content)
    assert plain is not None
    assert bare(plain) == plain
    assert sent(image_of(content)) == plain
    assert len(plain) < len(content)
    assert plain.endswith(content[-100:])
    assert image_of(content).identity == image_of(content).sha256


@pytest.mark.parametrize("kind", TURNED)
def test_an_orientation_is_applied_told_and_in_the_key(kind: str) -> None:
    """As viewers do, and TIFF files always were."""
    image = image_of(FILES[kind])
    number = int(kind.split()[1])
    assert image.conversion == f"turned by its EXIF orientation ({number})"
    assert image.identity != image.sha256
    with Pillow.open(io.BytesIO(image.data)) as opened:
        wanted = ImageOps.exif_transpose(opened).convert("RGB")
    assert image.pixels().size == ((24, 40) if number > 4 else (40, 24))
    assert image.pixels().tobytes() == wanted.tobytes()


def test_the_policy_of_a_plain_image_stands_in_keys_as_it_always_did() -> None:
    was = {"name": "standard-1", "depth": "minmax", "alpha": "white", "pages": "first",
           "max_bytes": 256 * 2**20}  # fmt: skip
    assert StandardPolicy().identity() == was
    assert StandardPolicy(max_pixels=5, max_bytes=7).identity() == was
    assert StandardPolicy().as_dict()["orientation"] == "applied"


def test_an_embedding_of_a_turned_image_is_not_that_of_the_file_as_it_is_stored(
    tmp_path: Path,
) -> None:
    pytest.importorskip("safetensors")
    image = image_of(FILES["JPEG 6"])
    store = EmbeddingStore(tmp_path)
    store.add({image.sha256: np.ones(4, np.float32)})
    store.flush()
    assert image.identity not in EmbeddingStore(tmp_path)


@pytest.mark.parametrize("make", [lambda c: c, lambda c: c[:40], lambda c: c[:-7]])
def test_a_damaged_file_can_be_made_bare(make: Callable[[bytes], bytes]) -> None:
    for content in FILES.values():
        bare(make(content))
