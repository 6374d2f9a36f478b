"""What the models of a study were shown: rows of images, a column for each way to show them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mubench_gen.ablation.cell_pairs import as_given
from mubench_gen.ablation.grid import Factor, Grid, shown
from mubench_gen.ablation.seen import SEEN, TRANSFORM
from mubench_gen.report.html.pictures import Album, find_pictures
from mubench_gen.report.preview.side_by_side import Rows, SideBySide
from mubench_gen.storage.records import images_shown, row_key

if TYPE_CHECKING:
    from mubench_gen.ablation.analysis import Analysis
    from mubench_gen.runs.results import Run

Digests = Mapping[tuple[str, ...], Mapping[str, str]]  # by way to show images, and by row
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
    digests = [{way: _digests(own[way], set(chosen)) for way in ways} for own in runs]
    album = Album()
    for by_way, of in zip(runs, digests, strict=True):
        for way in ways:
            _add_pictures(album, by_way[way], of[way])
    rows = []
    for key in chosen:
        for model, own, others in _apart(study.models, digests, key):
            name = f"{key}, {model}" if others else key
            rows.append((name, [_tile(album, own[way].get(key)) for way in ways]))
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


def _digests(run: Run, rows: set[str]) -> dict[str, str]:
    """The digest of the first image of these rows."""
    found: dict[str, str] = {}
    for record in run.outcomes():
        key = row_key(record)
        if key in rows and key not in found and (digests := images_shown(record)):
            found[key] = digests[0]
    return found


def _apart(
    models: Sequence[str], digests: Sequence[Digests], key: str
) -> Iterator[tuple[str, Digests, bool]]:
    """The first model of each that were shown the same, what it was shown, and whether others
    were shown something else."""
    firsts: dict[tuple[str | None, ...], tuple[str, Digests]] = {}
    for model, own in zip(models, digests, strict=True):
        firsts.setdefault(tuple(one.get(key) for one in own.values()), (model, own))
    return ((*first, len(firsts) > 1) for first in firsts.values())


def _add_pictures(album: Album, run: Run, digests: Mapping[str, str]) -> None:
    """Add the pictures of these digests (by row) that the album does not have yet."""
    wanted = {digest: {key} for key, digest in digests.items() if digest not in album.pictures}
    album.pictures.update(find_pictures([run], wanted, most=_BYTES).pictures)


def _tile(album: Album, digest: str | None) -> SideBySide:
    picture = album.pictures.get(digest or "")
    if picture is None:
        return SideBySide("not available" if digest else "no image")
    return SideBySide(f"{picture.width} × {picture.height}", picture.content)
