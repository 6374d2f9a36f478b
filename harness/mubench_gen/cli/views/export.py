"""`mubench-gen runs export`: runs as the files of another program."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mubench_gen.console.notes import note
from mubench_gen.console.outlet import say
from mubench_gen.console.progress import log
from mubench_gen.errors import SettingError

if TYPE_CHECKING:
    from mubench_gen.report.export import ChosenExport
    from mubench_gen.report.tidy_table import Reported


def export(
    paths: Sequence[Path], name: str, out: Path, options: Sequence[str], *, as_json: bool
) -> None:
    """Write the runs into `out`, which appears whole or not at all."""
    from mubench_gen.console.secrets import know_environment
    from mubench_gen.plan.settings import pairs
    from mubench_gen.report.export import choose_export, reported
    from mubench_gen.runs.interchange.public import PublicRun
    from mubench_gen.runs.results import load_run

    know_environment()
    form = choose_export(name, pairs(options))
    if out.exists():
        raise SettingError(f"--out {out}: exists already; name a new file or folder.")
    runs = reported([PublicRun(load_run(path).dir) for path in paths])
    try:
        told = _written(form, runs, out)
    except OSError as error:
        raise SettingError(f"--out {out}: cannot be written: {error.strerror}.") from None
    if as_json:
        from mubench_gen.cli.views.tables import print_json

        print_json({"path": str(out), "format": name, "runs": len(runs), "told": list(told)})
    for line in told if not as_json else ():
        say(line)
    if form.export.files is None and (left := sum(one.scores.pooled.n_errors for one in runs)):
        log(f"{left:,} failed items have no truth value: left out.")
    note(f"Wrote {out}.")


def _written(form: ChosenExport, runs: Sequence[Reported], out: Path) -> Sequence[str]:
    """Write a file or a folder; what the format tells, with its files under their final names."""
    from mubench_gen.storage.scratch import Scratch

    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    if form.export.files is None:
        with Scratch(out.absolute()) as scratch:
            with scratch.path.open("wb") as stream:
                form.write(runs, stream)
            scratch.become(out.absolute())
        return []
    with Scratch(out.absolute(), is_folder=True) as scratch:
        inner = scratch.path / out.name
        inner.mkdir()
        told = form.write_files(runs, inner)
        shutil.move(inner, out)
        return told
