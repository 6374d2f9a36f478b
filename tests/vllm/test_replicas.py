"""Two engines in processes of their own, the images shared among them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from mubench_gen.engines.vllm.generative import VllmGenerative
from mubench_gen.engines.vllm.replicas import Replicas
from mubench_gen.errors import EngineFault
from mubench_gen.model import Checkpoint, Runtime

from .asked import answers, demo_requests
from .conftest import QUICK, tiny_weights


@pytest.fixture(scope="module")
def two(_environment: None) -> Iterator[VllmGenerative]:
    options = {**QUICK, "data_parallel_size": "2"}
    runtime = Runtime("", device="cpu", dtype="float32", engine_options=options)
    model = VllmGenerative(Checkpoint(tiny_weights(), "generative"), runtime)
    model.load()
    yield model
    model.close()


def test_replicas_answer_as_one_engine_does(two: VllmGenerative, tiny: VllmGenerative) -> None:
    requests = demo_requests(limit=6, readout=["parse", "choice", "logprob"])
    for request, one, other in zip(
        requests, answers(two, requests), answers(tiny, requests), strict=True
    ):
        if request.readout == "logprob":
            assert one == pytest.approx(other, abs=1e-4)
        else:
            assert one.text == other.text
    assert two.facts["data_parallel_size"] == 2
    assert two.window == 2 * tiny.window


def test_an_image_s_questions_go_to_one_replica(two: VllmGenerative) -> None:
    """So that the two prepare each image once between them."""
    requests = demo_requests(limit=8, readout=["logprob"], seed=5)
    before = dict(two.counts)
    answers(two, requests)
    counts = {name: value - before[name] for name, value in two.counts.items()}
    images = {request.image.sha256 for request in requests if request.image is not None}
    assert counts["requests"] == len(requests)
    assert counts["mm_cache_queries"] - counts["mm_cache_hits"] <= len(images)


def test_a_replica_that_dies_is_the_engine_s_fault_and_hangs_nothing(two: VllmGenerative) -> None:
    requests = demo_requests(limit=8, readout=["parse"], seed=7)
    engine = two._engine
    assert isinstance(engine, Replicas)
    process = engine._replicas[1]._process
    assert process is not None
    futures = [two.submit(request) for request in requests]

    os.kill(process.pid, signal.SIGKILL)

    errors = [future.exception(timeout=120) for future in futures]
    assert any(isinstance(error, EngineFault) for error in errors)
    assert all(error is None or isinstance(error, EngineFault) for error in errors)
    late = [two.submit(request).exception(timeout=120) for request in requests]
    assert any(isinstance(error, EngineFault) for error in late)
