"""The results of studies and sweeps, as they are stored → what figures show of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mubench_gen.report.figures.intervals import DotRow, Mark
from mubench_gen.report.figures.squares import SweepPoint
from mubench_gen.runs.studies import StoredStudy

_BASE = "base"  # the α of a base that none gives


def effects_of(studies: Iterable[StoredStudy]) -> dict[str, Sequence[DotRow]]:
    """By model, a group for each factor with the effects of its levels; empty of sweeps."""
    return {
        str(one["model"]): [group for effect in _effects(one) if (group := _group(effect)).marks]
        for study in studies
        for one in study.results.get("models", ())
    }


def steps_of(studies: Iterable[StoredStudy]) -> list[SweepPoint]:
    """The steps of the sweeps, by ascending α."""
    found: list[SweepPoint] = []
    for study in studies:
        stored = study.results.get("frontier") or {}
        bound = (stored.get("mix") or {}).get("bound", "")
        found += steps_of_points(stored.get("points", ()), stored.get("beside", ()), bound)
    return found


def steps_of_points(
    points: Iterable[Mapping[str, Any]],
    beside: Iterable[Mapping[str, Any]] = (),
    bound: str = "",
) -> list[SweepPoint]:
    """The steps of one sweep, from its points as they are stored. `beside`: points of mixes with
    an α for each answer, and of their upper bound, which has the name `bound`."""
    mixes = [
        replace(step, method=None, kind="bound" if step.name == bound else "mix")
        for step in _steps(beside)
    ]
    return [*_steps(points), *mixes]


def _steps(points: Iterable[Mapping[str, Any]]) -> list[SweepPoint]:
    at: dict[str, dict[str, Mapping[str, Any]]] = {}
    for point in points:
        at.setdefault(str(point["alpha"]), {})[point["part"]] = point
    found: list[SweepPoint] = []
    for alpha, parts in at.items():
        several = [parts[part] for part in ("in-domain", "rest", "mean")]
        inside, rest, mean = (float(one["accuracy"]) for one in several)
        bands = [_band(one) for one in several]
        known = tuple(band for band in bands if band is not None)
        found.append(
            SweepPoint(
                alpha,
                number_of(several[0]),
                inside,
                rest,
                mean,
                known if len(known) == len(bands) else (),
                several[0].get("method"),
            )
        )
    return found


def number_of(point: Mapping[str, Any]) -> float | None:
    """α as a number; None for a model itself and by part. Older sweeps stored its name alone."""
    if "at" in point:
        return None if point["at"] is None else float(point["at"])
    alpha = str(point["alpha"])
    return None if alpha == _BASE or "=" in alpha else float(alpha)


def _band(point: Mapping[str, Any]) -> tuple[float, float] | None:
    """Where an accuracy may be, from the band of its gain over the base; None of older sweeps."""
    gain, value = point.get("over_base"), float(point["accuracy"])
    if gain is None:
        return value, value
    if "band" not in gain:
        return None
    base = value - gain["difference"]
    return base + gain["band"][0], base + gain["band"][1]


def _effects(model: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = (model.get("effects") or {}).get("effects", ())
    return found


def _group(effect: Mapping[str, Any]) -> DotRow:
    """A factor with its levels; interactions have none."""
    return DotRow(
        " × ".join(effect["source"]),
        [
            Mark(str(level["level"]), level["effect"], (level["ci95"][0], level["ci95"][1]))
            for level in effect["levels"]
        ],
    )
