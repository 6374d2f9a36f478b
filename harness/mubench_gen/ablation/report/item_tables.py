"""Measures of items, corruption errors, debiased read-outs and verdicts → tables of texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mubench_gen.ablation.grid import shown
from mubench_gen.ablation.report.tables import ends_of, tables_of
from mubench_gen.ablation.report.words import share_range
from mubench_gen.ablation.statistics.corruption import MEAN, Corruption
from mubench_gen.ablation.statistics.gains import Gain
from mubench_gen.ablation.statistics.item_pairs import Known
from mubench_gen.ablation.statistics.items import ItemFindings
from mubench_gen.ablation.statistics.thinking_costs import ThinkingCost
from mubench_gen.ablation.statistics.verdict import PairVerdict
from mubench_gen.console.formats import Strong, TextTable
from mubench_gen.console.numbers import ADJUSTED, p_value, percent, signed
from mubench_gen.report.debias_table import debias_table
from mubench_gen.scores.joint import Adjust

if TYPE_CHECKING:
    from mubench_gen.ablation.analysis import Analysis
    from mubench_gen.ablation.statistics.calibration_shift import Shift


def all_tables(study: Analysis) -> list[TextTable]:
    """Every table of a study, in the order of `report`."""
    found = [] if (verdict := study.verdict) is None else list(verdict_tables(verdict, study))
    found += tables_of(study.grid, study.findings, study.metrics, study.adjust)
    found += _design_tables(study)
    for one in study.items:
        found += items_tables(one, study.adjust)
    found += [thinking_table(name, own) for name, own in study.thinking.items()]
    if study.corruption is not None:
        found.append(corruption_table(study.corruption))
    found += [debias_table(one, study.adjust, name) for name, one in study.debiased.items()]
    return found


def _design_tables(study: Analysis) -> Iterator[TextTable]:
    """The effects that a fraction of a grid estimates, as they are stored."""
    stored = (study.document.get("design") or {}).get("effects", {})
    for model, effects in stored.items():
        yield TextTable(
            f"{model}: effects estimated from the cells that were asked, in points",
            ["effect of", "level", "effect", "95 % CI"],
            [[
                [one["term"], one["level"], signed(one["effect"]),
                 share_range(one["ci95"], signed=True)]
                for one in effects
            ]],
            texts=2,
        )  # fmt: skip


def items_tables(found: ItemFindings, how: Adjust) -> Iterator[TextTable]:
    """Flips against the baseline, the calibration's shift, and how stable answers are."""
    if found.flips or found.untold:
        yield TextTable(
            f"{found.model}: answers that change, in % of the items",
            ["factor", "level", "against", "items", "changed", "95 % CI", "right → wrong",
             "95 % CI", "wrong → right", "95 % CI", "difference", "95 % CI", ADJUSTED[_holm(how)]],
            [[
                [one.factor, shown(one.level), shown(one.baseline), f"{one.changed.items:,}",
                 *_known(one.changed), *_known(one.destructive), *_known(one.corrective),
                 signed(one.difference), share_range(one.ci95, signed=True),
                 p_value(one.p_adjusted)]
                for one in found.flips
            ] + [
                [one.factor, shown(one.level), shown(one.baseline), "0", *["–"] * 9]
                for one in found.untold
            ]],
            ["Changed: another option, or no answer. Cells differ by this factor alone, and show "
             "the images themselves except where the control is varied.", *_untold(found)],
            texts=3,
        )  # fmt: skip
    shifts = [(one, one.calibration) for one in found.flips if one.calibration is not None]
    if shifts:
        yield TextTable(
            f"{found.model}: shift of the calibration, in points",
            ["factor", "level", "against", "confidence", "95 % CI", "overconfidence", "95 % CI",
             "ECE", "95 % CI", "Brier", "95 % CI"],
            [[
                [one.factor, shown(one.level), shown(one.baseline), *_shift(shift.confidence),
                 *_shift(shift.overconfidence), *_shift(shift.ece), *_shift(shift.brier)]
                for one, shift in shifts
            ]],
            texts=3,
        )  # fmt: skip
    if found.stability:
        yield TextTable(
            f"{found.model}: answers that stay the same between two levels, in %",
            ["factor", "same answer", "95 % CI", "same and right", "same and wrong",
             "sensitivity", "95 % CI"],
            [[
                [one.factor, *_known(one.agreement), percent(one.right.value),
                 percent(one.wrong.value),
                 *(("–", "–") if one.sensitivity is None else _known(one.sensitivity))]
                for one in found.stability
            ]],
            ["Sensitivity: the entropy of an item's answers over the levels, in % of the largest "
             "possible; 0 where the answer is always the same."],
        )  # fmt: skip


def _untold(found: ItemFindings) -> Iterator[str]:
    """Why some levels have no numbers, a reason a line."""
    for why in dict.fromkeys(one.why for one in found.untold):
        where = ", ".join(f"{o.factor} {shown(o.level)}" for o in found.untold if o.why == why)
        yield f"No numbers of {where}: {why}."


def thinking_table(model: str, levels: Sequence[ThinkingCost]) -> TextTable:
    """Accuracy against tokens, by level of thinking."""
    return TextTable(
        f"{model}: accuracy against tokens",
        ["thinking", "answers", "accuracy, %", "95 % CI", "tokens written", "95 % CI",
         "of them thought", "cut before an answer, %"],
        [[
            [shown(one.level), f"{one.accuracy.n:,}", percent(one.accuracy.value),
             share_range(one.accuracy.ci95), _count(one.tokens.value),
             _counts(one.tokens.ci95), _count(one.thought.value), percent(one.cut.value)]
            for one in levels
        ]],
        ["Tokens of a reply, its thought among them, as the engine counts them. An answer that was "
         "cut while the model thought is unanswered, and counts as wrong."],
    )  # fmt: skip


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def _counts(ends: tuple[float, float] | None) -> str:
    return "–" if ends is None else f"{ends[0]:,.1f}–{ends[1]:,.1f}"


def corruption_table(found: Corruption) -> TextTable:
    """Corruption errors by kind, and their mean."""
    rows = [
        [
            one.model,
            "mean (mCE)" if one.kind == MEAN else one.kind,
            percent(one.ce), share_range(one.ci95),
            percent(one.relative), share_range(one.relative_ci95),
        ]
        for one in found.errors
    ]  # fmt: skip
    return TextTable(
        f"Corruption error, in % of that of {found.baseline}, on {found.items:,} items",
        ["model", "transform", "error", "95 % CI", "relative", "95 % CI"],
        [rows],
        ["Error: over the levels of a transform, a model's errors over the baseline model's. "
         "Relative: of both without the errors on the images as they are; “–”: the baseline "
         "model's errors hardly rise, or cells were asked that differ in more than the "
         "transform."],
        texts=2,
    )  # fmt: skip


def verdict_tables(found: PairVerdict, study: Analysis) -> Iterator[TextTable]:
    """The gain by level, how it changes between levels, and the gain by cell."""
    p = ADJUSTED[study.adjust]
    yield TextTable(
        f"{found.finetuned} against {found.base}: the gain by level, accuracy in %",
        ["factor", "level", "base", "fine-tune", "gain", "95 % CI", p, "verdict"],
        [[[one.factor or "all", shown(one.level) if one.factor else "", *_gain(one)]
          for one in found.gains]],
        ["Levels of prompts and of other settings: with the images as they are."],
        texts=2,
        lead=found.sentences,
        after=1,
    )  # fmt: skip
    if found.changes:
        yield TextTable(
            f"{found.finetuned} against {found.base}: how the gain changes, in points",
            ["factor", "level", "against", "gain", "gain there", "change", "95 % CI", p],
            [[[one.factor, shown(one.level), shown(one.baseline), signed(one.gain),
               signed(one.gain_there), signed(one.change), share_range(one.ci95, signed=True),
               p_value(one.p_adjusted)]
              for one in found.changes]],
            texts=3,
        )  # fmt: skip
    varied = [at for at, factor in enumerate(study.grid.factors) if len(factor.levels) > 1]
    by_label = {study.grid.label(cell): cell for cell in study.grid.cells}
    told = [(by_label[one.level], one) for one in found.cells]
    cells = sorted(told, key=lambda both: -both[1].gain)
    kept, between = ends_of(cells)
    yield TextTable(
        f"{found.finetuned} against {found.base}: the gain by cell, accuracy in %{between}",
        [*(study.grid.factors[at].name for at in varied), "base", "fine-tune", "gain", "95 % CI",
         p, "verdict"],
        [[[*(shown(cell.levels[at]) for at in varied), *_gain(one)] for cell, one in kept]],
        texts=len(varied),
        after=1,
    )  # fmt: skip


def _gain(one: Gain) -> Sequence[str]:
    word = one.verdict if one.verdict == "not known" else Strong(one.verdict)
    return [percent(one.base), percent(one.finetuned), signed(one.gain),
            share_range(one.ci95, signed=True), p_value(one.p_adjusted), word]  # fmt: skip


def _known(found: Known) -> list[str]:
    return [percent(found.value), share_range(found.ci95)]


def _shift(found: Shift) -> list[str]:
    return [signed(found.difference), share_range(found.ci95, signed=True)]


def _holm(how: Adjust) -> Adjust:
    """How p are adjusted where max-T is Holm."""
    return "holm" if how == "maxt" else how
