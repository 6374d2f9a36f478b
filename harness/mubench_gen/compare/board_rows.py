"""The rows of a board: each run scored on the items that all of them answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mubench_gen.compare.answer_matrix import Outcomes, Reading, Values, values_of
from mubench_gen.compare.board import (
    BOXES,
    GROUPS,
    POOLED,
    TASKS,
    Board,
    BoardCell,
    BoardRow,
    Entrant,
    group_order,
)
from mubench_gen.compare.board_places import with_places
from mubench_gen.compare.board_reading import GROUP, BoardReading, with_group
from mubench_gen.compare.board_ties import Mask, tested
from mubench_gen.compare.board_words import differences_in_words
from mubench_gen.compare.preconditions import comparability
from mubench_gen.console.numbers import percent
from mubench_gen.scores.breakdown import BreakdownTally, value_order
from mubench_gen.scores.clusters import IMAGE
from mubench_gen.scores.headline import Says
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.localization import BoxScore
from mubench_gen.scores.metadata import ABSENT
from mubench_gen.scores.open_answers import is_apart
from mubench_gen.scores.open_score import OpenScore
from mubench_gen.scores.score import Scores
from mubench_gen.scores.tally import Score
from mubench_gen.storage.records import Record
from mubench_gen.types import OPEN_FORMS


@dataclass(frozen=True, slots=True)
class _Shared:
    """The items that the ranked runs share. `there` marks those that all of them answered;
    values: (items, runs), NaN for a missing one; names: of the items to score, None for all.
    """

    ranked: list[int]
    there: Mask
    values: Values
    names: frozenset[str] | None
    notes: list[str]


@dataclass(frozen=True, slots=True)
class _Scored:
    """A run's scores on the items of the board, `by` also by groups of tasks and by fields.

    n, n_errors: its answered and failed records, on the board or not.
    """

    scores: Scores
    by: Mapping[str, Mapping[str, Score]]
    n: int
    n_errors: int

    def against_chance(self, part: str, name: str) -> Says | None:
        headline = self.scores.headline
        found = headline.chance.get(name) if headline and part in (POOLED, TASKS) else None
        return None if found is None else found.says

    def of(self, part: str, name: str) -> Score | None:
        if part == POOLED:
            return self.scores.pooled
        return (self.scores.tasks if part == TASKS else self.by[_field(part)]).get(name)


def make_board(
    read: BoardReading,
    labels: Sequence[str],
    *,
    trim: bool,
    adjust: Adjust,
    seed: int,
) -> Board:
    """The board of runs that have items in common, without its lead.

    `trim`: leave out a field that has one value.
    """
    reading, fields, groups = read.reading, read.fields, read.groups
    shared = _shared(reading, labels)
    scored = [_scored(run, read, shared) for run in reading.runs]
    order = _order(scored, shared.ranked)
    rows = [
        replace(row, cells=tuple(row.cells[at] for at in order))
        for row in _rows(reading, scored, groups, fields, trim=trim)
    ]
    places = {at: place for place, at in enumerate(order, start=1) if at in shared.ranked}
    board = Board(
        entrants=tuple(
            _entrant(reading.runs[at], scored[at], labels[at], places.get(at)) for at in order
        ),
        rows=tuple(rows),
        items=int(shared.there.sum()),
        items_in_any=len({item for run in reading.runs for item in np.unique(run.item).tolist()}),
        adjust=adjust,
        notes=(
            *reading.notes,
            *_clustered(scored),
            *(f"{note}." for note in reading.clusters.notes),
            *shared.notes,
            *_contradictions([(labels[at], scored[at]) for at in order]),
        ),
    )
    values, items = shared.values[:, order], np.flatnonzero(shared.there)
    board = with_places(board, items, values, reading.clusters.codes, seed=seed)
    return tested(board, reading, shared.there, values, groups, seed)


def _contradictions(entrants: Sequence[tuple[str, _Scored]]) -> list[str]:
    """How often each model named one option and gave another's text, if any did."""
    shares = {
        label: one.scores.pooled.statuses.get("contradiction", 0.0) for label, one in entrants
    }
    if not any(shares.values()):
        return []
    told = ", ".join(f"{label} {percent(share)} %" for label, share in shares.items())
    return [f"Replies with the label of one option and the text of another: {told}."]


def _clustered(scored: Sequence[_Scored]) -> list[str]:
    """What intervals and tests are clustered by, where it is not the image."""
    found = {one.scores.clustered_by for one in scored} - {IMAGE}
    return [f"Intervals are clustered by {by}." for by in sorted(found)]


def _shared(reading: Reading, labels: Sequence[str]) -> _Shared:
    plain = [at for at, run in enumerate(reading.runs) if run.shows_images]
    ranked = plain or list(range(len(reading.runs)))
    runs = [reading.runs[at] for at in ranked]
    found = comparability(replace(reading, runs=tuple(runs)), [labels[at] for at in ranked])
    values = np.full((len(reading.items), len(reading.runs)), np.nan)
    answering = [at for at in ranked if (reading.runs[at].right >= 0).any()]
    if answering:
        values[:, answering] = values_of(
            [reading.runs[at] for at in answering], found.wanted, by_id=found.by_id
        )
    there = ~np.isnan(values[:, answering]).any(axis=1) & bool(answering)
    names = None
    if there.any() or len(ranked) == 1:
        names = frozenset(reading.items[at] for at in np.flatnonzero(there).tolist())
        names |= _shared_apart(runs)
    return _Shared(ranked, there, values, names, differences_in_words(found, labels))


def _shared_apart(runs: Sequence[Outcomes]) -> frozenset[str]:
    """The items that are counted apart, of which every run that has any has these."""
    several = [
        frozenset(
            record["item"]
            for record in run.run.outcomes()
            if is_apart(record) and record["status"] != "error"
        )
        for run in runs
        if run.apart
    ]
    return frozenset.intersection(*several) if several else frozenset()


def _scored(outcomes: Outcomes, read: BoardReading, shared: _Shared) -> _Scored:
    run, names = outcomes.run, shared.names
    if not outcomes.apart and (names is None or shared.there[outcomes.item].all()):
        n_errors, tally = outcomes.errors, read.tallies[str(run.dir)]
        return _Scored(run.scores, tally.scores(), outcomes.recorded - n_errors, n_errors)
    tally = BreakdownTally((GROUP, *read.fields), run.clustering)
    records = read.content.records(run, run.outcomes(read.fields))
    failed = Counter[bool]()

    def watched() -> Iterator[Record]:
        for record in records:
            failed[record["status"] == "error"] += 1
            if names is None or record["item"] in names:
                if not is_apart(record):
                    tally.add(with_group(record, read.groups))
                yield record

    scores = run.score(watched())
    return _Scored(scores, tally.scores(), failed[False], failed[True])


def _order(scored: Sequence[_Scored], ranked: Sequence[int]) -> list[int]:
    """The best first by the headline, those that are not ranked last."""

    def headline(at: int) -> tuple[bool, float]:
        value = scored[at].scores.pooled.accuracy
        boxes = scored[at].scores.boxes.get(POOLED)
        value = boxes.grit if value is None and boxes is not None else value
        opened = next(iter(scored[at].scores.open.values()), {}).get(POOLED)
        value = opened.score.accuracy if value is None and opened is not None else value
        return at not in ranked, -1.0 if value is None else -value - 1

    return sorted(range(len(scored)), key=headline)


def _entrant(run: Outcomes, scored: _Scored, label: str, place: int | None) -> Entrant:
    manifest = run.run.manifest
    return Entrant(
        label=label,
        run=str(run.run.dir),
        plugin=str(manifest["plugin"]["name"]),
        model=str(manifest["model"]["id"]),
        control=str(manifest["settings"]["control"]),
        place=place,
        n=scored.n,
        n_errors=scored.n_errors,
        planned=run.planned,
    )


def _rows(
    reading: Reading,
    scored: Sequence[_Scored],
    groups: Mapping[str, str],
    fields: Sequence[str],
    *,
    trim: bool,
) -> Iterator[BoardRow]:
    titles = {
        str(name): str(told.get("title") or "")
        for run in reading.runs
        for name, told in (run.run.manifest.get("tasks") or {}).items()
    }
    if any(one.scores.pooled.n for one in scored):
        yield _row(POOLED, POOLED, scored)
    tasks = sorted({name for one in scored for name in one.scores.tasks})
    for group in sorted({groups.get(name, "") for name in tasks}, key=group_order):
        members = [name for name in tasks if groups.get(name, "") == group]
        if 1 < len(members) < len(tasks):
            yield _row(GROUPS, group, scored, group=group)
        for name in members:
            yield _row(TASKS, name, scored, group=group, title=titles.get(name, ""))
    for field in fields:
        values = sorted({value for one in scored for value in one.by[field]}, key=value_order)
        if not trim or len(set(values) - {ABSENT}) > 1:
            for value in values:
                yield _row(field, value, scored)
    for name in dict.fromkeys(name for one in scored for name in one.scores.boxes):
        cells = tuple(_box_cell(one.scores.boxes.get(name)) for one in scored)
        yield BoardRow(BOXES, name, titles.get(name, ""), "", None, None, cells)
    for form in OPEN_FORMS:
        of_form = [one.scores.open.get(form, {}) for one in scored]
        for name in dict.fromkeys(name for found in of_form for name in found):
            shown = [found.get(name) for found in of_form]
            chance = _first(one.score.chance for one in shown if one is not None)
            cells = tuple(map(_open_cell, shown))
            yield BoardRow(form, name, titles.get(name, ""), "", chance, None, cells)


def _row(
    part: str, name: str, scored: Sequence[_Scored], *, group: str = "", title: str = ""
) -> BoardRow:
    found = [one.of(part, name) for one in scored]
    controls = [
        one.scores.controls.get(name) if part in (POOLED, TASKS) else None for one in scored
    ]
    against = [one.against_chance(part, name) for one in scored]
    return BoardRow(
        part=part,
        name=name,
        title=title,
        group=group,
        chance=_first(one.chance for one in found if one is not None),
        majority=_first(one.majority for one in controls if one is not None),
        cells=tuple(
            BoardCell(0, None, None)
            if one is None
            else BoardCell(one.n, one.accuracy, one.ci95, chance=says)
            for one, says in zip(found, against, strict=True)
        ),
    )


def _box_cell(found: BoxScore | None) -> BoardCell:
    return BoardCell(0, None, None) if found is None else BoardCell(found.n, found.grit, found.ci95)


def _open_cell(found: OpenScore | None) -> BoardCell:
    if found is None:
        return BoardCell(0, None, None)
    return BoardCell(found.score.n, found.score.accuracy, found.score.ci95)


def _first(values: Iterable[float | None]) -> float | None:
    return next((value for value in values if value is not None), None)


def _field(part: str) -> str:
    return GROUP if part == GROUPS else part
