"""A study's findings → tidy rows, for data frames, CSV and Parquet: shares between 0 and 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import SettingError, did_you_mean

if TYPE_CHECKING:
    from mubench_gen.ablation.analysis import Analysis

Row = dict[str, Any]
Ends = tuple[float, float] | None


def rows_of(study: Analysis, table: str) -> list[Row]:
    """The rows of a table of FRAMES. SettingError for another name."""
    if table not in FRAMES:
        raise SettingError(
            f"A study has no table {table!r}. {did_you_mean(table, FRAMES)} "
            f"There are: {', '.join(FRAMES)}."
        )
    return list(FRAMES[table](study))


def _cells(study: Analysis) -> Iterator[Row]:
    for one in study.findings.models:
        for at, cell in enumerate(one.cells):
            row = {
                "model": one.model, **cell.levels, "n": cell.tally.records,
                "errors": cell.tally.errors, "accuracy": cell.tally.accuracy,
                **_ends("ci95", cell.ci95), "unanswered": cell.tally.unanswered,
                "accuracy_answered": cell.tally.accuracy_answered,
                "place_bias": cell.tally.place_bias,
            }  # fmt: skip
            if one.estimated is not None:
                number = one.estimated.accuracies[at]
                row |= {"estimate": number.value, **_ends("estimate", number.ci95)}
            yield row


def _effects(study: Analysis) -> Iterator[Row]:
    for one in study.findings.models:
        for effect in one.effects.effects if one.effects is not None else ():
            for level in effect.levels:
                yield {
                    "model": one.model, "factor": effect.name, "level": level.level,
                    "accuracy": level.accuracy, "effect": level.effect,
                    **_ends("ci95", level.ci95), "share": effect.share, "p": effect.p,
                    "p_adjusted": effect.p_adjusted,
                }  # fmt: skip


def _flips(study: Analysis) -> Iterator[Row]:
    for one in study.items:
        for flip in one.flips:
            row: Row = {
                "model": one.model, "factor": flip.factor, "level": flip.level,
                "baseline": flip.baseline, "items": flip.changed.items,
            }  # fmt: skip
            for name in ("changed", "destructive", "corrective"):
                known = getattr(flip, name)
                row |= {name: known.value, **_ends(name, known.ci95)}
            row |= {"difference": flip.difference, **_ends("ci95", flip.ci95), "p": flip.p,
                    "p_adjusted": flip.p_adjusted}  # fmt: skip
            if flip.calibration is not None:
                for name in ("confidence", "overconfidence", "ece", "brier"):
                    shift = getattr(flip.calibration, name)
                    row |= {name: shift.difference, **_ends(name, shift.ci95)}
            yield row


def _stability(study: Analysis) -> Iterator[Row]:
    for one in study.items:
        for stable in one.stability:
            row: Row = {"model": one.model, "factor": stable.factor}
            for name in ("agreement", "right", "wrong", "sensitivity"):
                known = getattr(stable, name)
                ends = None if known is None else known.ci95
                row |= {name: None if known is None else known.value, **_ends(name, ends)}
            yield row


def _corruption(study: Analysis) -> Iterator[Row]:
    found = study.corruption
    for one in found.errors if found is not None else ():
        yield {
            "model": one.model, "baseline": found.baseline if found is not None else "",
            "transform": one.kind, "ce": one.ce, **_ends("ce", one.ci95),
            "relative": one.relative, **_ends("relative", one.relative_ci95),
        }  # fmt: skip


def _thinking(study: Analysis) -> Iterator[Row]:
    for name, levels in study.thinking.items():
        for one in levels:
            row: Row = {"model": name, "level": one.level, "answers": one.accuracy.n}
            for part in ("accuracy", "tokens", "thought", "cut"):
                score = getattr(one, part)
                row |= {part: score.value, **_ends(part, score.ci95)}
            yield row


def _debiased(study: Analysis) -> Iterator[Row]:
    for name, found in study.debiased.items():
        for one in found.methods:
            row = asdict(one)
            ends = row.pop("ci95")
            yield {"model": name, **row, **_ends("ci95", ends)}


def _gains(study: Analysis) -> Iterator[Row]:
    found = study.verdict
    for one in (*found.gains, *found.cells) if found is not None else ():
        row = asdict(one)
        ends = row.pop("ci95")
        yield {**row, **_ends("ci95", ends)}


FRAMES: Mapping[str, Callable[[Analysis], Iterator[Row]]] = {
    "cells": _cells, "effects": _effects, "flips": _flips, "stability": _stability,
    "corruption": _corruption, "thinking": _thinking, "debiased": _debiased, "gains": _gains,
}  # fmt: skip


def _ends(name: str, ends: Ends) -> Row:
    low, high = ends or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}
