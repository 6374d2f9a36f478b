"""The rows of a data set under chosen licences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase

from mubench_gen.data.dataset import Dataset
from mubench_gen.data.subset import choose
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
    seen: Counter[str] = Counter()

    def is_kept(row: Row) -> bool:
        name = row.meta.get("license")
        seen[str(name)] += 1
        return is_chosen(name, chosen)

    rows = choose(dataset, is_kept)
    if not len(rows):
        there = ", ".join(f"{name} ({n:,} rows)" for name, n in sorted(seen.items()))
        raise DataError(
            f"--licenses {','.join(chosen)} leaves no row of {dataset.name!r}. "
            f"Its licences: {there}."
        )
    return rows
