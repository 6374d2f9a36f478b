"""Two engines in processes of their own, the images shared among them."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from mubench_gen.host.client import HostedModel
from mubench_gen.host.process import HostProcess

from .conftest import QUICK, Evaluate

pytestmark = pytest.mark.usefixtures("hosted")
TWO: dict[str, Any] = {
    "engine": "vllm",
    "device": "cpu",
    "limit": 6,
    "readout": "logprob",
    "options": {f"engine.{key}": value for key, value in QUICK.items()},
}


def two(**more: str) -> dict[str, Any]:
    return {**TWO, "options": {**TWO["options"], "engine.data_parallel_size": "2"}, **more}


def scores(run: Any) -> dict[str, Any]:
    return {record["item"]: record["scores"] for record in run.records()}


def test_replicas_answer_as_one_engine_does(evaluate: Evaluate) -> None:
    one, both = evaluate(**TWO), evaluate(**two())
    assert scores(both).keys() == scores(one).keys()
    for item, found in scores(one).items():
        assert scores(both)[item] == pytest.approx(found, abs=1e-4)
    session = both.manifest["sessions"][-1]
    assert session["model"]["data_parallel_size"] == 2
    counts = session["counts"]
    images = {record["image_sha256"] for record in both.records()}
    assert counts["requests"] == len(scores(both))
    # The two prepare each image once between them.
    assert counts["mm_cache_queries"] - counts["mm_cache_hits"] <= len(images)


def test_a_replica_that_dies_is_started_again_and_costs_nothing(
    evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    send, killed = HostedModel.send, []

    def kills(self: HostedModel, host: int, *args: Any) -> None:
        send(self, host, *args)
        replica = self.hosts[host]
        if not killed and isinstance(replica, HostProcess) and replica.pid is not None:
            killed.append(replica.pid)
            os.kill(replica.pid, signal.SIGKILL)

    monkeypatch.setattr(HostedModel, "send", kills)
    run = evaluate(**two())
    assert len(killed) == 1
    assert {record["status"] for record in run.records()} == {"answered"}
    assert "was killed by SIGKILL" in capsys.readouterr().err
