"""`score RUN --debias`: what debiased read-outs would change."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mubench_gen.runs.results import Run


def show(run: Run, blind: Path | None, *, seed: int, as_json: bool) -> None:
    """Print each method before and after. SettingError for a blind run that is none."""
    from mubench_gen.cli.views.ablate import show as show_tables
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.errors import SettingError
    from mubench_gen.report.debias_table import debias_table
    from mubench_gen.runs.results import load_run
    from mubench_gen.scores.debias import debias
    from mubench_gen.scores.label_probabilities import Readouts

    given = Readouts(run.clustering)
    given.add(run.outcomes())
    if not given.groups:
        raise SettingError(
            f"{run.dir}: --debias needs probabilities of the options, and no answer of this run "
            "has any. A contrastive model gives them, or --readout logprob."
        )
    without = None
    if blind is not None:
        other = load_run(blind)
        control = other.manifest["settings"]["control"]
        if control != "blind":
            raise SettingError(
                f"--blind {blind}: is a run of --control {control}. Ask the same prompts without "
                "the images: mubench-gen eval … --control blind."
            )
        without = Readouts(other.clustering)
        without.add(other.outcomes())
    found = debias(given, without, seed=seed)
    if as_json:
        print_json({"run_dir": str(run.dir), "debiased": asdict(found)})
        return
    show_tables([debias_table(found, "maxt")])
