"""What the models of a study were shown: rows of images, a column for each way to show them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mubench_gen.ablation.cell_pairs import as_given
from mubench_gen.ablation.grid import Factor, Grid, shown
from mubench_gen.ablation.seen import SEEN, TRANSFORM
from mubench_gen.report.html.pictures import Picture, find_pictures
from mubench_gen.report.preview.side_by_side import Rows, SideBySide
from mubench_gen.storage.records import images_shown, row_key

if TYPE_CHECKING:
    from mubench_gen.ablation.analysis import Analysis
    from mubench_gen.runs.results import Run

Shown = tuple[str, str]  # the policy that made pixels of a file, as text, and the file's digest
Ways = Mapping[tuple[str, ...], Mapping[str, Shown]]  # by way to show images, and by row
PICTURES = 8  # rows, if no number is given
_BYTES = 9_000  # of a picture, on average
_MOST = 40  # ways to show an image


def spread(rows: Mapping[str, str], number: int, seed: int) -> list[str]:
    """So many of the `rows` (keys → data sets), drawn by the seed, of each data set in turn."""
    drawn = random.Random(seed)
    by_set: dict[str, list[str]] = {}
    for key, dataset in sorted(rows.items()):
        by_set.setdefault(dataset, []).append(key)
    for own in by_set.values():
        drawn.shuffle(own)
    sets = list(by_set)
    drawn.shuffle(sets)
    turns = range(max(map(len, by_set.values()), default=0))
    dealt = [by_set[one][turn] for turn in turns for one in sets if turn < len(by_set[one])]
    return sorted(dealt[:number])


def contact_sheet(study: Analysis, number: int = PICTURES) -> Rows | None:
    """Rows of the study, spread over its data sets, as the models were shown them.

    Models that were shown other pixels have rows of their own. None without an axis that changes
    the image.
    """
    factors = [one for one in study.grid.factors if _changes(one)]
    if not factors:
        return None
    runs = [_runs_by_way(study.grid, dict(own), factors) for own in study.runs_by_model]
    ways = list(runs[0])[:_MOST]
    chosen = spread(_rows_of(runs[0][ways[0]]), number, study.seed)
    shown_to = [{way: _shown_by(own[way], set(chosen)) for way in ways} for own in runs]
    pictures: dict[Shown, Picture] = {}
    for by_way, of in zip(runs, shown_to, strict=True):
        for way in ways:
            _add_pictures(pictures, by_way[way], of[way])
    rows = []
    for key in chosen:
        for model, own, others in _apart(study.models, shown_to, key):
            name = f"{key}, {model}" if others else key
            rows.append((name, [_tile(pictures, own[way].get(key)) for way in ways]))
    return Rows("What the models saw", [" · ".join(map(shown, way)) for way in ways], rows)


def _changes(factor: Factor) -> bool:
    """Whether the levels show an image in several ways."""
    named = factor.name in (SEEN, TRANSFORM) or factor.name.startswith("image.")
    return named and len(factor.levels) > 1


def _runs_by_way(
    grid: Grid, runs: Mapping[int, Run], factors: Sequence[Factor]
) -> dict[tuple[str, ...], Run]:
    """For each combination of the factors' levels a run that shows the images themselves."""
    places = [at for at, one in enumerate(grid.factors) if one in factors]
    found: dict[tuple[str, ...], Run] = {}
    for place in as_given(grid):
        cell = grid.cells[place]
        way = tuple(cell.levels[at] for at in places)
        if cell.condition in runs:
            found.setdefault(way, runs[cell.condition])
    return found


def _rows_of(run: Run) -> dict[str, str]:
    """The data set of each row that the run showed an image of."""
    return {row_key(one): one["dataset"] for one in run.outcomes() if images_shown(one)}


def _shown_by(run: Run, rows: set[str]) -> dict[str, Shown]:
    """What the run showed as the first image of these rows."""
    policy = json.dumps(run.manifest.get("image_policy"), sort_keys=True)
    found: dict[str, Shown] = {}
    for record in run.outcomes():
        key = row_key(record)
        if key in rows and key not in found and (digests := images_shown(record)):
            found[key] = policy, digests[0]
    return found


def _apart(
    models: Sequence[str], shown_to: Sequence[Ways], key: str
) -> Iterator[tuple[str, Ways, bool]]:
    """The first model of each that were shown the same, what it was shown, and whether others
    were shown something else."""
    firsts: dict[tuple[Shown | None, ...], tuple[str, Ways]] = {}
    for model, own in zip(models, shown_to, strict=True):
        firsts.setdefault(tuple(one.get(key) for one in own.values()), (model, own))
    return ((*first, len(firsts) > 1) for first in firsts.values())


def _add_pictures(
    pictures: dict[Shown, Picture], run: Run, shown_by_row: Mapping[str, Shown]
) -> None:
    """Add what the run showed of these rows, as far as no other run showed the same."""
    missing = {one: key for key, one in shown_by_row.items() if one not in pictures}
    album = find_pictures([run], {one[1]: {key} for one, key in missing.items()}, most=_BYTES)
    pictures.update({one: album.pictures[one[1]] for one in missing if one[1] in album.pictures})


def _tile(pictures: Mapping[Shown, Picture], one: Shown | None) -> SideBySide:
    picture = None if one is None else pictures.get(one)
    if picture is None:
        return SideBySide("no image" if one is None else "not available")
    return SideBySide(f"{picture.width} × {picture.height}", picture.content)
