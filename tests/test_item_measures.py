"""Measures of a study's items on answers of known accuracy: flips, corruption, debiasing.

benchmarks/studies.py has the simulation, and docs/statistics.md the figures of the whole of it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mubench_gen.ablation.statistics.cell_pairs import matched
from mubench_gen.ablation.statistics.corruption import MEAN, corruption
from mubench_gen.ablation.statistics.items import item_findings
from mubench_gen.ablation.statistics.verdict import verdict
from mubench_gen.scores.debias import debias
from mubench_gen.scores.label_probabilities import Readouts

_SCRIPT = Path(__file__).parents[1] / "benchmarks" / "studies.py"


@pytest.fixture(scope="module")
def studies() -> ModuleType:
    spec = importlib.util.spec_from_file_location("studies", _SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.first(3)
@pytest.mark.parametrize(
    ("part", "many"),
    [("flips", 5_000), ("corruption", 5_000), ("debias", 500), ("calibration", 8_000),
     ("two-way", 8_000), ("budget", 6_000)],
)  # fmt: skip
def test_intervals_hold_what_is_true(studies: ModuleType, part: str, many: int) -> None:
    """In 20 data sets an interval of 95 % fails more than five times once in 10,000."""
    found = studies.coverage(part, 60, 20, many=many)
    for name, (_, share) in found.items():
        assert share >= 0.7, name
    assert np.mean([share for _, share in found.values()]) > 0.9


def test_flips_and_differences_agree_with_brute_force(studies: ModuleType) -> None:
    answers, grid = studies.drawn(30, 1), studies.grid()
    found = item_findings(grid, answers, "model")
    assert [one.level for one in found.flips] == ["plain", "blur:1", "blur:3", "jpeg:2"]
    for one in found.flips:
        pairs = [
            (a, b)
            for a, first in enumerate(grid.cells)
            for b, other in enumerate(grid.cells)
            if {one.level} == {*first.levels} - {*other.levels}
            and {one.baseline} == {*other.levels} - {*first.levels}
        ]
        assert sorted(matched(grid, one.factor, one.level, one.baseline)) == sorted(pairs)
        right, choice = answers.right, answers.choice
        assert one.changed.value == pytest.approx(
            np.mean([choice[:, a] != choice[:, b] for a, b in pairs])
        )
        lost = [(right[:, b] == 1) & (right[:, a] == 0) for a, b in pairs]
        assert one.destructive.value == pytest.approx(np.mean(lost))
        assert one.difference == pytest.approx(one.corrective.value - one.destructive.value)
        assert one.p_adjusted >= one.p
    assert found.matrix[0][1] == pytest.approx(
        (answers.choice[:, 0] != answers.choice[:, 1]).mean()
    )
    shares = [one.changed for one in found.unstable]
    assert shares == sorted(shares, reverse=True)


def test_an_item_of_one_answer_has_no_sensitivity_and_one_of_all_has_it_whole(
    studies: ModuleType,
) -> None:
    from dataclasses import replace

    answers = studies.drawn(10, 2)
    same = replace(answers, choice=np.zeros_like(answers.choice))
    for one in item_findings(studies.grid(), same, "model").stability:
        assert one.sensitivity.value == 0
        assert one.agreement.value == 1
    places = np.array([[cell.levels[0] == "plain" for cell in studies.grid().cells]])
    apart = replace(answers, choice=np.repeat(places.astype(np.int8), len(answers.items), axis=0))
    prompt, transform = item_findings(studies.grid(), apart, "model").stability
    assert prompt.sensitivity.value == pytest.approx(1)
    assert transform.sensitivity.value == 0


def test_corruption_errors_are_ratios_of_sums_of_errors(studies: ModuleType) -> None:
    models = [studies.drawn(400, 5), studies.drawn(400, 5, better=0.5)]
    grid = studies.grid()
    found = corruption(grid, models, ["base", "better"])
    assert found is not None
    errors = [
        {level: np.mean([1 - one.right[:, at] for at, cell in enumerate(grid.cells)
                         if cell.levels[1] == level]) for level in studies.LEVELS["transform"]}
        for one in models
    ]  # fmt: skip
    base, better = errors
    ce = {
        "blur": (better["blur:1"] + better["blur:3"]) / (base["blur:1"] + base["blur:3"]),
        "jpeg": better["jpeg:2"] / base["jpeg:2"],
    }
    ce[MEAN] = (ce["blur"] + ce["jpeg"]) / 2
    told = {one.kind: one for one in found.errors if one.model == "better"}
    for kind, value in ce.items():
        assert told[kind].ce == pytest.approx(value)
    rise = (better["jpeg:2"] - better["none"]) / (base["jpeg:2"] - base["none"])
    assert told["jpeg"].relative == pytest.approx(rise)
    for one in found.errors:
        if one.model == "base":
            assert one.ce == pytest.approx(1)
            assert one.ci95 is None
    turned = corruption(grid, models, ["base", "better"], "better")
    assert turned is not None
    assert turned.errors[0].ce == pytest.approx(1 / ce["blur"])
    assert corruption(grid, models[:1], ["base"]) is None


def test_without_a_preference_for_labels_nothing_is_gained(studies: ModuleType) -> None:
    fair = Readouts()
    for record in studies.records(80, 3):
        scores = np.array(record["scores"]) - studies.PRIOR
        record["scores"] = scores.tolist()
        record["choice"] = int(scores.argmax())
        fair.add([record])
    for one in debias(fair).methods:
        assert abs(one.difference) < 0.05, one.method


def test_a_known_prior_is_divided_out_again(studies: ModuleType) -> None:
    """Scores that are right but for the prior: each method gives back the right answers."""
    given, blind = Readouts(), Readouts()
    for record in studies.records(60, 4):
        # The right option is ahead by 0.3, less than what the first label has of the prior.
        content = np.array([0.3 if place == record["gold"] else 0.0 for place in range(4)])
        for to, scores in ((given, content + studies.PRIOR), (blind, studies.PRIOR)):
            record["scores"] = (scores - np.log(np.exp(scores).sum())).tolist()
            record["choice"] = int(scores.argmax())
            to.add([record])
    found = debias(given, blind)
    assert not found.missing
    for one in found.methods:
        assert one.before < 0.5
        assert one.after == pytest.approx(1), one.method
        assert one.p_adjusted < 0.001


def test_pride_needs_balanced_orders_and_takes_an_option_that_stays_as_it_is(
    studies: ModuleType,
) -> None:
    """The last option never moves, as "none of the above" does not."""
    stays, torn = Readouts(), Readouts()
    for record in studies.records(60, 6):
        turn = record["order"][0]
        if turn == 3:
            continue
        record["order"] = [*((place + turn) % 3 for place in range(3)), 3]
        record["gold"] = record["order"].index(0)
        content = np.array([0.3 if place == record["gold"] else 0.0 for place in range(4)])
        scores = content + studies.PRIOR
        record["scores"] = (scores - np.log(np.exp(scores).sum())).tolist()
        record["choice"] = int(scores.argmax())
        stays.add([record])
        if turn < 2:
            torn.add([record])
    pride = next(one for one in debias(stays).methods if one.method == "pride")
    assert pride.before == pytest.approx(1 / 3)
    assert pride.after == pytest.approx(1)
    assert "pride" in debias(torn).missing


def test_of_a_fraction_of_a_grid_the_cells_that_were_asked_are_compared(
    studies: ModuleType,
) -> None:
    from dataclasses import replace

    answers = studies.drawn(60, 7)
    whole = item_findings(studies.grid(), answers, "model")
    right, choice = answers.right.copy(), answers.choice.copy()
    right[:, [1, 6]], choice[:, [1, 6]] = np.nan, -4  # letter with blur:1, plain with blur:3
    part = item_findings(studies.grid(), replace(answers, right=right, choice=choice), "model")
    assert [one.level for one in part.flips] == [one.level for one in whole.flips]
    assert part.flips[3] == replace(whole.flips[3], p_adjusted=part.flips[3].p_adjusted)
    prompt = part.stability[0]
    pairs = [(0, 4), (3, 7)]
    alike = [answers.choice[:, one] == answers.choice[:, other] for one, other in pairs]
    assert prompt.agreement.value == pytest.approx(np.mean(alike))
    assert part.matrix[0][1] is None


def test_under_a_budget_items_are_compared_where_both_cells_were_asked(
    studies: ModuleType,
) -> None:
    answers = studies.in_part(studies.drawn(60, 8), 8)
    grid = studies.grid()
    found = item_findings(grid, answers, "model")
    assert found.untold == ()
    for one in found.flips:
        pairs = matched(grid, one.factor, one.level, one.baseline)
        differ = np.array([answers.choice[:, a] != answers.choice[:, b] for a, b in pairs])
        both = np.array([(answers.choice[:, [a, b]] >= 0).all(axis=1) for a, b in pairs])
        items = both.any(axis=0)
        each = (differ & both)[:, items].sum(axis=0) / both[:, items].sum(axis=0)
        assert one.changed.value == pytest.approx(each.mean())
        assert one.changed.items == items.sum() < len(answers.items)
        assert one.changed.ci95[0] < one.changed.value < one.changed.ci95[1]
        assert one.calibration is not None


def test_a_gain_under_a_budget_is_the_mean_of_its_cells_on_what_both_models_answered(
    studies: ModuleType,
) -> None:
    models = [studies.drawn(60, 9), studies.drawn(60, 9, better=0.5)]
    names, grid = ("base", "better"), studies.grid()
    whole = verdict(grid, models, names)
    assert whole is not None
    assert verdict(grid, models, names, whole=False) == whole
    base, better = (studies.in_part(one, 9) for one in models)
    found = verdict(grid, [base, better], names, whole=False)
    assert found is not None
    assert found.missing == ()
    cells = [at for at, cell in enumerate(grid.cells) if cell.levels[1] == "blur:3"]
    wanted = np.mean([np.nanmean((better.right - base.right)[:, at]) for at in cells])
    gains = {(one.factor, one.level): one for one in found.gains}
    assert gains["transform", "blur:3"].gain == pytest.approx(wanted)
    assert gains["transform", "blur:3"].items < gains["", ""].items + gains["prompt", "plain"].items
    wide, narrow = (one.gains[0].ci95[1] - one.gains[0].ci95[0] for one in (found, whole))
    assert wide > narrow


def test_where_no_two_cells_can_be_compared_it_is_said_why(studies: ModuleType) -> None:
    from dataclasses import replace

    grid, models = studies.grid(), [studies.drawn(30, 3), studies.drawn(30, 3, better=0.5)]
    asked = [0, 5]  # letter without a transform, plain with blur:1
    parts = [
        replace(
            one,
            right=np.where(np.isin(range(8), asked), one.right, np.nan),
            choice=np.where(np.isin(range(8), asked), one.choice, np.int8(-4)),
        )
        for one in models
    ]
    found = item_findings(grid, parts[0], "model")
    assert (found.flips, len(found.untold)) == ((), 4)
    assert {one.why for one in found.untold} == {"no two cells that were asked differ by it alone"}
    told = verdict(grid, parts, ("base", "better"), whole=False)
    assert told is not None
    assert told.changes == ()
    assert "no such cells, else alike, were asked" in " ".join(told.sentences)
