"""The stored replies beside the repository, where there are any: not part of the project."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Stored(NamedTuple):
    """A stored reply. `said` is what another program made of it, no gold."""

    reply: str
    options: tuple[str, ...]
    labels: tuple[str, ...] | None
    said: str | None


# BLINK's option texts by task; where they differ from item to item there are none.
_BLINK = {
    "Art_Style": ("the second image", "the third image"),
    "Visual_Similarity": ("the second image", "the third image"),
    "Jigsaw": ("the second image", "the third image"),
    "Relative_Depth": ("A is closer", "B is closer"),
    "Relative_Reflectance": ("A is darker", "B is darker", "About the same"),
    "Spatial_Relation": ("yes", "no"),
    "Multi-view_Reasoning": ("left", "right"),
    "IQ_Test": ("picture A", "picture B", "picture C", "picture D"),
    "Visual_Correspondence": ("Point A", "Point B", "Point C", "Point D"),
    "Functional_Correspondence": ("Point A", "Point B", "Point C", "Point D"),
    "Semantic_Correspondence": ("Point A", "Point B", "Point C", "Point D"),
    "Forensic_Detection": (
        "the first image", "the second image", "the third image", "the fourth image",
    ),
    "Object_Localization": ("Box A", "Box B"),
}  # fmt: skip
_UNKNOWN = ("(text one)", "(text two)", "(text three)", "(text four)")


def folder() -> Path:
    """Where the replies are; the test is skipped, and says so, where they are not."""
    given = os.environ.get("MUBENCH_GEN_REPLIES")
    if not given:
        pytest.skip("MUBENCH_GEN_REPLIES names no folder of stored replies")
    path = Path(given)
    assert path.is_dir(), f"MUBENCH_GEN_REPLIES: there is no folder {given}"
    return path


def _rows(name: str) -> Iterator[dict[str, Any]]:
    with (folder() / name).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def blink() -> list[Stored]:
    return [
        Stored(row["response"], _BLINK.get(row["task"], _UNKNOWN), None, row["silver"][1])
        for row in _rows("blink.jsonl")
    ]


def mmmu(name: str) -> list[Stored]:
    stored = []
    for row in _rows(name):
        texts = row["index2ans"]
        texts = ast.literal_eval(texts) if isinstance(texts, str) else texts
        if texts:
            options = tuple(str(text) or "?" for text in texts.values())
            stored.append(Stored(row["response"], options, tuple(texts), row.get("official_pred")))
    return stored
