"""Trackio: a project in a folder, with a run's parameters, scores and a table of its items."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mubench_gen
from mubench_gen import Export, SettingError
from mubench_gen_plugins import exports
from mubench_gen_plugins.exports.tracked import (
    COLUMNS,
    Options,
    measures,
    parameters,
    rows,
    thumbnails,
)


def write_files(runs: Sequence[Any], folder: Path, options: Options) -> Sequence[str]:
    """A project of Trackio in the folder, for `trackio show`; each run is one of its runs."""
    with _environment(TRACKIO_DIR=str(folder)):
        try:
            import trackio
        except ImportError:
            raise SettingError(
                "This format needs trackio. Type: pip install 'mubench-gen[trackio]'"
            ) from None
        import pandas

        for one in runs:
            trackio.init(
                project=options.project,
                name=str(one.run.manifest["id"]),
                config=parameters(one),
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
            shown = thumbnails(one) if options.images else {}
            found = [
                [trackio.Image(shown[digest]) if digest in shown else None, *cells]
                for digest, cells in rows(one, options.items)
            ]
            frame = pandas.DataFrame(found, columns=["image", *COLUMNS])
            trackio.log({**measures(one), "items": trackio.Table(dataframe=frame)})
            trackio.finish()
    for lock in folder.glob("*.lock"):
        lock.unlink()
    told = [line for one in runs for line in exports.told_left_out(one)]
    return [*told, f"TRACKIO_DIR={folder.name} trackio show --project {options.project}"]


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set environment variables for a while: Trackio takes its folder from one when it is first
    imported, which in a process of the command is here."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@mubench_gen.hookimpl
def mubench_gen_exports() -> Sequence[Export]:
    title = "Trackio: a local project with scores and a table of items"
    return [Export("trackio", title, Options=Options, files=write_files)]
