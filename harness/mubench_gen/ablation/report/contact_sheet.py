"""What the models of a study were shown: rows of images, a column for each way to show them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mubench_gen.ablation.grid import Factor, Grid, shown
from mubench_gen.ablation.seen import SEEN, TRANSFORM
from mubench_gen.ablation.statistics.cell_pairs import as_given
from mubench_gen.report.html.pictures import find_pictures
from mubench_gen.report.preview.side_by_side import Rows, SideBySide
from mubench_gen.storage.records import images_shown, row_key

if TYPE_CHECKING:
    from mubench_gen.ablation.analysis import Analysis
    from mubench_gen.runs.results import Run

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
    """Rows of the study, spread over its data sets, as the models were shown them: all of them
    alike. None without an axis that changes the image."""
    factors = [one for one in study.grid.factors if _changes(one)]
    if not factors:
        return None
    runs = _runs_by_way(study.grid, dict(study.runs_by_model[0]), factors)
    ways = list(runs)[:_MOST]
    chosen = spread(_rows_of(runs[ways[0]]), number, study.seed)
    columns = [_seen(runs[way], chosen) for way in ways]
    rows = [
        (key, list(cells)) for key, cells in zip(chosen, zip(*columns, strict=True), strict=True)
    ]
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


def _seen(run: Run, rows: Sequence[str]) -> list[SideBySide]:
    """What the run showed as the first image of these rows."""
    digests: dict[str, str] = {}
    for record in run.outcomes():
        key = row_key(record)
        if key in rows and key not in digests and (found := images_shown(record)):
            digests[key] = found[0]
    wanted = {digest: {key} for key, digest in digests.items()}
    pictures = find_pictures([run], wanted, most=_BYTES).pictures
    return [
        SideBySide("not available")
        if (one := pictures.get(digests.get(key, ""))) is None
        else SideBySide(f"{one.width} × {one.height}", one.content)
        for key in rows
    ]
