"""How much of the probability the labels have: recorded, reported, warned of where it is low."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from mubench_gen.scores.label_mass import LabelMassTally, label_mass

from .helpers.command import Outcome
from .helpers.data import write_data

Here = Callable[..., Outcome]
THINKER = """
import math
import mubench_gen
from pydantic import Field

class Thinker(mubench_gen.GenerativeModel):
    class Options(mubench_gen.Options):
        mass: float = Field(1.0, gt=0, description="what the labels have together")

    def generate(self, requests):
        return ["A" for _ in requests]

    def label_logprobs(self, requests):
        return [[math.log(self.options.mass / len(r.labels)) for _ in r.labels] for r in requests]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("thinker", Thinker)]
"""


def scored(*scores: float | None) -> dict[str, object]:
    return {"readout": "logprob", "scores": list(scores)}


def test_it_is_the_sum_of_the_labels_probabilities() -> None:
    assert label_mass(scored(math.log(0.5), math.log(0.25), None)) == pytest.approx(0.75)
    assert label_mass(scored(0.0001, -9.0)) == 1.0  # rounding of an engine
    assert label_mass({"readout": "similarity", "scores": [0.2, 0.1]}) is None
    assert label_mass({"readout": "logprob", "scores": None}) is None


def test_the_median_is_known_to_three_digits_in_any_order() -> None:
    draw = random.Random(3)
    masses = [10 ** draw.uniform(-8, 0) for _ in range(1_001)]
    found = []
    for order in (masses, sorted(masses)):
        tally = LabelMassTally()
        for mass in order:
            tally.add(scored(math.log(mass)))
        found.append(tally.label_mass())
    assert found[0] == found[1]
    assert found[0] is not None
    assert found[0].median == pytest.approx(median(masses), rel=0.006)
    assert found[0].below == sum(mass < 0.05 for mass in masses) / 1_001


@pytest.fixture
def run(here: Here, tmp_path: Path) -> Callable[[float], Path]:
    (tmp_path / "thinker.py").write_text(THINKER)
    data = write_data(tmp_path / "cells")

    def evaluate(mass: float) -> Path:
        folder = tmp_path / f"run-{mass}"
        args = ("--plugin", tmp_path / "thinker.py", "-o", f"mass={mass}", "--data", data)
        outcome = here("eval", *args, "--readout", "logprob", "--run-dir", folder)
        assert outcome.code == 0, outcome.err
        return folder

    return evaluate


def test_a_low_mass_is_recorded_and_warned_of(run: Callable[[float], Path], here: Here) -> None:
    low, high = run(0.00001), run(0.9)
    record = json.loads((low / "records.jsonl").read_text().splitlines()[0])
    assert record["label_mass"] == pytest.approx(0.00001)
    told = here("report", low).out
    assert "The labels have 0.001 % of the probability, in the median. Caution:" in told
    assert json.loads(here("report", low, "--json").out)
    assert "Caution: the model would begin" not in here("report", high).out
    assert "The labels have 90.0 %" in here("report", high).out
    compared = here("compare", low, high)
    assert "run 1: The labels have 0.001 %" in " ".join((compared.out + compared.err).split())
    stored = json.loads((low / "scores.json").read_text())["scores"]["label_mass"]
    assert (stored["n"], stored["below"]) == (6, 1.0)
