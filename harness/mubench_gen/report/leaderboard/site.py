"""Runs → the folder of a leaderboard."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.compare.boards import boards
from mubench_gen.console.progress import bar
from mubench_gen.errors import RunFolderError, SettingError
from mubench_gen.report.board_tables import csv_rows
from mubench_gen.report.export import write_rows
from mubench_gen.report.html.document import write_page
from mubench_gen.report.html.write_page import write_text
from mubench_gen.report.leaderboard.admission import Admitted, LeftOut, admit, places_of
from mubench_gen.report.leaderboard.page import document, doubles, page_of, render_board
from mubench_gen.runs.results import Run
from mubench_gen.scores.joint import Adjust
from mubench_gen.storage.json_files import write_json
from mubench_gen.storage.scratch import Scratch, sweep

PAGE, DATA, TABLE = "index.html", "board.json", "board.csv"
MOST_ITEMS = 2_000  # on the page of a run


@dataclass(frozen=True, slots=True)
class Site:
    """A board that was written: its folder, the names of the runs on it, and those left out.

    notes: what to know of runs that are shown.
    """

    path: Path
    runs: tuple[str, ...]
    boards: int
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def write_site(
    paths: Sequence[Path],
    out: Path,
    *,
    title: str = "Models by tasks",
    by: Sequence[str] = (),
    adjust: Adjust = "maxt",
    images: bool = False,
    items: int = MOST_ITEMS,
) -> Site:
    """Write the board of all runs and packs in these paths into a folder, and their own pages.

    Runs that do not verify are left out. Secrets and private paths are in no file. `out`: a new
    folder, or a board that is written anew. `images`: with thumbnails, and the images in packs.
    `items`: most on the page of a run. Raises RunFolderError where no run can be shown, and
    SettingError for an `out` that is something else, and for a field in `by` that no item has.
    """
    _check(out)
    places = places_of(paths, without=out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        sweep(out.parent, [out.name])
        with Scratch(out, is_folder=True) as scratch:
            site = scratch.path
            admitted, left_out = admit(places, site, images=images)
            if not admitted:
                told = "\n".join(f"  {one.name}: {one.reason}" for one in left_out)
                raise RunFolderError(f"There is no run to show. Left out:\n{told}")
            found = boards([one.run for one in admitted], by=by or None, adjust=adjust)
            write_text(site / PAGE, render_board(found, admitted, left_out, title=title))
            write_json(site / DATA, document(found, admitted, left_out))
            with (site / TABLE).open("wb") as file:
                write_rows(*csv_rows(found), file)
            _write_pages(admitted, site, images=images, items=items)
            if out.is_dir():
                shutil.rmtree(out)
            scratch.become(out)
    except OSError as error:
        raise SettingError(f"--out {out}: cannot be written: {error.strerror or error}.") from None
    names = tuple(one.name for one in admitted)
    return Site(out, names, len(found), tuple(left_out), tuple(doubles(admitted)))


def _check(out: Path) -> None:
    """Raise SettingError for what is there and is no board."""
    empty = out.is_dir() and not any(out.iterdir())
    if out.exists() and not empty and not ((out / DATA).is_file() and (out / PAGE).is_file()):
        raise SettingError(
            f"--out {out}: exists already and is not a board; it would be lost. Give another --out."
        )


def _write_pages(admitted: Sequence[Admitted], site: Path, *, images: bool, items: int) -> None:
    (site / "runs").mkdir()
    with bar("Writing pages", len(admitted)) as progress:
        for number, one in enumerate(admitted, start=1):
            data = str(Run(one.run.dir).manifest["settings"].get("data") or "") or None
            path = site / page_of(one)
            write_page([one.run], path, data=data, images=images, most_items=items)
            progress.at(number, len(admitted))
