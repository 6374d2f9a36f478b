"""Counts what a parser reads of labelled replies."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path

from mubench_gen.errors import SettingError
from mubench_gen.parser.conformance.corpus import LabelledText
from mubench_gen.parser.parse import parse_answer

# The index of an option, its label, or None: what an adapter returns.
Adapter = Callable[[str, Sequence[str], Sequence[str]], "int | str | None"]
Read = tuple[int | None, str | None]  # an option, and the rule that read it
Reader = Callable[[LabelledText], Read]
_Z = 1.959963984540054  # normal quantile of a 95 % interval


@dataclass(slots=True)
class ReadingTally:
    """Counts of some replies: right, wrong and unanswered of those with an answer; of those
    without, `left` unanswered or read all the same. `rules`: (right, read) by rule.
    """

    right: int = 0
    wrong: int = 0
    unanswered: int = 0
    left: int = 0
    invented: int = 0
    rules: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, row: LabelledText, index: int | None, rule: str | None) -> bool:
        """Count one reading; whether it is right."""
        good = index == row.gold
        if row.gold is None:
            self.left += good
            self.invented += not good
        else:
            self.right += good
            self.unanswered += index is None
            self.wrong += not good and index is not None
        if rule is not None and index is not None:
            right, read = self.rules.get(rule, (0, 0))
            self.rules[rule] = right + good, read + 1
        return good


def tallies(
    rows: Iterable[LabelledText], read: Reader
) -> tuple[ReadingTally, list[tuple[LabelledText, int | None]]]:
    """The counts, and each reply that was read otherwise than labelled."""
    tally, missed = ReadingTally(), []
    for row in rows:
        index, rule = read(row)
        if not tally.add(row, index, rule):
            missed.append((row, index))
    return tally, missed


def own_reader(row: LabelledText) -> Read:
    """This project's parser."""
    answer = parse_answer(row.reply, row.options, row.labels, complete=row.complete)
    return answer.index, answer.rule


def adapted(path: Path) -> Reader:
    """The parser of an adapter's file. SettingError if it has no function `read`."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        raise SettingError(f"--adapter {path}: there is no such Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function = getattr(module, "read", None)
    if not callable(function):
        raise SettingError(f"--adapter {path}: it needs a function read(reply, options, labels).")
    return lambda row: (_index(function, row), None)


def _index(function: Adapter, row: LabelledText) -> int | None:
    labels = row.labels or tuple(chr(65 + k) for k in range(len(row.options)))
    found = function(row.reply, row.options, labels)
    if isinstance(found, str):
        return labels.index(found) if found in labels else None
    return found


def wilson(count: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share; 0 to 1 of nothing."""
    if not n:
        return 0.0, 1.0
    share, z2 = count / n, _Z * _Z
    middle, half = share + z2 / (2 * n), _Z * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)
