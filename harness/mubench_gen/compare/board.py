"""runs → a board: models × tasks on the items that all of them answered, and what is tied.

`boards` is the entry point. Runs that share no item stand on boards of their own. A run without
the images (`--control`) is shown for comparison, and takes no place.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from mubench_gen.scores.headline import Says
from mubench_gen.scores.joint import Adjust
from mubench_gen.types import FORM_WORDS, OPEN_FORMS

Standing = Literal["leads", "tied", "behind", ""]

POOLED, GROUPS, TASKS, BOXES = "pooled", "groups", "tasks", "boxes"
APART: dict[str, str] = {  # parts that are in no accuracy of single choice, and their headings
    BOXES: "boxes, GRIT score",
    **{form: f"{FORM_WORDS[form]}, right as a whole" for form in OPEN_FORMS},
}
_GROUPS = ("coarse", "fine", "cognition", "localization")


@dataclass(frozen=True, slots=True)
class Entrant:
    """A run on a board. place: 1 is the best by the headline, None for a run that is not ranked.

    places: the best and the last place that are not ruled out by the paired tests of all pairs of
    ranked runs together, at 5 %; None where nothing is tested. n, n_errors: its answered and
    failed items, shared or not, of `planned`.
    """

    label: str
    run: str
    plugin: str
    model: str
    control: str
    place: int | None
    n: int
    n_errors: int
    planned: int
    places: tuple[int, int] | None = None

    @property
    def finished(self) -> bool:
        """Whether every item has been asked; some may have failed."""
        return self.n + self.n_errors >= self.planned

    @property
    def shown(self) -> str:
        """The label, with what a reader must know of the run."""
        control = "" if self.control in ("none", *self.label.split()) else f" ({self.control})"
        return f"{self.label}{control}{'' if self.finished else ' (unfinished)'}"


@dataclass(frozen=True, slots=True)
class BoardCell:
    """One run on one row, values in shares; value: the accuracy, or the GRIT score of boxes.

    standing: "leads" if the paired test tells the run from every other one, "tied" if it does not
    tell it from the best one, else "behind"; "" where nothing is tested. difference: from the
    best; p_adjusted: of that difference, adjusted over all differences of the part. chance: whether
    the test against chance says "above", "at the level of" or "below"; of all items and of tasks.
    """

    n: int
    value: float | None
    ci95: tuple[float, float] | None
    standing: Standing = ""
    difference: float | None = None
    p_adjusted: float | None = None
    chance: Says | None = None


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A group of items. part: "pooled", "groups" (of tasks), "tasks", of APART or a field's name;
    group: the group of a task. cells: one for each entrant, in their order.
    """

    part: str
    name: str
    title: str
    group: str
    chance: float | None
    majority: float | None
    cells: tuple[BoardCell, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """Models × tasks. entrants: the best first, those without a place last.

    items: that all ranked runs answered, of `items_in_any`; 0 if they share none: the numbers
    are then of different items, and nothing is tested. notes: what else differs between the
    runs. lead: the result in words. adjust: how p is adjusted.
    """

    entrants: tuple[Entrant, ...]
    rows: tuple[BoardRow, ...]
    items: int
    items_in_any: int
    notes: tuple[str, ...]
    lead: tuple[str, ...] = ()
    adjust: Adjust = "maxt"

    @property
    def ranked(self) -> list[int]:
        """The positions of the entrants that have a place."""
        return [at for at, one in enumerate(self.entrants) if one.place is not None]

    def sections(self) -> list[tuple[str, list[BoardRow]]]:
        """The rows in the order in which they are read, with a heading ("" for the headline)."""
        found: dict[str, list[BoardRow]] = {}
        for row in self.rows:
            found.setdefault(_heading(row), []).append(row)
        return list(found.items())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _heading(row: BoardRow) -> str:
    if row.part == POOLED:
        return ""
    if row.part in (GROUPS, TASKS):
        return row.group or "tasks"
    return APART.get(row.part, f"by {row.part}")


def group_order(group: str) -> tuple[int, str]:
    """A sort key for groups of tasks: the benchmark's in its own order, others behind."""
    return (_GROUPS.index(group) if group in _GROUPS else len(_GROUPS)), group
