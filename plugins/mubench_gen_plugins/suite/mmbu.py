"""MMBU, of μ-Bench's authors: closed questions about medical images, with the answers' letters.

The public copy (ryandcunha/mmbu, 77,358 rows) has no answers and cannot be scored. The tables with
answers are the authors' own: they are read from a folder that they gave, all *closed*.tsv in it.
Questions with several right options are a task of their own.

Read in public copies: the columns and the form of options and answers in the owners' code
(dcunhrya/MMBU-vlm-eval src/vqa_dataset.py and src/dataset_check/test_dataset.py @910f3e1), what the
public copy lacks in .cursor/skills/mmbu-hf-reupload/SKILL.md @a1dc79f. Not read: a licence.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mubench_gen import DataError, DataSet

from .readers import without_letters

_LETTERS = re.compile(r"\W*[A-Z](\W+[A-Z])*\W*")
_LETTER = re.compile(r"[A-Z]")


def rows(place: Path) -> Iterator[dict[str, Any]]:
    tables = sorted(place.glob("**/*closed*.tsv"))
    if not tables:
        raise DataError(f"{place} has no table *closed*.tsv.")
    for table in tables:
        with table.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                yield _row(row, place, table.stem)


def _row(row: dict[str, str], place: Path, table: str) -> dict[str, Any]:
    image = place / row["image_path"]
    if not image.resolve().is_relative_to(place.resolve()):
        raise DataError(f"{table}, index {row['index']}: {image} is not in {place}.")
    said = row["answer"].upper()
    letters = _LETTER.findall(said) if _LETTERS.fullmatch(said) else []
    places = [ord(letter) - ord("A") for letter in letters]
    task = {"task": "mmbu-several"} if len(places) > 1 else {}
    return {
        "id": f"{table}-{row['index']}",
        "image": image,
        "question": row["question"],
        "options": without_letters(ast.literal_eval(row["options"])),
        "answer": places if len(places) > 1 else places[0] if places else row["answer"],
        **task,
        "modality": row["metadata_modality"],
        "source_dataset": row.get("dataset"),
    }


DATA_SET = DataSet(
    "mmbu",
    "MMBU: biomedical images, closed questions",
    rows,
    tasks={
        "mmbu": {"title": "MMBU, closed", "group": "mmbu", "question": "mmbu"},
        "mmbu-several": {
            "title": "MMBU, several answers",
            "group": "mmbu",
            "question": "mmbu-several",
            "answer": "several",
        },
    },
    licence="not stated",
    citation="arXiv:2606.06696",
    on_request=(
        "The public copy, ryandcunha/mmbu on the hub, has no answers: ask its authors "
        "(github.com/dcunhrya/MMBU-vlm-eval) for the tables that have them."
    ),
    sources=(
        "dcunhrya/MMBU-vlm-eval src/vqa_dataset.py @910f3e1",
        "dcunhrya/MMBU-vlm-eval src/dataset_check/test_dataset.py @910f3e1",
        "dcunhrya/MMBU-vlm-eval .cursor/skills/mmbu-hf-reupload/SKILL.md @a1dc79f",
    ),
)
