"""Pairs the items of imported runs with those of other runs by what was asked.

An imported run has its source's names for items. Two items are the same where options and right
answer are the same texts, and image and question too, as far as both runs have them.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mubench_gen.runs.results import Run
from mubench_gen.storage.records import Record

_SPACE = re.compile(r"\W+")
_SEVERAL = "fit several items there"
_TAKEN = ("item", "image_id", "image_sha256", "dataset", "task", "meta")
Key = tuple[tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class _Known:
    """An item that others are paired with: its run, facts, options as given, and prompt."""

    run: str
    facts: Mapping[str, Any]
    options: tuple[str, ...]
    prompt: str


class ByContent:
    """Renames the items of imported runs as the first run that has them names them.

    Our own runs come first; what none of them asks is paired among the imported ones. `notes`:
    what could be paired and what could not, one a run, once its records were read.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._imported = [run for run in runs if is_imported(run)]
        own = {_asked(run): run for run in reversed(runs) if run not in self._imported}
        sources = [run for run in runs if run in own.values()] or list(runs[:1])
        self._sources = sources if self._imported else []
        self._known: dict[Key, list[_Known]] = defaultdict(list)
        self._items: dict[str, _Known] = {}
        self._found: dict[Path, dict[str, _Known | None]] = {}
        for run in self._sources:
            for record in run.records():
                if record["item"] not in self._items:
                    self._add(record, _known(record, run))
        self.notes: list[str] = []

    def records(self, run: Run, outcomes: Iterator[Record]) -> Iterator[Record]:
        """The run's records, renamed where it was imported."""
        if run not in self._imported or run in self._sources:
            return outcomes
        if run.dir in self._found:
            return (_as(one, self._found[run.dir][one["item"]], run) for one in run.records())
        return self._renamed(run)

    def _renamed(self, run: Run) -> Iterator[Record]:
        found: dict[str, _Known | None] = {}
        taken: dict[str, str] = {}  # item → the run that names it
        fresh: list[Record] = []
        lost: Counter[str] = Counter()
        examples: dict[str, str] = {}
        for record in run.records():
            name = record["item"]
            if name not in found:
                known, reason = self._partner(record)
                if known is not None and known.facts["item"] in taken:
                    known, reason = None, "fit an item that another one fits too"
                elif known is None and reason != _SEVERAL:
                    fresh.append(record)
                found[name] = known
                if known is None:
                    lost[reason] += 1
                    examples.setdefault(reason, name)
                else:
                    taken[known.facts["item"]] = known.run
            yield _as(record, found[name], run)
        self._found[run.dir] = found
        for record in fresh:
            self._add(record, _known(_as(record, None, run), run))
        others = dict.fromkeys(taken.values()) or [one.place for one in self._sources]
        told = [f"{n:,} {reason} ({examples[reason]} …)" for reason, n in lost.items()]
        self.notes.append(
            f"{run.place}: {len(taken):,} of {len(found):,} imported items are paired by content "
            f"with those of {', '.join(others)}"
            + (f"; not paired: {'; '.join(told)}" if told else "")
        )

    def _add(self, record: Record, known: _Known) -> None:
        """Let other runs' items be paired with this one."""
        self._items.setdefault(record["item"], known)
        self._known[_key(record)].append(known)

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
        return None, _SEVERAL if asked else "ask what no such item asks there"


def is_imported(run: Run) -> bool:
    """Whether the run was made of another program's log."""
    return "imported" in run.manifest


def _asked(run: Run) -> str:
    """What the run asks; of runs that ask the same, one is enough to know the items."""
    manifest = run.manifest
    content, settings = manifest.get("content") or {}, manifest["settings"]
    asked = [content.get("data"), content.get("tasks"), settings.get("limit"), settings.get("seed")]
    return repr(asked if asked[0] else run.place)


def _as(record: Record, known: _Known | None, run: Run) -> Record:
    """The record under the item's name in the other run, its options in that run's order."""
    rest = record["id"][len(record["item"]) :]
    if known is None:
        item = f"{run.place}: {record['item']}"  # of no other run
        return {**record, "item": item, "id": item + rest}
    order = _order(record["options"], known.options)
    return {**record, **known.facts, "order": order, "id": known.facts["item"] + rest}


def _order(shown: Sequence[str], original: Sequence[str]) -> list[int]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, option in enumerate(original):
        places[_plain(option)].append(place)
    return [places[_plain(option)].pop(0) for option in shown]


def _known(record: Record, run: Run) -> _Known:
    order = record["order"]
    options = [""] * len(order)
    for option, place in zip(record["options"], order, strict=True):
        options[place] = option
    return _Known(
        run.place,
        {name: record[name] for name in _TAKEN},
        tuple(options),
        _plain(f"{record.get('question', '')} {_prompt(record)}"),
    )


def _key(record: Record) -> Key:
    options = [_plain(option) for option in record["options"]]
    gold = record["gold"]
    if gold is None:  # an open answer
        return tuple(sorted(options)), json.dumps(record["open"]["gold"])
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
