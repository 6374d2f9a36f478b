"""Whole runs with the real vLLM."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import groupby
from pathlib import Path

import pytest

from mubench_gen.engines.vllm.generative import VllmGenerative
from mubench_gen.model import Runtime
from mubench_gen.types import Request

from .asked import answers, demo_requests
from .conftest import ENVIRONMENT, QUICK, Evaluate, Open, tiny_weights

QUESTIONS = 14  # tasks of the demo


def test_the_command_evaluates_with_vllm_in_a_process_of_its_own(tmp_path: Path) -> None:
    """As users run it: vLLM's engine core is a process beside the command's."""
    environment = {**os.environ, **ENVIRONMENT}
    del environment["VLLM_ENABLE_V1_MULTIPROCESSING"]
    command = ["eval", "--plugin", "tiny", "--engine", "vllm", "--limit", "5", "--json"]
    more = ["--readout", "parse,choice,logprob", "--run-dir", "run", "--dtype", "float32"]
    done = subprocess.run(
        [sys.executable, "-m", "mubench_gen", *command, *more, "-o", "engine.enforce_eager=true"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)  # the result alone: vLLM's own words are on stderr
    pooled = summary["scores"]["pooled"]
    assert (pooled["n"], pooled["n_errors"]) == (3 * 5 * QUESTIONS, 0)
    assert pooled["accuracy"] > 0.5  # chance is 0.18
    for phase in ("import", "load", "ready"):
        assert f"vllm: {phase}" in done.stderr
    session = json.loads((tmp_path / "run" / "manifest.json").read_text())["sessions"][0]
    model = session["model"]
    assert model["versions"]["vllm"]
    assert model["dtype"] == "float32"
    assert model["arguments"]["limit_mm_per_prompt"]["image"] == 1
    counts = session["counts"]
    assert counts["requests"] == counts["mm_cache_queries"] == 3 * 5 * QUESTIONS
    assert counts["prefix_cache_queries"] > counts["prefix_cache_hits"] > 0
    # Each image is prepared once: all that is asked of it later hits.
    lines = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
    images = {json.loads(line)["image_sha256"] for line in lines}
    assert counts["mm_cache_queries"] - counts["mm_cache_hits"] == len(images)


def test_a_run_whose_engine_is_killed_ends_with_3_and_the_same_command_goes_on(
    tmp_path: Path,
) -> None:
    import psutil

    environment = {**os.environ, **ENVIRONMENT}
    del environment["VLLM_ENABLE_V1_MULTIPROCESSING"]
    words = ["eval", "--plugin", "tiny", "--engine", "vllm", "--tasks", "modality", "--limit", "60"]
    words += ["--readout", "parse,choice,logprob", "--run-dir", "run", "--dtype", "float32"]
    words += ["--batch-size", "8", "-o", "engine.enforce_eager=true"]
    command = [sys.executable, "-m", "mubench_gen", *words]
    records = tmp_path / "run" / "records.jsonl"
    running = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    while running.poll() is None and not (records.exists() and records.stat().st_size):
        time.sleep(0.01)
    for process in psutil.Process(running.pid).children(recursive=True):
        process.kill()
    _, told = running.communicate(timeout=120)
    assert running.returncode == 3, told
    assert "vLLM's engine died" in told
    assert "The same command goes on" in told
    before = [json.loads(line) for line in records.read_text().splitlines()]
    assert 0 < len(before) < 180
    assert all(record["error"] is None for record in before)

    again = subprocess.run(
        command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    after = [json.loads(line) for line in records.read_text().splitlines()]
    assert after[: len(before)] == before
    assert len({record["id"] for record in after}) == len(after) == 180
    assert all(record["error"] is None for record in after)


def test_all_that_is_asked_about_an_image_reaches_the_engine_together(
    tiny: VllmGenerative, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Questions, prompts, orders, read-outs and repeats."""
    asked: list[Request] = []
    submit = tiny.submit
    monkeypatch.setattr(tiny, "submit", lambda request: asked.append(request) or submit(request))

    before = tiny.counts

    run = evaluate(
        tiny,
        engine="vllm",
        limit=2,
        tasks=["coarse"],
        prompt=["paper", "letter"],
        readout=["parse", "choice", "logprob"],
        orders="cyclic:2",
        repeats=2,
        temperature=0.7,
    )

    images = [request.image.sha256 for request in asked if request.image is not None]
    assert len(images) == len(asked) >= 5 * 2 * 2 * 2 * 5  # logprob repeats share one request
    assert len([sha for sha, _ in groupby(images)]) == len(set(images))
    after = run.manifest["sessions"][0]["counts"]  # since the engine was opened
    counts = {name: after[name] - before.get(name, 0) for name in after}
    assert counts["requests"] == len(asked)
    assert counts["prompt_tokens"] > counts["cached_prompt_tokens"] > 0


def test_an_image_stands_before_the_text_where_its_model_wants_it_so(
    tiny: VllmGenerative, open_vllm: Open
) -> None:
    behind = demo_requests(
        limit=1, tasks=["modality"], readout=["logprob"], prompt_set={"image": "after"}
    )
    first = demo_requests(limit=1, tasks=["modality"], readout=["logprob"])
    model = open_vllm(tiny_weights(), images="first")
    assert answers(model, behind)[0] == pytest.approx(answers(tiny, first)[0], abs=1e-4)
    assert answers(tiny, behind)[0] != pytest.approx(answers(tiny, first)[0], abs=1e-4)


def test_a_blind_run_starts_an_engine_that_takes_no_image(open_vllm: Open) -> None:
    blind = open_vllm(
        tiny_weights(),
        runtime=Runtime("", device="cpu", dtype="float32", engine_options=QUICK, images=0),
    )
    assert blind.facts["arguments"]["limit_mm_per_prompt"]["image"] == 0
    requests = demo_requests(limit=1, control="blind", readout=["parse", "logprob"])
    assert all(request.image is None for request in requests)
    assert len(answers(blind, requests)) == len(requests)


def test_deterministic_runs_say_what_was_set_for_it(open_vllm: Open) -> None:
    options = {"device": "cpu", "dtype": "float32", "engine_options": QUICK}
    model = open_vllm(tiny_weights(), runtime=Runtime("", deterministic=True, **options))
    arguments = model.facts["arguments"]
    # On a CPU vLLM has no batch invariance: one request at a time, each computed whole.
    assert (arguments["max_num_seqs"], arguments["enable_prefix_caching"]) == (1, False)
    requests = demo_requests(limit=2, readout=["logprob"])
    assert answers(model, requests) == answers(model, requests[::-1])[::-1]
