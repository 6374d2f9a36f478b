"""PMC-VQA: questions about figures of papers; the 2,000 of its test set that people checked.

Read in public copies: the columns in the owner's card (huggingface.co/datasets/xmcmic/PMC-VQA
README.md @245d3a2), the commits in its history, the size of its files in its listing; counts in
evalscope (modelscope/evalscope evalscope/benchmarks/pmc_vqa/pmc_vqa_adapter.py @af3dcb0). Not
read: a licence of the whole; each figure has that of its paper.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mubench_gen import DataSet

from .readers import Images, lettered, present, without_letters

_LETTERS = "ABCD"


def rows(place: Path) -> Iterator[dict[str, Any]]:
    table = present(place / "test_clean.csv")
    images = Images(place, "images.zip")
    with table.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            choices = without_letters([row[f"Choice {letter}"] for letter in _LETTERS])
            yield {
                "id": f"{number}",
                "image": images.reading(row["Figure_path"].strip()),
                "question": row["Question"].strip(),
                **lettered(dict(zip(_LETTERS, choices, strict=True)), row["Answer_label"]),
                "figure": row["Figure_path"].strip(),
            }


DATA_SET = DataSet(
    "pmc-vqa",
    "PMC-VQA: figures of biomedical papers, the checked test set",
    rows,
    tasks={
        "pmc-vqa": {
            "title": "PMC-VQA",
            "group": "pmc-vqa",
            "question": "pmc-vqa",
            "expected": {"questions": 2000, "options": 4},
        }
    },
    licence="of each paper",
    citation="Zhang et al. 2023, arXiv:2305.10415",
    hub="xmcmic/PMC-VQA",
    revision="b56ae594f794867893143b337b4118a835794647",
    files=("test_clean.csv", "images.zip"),
    size=18_900_000_000,
    expected={"rows": 2000, "questions": 2000, "options": 8000, "images": 1440},
    sources=(
        "huggingface.co/datasets/xmcmic/PMC-VQA README.md @245d3a2",
        "modelscope/evalscope evalscope/benchmarks/pmc_vqa/pmc_vqa_adapter.py @af3dcb0",
    ),
)
