"""PathMMU: questions about pathology that experts checked; its parts PubMed and EduContent.

Read in public copies: the fields in the owner's loader (PathMMU-Benchmark/PathMMU
eval/utils/data_utils.py @f1ca4d3), which parts have their images on the hub in the owner's README
(@165a080); counts of EduContent, licence and layout of the archive in eva (kaiko-ai/eva
src/eva/multimodal/data/datasets/multiple_choice/path_mmu_educontent.py @ab27b3d). The commit is
the one that another project pins. Not read: how many questions of the PubMed part there are. The
images of the parts Atlas, SocialPath and PathCLS come from elsewhere, by the owner's instructions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mubench_gen import DataSet

from .readers import Images, present, without_letters

_PARTS = ("PubMed", "EduContent")
_SPLITS = ("test", "test_tiny")  # the owner's test set is both


def rows(place: Path) -> Iterator[dict[str, Any]]:
    data = json.loads(present(place / "data.json").read_text("utf-8"))
    images = Images(place, "images.zip")
    for part in _PARTS:
        for split in _SPLITS:
            for row in data[part][split]:
                options = row["options"]
                answer = row["answer"].strip()[:1].upper()
                yield {
                    "id": f"{part}-{split}-{row['No']}",
                    "image": images.reading(row["img"]),
                    "question": row["question"],
                    "options": without_letters(options),
                    "answer": ord(answer) - ord("A") if answer.isalpha() else row["answer"],
                    "task": f"pathmmu-{part.lower()}",
                    "split": split,
                    "subdomain": part,
                }


DATA_SET = DataSet(
    "pathmmu",
    "PathMMU: pathology, the parts PubMed and EduContent",
    rows,
    tasks={
        "pathmmu-pubmed": {
            "title": "PathMMU, PubMed",
            "group": "pathmmu",
            "question": "pathmmu-pubmed",
        },
        "pathmmu-educontent": {
            "title": "PathMMU, EduContent",
            "group": "pathmmu",
            "question": "pathmmu-educontent",
            "expected": {"questions": 1938},
        },
    },
    licence="CC-BY-ND-4.0",
    citation="Sun et al. 2024, arXiv:2401.16355",
    hub="jamessyx/PathMMU",
    revision="054e64e56e599e9636024f1471d49ecae4a2784f",
    files=("data.json", "images.zip"),
    on_request="Its authors ask who reads it: accept their terms on the hub, and set HF_TOKEN.",
    sources=(
        "PathMMU-Benchmark/PathMMU eval/utils/data_utils.py @f1ca4d3",
        "PathMMU-Benchmark/PathMMU README.md @165a080",
        "kaiko-ai/eva src/eva/multimodal/data/datasets/multiple_choice/path_mmu_educontent.py "
        "@ab27b3d",
    ),
)
