"""A run and another of the same settings: how many replies agree, and which items to ask again."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mubench_gen.errors import RunFolderError
from mubench_gen.plan.plan import Selection
from mubench_gen.runs.results import Run
from mubench_gen.storage.records import Record

_CLOSE = 1e-4  # between scores of options
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Repeated:
    """How the answers of a second run compare with those of the first, item by item.

    n: items that both answered. same_request: asked under the same key, so that everything that
    determines the reply is the same. same_reply: the same text, or scores of the options that
    differ by no more than 0.0001. same_answer: the same option, or none in both. failed: items
    that failed in the second. differing: the ids of some whose replies differ.
    """

    n: int
    same_request: int
    same_reply: int
    same_answer: int
    failed: int
    differing: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def chosen_items(run: Run, n: int, seed: int) -> Selection:
    """Some answered items of the run, by the seed, with the prompts and read-outs they were asked
    under. RunFolderError where no item was answered."""
    cells: dict[str, set[tuple[str, Any]]] = defaultdict(set)
    for record in run.records():
        if record["status"] != "error":
            cells[record["item"]].add((record["prompt"], record["readout"]))
    if not cells:
        raise RunFolderError(f"{run.dir} has no answer that could be asked again.")
    drawn = random.Random(seed).sample(sorted(cells), min(n, len(cells)))
    return Selection(n, {item: frozenset(cells[item]) for item in drawn})


def agreement(first: Run, second: Run) -> Repeated:
    """Compare the answers of two runs that asked the same; memory holds those of the second."""
    again: Mapping[str, Record] = {record["id"]: record for record in second.records()}
    n = same_request = same_reply = same_answer = 0
    differing: list[str] = []
    for record in first.records():
        other = again.get(record["id"])
        if other is None or "error" in (record["status"], other["status"]):
            continue
        n += 1
        same_request += record["key"] == other["key"]
        same_answer += record["choice"] == other["choice"]
        if _same_reply(record, other):
            same_reply += 1
        elif len(differing) < _SHOWN:
            differing.append(record["id"])
    failed = sum(record["status"] == "error" for record in again.values())
    return Repeated(n, same_request, same_reply, same_answer, failed, tuple(differing))


def _same_reply(one: Record, other: Record) -> bool:
    if one["scores"] is None or other["scores"] is None:
        return bool(one["reply"] == other["reply"])
    pairs = zip(one["scores"], other["scores"], strict=True)
    return all(abs(a - b) <= _CLOSE for a, b in pairs)
