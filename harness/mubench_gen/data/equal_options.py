"""Finds options that are equal except for case, spaces or the form of their characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from mubench_gen.console.progress import log
from mubench_gen.types import Row

_MOST_CHARACTERS = 20_000  # of a question's options; longer ones are not compared


class Alike:
    """Counts the rows of a file with such options, and says so once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = 0
        self._first = ""

    def note(self, row: Row) -> None:
        self.note_options(row.index + 1, (one.options for one in row.questions.values()))

    def note_options(self, row: int, questions: Iterable[Sequence[str]]) -> None:
        """`row`: its number, as messages name it."""
        few = (options for options in questions if sum(map(len, options)) <= _MOST_CHARACTERS)
        found = next((pair for options in few if (pair := alike(tuple(options)))), None)
        if found is not None:
            self._rows += 1
            self._first = self._first or f"row {row}: {found[0]!r} and {found[1]!r}"

    def tell(self) -> None:
        """Log what was found."""
        if self._rows:
            rows = "1 row has" if self._rows == 1 else f"{self._rows:,} rows have"
            _tell(
                f"{self._path}: {rows} options that are equal except for case, spaces or the form "
                f"of their characters ({self._first}). No parser can be sure which of them a reply "
                "means."
            )


@lru_cache(maxsize=4096)
def alike(options: tuple[str, ...]) -> tuple[str, str] | None:
    """Two options that are equal in that sense; None if there are none."""
    seen: dict[str, str] = {}
    for option in options:
        folded = " ".join(unicodedata.normalize("NFKC", option).casefold().split())
        if folded in seen:
            return seen[folded], option
        seen[folded] = option
    return None


@lru_cache(maxsize=64)  # several models in one command open the same data
def _tell(message: str) -> None:
    log(message)
