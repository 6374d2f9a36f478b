"""Replies a second that the answer parser reads, on one core.

    python benchmarks/parser.py [FOLDER]
    python benchmarks/parser.py FOLDER CHECKOUT

FOLDER holds blink.jsonl, mmmu_val.jsonl and mmmu_pro.jsonl (by default the folder that
$MUBENCH_GEN_REPLIES names); without it, the project's own labelled replies are read. Each
figure is the best of five passes in process time; the first pass alone, in which the options
are prepared, is printed beside it. With CHECKOUT, the root of another version of this
repository, both versions read by turns in processes of their own. Each stretch of 64 replies
counts with the best of ten passes, so that others who use the machine disturb less, and the
ratio is printed, which says more than a rate.
"""

from __future__ import annotations

import ast
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mubench_gen.parser import parse_answer

PASSES = 5
TURNS = 10  # passes of each version where two are compared
STRETCH = 64  # replies that are timed together there
HARNESS = Path(__file__).parents[1] / "harness"
CORPUS = HARNESS / "mubench_gen" / "parser" / "conformance"
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
        for row in _rows(CORPUS / f"{half}.jsonl")
    ]


_NEW_WORDS = itertools.cycle(map("".join, itertools.product(_SYLLABLES, repeat=3)))


def changed(items: list[Item]) -> list[Item]:
    """The same replies with options that nobody has seen: a new word stands after each."""
    return [
        item._replace(options=tuple(f"{option} {next(_NEW_WORDS)}" for option in item.options))
        for item in items
    ]


_ORDER = random.Random(0)


def reordered(items: list[Item]) -> list[Item]:
    """The same replies with the same options in another order, as a run shuffles them."""
    return [
        item._replace(options=tuple(_ORDER.sample(item.options, len(item.options))))
        for item in items
    ]


def _as_named(name: str, items: list[Item]) -> list[Item]:
    """The items of a pass: as they are, or with options that are new to the parser."""
    if "other options" in name:
        return changed(items)
    return reordered(items) if "other orders" in name else items


def _seconds(items: list[Item]) -> float:
    start = time.process_time()
    for reply, options, labels in items:
        parse_answer(reply, options, labels)
    return time.process_time() - start


def report(name: str, items: list[Item]) -> None:
    """One line: how many replies, the best rate and the first pass's."""
    if not items:
        print(f"{name:<28} none")
        return
    rates = [len(items) / _seconds(_as_named(name, items)) for _ in range(PASSES)]
    print(f"{name:<28} {len(items):>5} {max(rates):>10,.0f} /s   (first pass {rates[0]:,.0f} /s)")


def groups(items: list[Item]) -> dict[str, list[Item]]:
    """The items by what is measured."""
    short = [item for item in items if len(item.reply) < 200]
    return {
        "under 200 characters": short,
        "under 200, other options": short,
        "under 200, other orders": short,
        "1,500 to 2,600 characters": [i for i in items if 1500 <= len(i.reply) <= 2600],
        "all": items,
    }


def answer(items: list[Item]) -> None:
    """For each group that is named on stdin: its size, and one pass's seconds for each stretch."""
    by_name = groups(items)
    for line in sys.stdin:
        rows = _as_named(line, by_name[line.strip()])
        stretches = [rows[at : at + STRETCH] for at in range(0, len(rows), STRETCH)]
        print(len(rows), *map(_seconds, stretches), flush=True)


def compare(folder: str, checkout: str) -> None:
    """The rates of this version and of another one, by turns, and their ratios."""
    versions = [
        subprocess.Popen(
            [sys.executable, __file__, folder, "-"],
            env={**os.environ, "PYTHONPATH": str(harness)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for harness in (HARNESS, Path(checkout) / "harness")
    ]
    for name in list(groups([]))[:-1]:
        best: list[list[float]] = [[], []]
        size = 0.0
        for turn in range(TURNS * 2):
            which = (turn + turn // 2) % 2  # each is first every other time
            process = versions[which]
            assert process.stdin is not None
            assert process.stdout is not None
            print(name, file=process.stdin, flush=True)
            size, *seconds = map(float, process.stdout.readline().split())
            best[which] = list(map(min, seconds, best[which] or seconds))
        this, other = (size / sum(seconds) for seconds in best)
        print(f"{name:<28} {this:>10,.0f} /s {other:>10,.0f} /s   ratio {this / other:.2f}")
    for process in versions:
        process.communicate()


def main() -> None:
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MUBENCH_GEN_REPLIES")
    if given:
        items = stored_items(Path(given))
    else:
        print("no folder of stored replies is given: reading the project's own", file=sys.stderr)
        items = corpus_items()
    if len(sys.argv) > 2 and sys.argv[2] == "-":
        answer(items)
    elif len(sys.argv) > 2:
        compare(sys.argv[1], sys.argv[2])
    else:
        for name, rows in groups(items).items():
            report(name, rows)


if __name__ == "__main__":
    main()
