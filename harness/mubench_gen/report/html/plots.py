"""Runs → plots of the page: how well confidences are calibrated, where answers stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from mubench_gen.console.numbers import percent
from mubench_gen.report.figures.bars import PositionShares, positions
from mubench_gen.report.figures.drawing import styled
from mubench_gen.report.figures.reliability import reliability
from mubench_gen.report.html.study import RunStatistics


def calibration_plots(studies: Sequence[RunStatistics]) -> Iterator[dict[str, Any]]:
    """A reliability diagram of each run whose answers have confidences."""
    for study in studies:
        found = study.scores.calibration.get("pooled")
        if found is None:
            continue
        with styled():
            plot = reliability([(study.label, found)], first=study.number, count=len(studies))
        words = (
            f"expected error {percent(found.ece)} points; mean confidence "
            f"{percent(found.confidence)}\N{NO-BREAK SPACE}%, accuracy "
            f"{percent(found.accuracy)}\N{NO-BREAK SPACE}%"
        )
        yield {"plot": Markup(plot.inline()), "label": study.label, "colour": study.colour,
               "number": study.number, "words": words}  # fmt: skip


def position_plots(studies: Sequence[RunStatistics]) -> Iterator[dict[str, Any]]:
    """Where each run's answers stand, and the right ones, on one scale."""
    pooled = [study.scores.controls["pooled"] for study in studies]
    top = max((0.01, *(s for one in pooled for s in (*one.answered_at, *one.gold_at))))
    for study in studies:
        controls = study.scores.controls["pooled"]
        if not controls.answered_at and not controls.gold_at:
            continue
        circular = study.scores.circular.get("pooled")
        words = "" if circular is None else (
            f"right under every order in {percent(circular.consistent)}\N{NO-BREAK SPACE}% of "
            f"{circular.items:,} items; recalls by position have an SD of "
            f"{percent(circular.place_bias)} points, by chance about "
            f"{percent(circular.place_noise)}"
        )  # fmt: skip
        placed = PositionShares(study.label, controls.answered_at, controls.gold_at)
        with styled():
            plot = positions([placed], top=top, first=study.number, count=len(studies))
        yield {"plot": Markup(plot.inline()), "label": study.label, "colour": study.colour,
               "number": study.number, "words": words}  # fmt: skip
