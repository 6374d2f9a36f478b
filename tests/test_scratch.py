"""Scratch files and folders: what a kill left is swept, what somebody holds is not."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mubench_gen.storage.scratch import Scratch, sweep

from .conftest import Here

_HOLDS = """
import os, sys
from pathlib import Path
from mubench_gen.storage.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]), is_folder=sys.argv[2] == "folder")
print(scratch.path, flush=True)
sys.stdin.read()
"""


def _holder(target: Path, kind: str) -> tuple[subprocess.Popen[str], Path]:
    """A process that holds scratch, and where."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(target), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_scratch_is_swept_once_its_process_was_killed(tmp_path: Path, kind: str) -> None:
    process, path = _holder(tmp_path / "scores.json", kind)
    with process:
        if kind == "folder":
            (path / "images").mkdir()
            (path / "images" / "0.png").touch()
        sweep(tmp_path, ["scores.json"])
        assert path.exists(), "its process lives"
        process.kill()
    sweep(tmp_path, ["manifest.json"])
    assert path.exists(), "of another name"
    sweep(tmp_path, ["manifest.json", "scores.json"])
    assert not path.exists()


def test_what_only_looks_like_scratch_stays(tmp_path: Path) -> None:
    (tmp_path / ".data-backup01").mkdir()
    (tmp_path / ".data-unfinished-ab").mkdir()
    (tmp_path / "elsewhere").touch()
    (tmp_path / ".data-linked_1").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".data-ABCDEFGH").touch()
    (tmp_path / ".data-12345678.txt").touch()
    before = sorted(tmp_path.iterdir())
    sweep(tmp_path, ["data"])
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_system_without_locks_sweeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / ".data-12345678").touch()
    sweep(tmp_path, ["data"])
    assert (tmp_path / ".data-12345678").exists()
    with Scratch(tmp_path / "data") as scratch:
        scratch.write(b"all of it")
        scratch.become(tmp_path / "data")
    assert (tmp_path / "data").read_bytes() == b"all of it"


def test_scratch_that_was_swept_before_it_was_held_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, swept = fcntl.flock, []

    def late(handle: int, how: int) -> None:
        if not swept:
            (path,) = tmp_path.iterdir()
            path.unlink()
            swept.append(path)
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with Scratch(tmp_path / "data") as scratch:
        assert scratch.path.exists()
        assert scratch.path != swept[0]
    assert not list(tmp_path.iterdir())


def test_a_run_sweeps_what_a_killed_one_left_in_its_folder(here: Here, cells: Path) -> None:
    words = ("eval", "--plugin", "echo", "--data", cells, "--run-dir", "r")
    assert here(*words).code == 0
    before = sorted(os.listdir("r"))
    for name in (".manifest.json-ab12cd34", ".scores.json-________", "..columns-00000000"):
        Path("r", name).write_text("{")
    Path("r/.notes-mine0000").touch()
    assert here(*words).code == 0
    assert sorted(os.listdir("r")) == sorted([*before, ".notes-mine0000"])
