"""Stops a run in which everything fails with one cause: going on would only cost."""

from __future__ import annotations

import re

from mubench_gen.errors import EngineFault
from mubench_gen.inference.batches import Answered
from mubench_gen.types import Failure

_AT_FIRST, _LATER = 20, 50  # requests in a row
# Names, numbers and files.
_PARTICULARS = re.compile(r"'[^']{0,400}'|\"[^\"]{0,400}\"|(?<![\w./-])[\w./-]*\d[\w./-]*")


class Breaker:
    """Counts requests in a row that failed with one cause.

    The run ends after the first 20, or after 50 once one had an answer; `most` stands for both,
    0 for never. `known`: how many failed before in a run that has answers, which may fail again.
    """

    def __init__(self, most: int | None, known: int | None = None) -> None:
        self._later = _LATER if most is None else most
        self._limit = _AT_FIRST if most is None else most
        if known is not None and self._limit:
            self._later = self._limit = self._later + known
        self._cause: str | None = None
        self._failed = 0

    def check(self, batch: Answered) -> None:
        """Note these answers. EngineFault ends the run."""
        for _, response in batch:
            self._note(response.error)
            if self._limit and self._failed >= self._limit and response.error is not None:
                raise EngineFault(
                    f"Stopped, because {self._failed} requests in a row failed with one cause: "
                    f"{response.error.message.rstrip('.')}. The same command goes on from here; "
                    "--max-errors 0 never stops."
                )

    def _note(self, error: Failure | None) -> None:
        if error is None:
            self._cause, self._failed = None, 0
            self._limit = self._later
            return
        cause = cause_of(error)
        self._failed = self._failed + 1 if cause == self._cause else 1
        self._cause = cause


def cause_of(error: Failure) -> str:
    """What an error has in common with those of other items: without names, numbers and files."""
    return f"{error.type} {_PARTICULARS.sub('', error.message)}"
