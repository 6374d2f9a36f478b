"""runs → a board: models × tasks on the items that all of them answered, and what is tied.

`boards` is the entry point. Runs that share no item stand on boards of their own. A run without
the images (`--control`) is shown for comparison, and takes no place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from mubench_gen.compare.answer_matrix import Reading
from mubench_gen.compare.board_reading import BoardReading, read_board
from mubench_gen.compare.groups import label_runs
from mubench_gen.runs.results import Run
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
class Cell:
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
class Row:
    """A group of items. part: "pooled", "groups" (of tasks), "tasks", of APART or a field's name;
    group: the group of a task. cells: one for each entrant, in their order.
    """

    part: str
    name: str
    title: str
    group: str
    chance: float | None
    majority: float | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """Models × tasks. entrants: the best first, those without a place last.

    items: that all ranked runs answered, of `items_in_any`; 0 if they share none: the numbers
    are then of different items, and nothing is tested. notes: what else differs between the
    runs. lead: the result in words. adjust: how p is adjusted.
    """

    entrants: tuple[Entrant, ...]
    rows: tuple[Row, ...]
    items: int
    items_in_any: int
    notes: tuple[str, ...]
    lead: tuple[str, ...] = ()
    adjust: Adjust = "maxt"

    @property
    def ranked(self) -> list[int]:
        """The positions of the entrants that have a place."""
        return [at for at, one in enumerate(self.entrants) if one.place is not None]

    def sections(self) -> list[tuple[str, list[Row]]]:
        """The rows in the order in which they are read, with a heading ("" for the headline)."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(_heading(row), []).append(row)
        return list(found.items())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _heading(row: Row) -> str:
    if row.part == POOLED:
        return ""
    if row.part in (GROUPS, TASKS):
        return row.group or "tasks"
    return APART.get(row.part, f"by {row.part}")


def group_order(group: str) -> tuple[int, str]:
    """A sort key for groups of tasks: the benchmark's in its own order, others behind."""
    return (_GROUPS.index(group) if group in _GROUPS else len(_GROUPS)), group


def boards(
    runs: Sequence[Run],
    *,
    by: Sequence[str] | None = None,
    adjust: Adjust = "maxt",
    seed: int = 0,
) -> list[Board]:
    """The boards of these runs, one for those that have items in common.

    `by`: fields of the items that break it down; None: by modality, if the items have several.
    `adjust`: how p is adjusted within a part (`scores.joint.adjust`). Raises SettingError for a
    field that no record has.
    """
    return boards_of(read_board(runs, by), trim=by is None, adjust=adjust, seed=seed)


def boards_of(read: BoardReading, *, trim: bool, adjust: Adjust, seed: int = 0) -> list[Board]:
    """The boards of runs that were read; `trim`: leave out a field that has one value."""
    from mubench_gen.compare.board_rows import make_board
    from mubench_gen.compare.board_words import lead

    labels, found = label_runs([one.run for one in read.reading.runs]), []
    for places in _sharing(read.reading):
        runs = tuple(read.reading.runs[place] for place in places)
        part = replace(read, reading=replace(read.reading, runs=runs))
        own = [labels[at] for at in places]
        one = make_board(part, own, trim=trim, adjust=adjust, seed=seed)
        found.append(replace(one, lead=lead(one)))
    return found


def _sharing(reading: Reading) -> list[list[int]]:
    """The places of the runs, in groups that have items in common; one without items joins all."""
    groups: list[tuple[set[int], set[int]]] = []
    for place, run in enumerate(reading.runs):
        items = set(np.unique(run.item).tolist())
        near = [one for one in groups if not items or not one[0] or one[0] & items]
        joined = items.union(*(one[0] for one in near)), {place}.union(*(one[1] for one in near))
        groups = [*(one for one in groups if one not in near), joined]
    return sorted(sorted(places) for _, places in groups)
