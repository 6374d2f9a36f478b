"""CSMBench: which of four captions describes a figure of materials science, from atoms to parts.

Read in public copies: fields and layout in the owner's code (zhengyt058/CSMBench
src/prepare_dataset.py and examples/data/multi_scale_mcq_sample.json @39e0c09), licence and count in
its README; the commit, and that all 1,041 rows have the options A to D, in a third party's adapter
that read that commit whole. Not read: the size of the images. The rows have no question: the one
here is ours; the owner's wording belongs to its protocol.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mubench_gen import DataSet

from .readers import lettered, objects

_FOLDER = "multi_scale_mcq/train"


def rows(place: Path) -> Iterator[dict[str, Any]]:
    for row in objects(place / _FOLDER / "metadata.jsonl"):
        given = row["options"]
        options = json.loads(given) if isinstance(given, str) else given
        captions = {option["label"]: option["caption"] for option in options}
        yield {
            "id": f"{row['index']}",
            "image": place / _FOLDER / Path(row["file_name"]).name,
            "question": "Which caption describes the image?",
            **lettered(captions, row["correct_answer"]),
            "scale": row["scale"],
            "paper": row["paper_folder_name"],
        }


DATA_SET = DataSet(
    "csmbench",
    "CSMBench: figures of materials science across scales",
    rows,
    tasks={
        "csmbench": {
            "title": "CSMBench, captions",
            "group": "csmbench",
            "question": "csmbench",
            "cluster": "paper",
            "expected": {"questions": 1041, "options": 4},
        }
    },
    licence="Apache-2.0",
    citation="Zheng et al. 2026, arXiv:2603.19327",
    hub="lututu/CSMBench",
    revision="6dfc2ba8aea24dd04977801c68d2d6f24f76bc02",
    files=(f"{_FOLDER}/metadata.jsonl", f"{_FOLDER}/*.jpg"),
    expected={"rows": 1041, "questions": 1041, "options": 4164, "images": 1041},
    sources=(
        "zhengyt058/CSMBench src/prepare_dataset.py @39e0c09",
        "zhengyt058/CSMBench examples/data/multi_scale_mcq_sample.json @39e0c09",
    ),
)
