"""Small data sets in μ-Bench's schema."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

MODALITY = ["fluorescence microscopy", "light microscopy", "electron microscopy"]
STAIN = ["hematoxylin and eosin", "DAPI", "none of the above"]


def make_png(number: int = 0, size: tuple[int, int] = (8, 8)) -> bytes:
    """A PNG of one colour, another one for each number."""
    stream = io.BytesIO()
    colour = (number * 37 % 256, number * 91 % 256, (number + 1) * 53 % 256)
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def question(text: str, options: list[str], gold: int) -> dict[str, Any]:
    return {"question": text, "options": options, "answer": options[gold], "answer_idx": gold}


def make_row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A sound row: two questions, with captions for one; `changes` replace columns."""
    columns = {
        "image_id": f"cell-{number}",
        "image": {"bytes": None, "path": f"images/{number}.png"},
        "label_name": "cell",
        "dataset": "cells",
        "domain": "biology",
        "license": "CC0",
        "modality": MODALITY[number % 3],
        "stain": STAIN[number % 2],
        "captions": {
            f"modality_{i}": {"options": [f"a {option} image ({i})" for option in MODALITY]}
            for i in (0, 1)
        },
        "questions": {
            "modality": question("Which modality is this?", MODALITY, number % 3),
            "stain": question("Which stain is this?", STAIN, number % 2),
        },
    }
    return {**columns, **changes}


def write_rows(folder: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """The rows alone, without images."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row) + "\n" for row in rows]
    (folder / "rows.jsonl").write_text("".join(lines), "utf-8")
    return folder


def write_data(
    folder: Path,
    rows: int | list[dict[str, Any]] = 3,
    images: dict[int, bytes | None] | None = None,
) -> Path:
    """A whole data set; `images` replaces the file of a row's place, None leaves it out."""
    chosen = [make_row(i) for i in range(rows)] if isinstance(rows, int) else rows
    write_rows(folder, chosen)
    (folder / "images").mkdir(exist_ok=True)
    for number, row in enumerate(chosen):
        content = (images or {}).get(number, make_png(number))
        if content is not None:
            (folder / row["image"]["path"]).write_bytes(content)
    return folder
