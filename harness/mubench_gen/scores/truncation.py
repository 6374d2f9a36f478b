"""Counts and names options whose captions exceed a contrastive model's context."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from mubench_gen.storage.records import Record

_NAMED = 20  # captions in scores.json


@dataclass(frozen=True, slots=True)
class Truncation:
    """Of `options` options, `cut` were truncated, in `items` items.

    alike: truncated options that became identical with another option of their item.
    captions: the most frequent truncated captions, at most 20 of `distinct`.
    """

    options: int
    items: int
    cut: int
    alike: int
    distinct: int
    captions: tuple[str, ...]


class TruncationTally:
    """Counts of a run's records; keeps the distinct truncated captions in memory."""

    __slots__ = ("_alike", "_captions", "_items", "_options")

    def __init__(self) -> None:
        self._options = self._items = self._alike = 0
        self._captions: Counter[str] = Counter()

    def add(self, record: Record) -> None:
        cut = record.get("cut")
        if cut is None:
            return
        self._options += len(record["options"])
        self._items += bool(cut)
        self._alike += len(record["alike"])
        if cut:
            parts = [p for m in record["messages"] for p in m["content"] if p["type"] == "text"]
            self._captions.update(parts[option]["text"] for option in cut)

    def truncation(self) -> Truncation | None:
        """The result, or None if nothing was truncated."""
        if not self._captions:
            return None
        return Truncation(
            options=self._options,
            items=self._items,
            cut=self._captions.total(),
            alike=self._alike,
            distinct=len(self._captions),
            captions=tuple(text for text, _ in self._captions.most_common(_NAMED)),
        )
