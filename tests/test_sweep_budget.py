"""`sweep --budget`: where answers are spent, that the best is found, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mubench_gen
from mubench_gen.data.demo import write_demo
from mubench_gen.errors import SettingError
from mubench_gen.interpolation.sweep.budget.budget import drawn_with
from mubench_gen.interpolation.sweep.budget.halving import (
    PoolItem,
    Search,
    pool_of,
    schedule,
    search,
)

from .conftest import Here
from .helpers.packages import package

ITEMS = [PoolItem(f"{n}/{half}", str(n), half == "in") for n in range(400) for half in ("in", "re")]
NAMES = [f"vision={v},text={t}" for v in range(5) for t in range(5)]


def found_in(true: Sequence[float], *, budget: int, seed: int) -> Search:
    """A search among these true means."""
    drawn = np.random.default_rng(seed)
    ease = {item.name: drawn.random() for item in ITEMS}

    def ask(names: Sequence[str], items: Sequence[str]) -> Sequence[float]:
        return [
            float(np.mean([0.7 * ease[item] + 0.3 * drawn.random() < true[NAMES.index(name)]
                           for item in items]))
            for name in names
        ]  # fmt: skip

    pool = pool_of(ITEMS, seed=seed)
    return search(NAMES, [NAMES[0], NAMES[-1]], ask, pool, budget=budget, cost=1)


def test_images_that_choose_do_not_confirm() -> None:
    pool = pool_of(ITEMS, seed=3)
    images = [{name.partition("/")[0] for half in part for name in half}
              for part in (pool.search, pool.confirm)]  # fmt: skip
    assert not images[0] & images[1]
    assert sum(map(len, images)) == 400
    assert pool == pool_of(reversed(ITEMS), seed=3)
    assert pool != pool_of(ITEMS, seed=4)


def test_items_of_one_patient_do_not_choose_and_confirm_by_different_images() -> None:
    def drawn(image: str, meta: dict[str, str], *fields: str, of_task: str = "") -> str:
        row = SimpleNamespace(dataset="cells", image_id=image, meta=meta)
        sample: Any = SimpleNamespace(row=row, task=SimpleNamespace(cluster=of_task))
        return drawn_with(sample, fields)

    one = {"patient": "7"}
    assert drawn("a", one) != drawn("b", one)
    assert drawn("a", one, "patient") == drawn("b", one, "patient")
    assert drawn("a", one, of_task="patient") == drawn("b", one, "patient", "site")
    assert drawn("a", {}, "patient") != drawn("b", {}, "patient")


def test_the_better_half_stays_and_no_more_is_asked_than_the_budget() -> None:
    found = found_in([0.3 + 0.02 * place for place in range(25)], budget=3_000, seed=0)
    assert [len(one.alphas) for one in found.rounds] == [25, 13, 7, 4, 2]
    for before, after in zip(found.rounds, found.rounds[1:], strict=False):
        assert set(after.alphas) < set(before.alphas)
        assert after.items > before.items
        dropped = set(before.alphas) - set(after.alphas)
        assert max(map(before.means.__getitem__, dropped)) <= min(
            map(before.means.__getitem__, after.alphas)
        )
    assert found.spent == sum(found.answers.values()) <= 3_000
    assert found.finalists[0] == NAMES[0]
    assert found.finalists[-1] == NAMES[-1]
    assert found.answers[found.chosen] > 10 * found.answers[NAMES[3]]


def test_a_budget_without_an_item_for_each_is_refused_with_the_least() -> None:
    with pytest.raises(SettingError, match="Give 500 or more"):
        schedule(25, 499, 1, 100)
    assert schedule(25, 500, 1, 100)[0] == 1
    with pytest.raises(SettingError, match="too few images"):
        pool_of(ITEMS[:2], seed=0)


@pytest.mark.exhaustive
def test_what_is_chosen_is_nearly_the_best_and_better_than_by_an_even_spread() -> None:
    """Of 25, a tenth of the answers that all would take."""
    true = [0.4 + 0.2 * np.sin(place / 24 * np.pi) for place in range(25)]
    lost, even = [], []
    for seed in range(60):
        found = found_in(true, budget=2_000, seed=seed)
        lost.append(max(true) - true[NAMES.index(found.chosen)])
        drawn = np.random.default_rng(seed)
        share = drawn.binomial(40, true) / 40  # half of the budget, as the search has
        even.append(max(true) - true[int(share.argmax())])
    assert np.mean(lost) < 0.02
    assert np.mean(lost) < np.mean(even)


package("torch", "the tiny models need the extra transformers")


def test_a_sweep_with_a_budget_is_told_and_resumed(here: Here, tmp_path: Path) -> None:
    write_demo(tmp_path / "demo", images=60)
    flags = (
        "sweep", "--plugin", "tiny", "--base", "clip", "--finetuned", "clip-finetuned", "--alpha",
        "0,0.5,1", "--tasks", "modality,stain", "--in-domain", "modality", "--budget", "60",
        "--data", tmp_path / "demo", "--run-dir", "s", "--in-process",
    )  # fmt: skip
    done = here(*flags, "--json", "--html", "s.html")
    assert done.code == 0, done.err
    spent = done.document["search"]
    records = {
        alpha: list(mubench_gen.load_run(run).records())
        for alpha, run in done.document["runs"].items()
    }
    assert {alpha: len(own) for alpha, own in records.items()} == spent["answers"]
    assert spent["spent"] == sum(spent["answers"].values()) <= 60
    assert done.document["frontier"]["items"] == spent["confirmed"]
    assert done.document["frontier"]["alphas"] == list(spent["finalists"])
    before = {run: (Path(run) / "records.jsonl").read_bytes()
              for run in done.document["runs"].values()}  # fmt: skip
    lost = Path(done.document["runs"]["1"]) / "records.jsonl"
    lines = lost.read_bytes().splitlines(keepends=True)
    lost.write_bytes(b"".join(lines[:3]))
    again = here(*flags, "--json")
    assert again.document == done.document
    del before[str(lost.parent)]
    assert {run: (Path(run) / "records.jsonl").read_bytes() for run in before} == before
    assert len(lost.read_bytes().splitlines()) == len(lines)
    assert "What the budget was spent on" in (tmp_path / "s.html").read_text("utf-8")
    assert "Sequential halving" in here("report", "s").out
    few = here(*flags[:-7], "--budget", "20", "--data", tmp_path / "demo", "--run-dir", "t")
    assert few.code == 2
    assert "Give 24 or more" in few.err
