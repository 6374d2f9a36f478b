"""Folders as commands take them → runs: a study has several, a sweep one for each α."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mubench_gen.report.figures.intervals import Group
    from mubench_gen.report.figures.squares import Step


def runs_in(paths: Sequence[Path]) -> list[Path]:
    """The folders of the runs. RunFolderError for a study or a sweep that cannot be read."""
    return [run for path in paths for run in _runs(path)]


def _runs(path: Path) -> Iterator[Path]:
    from mubench_gen.ablation.studyfolder import STUDY, runs_of
    from mubench_gen.interpolation.sweep.sweep import SWEEP

    if (path / STUDY).is_file():
        yield from runs_of(path)
    elif (path / SWEEP).is_file():
        yield from _of_sweep(path)
    else:
        yield path


def _of_sweep(path: Path) -> list[Path]:
    from mubench_gen.errors import RunFolderError

    found = [run.parent for run in path.glob("alpha-*/manifest.json")]
    if not found:
        raise RunFolderError(f"{path}: is a sweep that has no run yet: run its command again.")
    return sorted(found, key=lambda run: (_alpha(run.name), run.name))


def _alpha(name: str) -> float:
    try:
        return float(name.removeprefix("alpha-"))
    except ValueError:
        return -1.0  # the base


@dataclass(frozen=True, slots=True)
class Findings:
    """What figures show of studies and sweeps: effects by model, and the steps of a sweep."""

    effects: Mapping[str, Sequence[Group]]
    steps: Sequence[Step]


def findings_in(paths: Sequence[Path]) -> Findings:
    """The results that these folders store; empty for runs, and for what is not finished."""
    from mubench_gen.ablation.studyfolder import STUDY
    from mubench_gen.interpolation.sweep.sweep import SWEEP

    effects: dict[str, Sequence[Group]] = {}
    steps: list[Step] = []
    for path in paths:
        if (path / STUDY).is_file():
            effects |= _effects(_results(path / STUDY))
        elif (path / SWEEP).is_file():
            steps += _steps(_results(path / SWEEP))
    return Findings(effects, steps)


def _results(path: Path) -> dict[str, Any]:
    from mubench_gen.errors import RunFolderError
    from mubench_gen.storage.user_files import read_json

    try:
        found = read_json(path).get("results") or {}
    except (OSError, ValueError, AttributeError) as error:
        raise RunFolderError(f"{path}: cannot be read: {error}.") from None
    return dict(found)


def _effects(results: Mapping[str, Any]) -> dict[str, Sequence[Group]]:
    from mubench_gen.report.figures.kinds import effect_groups

    return {
        one["model"]: effect_groups(
            (
                effect["source"][0],
                [(level["level"], level["effect"], tuple(level["ci95"]))
                 for level in effect["levels"]],
            )
            for effect in (one["effects"] or {"effects": ()})["effects"]
        )
        for one in results.get("models", ())
    }  # fmt: skip


def _steps(results: Mapping[str, Any]) -> list[Step]:
    from mubench_gen.interpolation.sweep.frontier import BASE, IN_DOMAIN, MEAN, REST
    from mubench_gen.report.figures.squares import Step

    found: dict[str, dict[str, float]] = {}
    for point in (results.get("frontier") or {"points": ()})["points"]:
        found.setdefault(point["alpha"], {})[point["part"]] = point["accuracy"]
    return [
        Step(alpha, None if alpha == BASE else float(alpha), of[IN_DOMAIN], of[REST], of[MEAN])
        for alpha, of in found.items()
    ]
