"""runs → each model against its own control: the same items without their images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mubench_gen.console.numbers import Shares, p_value
from mubench_gen.errors import RunFolderError
from mubench_gen.runs.results import Run
from mubench_gen.scores.headline import Says, says_of
from mubench_gen.scores.paired import PairedDifference


@dataclass(frozen=True, slots=True)
class AgainstControl:
    """A run minus the control of its model, on the items that both answered."""

    run: str
    against: str
    control: str
    paired: PairedDifference

    @property
    def says(self) -> Says:
        """Whether the run is "above", "at the level of" or "below" the control."""
        return says_of(self.paired.difference, self.paired.p)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "says": self.says}

    def sentence(self) -> str:
        """What it says, for below the tables."""
        shown, paired = Shares(), self.paired
        return (
            f"{self.run} is {self.says} its {self.control} control {self.against}: "
            f"{shown.signed(paired.difference)}, {shown.signed_interval(paired.ci95)}, p "
            f"{p_value(paired.p)} on {paired.n:,} items."
        )


def against_controls(runs: Sequence[Run]) -> Iterator[AgainstControl]:
    """Each run against the controls, among these runs, of its model on its data and prompts."""
    from mubench_gen.compare.comparison import compare

    plain = [(run, _without_control(run)) for run in runs if _control(run) == "none"]
    controls = [(run, _without_control(run)) for run in runs if _control(run) != "none"]
    for run, alike in plain:
        for other, what in controls:
            if what != alike:
                continue
            try:
                found = compare([run, other], intersection=True, adjust="none", pool=False)
            except RunFolderError:  # they share no item that both answered
                continue
            pooled = found.differences[0].paired
            yield AgainstControl(run.dir.name, other.dir.name, _control(other), pooled)


def _control(run: Run) -> str:
    return str(run.manifest["settings"]["control"])


def _without_control(run: Run) -> tuple[Any, ...]:
    """What a run and its control have in common."""
    manifest = run.manifest
    settings = manifest["settings"]
    return (
        manifest["plugin"]["name"], manifest["model"]["id"], manifest["data"]["digest"],
        settings["prompt"], settings.get("readout"),
    )  # fmt: skip
