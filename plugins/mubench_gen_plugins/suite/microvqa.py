"""MicroVQA: 1,042 multiple-choice questions by biologists, about one or several micrographs.

Read in public copies: the columns in evalscope's adapter (modelscope/evalscope
evalscope/benchmarks/micro_vqa/micro_vqa_adapter.py @203cdc9) and in lmms-eval's task
(EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/microvqa/utils.py @65ef07d, which follows the owner's
code jmhb0/microvqa @3b52dc7); licence, size and names of the files in the hub's listing of
jmhb/microvqa. Not read: the full commit of the newest files, so that none is pinned, and how many
options there are in all. The split was called train at first and test later: all files are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mubench_gen import DataSet

from .readers import parquet_rows

_COLUMNS = ("key_question", "images_list", "question", "choices", "correct_index", "task_str")


def rows(place: Path) -> Iterator[dict[str, Any]]:
    for row in parquet_rows(place, "**/*.parquet", _COLUMNS):
        yield {
            "id": str(row["key_question"]),
            "images": [image["bytes"] for image in row["images_list"] or ()],
            "question": row["question"],
            "options": row["choices"],
            "answer": row["correct_index"],
            "capability": row["task_str"],
        }


DATA_SET = DataSet(
    "microvqa",
    "MicroVQA: reasoning for microscopy-based research",
    rows,
    tasks={
        "microvqa": {
            "title": "MicroVQA",
            "group": "microvqa",
            "question": "microvqa",
            "expected": {"questions": 1042},
        }
    },
    licence="CC-BY-SA-4.0",
    citation="Burgess et al. 2025, arXiv:2503.13399",
    hub="jmhb/microvqa",
    files=("data/*.parquet",),
    size=462_300_000,
    expected={"rows": 1042, "questions": 1042},
    sources=(
        "modelscope/evalscope evalscope/benchmarks/micro_vqa/micro_vqa_adapter.py @203cdc9",
        "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/microvqa/utils.py @65ef07d",
        "huggingface.co/datasets/jmhb/microvqa/tree (listing of data/)",
    ),
)
