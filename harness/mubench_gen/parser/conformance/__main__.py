"""`python -m mubench_gen.parser.conformance`: a parser's rates on labelled replies."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mubench_gen.console.outlet import say
from mubench_gen.console.progress import log
from mubench_gen.errors import MubenchError
from mubench_gen.parser import conformance
from mubench_gen.parser.conformance.runner import ReadingTally, adapted, own_reader, tallies, wilson


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rates by file, and the rules' precision; 2 for what the user must fix."""
    given = _parser().parse_args(arguments)
    try:
        read = own_reader if given.adapter is None else adapted(given.adapter)
        sets = {str(path): conformance.load(path) for path in given.files} or {
            name: conformance.shipped(name) for name in conformance.FILES
        }
    except MubenchError as error:
        log(f"Error: {error}")
        return 2
    found = {name: tallies(rows, read) for name, rows in sets.items()}
    if given.json:
        say(json.dumps({name: asdict(tally) for name, (tally, _) in found.items()}))
        return 0
    for name, (tally, missed) in found.items():
        say(f"{name}: {_said(tally)}")
        for row, index in missed[: given.show]:
            say(f"    {row.reply[:100]!r}: {index}, labelled {row.gold}")
    if given.rules:
        _print_rules([tally for tally, _ in found.values()])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mubench_gen.parser.conformance")
    parser.add_argument("files", nargs="*", type=Path, help="labelled replies [the project's own]")
    parser.add_argument("--adapter", type=Path, help="a file with read(reply, options, labels)")
    parser.add_argument("--show", type=int, default=0, help="how many misread replies to show")
    parser.add_argument("--rules", action="store_true", help="the precision of each rule")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    return parser


def _said(tally: ReadingTally) -> str:
    held = tally.right + tally.wrong + tally.unanswered
    bare = tally.left + tally.invented
    return (
        f"right {_share(tally.right, held)}, wrong {_share(tally.wrong, held)}, "
        f"without an answer: left unanswered {_share(tally.left, bare)}"
    )


def _share(count: int, n: int) -> str:
    if not n:
        return "–"
    low, high = wilson(count, n)
    return f"{100 * count / n:.1f} % [{100 * low:.1f}, {100 * high:.1f}] ({count}/{n})"


def _print_rules(found: Sequence[ReadingTally]) -> None:
    rules: dict[str, list[int]] = {}
    for tally in found:
        for rule, counts in tally.rules.items():
            total = rules.setdefault(rule, [0, 0])
            total[0], total[1] = total[0] + counts[0], total[1] + counts[1]
    for rule, (right, read) in sorted(rules.items(), key=lambda one: -one[1][1]):
        say(f"{rule:20} {_share(right, read)}")


if __name__ == "__main__":
    sys.exit(main())
