"""Pairs the items of imported runs with those of another run by what was asked.

An imported run has its source's names for items. Two items are the same where options and right
answer are the same texts, and image and question too, as far as both runs have them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mubench_gen.runs.results import Run
from mubench_gen.storage.records import Record

_SPACE = re.compile(r"\W+")
_TAKEN = ("item", "image_id", "image_sha256", "dataset", "task", "meta")
Key = tuple[tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class _Known:
    """An item of the run that others are paired with: its facts, options as given, and prompt."""

    facts: Mapping[str, Any]
    options: tuple[str, ...]
    prompt: str


class ByContent:
    """Renames the items of imported runs as the first of the other runs names them.

    `notes`: what could be paired and what could not, one a run, once its records were read.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._imported = [run for run in runs if is_imported(run)]
        own = [run for run in runs if not is_imported(run)]
        self._reference = next(iter([*own, *runs])) if self._imported else None
        self._known: dict[Key, list[_Known]] = defaultdict(list)
        self._items: dict[str, _Known] = {}
        if self._reference is not None:
            for record in self._reference.records():
                if record["item"] not in self._items:
                    known = _known(record)
                    self._items[record["item"]] = known
                    self._known[_key(record)].append(known)
        self.notes: list[str] = []

    def records(self, run: Run, outcomes: Iterator[Record]) -> Iterator[Record]:
        """The run's records, renamed where it was imported."""
        if run not in self._imported or run is self._reference:
            return outcomes
        return self._renamed(run)

    def _renamed(self, run: Run) -> Iterator[Record]:
        found: dict[str, _Known | None] = {}
        taken: set[str] = set()
        lost: Counter[str] = Counter()
        examples: dict[str, str] = {}
        for record in run.records():
            name = record["item"]
            if name not in found:
                known, reason = self._partner(record)
                if known is not None and known.facts["item"] in taken:
                    known, reason = None, "fit an item that another one fits too"
                found[name] = known
                if known is None:
                    lost[reason] += 1
                    examples.setdefault(reason, name)
                else:
                    taken.add(known.facts["item"])
            yield _as(record, found[name], run)
        paired = len(taken)
        told = [f"{n:,} {reason} ({examples[reason]} …)" for reason, n in lost.items()]
        self.notes.append(
            f"{run.dir}: {paired:,} of {len(found):,} imported items are paired by content with "
            f"those of {self._reference.dir if self._reference else ''}"
            + (f"; not paired: {'; '.join(told)}" if told else "")
        )

    def _partner(self, record: Record) -> tuple[_Known | None, str]:
        """The item of the other run that this record is about, or why there is none."""
        candidates = self._known.get(_key(record), [])
        if not candidates:
            return None, "have options and a right answer that no item has there"
        image = record["image_sha256"]
        if image is not None and any(one.facts["image_sha256"] for one in candidates):
            candidates = [one for one in candidates if one.facts["image_sha256"] in (image, None)]
            if not candidates:
                return None, "show an image that no such item shows there"
            if len(candidates) == 1:
                return candidates[0], ""
        same = self._items.get(record["item"])
        if same in candidates:
            return same, ""
        asked = [one for one in candidates if _asks(one, record)]
        if len(asked) == 1:
            return asked[0], ""
        return None, "fit several items there" if asked else "ask what no such item asks there"


def is_imported(run: Run) -> bool:
    """Whether the run was made of another program's log."""
    return "imported" in run.manifest


def _as(record: Record, known: _Known | None, run: Run) -> Record:
    """The record under the item's name in the other run, its options in that run's order."""
    rest = record["id"][len(record["item"]) :]
    if known is None:
        item = f"{run.dir}: {record['item']}"  # of no other run
        return {**record, "item": item, "id": item + rest}
    order = _order(record["options"], known.options)
    return {**record, **known.facts, "order": order, "id": known.facts["item"] + rest}


def _order(shown: Sequence[str], original: Sequence[str]) -> list[int]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, option in enumerate(original):
        places[_plain(option)].append(place)
    return [places[_plain(option)].pop(0) for option in shown]


def _known(record: Record) -> _Known:
    order = record["order"]
    options = [""] * len(order)
    for option, place in zip(record["options"], order, strict=True):
        options[place] = option
    return _Known(
        {name: record[name] for name in _TAKEN},
        tuple(options),
        _plain(f"{record.get('question', '')} {_prompt(record)}"),
    )


def _key(record: Record) -> Key:
    options = [_plain(option) for option in record["options"]]
    gold = record["gold"]
    return tuple(sorted(options)), options[gold] if 0 <= gold < len(options) else ""


def _asks(known: _Known, record: Record) -> bool:
    question = _plain(record.get("question") or "")
    shown = known.prompt
    return bool(question and shown) and (question in shown or shown in question)


def _prompt(record: Record) -> str:
    parts = (part for message in record["messages"] for part in message["content"])
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def _plain(text: str) -> str:
    """The text without case, white space and punctuation, which harnesses write in many ways."""
    return _SPACE.sub(" ", str(text)).strip().casefold()
