"""Replies a second that the answer parser reads, on one core.

    python benchmarks/parser.py [FOLDER]

FOLDER holds blink.jsonl, mmmu_val.jsonl and mmmu_pro.jsonl (by default the folder that
$MUBENCH_GEN_REPLIES names); without it, the project's own labelled replies are read. Each
figure is the best of five passes in process time; the first pass alone, in which the options
are prepared, is printed beside it.
"""

from __future__ import annotations

import ast
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mubench_gen.parser import parse_answer
from mubench_gen.parser.conformance.corpus import HERE

PASSES = 5
_SYLLABLES = [f"{a}{b}" for a in "bcdfghklmnprstvz" for b in "aeiou"]


class Item(NamedTuple):
    reply: str
    options: tuple[str, ...]
    labels: tuple[str, ...] | None


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def stored_items(folder: Path) -> list[Item]:
    """The stored replies; BLINK's option texts are not stored, so that labels decide there."""
    unknown = ("(text one)", "(text two)", "(text three)", "(text four)")
    items = [Item(row["response"], unknown, None) for row in _rows(folder / "blink.jsonl")]
    for name in ("mmmu_val.jsonl", "mmmu_pro.jsonl"):
        for row in _rows(folder / name):
            texts = row["index2ans"]
            texts = ast.literal_eval(texts) if isinstance(texts, str) else texts
            if texts:
                options = tuple(str(text) or "?" for text in texts.values())
                items.append(Item(row["response"], options, tuple(texts)))
    return items


def corpus_items() -> list[Item]:
    """The project's own labelled replies."""
    return [
        Item(row["reply"], tuple(row["options"]), tuple(row["labels"]) if "labels" in row else None)
        for half in ("dev", "held")
        for row in _rows(HERE / f"{half}.jsonl")
    ]


def changed(items: list[Item]) -> list[Item]:
    """The same replies with options that nobody has seen: a new word stands after each."""
    new = (f"{a}{b}{c}" for a in _SYLLABLES for b in _SYLLABLES for c in _SYLLABLES)
    words = itertools.cycle(new)
    return [
        item._replace(options=tuple(f"{option} {next(words)}" for option in item.options))
        for item in items
    ]


def _rate(items: list[Item]) -> float:
    start = time.process_time()
    for reply, options, labels in items:
        parse_answer(reply, options, labels)
    return len(items) / (time.process_time() - start)


def report(name: str, items: list[Item]) -> None:
    """One line: how many replies, the best rate and the first pass's."""
    if not items:
        print(f"{name:<28} none")
        return
    rates = [_rate(items) for _ in range(PASSES)]
    print(f"{name:<28} {len(items):>5} {max(rates):>10,.0f} /s   (first pass {rates[0]:,.0f} /s)")


def main() -> None:
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MUBENCH_GEN_REPLIES")
    if given:
        items = stored_items(Path(given))
    else:
        print("no folder of stored replies is given: reading the project's own", file=sys.stderr)
        items = corpus_items()
    report("under 200 characters", [item for item in items if len(item.reply) < 200])
    report("1,500 to 2,600 characters", [i for i in items if 1500 <= len(i.reply) <= 2600])
    report("all", items)
    short = [item for item in items if len(item.reply) < 200]
    rates = [_rate(changed(short)) for _ in range(PASSES)]
    print(f"{'under 200, other options':<28} {len(short):>5} {max(rates):>10,.0f} /s")


if __name__ == "__main__":
    main()
