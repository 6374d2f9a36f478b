"""Requests that a server may have died of.

All that a server had been asked when it died is suspect, and is asked again when it is back.
What was there at two deaths is asked alone: if the server dies once more, it died of that
request, whose item has an error then, and the others go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set

from mubench_gen.console.progress import log
from mubench_gen.engines.server.replicas import Death
from mubench_gen.errors import EngineFault, ItemError

SUSPICIOUS = 2  # deaths after which a request is asked alone
_GUILTY = 16  # requests that servers may die of before the run ends
_COUNT = "requests_that_servers_died_of"


class Suspicions:
    """What the servers of a run died of, as far as that is known."""

    def __init__(self, counts: Counter[str]) -> None:
        self.explained: set[Death] = set()
        self._counts = counts
        self._arose: Death | None = None

    def arises(self, death: Death) -> None:
        """Tell, once a death, that there are requests that were there at the last two."""
        if death != self._arose:
            self._arose = death
            log(
                "What the server had been asked when it died and when it died before that is asked "
                "again one by one, to find what it dies of"
            )

    def guilty(self, deaths: Set[Death]) -> Exception:
        """The error of the request that these deaths were of; the run's after too many."""
        self.explained |= deaths
        self._counts[_COUNT] += 1
        text = (
            f"the server died each of the {len(deaths)} times that it was asked this, the last "
            "time this alone"
        )
        if self._counts[_COUNT] > _GUILTY:
            return EngineFault(f"Servers died of {self._counts[_COUNT]} requests. The last: {text}")
        return ItemError(text)
