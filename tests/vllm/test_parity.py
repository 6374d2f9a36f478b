"""The tiny llava answers the same, whichever engine runs it: on the demo, in float32."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.helpers.demo import small_demo

from mubench_gen.engines.vllm.generative import VllmGenerative
from mubench_gen.model import Runtime

from .conftest import QUICK, Evaluate, Open, tiny_weights

IMAGES, ITEMS_OF_EACH = 600, 6
FEW = 45  # images in `make test`: five a data set
OPTIONS = {f"engine.{name}": value for name, value in QUICK.items()}


def records(run: Any) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in run.records()}


def agree(one: dict[str, dict[str, Any]], other: dict[str, dict[str, Any]]) -> None:
    """Label log-probabilities within 1e-3; the same first choice wherever it is clear."""
    assert one.keys() == other.keys()
    same = 0
    for item, row in one.items():
        scores, others = row["scores"], other[item]["scores"]
        assert scores == pytest.approx(others, abs=1e-3), item
        same += row["choice"] == other[item]["choice"]
        first, second = sorted(scores)[:-3:-1]
        if first - second > 2e-3:
            assert row["choice"] == other[item]["choice"], item
    assert same >= 0.995 * len(one)


@pytest.fixture(scope="module", params=[FEW, pytest.param(IMAGES, marks=pytest.mark.exhaustive)])
def images(
    request: pytest.FixtureRequest, _environment: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """How many images the demo has."""
    cache = tmp_path_factory.mktemp("demo")
    small_demo(cache, request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUBENCH_GEN_CACHE", str(cache))
        yield request.param


@pytest.fixture(scope="module")
def by_transformers(images: int, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from mubench_gen import evaluate

    folder = tmp_path_factory.mktemp("transformers") / "run"
    return evaluate(
        plugin="tiny",
        engine="transformers",
        readout=["logprob"],
        dtype="float32",
        batch_size=32,
        run_dir=folder,
    )


def test_vllm_scores_every_item_of_the_demo_as_transformers_does(
    tiny: VllmGenerative, evaluate: Evaluate, by_transformers: Any, images: int
) -> None:
    run = evaluate(tiny, engine="vllm", readout=["logprob"])
    assert run.scores.pooled.n == ITEMS_OF_EACH * images
    assert run.scores.n_errors == 0
    agree(records(run), records(by_transformers))


@pytest.mark.exhaustive
def test_a_vllm_server_scores_every_item_of_the_demo_as_transformers_does(
    evaluate: Evaluate, by_transformers: Any, images: int
) -> None:
    run = evaluate(engine="vllm-server", readout=["logprob"], options=OPTIONS)
    assert run.scores.pooled.n == ITEMS_OF_EACH * images
    assert run.scores.n_errors == 0
    agree(records(run), records(by_transformers))


@pytest.mark.exhaustive
def test_vllm_scores_questions_behind_worked_examples_as_transformers_does(
    evaluate: Evaluate, open_vllm: Open
) -> None:
    """Requests with several images, for which the engine is started."""
    three = Runtime("", device="cpu", dtype="float32", engine_options=QUICK, images=3)
    settings: dict[str, Any] = {
        "readout": ["logprob"],
        "limit": 2,
        "tasks": ["modality", "stain"],
        "prompt_set": {"shots": "2"},
    }
    run = evaluate(open_vllm(tiny_weights(), runtime=three), engine="vllm", **settings)
    assert run.scores.n_errors == 0
    agree(records(run), records(evaluate(engine="transformers", **settings)))


def test_vllm_writes_the_greedy_replies_that_transformers_does(
    tiny: VllmGenerative, evaluate: Evaluate, images: int
) -> None:
    """By all that is read from free text, and where replies are held to the labels."""
    settings: dict[str, Any] = {
        "readout": ["parse", "choice"],
        "limit": 4 if images == FEW else 12,
        "prompt": ["paper", "letter"],
    }
    one = records(evaluate(tiny, engine="vllm", **settings))
    other = records(evaluate(engine="transformers", **settings))
    assert one.keys() == other.keys()
    different = [item for item, row in one.items() if row["reply"] != other[item]["reply"]]
    assert len(different) <= 0.005 * len(one), different
