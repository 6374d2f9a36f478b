"""How sure a generative model is: its label log-probabilities, calibrated as cosines are."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mubench_gen.scores.calibration import confidence, probabilities_of
from mubench_gen.scores.score import score
from mubench_gen.storage.records import Record

from .spine import evaluate, make_row, plain_record, write_data


def logprob_record(number: int, scores: list[float | None], **fields: object) -> Record:
    return plain_record(number, readout="logprob", reply=None, scores=scores, **fields)


def test_a_labels_confidence_is_its_share_among_the_labels() -> None:
    scores = [math.log(0.3), math.log(0.1), math.log(0.05), math.log(0.05)]
    found = probabilities_of(logprob_record(0, scores))
    assert found is not None
    assert confidence(found, 0) == pytest.approx(0.6)
    assert confidence(found, 1) == pytest.approx(0.2)


def test_labels_that_are_impossible_or_far_away_are_no_obstacle() -> None:
    found = probabilities_of(logprob_record(0, [-2_000.0, None, -2_001.0, None]))
    assert found is not None
    assert confidence(found, 0) == pytest.approx(1 / (1 + math.exp(-1)))
    nothing = probabilities_of(logprob_record(0, [None] * 4))
    assert nothing is not None
    assert confidence(nothing, 2) == 0.25


def test_what_is_no_probability_is_not_calibrated() -> None:
    assert probabilities_of(plain_record(0)) is None
    assert probabilities_of(plain_record(0, readout="similarity", scores=[0.1, 0.2])) is None
    assert probabilities_of(plain_record(0, probabilities=[0.5, 0.5])) == [0.5, 0.5]


def test_scores_calibrate_the_log_probabilities_of_a_run(tmp_path: Path) -> None:
    data = write_data(tmp_path / "cells", [make_row(i) for i in range(20)])
    run = evaluate("echo", tmp_path / "run", data=data, prompt="letter", readout="parse,logprob")
    records = [record for record in run.records() if record["readout"] == "logprob"]
    (pooled, *_) = run.scores.calibration.values()
    assert pooled.n == len(records) == 100
    sure = [confidence(probabilities_of(r) or [], r["choice"]) for r in records]
    assert pooled.confidence == pytest.approx(sum(sure) / 100)
    assert pooled.accuracy == pytest.approx(sum(r["correct"] for r in records) / 100)
    assert score(records).calibration == run.scores.calibration
