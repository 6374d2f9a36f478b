"""A data set whose rows show two or three images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .data import make_png, write_rows

SAME = "Do <image 1> and <image_2> show the same cell?"


def make_set(number: int, shown: int, /, **changes: Any) -> dict[str, Any]:
    """A row with so many images, and two questions of which one has images as options."""
    names = [f"images/{number}-{place}.png" for place in range(1, shown + 1)]
    options = [f"<image {place}>" for place in range(shown, 0, -1)]
    questions = {
        "same": {"question": SAME, "options": ["yes", "no"], "answer_idx": number % 2},
        "which": {"question": "Which shows a nucleus?", "options": options, "answer_idx": 0},
    }
    row = {"image_id": f"set-{number}", "image": names, "dataset": "sets", "questions": questions}
    return {**row, **changes}


def write_sets(folder: Path, rows: list[dict[str, Any]] | None = None) -> Path:
    """The data set with its images and its tasks `same` and `which`."""
    chosen = rows or [make_set(n, images) for n, images in enumerate((3, 2, 3, 2))]
    write_rows(folder, chosen)
    for number in range(len(chosen)):
        for place in range(3):
            path = folder / "images" / f"{number}-{place + 1}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(make_png(10 * number + place))
    (folder / "tasks").mkdir()
    for task in ("same", "which"):
        text = f'title = "{task}"\ngroup = "own"\nquestion = "{task}"\n'
        (folder / "tasks" / f"{task}.toml").write_text(text, "utf-8")
    return folder
