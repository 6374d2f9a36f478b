"""runs → each model against its own control: the same items without their images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mubench_gen.console.numbers import Shares, p_value
from mubench_gen.errors import RunFolderError
from mubench_gen.runs.results import Run
from mubench_gen.scores.paired import PairedDifference

_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class AgainstControl:
    """A run minus the control of its model, on the items that both answered."""

    run: str
    against: str
    control: str
    paired: PairedDifference

    @property
    def says(self) -> str:
        """Whether the run is "above", "at the level of" or "below" the control."""
        if self.paired.p >= _LEVEL:
            return "at the level of"
        return "above" if self.paired.difference > 0 else "below"

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

    for run in runs:
        for other in runs:
            control = other.manifest["settings"]["control"]
            if control == "none" or _without_control(run) != _without_control(other):
                continue
            if run.manifest["settings"]["control"] != "none":
                continue
            try:
                found = compare([run, other], intersection=True, adjust="none")
            except RunFolderError:  # they share no item that both answered
                continue
            pooled = found.differences[0].paired
            yield AgainstControl(run.dir.name, other.dir.name, control, pooled)


def _without_control(run: Run) -> tuple[Any, ...]:
    """What a run and its control have in common."""
    manifest = run.manifest
    settings = manifest["settings"]
    return (
        manifest["plugin"]["name"], manifest["model"]["id"], manifest["data"]["digest"],
        settings["prompt"], settings.get("readout"),
    )  # fmt: skip
