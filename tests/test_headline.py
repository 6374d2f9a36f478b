"""The headline with intervals: macro means, baselines, calibration, sampling by task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mubench_gen.doctor.statistics import self_test
from mubench_gen.report.inference_notes import inference_notes
from mubench_gen.scores.estimand import estimand
from mubench_gen.scores.estimate import share_estimate
from mubench_gen.scores.score import score

from .conftest import Here
from .spine import evaluate, plain_record

DRAWN = np.random.default_rng(1)


def answers(images: int = 60) -> list[dict[str, Any]]:
    """Two tasks of unequal size: a hard one about few images, an easy one about all."""
    made = []
    for image in range(images):
        made.append(answer(image, "easy", right=bool(DRAWN.random() < 0.9)))
        if image % 3 == 0:
            made.append(answer(image, "hard", right=bool(DRAWN.random() < 0.3)))
    return made


def answer(
    image: int, task: str, *, right: bool, gold: int = 0, dataset: str = "d"
) -> dict[str, Any]:
    return plain_record(
        image,
        id=f"{image}/{task}/p/parse/given/0",
        image_sha256=f"image{image}",
        task=task,
        dataset=dataset,
        options=["a", "b", "c", "d"],
        gold=gold,
        choice=gold if right else (gold + 1) % 4,
        correct=right,
        status="answered",
    )


def test_the_mean_of_the_tasks_has_an_interval_of_its_own() -> None:
    made = answers()
    found = score(made).headline
    assert found is not None
    assert found.macro_tasks is not None
    right = np.array([r["correct"] for r in made], float)
    task = np.array([r["task"] == "hard" for r in made], int)
    image = np.array([int(r["image_sha256"][5:]) for r in made])
    expected = share_estimate(
        estimand(right, image, weights=1 / np.bincount(task)[task], strata=task)
    )
    assert found.macro_tasks.value == pytest.approx(expected.value)
    assert found.macro_tasks.ci95 == pytest.approx(expected.ci95)
    assert found.macro_corrected is not None
    value, ends = found.macro_corrected
    assert value == pytest.approx((expected.value - 0.25) / 0.75)
    assert ends == pytest.approx(tuple((end - 0.25) / 0.75 for end in expected.ci95))
    assert found.macro_datasets is None


def test_a_small_run_is_cautioned_in_one_short_line() -> None:
    made = [answer(i, f"task-{i % 9}", right=i % 4 > 0, gold=i % 2) for i in range(45)]
    told = [note for note in inference_notes(score(made)) if "Too little" in note]
    assert told == ["Too little data for intervals that surely hold: all tasks."]
    some = [*made, *(answer(i, "task-0", right=i % 2 > 0) for i in range(100, 200))]
    (told,) = [note for note in inference_notes(score(some)) if "Too little" in note]
    assert told.endswith("task-4, task-5, task-6 and 2 more.")
    assert "task-0" not in told
    assert len(told) < 160


def test_a_sample_by_task_has_a_narrower_interval_than_one_drawn_of_all() -> None:
    made = answers()
    drawn, fixed = score(made).pooled, score(made, sampled_by_task=True).pooled
    assert drawn.accuracy == fixed.accuracy
    assert drawn.ci95 is not None
    assert fixed.ci95 is not None
    assert fixed.ci95[1] - fixed.ci95[0] < 0.95 * (drawn.ci95[1] - drawn.ci95[0])


def test_what_always_gives_the_majority_is_at_the_level_of_the_majority() -> None:
    golds = [0] * 70 + [1] * 30
    constant = [answer(i, "t", right=gold == 0, gold=gold) for i, gold in enumerate(golds)]
    at = score(constant).headline
    assert at is not None
    assert at.majority["t"].baseline == pytest.approx(0.7)
    assert at.majority["t"].difference == 0
    assert at.majority["t"].says == "at the level of"
    assert at.chance["t"].says == "above"
    perfect = [answer(i, "t", right=True, gold=gold) for i, gold in enumerate(golds)]
    above = score(perfect).headline
    assert above is not None
    assert above.majority["t"].says == "above"
    assert above.majority["t"].difference == pytest.approx(0.3)
    low, high = above.majority["t"].ci95
    assert 0.2 < low < 0.3 < high < 0.42


def test_an_interval_of_the_answered_counts_only_those() -> None:
    made = [answer(i, "t", right=i % 2 == 0) for i in range(80)]
    for one in made[40:]:
        one.update(status="none", choice=None, correct=False)
    pooled = score(made).pooled
    expected = share_estimate(estimand([float(i % 2 == 0) for i in range(40)], range(40)))
    assert pooled.accuracy_answered == 0.5
    assert pooled.answered_ci95 == pytest.approx(expected.ci95)


def test_a_report_says_where_a_run_is_at_the_level_of_a_baseline_or_its_control(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    blind = evaluate("echo", tmp_path / "blind", data=cells, control="blind")
    printed = " ".join(here("report", run.dir, "--each").out.split())
    assert "the majority baseline" in printed
    assert "chance" in printed
    both = " ".join(here("report", run.dir, blind.dir).out.split())
    assert "run is at the level of its blind control blind" in both
    document = json.loads(here("report", run.dir, blind.dir, "--json").out)
    (against,) = document["against_controls"]
    assert against["says"] == "at the level of"
    assert against["paired"]["p"] == 1


def test_the_self_test_holds_for_a_run_and_is_the_seeds(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells, tasks=("modality", "stain"))
    done = here("doctor", "--statistics", run.dir, "--json")
    found = json.loads(done.out)
    assert done.code == 0
    assert found["holds"]
    assert {row["name"] for row in found["intervals"]} == {
        "pooled", "mean of the tasks", "modality", "stain",
    }  # fmt: skip
    again = [one.held for one in self_test(run, seed=0)]
    assert again == [row["held"] for row in found["intervals"]]
    assert here("doctor", "--cluster", "slide").code == 2
    assert here("doctor", "--statistics", run.dir, "--cluster", "slyde").code == 2


def test_the_headline_is_bitwise_the_same_for_any_order_of_the_records() -> None:
    made = [
        answer(i, task, right=(i * 7 + len(task)) % 3 > 0, gold=(i * i) % 4, dataset=f"d{i % 2}")
        for i in range(40)
        for task in ("modality", "stain", "domain")
    ]
    shuffled = [made[i] for i in np.random.default_rng(2).permutation(len(made))]
    assert score(made).as_dict() == score(shuffled).as_dict()
