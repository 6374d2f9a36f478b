"""SLAKE: questions about radiology, in English; those that are answered by yes or no.

SLAKE has no options. Its questions of type CLOSED are answered from a small set, mostly yes or no:
of these a question with the options Yes and No is made, in this order. Its other questions,
and those in Chinese, are left out.

Read in public copies: fields, counts and layout in evalscope (modelscope/evalscope
evalscope/benchmarks/slake/slake_adapter.py @54813f5); licence and size in copies of the owner's
card. The commit is the one that other projects pin. Not read: how many questions of the test set
are answered by yes or no.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mubench_gen import DataSet

from .readers import Images, objects

_OPTIONS = ("Yes", "No")


def rows(place: Path) -> Iterator[dict[str, Any]]:
    images = Images(place, "imgs.zip")
    for row in objects(place / "test.json"):
        answer = row["answer"].strip().capitalize()
        if row["q_lang"] != "en" or row["answer_type"] != "CLOSED" or answer not in _OPTIONS:
            continue
        yield {
            "id": f"{row['qid']}",
            "image": images.reading(row["img_name"]),
            "question": row["question"],
            "options": _OPTIONS,
            "answer": answer,
            "modality": row["modality"],
            "content_type": row["content_type"],
        }


DATA_SET = DataSet(
    "slake",
    "SLAKE: radiology, English questions answered by yes or no",
    rows,
    tasks={"slake": {"title": "SLAKE, yes or no", "group": "slake", "question": "slake"}},
    licence="CC-BY-4.0",
    citation="Liu et al. 2021, arXiv:2102.09542",
    hub="BoKelvin/SLAKE",
    revision="a9083ce6c34ac3ffb17671a605962924d8a8f9e9",
    files=("test.json", "imgs.zip"),
    size=207_000_000,
    sources=("modelscope/evalscope evalscope/benchmarks/slake/slake_adapter.py @54813f5",),
)
