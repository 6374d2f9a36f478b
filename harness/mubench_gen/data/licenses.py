"""The rows of a data set under chosen licences."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from mubench_gen.data import Dataset
from mubench_gen.errors import DataError
from mubench_gen.types import Row

COMMERCIAL = "commercial"
_WORDS = re.compile(r"[a-z0-9]+")
_UNKNOWN = frozenset({"", "none", "unknown", "other", "n a"})


def allows_commercial_use(name: object) -> bool:
    """By the licence's name: nothing non-commercial (CC-BY-NC-4.0), and nothing unknown."""
    words = _WORDS.findall(str(name or "").lower())
    text = " ".join(words)
    if text in _UNKNOWN:
        return False
    barred = "noncommercial" in text or "non commercial" in text or "research only" in text
    return "nc" not in words and not barred


def is_chosen(name: object, chosen: Sequence[str]) -> bool:
    """Whether a licence is one of those chosen: names, globs, "commercial"."""
    return any(
        allows_commercial_use(name)
        if pattern == COMMERCIAL
        else fnmatchcase(str(name or "").lower(), pattern.lower())
        for pattern in chosen
    )


def with_licenses(dataset: Dataset, chosen: Sequence[str]) -> Dataset:
    """The rows under the chosen licences. DataError where there are none."""
    kept = array("Q")
    questions: Counter[tuple[str, str]] = Counter()
    seen: Counter[str] = Counter()
    for row in dataset:
        name = row.meta.get("license")
        seen[str(name)] += 1
        if is_chosen(name, chosen):
            kept.append(row.index)
            questions.update((row.dataset, name) for name in row.questions)
    if not kept:
        there = ", ".join(f"{name} ({n:,} rows)" for name, n in sorted(seen.items()))
        raise DataError(
            f"--licenses {','.join(chosen)} leaves no row of {dataset.name!r}. "
            f"Its licences: {there}."
        )
    return _Chosen(dataset, kept, dict(sorted(questions.items())))


class _Chosen:
    """Some rows of a data set, numbered anew; their keys stay."""

    def __init__(
        self, dataset: Dataset, kept: array[int], questions: dict[tuple[str, str], int]
    ) -> None:
        self.questions = questions
        self._dataset = dataset
        self._kept = kept

    @property
    def name(self) -> str:
        return self._dataset.name

    @property
    def path(self) -> Path:
        return self._dataset.path

    @property
    def revision(self) -> str | None:
        return self._dataset.revision

    @property
    def digest(self) -> str:
        return self._dataset.digest

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> Row:
        index = range(len(self))[index]
        return replace(self._dataset[self._kept[index]], index=index)

    def __iter__(self) -> Iterator[Row]:
        wanted = iter(enumerate(self._kept))
        index, at = next(wanted)
        for row in self._dataset:
            if row.index == at:
                yield replace(row, index=index)
                index, at = next(wanted, (index, -1))
