"""MedXpertQA MM: expert-level medical questions with images; few of them are micrographs.

Read in public copies: fields, counts and layout in evalscope (modelscope/evalscope
evalscope/benchmarks/medxpertqa/medxpertqa_adapter.py @8030010); commit, licence and the number of
images in an audit of that commit. A question's text repeats its options behind "Answer Choices:",
which is cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mubench_gen import DataSet

from .readers import Images, lettered, objects

_REPEATED = "\nAnswer Choices:"
_FACTS = ("medical_task", "body_system", "question_type")


def rows(place: Path) -> Iterator[dict[str, Any]]:
    images = Images(place, "images.zip")
    for row in objects(place / "MM/test.jsonl"):
        yield {
            "id": row["id"],
            "images": [images.reading(name) for name in row["images"]],
            "question": row["question"].partition(_REPEATED)[0].strip(),
            **lettered(row["options"], row["label"]),
            **{name: row.get(name) for name in _FACTS},
        }


DATA_SET = DataSet(
    "medxpertqa",
    "MedXpertQA MM: expert-level medicine with images",
    rows,
    tasks={
        "medxpertqa": {
            "title": "MedXpertQA MM",
            "group": "medxpertqa",
            "question": "medxpertqa",
            "expected": {"questions": 2000, "options": 5},
        }
    },
    licence="MIT",
    citation="Zuo et al. 2025, arXiv:2501.18362",
    hub="TsinghuaC3I/MedXpertQA",
    revision="7e7c465a68eb2b866926bfa59c8c9d17a8daba65",
    files=("MM/test.jsonl", "images.zip"),
    size=517_000_000,
    expected={"rows": 2000, "questions": 2000, "options": 10_000, "images": 2852},
    sources=(
        "modelscope/evalscope evalscope/benchmarks/medxpertqa/medxpertqa_adapter.py @8030010",
    ),
)
