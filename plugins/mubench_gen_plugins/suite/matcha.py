"""MatCha: 1,500 expert-level questions about characterization of materials, in 21 tasks.

Questions are about parts of figures: where a record has a `geometry`, the image is cut to the box
around it, as its owner's code does. Images without one are shown as they are.

Read in public copies: licence, size and file names in the owner's card and listing
(huggingface.co/datasets/FreedomIntelligence/MatCha README.md of pull request 1 @c13b37c); fields,
counts, commit and the cutting in two adapters of a third party that read that commit whole (1,261
records, 1,500 questions). Not read: the owner's loader itself.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mubench_gen import DataSet

from .readers import Images, lettered, objects

_SAVED = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")  # modes that a PNG holds as they are


def rows(place: Path) -> Iterator[dict[str, Any]]:
    images = Images(place, "data/images.zip")
    for row in objects(place / "data/matcha_vqa_inputs.jsonl"):
        shown = [partial(_part, images, one) for one in row["images"]]
        for number, asked in enumerate(row["vqa"]):
            yield {
                "id": f"{row['id']}-{number}",
                "images": shown,
                "question": asked["question"],
                **lettered(asked["options"], asked["answer"]),
                "topic": asked.get("topic"),
            }


def _part(images: Images, image: Mapping[str, Any]) -> bytes:
    """The file, or the part of it that is meant as a PNG."""
    content = images.read(image["image_path"])
    if not image.get("geometry"):
        return content
    from PIL import Image

    xs = [point["x"] for point in image["geometry"]]
    ys = [point["y"] for point in image["geometry"]]
    with Image.open(io.BytesIO(content)) as picture:
        width, height = picture.size
        box = (max(min(xs), 0), max(min(ys), 0), min(max(xs), width), min(max(ys), height))
        part = picture.crop(box)
    stream = io.BytesIO()
    (part if part.mode in _SAVED else part.convert("RGB")).save(stream, "PNG")
    return stream.getvalue()


DATA_SET = DataSet(
    "matcha",
    "MatCha: characterization of materials",
    rows,
    tasks={
        "matcha": {
            "title": "MatCha",
            "group": "matcha",
            "question": "matcha",
            "expected": {"questions": 1500},
        }
    },
    licence="Apache-2.0",
    citation="arXiv:2509.09307",
    hub="FreedomIntelligence/MatCha",
    revision="dc52d6016053c67ebdf41719d6cfaa0603b154fa",
    files=("data/matcha_vqa_inputs.jsonl", "data/images.zip"),
    size=667_000_000,
    expected={"rows": 1500, "questions": 1500},
    sources=("huggingface.co/datasets/FreedomIntelligence/MatCha README.md @c13b37c",),
)
