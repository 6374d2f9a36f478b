"""Whole runs with the real vLLM."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .conftest import ENVIRONMENT


def test_the_command_evaluates_with_vllm_in_a_process_of_its_own(tmp_path: Path) -> None:
    """As users run it: vLLM's engine core is a process beside the command's."""
    environment = {**os.environ, **ENVIRONMENT, "MUBENCH_GEN_CACHE": str(tmp_path / "cache")}
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
    assert (pooled["n"], pooled["n_errors"]) == (3 * 5 * 14, 0)
    assert pooled["accuracy"] > 0.5  # chance is 0.18
    for phase in ("import", "load", "ready"):
        assert phase in done.stderr
    session = json.loads((tmp_path / "run" / "manifest.json").read_text())["sessions"][0]
    assert session["model"]["versions"]["vllm"]
    assert session["model"]["dtype"] == "float32"
    assert session["counts"]["requests"] == 3 * 5 * 14
