"""What a model is asked in the checks: questions and images, plain and odd ones."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.types import Image, Message, Readout, Request, Sampling, Text

if TYPE_CHECKING:
    from PIL import Image as PillowImage

LABELS = ("A", "B", "C")
OPTIONS = ("fluorescence microscopy", "light microscopy", "electron microscopy")
COLOURS = ((200, 30, 30), (30, 160, 40), (20, 30, 190), (240, 240, 230), (5, 5, 5))
ROWS = 12
QUESTIONS = ("Which modality is this?", "How was this image made?", "What was it taken with?")


def ask(
    image: Image,
    question: str,
    readout: Readout,
    sampling: Sampling,
    *,
    key: str,
    more_images: tuple[Image, ...] = (),
) -> Request:
    """A multiple-choice question about an image, or about several."""
    lines = [f"{label}) {option}" for label, option in zip(LABELS, OPTIONS, strict=True)]
    text = "\n".join([question, *lines, "Answer with a single letter, no extra details."])
    return Request(
        key=key,
        messages=(Message("user", (image, *more_images, Text(text))),),
        labels=LABELS,
        readout=readout,
        sampling=sampling,
        image=image,
        more_images=more_images,
    )


def odd_questions() -> dict[str, Request]:
    """Questions that readers stumble over, by what is odd about them."""
    texts = {
        "other scripts": "這是什麼？ ما هذا؟ Что это? 🔬🧫 \u202eabc\u202c é e\u0301 \u200b",
        "quotes, tags and braces": "<image> {x} {{ y }} </s> \"' \\n & %s [INST] <|im_end|>",
        "two thousand words": "which modality " * 1_000,
        "one letter": "?",
    }
    return {
        what: ask(plain_image(i), text, "parse", Sampling(0.0, 8), key=f"odd-{i}")
        for i, (what, text) in enumerate(texts.items())
    }


def plain_image(number: int, size: tuple[int, int] = (64, 48)) -> Image:
    """A picture of two colours, another one for each number."""
    from PIL import Image as Pillow

    picture = Pillow.new("RGB", size, COLOURS[number % len(COLOURS)])
    side = min(size) // 2
    if side:
        picture.paste(COLOURS[(number + 1) % len(COLOURS)], (0, 0, side, side))
    return as_file(f"image-{number}.png", picture)


def textured_image(number: int, size: tuple[int, int] = (64, 48)) -> Image:
    """A picture of noise over a slope of grey, another one for each number."""
    import numpy as np
    from PIL import Image as Pillow

    width, height = size
    noise = np.random.default_rng(number).integers(0, 80, (height, width, 3))
    slope = np.linspace(0, 175, width).reshape(1, width, 1)
    picture = Pillow.fromarray((noise + slope).astype(np.uint8))
    return as_file(f"textured-{number}.png", picture)


def odd_images() -> dict[str, Image]:
    """Images that readers stumble over, by what is odd about them."""
    return {what: _opened(f"{what}.png", content) for what, content in _odd_files().items()}


@cache
def _odd_files() -> dict[str, bytes]:
    import numpy as np
    from PIL import Image as Pillow

    ramp = np.linspace(0, 65_535, 64 * 64).reshape(64, 64).astype(np.uint16)
    pictures = {
        "16-bit": Pillow.fromarray(ramp),
        "RGBA": Pillow.new("RGBA", (40, 40), (200, 20, 20, 120)),
        "palette": Pillow.new("RGB", (40, 40), (120, 60, 20)).convert("P"),
        "1 × 1": Pillow.new("RGB", (1, 1), (90, 90, 90)),
        "4096 × 4096": Pillow.new("L", (4096, 4096), 90),
    }
    return {what: _encoded(picture) for what, picture in pictures.items()}


def as_file(name: str, picture: PillowImage.Image) -> Image:
    """The picture as an image of a data set: a PNG file's bytes under the standard policy."""
    return _opened(name, _encoded(picture))


def _encoded(picture: PillowImage.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _opened(name: str, content: bytes) -> Image:
    return open_image(name, lambda: content, StandardPolicy())


def write_data(folder: Path, *, broken: int | None = None) -> Path:
    """A data set of a few images with one question each, in the schema."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(ROWS):
        content = plain_image(number, (64 + number, 48)).data
        path = folder / "images" / f"{number}.png"
        path.write_bytes(content[: len(content) // 2] if number == broken else content)
        captions = {"options": [f"an image by {option}" for option in OPTIONS]}
        row = {
            "image_id": f"image-{number}",
            "image": {"bytes": None, "path": f"images/{number}.png"},
            "label_name": "cell",
            "dataset": "conformance",
            "modality": OPTIONS[number % 3],
            "questions": {
                "modality": {
                    "question": "Which modality is this?",
                    "options": list(OPTIONS),
                    "answer": OPTIONS[number % 3],
                    "answer_idx": number % 3,
                }
            },
            "captions": {"modality_0": captions, "modality_1": captions},
        }
        lines.append(json.dumps(row) + "\n")
    (folder / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder
