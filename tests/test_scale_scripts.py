"""The scripts of docs/scale, run for real: one process a shard, side by side, then joined."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mubench_gen import load_run

from .helpers.command import Command
from .spine import by_id, evaluate, make_row, write_data

SCRIPTS = Path(__file__).parents[1] / "docs" / "scale"
SBATCH, SKY = SCRIPTS / "eval.sbatch", SCRIPTS / "sky.yaml"
PARTS = 3


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    return write_data(tmp_path / "cells", (make_row(i) for i in range(24)))


@pytest.fixture
def environment(tmp_path: Path, mubench: Command) -> dict[str, str]:
    """As on a node: `mubench-gen` is on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "mubench-gen"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mubench_gen "$@"\n')
    command.chmod(0o755)
    kept = mubench.environment(None)
    return {**kept, "PATH": f"{folder}:{kept['PATH']}", "STUDY": str(tmp_path / "study")}


def sky() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    read: dict[str, Any] = yaml.safe_load(SKY.read_text())
    return read


def finish(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        _, told = process.communicate(timeout=240)
        assert process.returncode == 0, told


def start(words: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check_joined(tmp_path: Path, cells: Path, mubench: Command) -> None:
    folders = sorted((tmp_path / "study").iterdir())
    assert [folder.name for folder in folders] == [f"{i}-of-{PARTS}" for i in range(1, PARTS + 1)]
    done = mubench("data", "join", *folders, "--out", "joined")
    assert done.code == 0, done.err
    whole = evaluate("echo", tmp_path / "whole", data=cells, prompt="plain")
    assert by_id(load_run(tmp_path / "joined")) == by_id(whole)


@pytest.mark.exhaustive
def test_the_sbatch_script_runs_one_shard_a_task_of_the_array(
    tmp_path: Path, cells: Path, mubench: Command, environment: dict[str, str]
) -> None:
    words = ["bash", str(SBATCH), "--plugin", "echo", "--data", str(cells), "--prompt", "plain"]
    slurm = {"SHARDS": str(PARTS), "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_JOB_ID": "4711"}
    finish(
        [
            start(words, tmp_path, environment | slurm | {"SLURM_ARRAY_TASK_ID": str(task)})
            for task in range(1, PARTS + 1)
        ]
    )
    check_joined(tmp_path, cells, mubench)


@pytest.mark.exhaustive
def test_a_part_of_the_array_that_is_sent_again_is_the_same_shard(
    tmp_path: Path, cells: Path, environment: dict[str, str]
) -> None:
    """Slurm then counts one task in the array."""
    words = ["bash", str(SBATCH), "--plugin", "echo", "--data", str(cells)]
    slurm = {"SHARDS": "8", "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "1"}
    for _ in range(2):
        finish([start(words, tmp_path, environment | slurm)])
    assert load_run(tmp_path / "study" / "3-of-8").manifest["settings"]["shard"] == "3/8"


def test_the_sbatch_script_says_what_is_missing_outside_an_array(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    process = start(["bash", str(SBATCH), "--plugin", "echo"], tmp_path, environment)
    _, told = process.communicate(timeout=240)
    assert process.returncode != 0
    assert "--array=1-8" in told


@pytest.mark.exhaustive
def test_the_run_of_the_skypilot_file_asks_one_shard_a_node(
    tmp_path: Path, cells: Path, mubench: Command, environment: dict[str, str]
) -> None:
    words = ["bash", "-c", sky()["run"]]
    node = {"EVAL": f"--plugin echo --data {cells} --prompt plain"}
    node["SKYPILOT_NUM_NODES"] = str(PARTS)
    finish(
        [
            start(words, tmp_path, environment | node | {"SKYPILOT_NODE_RANK": str(rank)})
            for rank in range(PARTS)
        ]
    )
    check_joined(tmp_path, cells, mubench)


def test_bash_can_read_the_scripts() -> None:
    read = sky()
    for text in (SBATCH.read_text(), read["setup"], read["run"]):
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    assert {"name", "num_nodes", "resources", "envs", "file_mounts", "setup", "run"} == set(read)


def test_the_sbatch_directives_stand_before_the_first_command() -> None:
    lines = SBATCH.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    directives = [i for i, line in enumerate(lines) if line.startswith("#SBATCH ")]
    assert directives
    assert max(directives) < first
