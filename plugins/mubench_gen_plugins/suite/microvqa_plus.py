"""MicroVQA++: questions with explanations about figures of BIOMEDICA, checked by a graph.

Read in public copies: the columns and the licence in the card of the 15 samples
(ieellee/MicroVQA-PlusPlus MicroVQA_PlusPlus-demos/README.md @32851e3), and that the rest is to
come (README.md @57a2272). Not read: the full data, which are not released.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mubench_gen import DataSet

from .readers import parquet_rows

_COLUMNS = ("image_name", "image", "question", "choices", "correct_index", "task_str")


def rows(place: Path) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(parquet_rows(place, "**/*.parquet", _COLUMNS)):
        yield {
            "id": f"{number}",
            "image": row["image"]["bytes"],
            "question": row["question"],
            "options": row["choices"],
            "answer": row["correct_index"],
            "capability": row["task_str"],
            "figure": row["image_name"],
        }


DATA_SET = DataSet(
    "microvqa-plus",
    "MicroVQA++: microscopy questions with weak supervision",
    rows,
    tasks={
        "microvqa-plus": {
            "title": "MicroVQA++",
            "group": "microvqa-plus",
            "question": "microvqa-plus",
        }
    },
    licence="CC-BY-SA-4.0",
    citation="arXiv:2511.11407",
    on_request=(
        "Its authors have released 15 samples (github.com/ieellee/MicroVQA-PlusPlus, folder "
        "MicroVQA_PlusPlus-demos), and the rest when their paper is accepted."
    ),
    sources=("ieellee/MicroVQA-PlusPlus MicroVQA_PlusPlus-demos/README.md @32851e3",),
)
