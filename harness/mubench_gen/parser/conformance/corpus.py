"""Labelled replies: the project's own, and public sets that lie in a user's files."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mubench_gen.errors import DataError

HERE = Path(__file__).parent
FILES = (
    "dev",
    "held",
    "fresh",
    "blind",
    "kinds",
    "micrographs",
    "second",
    "everyday",
    "terse",
    "voices",
    "chorus",
    "without_answer",
    "siblings",
    "answers_by_voices",
    "judges",
)
_NOTHING = "[no valid answer]"  # how xFinder's annotators mark a reply without an answer


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A reply and the option that a person finds in it; `gold` None: none.

    `status` is the one expected where `gold` is None; `complete`: whether the reply is whole.
    """

    reply: str
    options: tuple[str, ...]
    gold: int | None
    labels: tuple[str, ...] | None = None
    regime: str = ""
    status: str | None = None
    complete: bool | None = None


def shipped(name: str) -> list[LabelledText]:
    """One of the project's own files (`FILES`)."""
    return load(HERE / f"{name}.jsonl")


def load(path: Path) -> list[LabelledText]:
    """The replies of a file: JSON Lines of this project, or a JSON list of xFinder's KAF set.

    Raises DataError for a file that is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if text.lstrip().startswith("["):
            return list(_of_kaf(json.loads(text)))
        rows = [json.loads(line) for line in text.split("\n") if line.strip()]
        return [_own(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, SyntaxError) as error:
        raise DataError(f"{path} holds no labelled replies: {error!r}") from error


def _own(row: Mapping[str, Any]) -> LabelledText:
    return LabelledText(
        row["reply"],
        tuple(row["options"]),
        row["gold"],
        tuple(row["labels"]) if row.get("labels") else None,
        row.get("regime", ""),
        row.get("status"),
        row.get("complete"),
    )


def _of_kaf(rows: Iterable[Mapping[str, Any]]) -> Iterator[LabelledText]:
    """The multiple-choice replies of xFinder's set, by what its annotators extracted."""
    for row in rows:
        if row["key_answer_type"].replace("_", " ") != "alphabet option":
            continue
        answers = row["standard_answer_range"]
        answers = ast.literal_eval(answers) if isinstance(answers, str) else answers
        labels = tuple(str(label) for label, _ in answers)
        said = str(row["gold_label"]).strip()
        gold = None if said.lower() == _NOTHING or said not in labels else labels.index(said)
        options = tuple(str(option).strip() or "?" for _, option in answers)
        yield LabelledText(row["llm_output"], options, gold, labels, str(row.get("dataset", "")))
