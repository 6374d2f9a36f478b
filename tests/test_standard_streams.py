"""Streams that are closed, full, or have nobody who reads: no run ends for them."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .helpers import forks
from .helpers.command import COMMAND, Command

# Those that say something on stdout, a failed check (exit code 1) among them.
SAYING = (
    "--help", "tasks --json", "prompts show paper --task modality --data cells", "plugins",
    "data info cells", "doctor --offline --plugin none-such", "report r", "compare r s",
    "report r --format csv", "data verify damaged",
)  # fmt: skip
CODES = {"doctor --offline --plugin none-such": 1, "data verify damaged": 1}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A folder with two runs and a data set that does not hold."""
    from .helpers.data import write_data

    command = Command(tmp_path_factory.mktemp("streams"))
    write_data(command.folder / "cells")
    write_data(command.folder / "damaged", 1, images={0: b"no image"})
    for name in ("r", "s"):
        done = command("eval", "--plugin", "echo", "--data", "cells", "--run-dir", name)
        assert done.code == 0, done.err
    return command


def run(place: Command, words: str, **streams: Any) -> subprocess.CompletedProcess[str]:
    """The command with these streams, the others captured."""
    if "preexec_fn" not in streams:
        return forks.captured(words.split(), place.folder, place.environment(None), **streams)
    captured = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.run(
        [*COMMAND, *words.split()],
        cwd=place.folder,
        env=place.environment(None),
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        check=False,
        timeout=240,
        **(captured | streams),
    )


@contextmanager
def gone() -> Iterator[int]:
    """A pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def stuck() -> Iterator[int]:
    """A full pipe that asks for no waiting, and nobody reads it."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETFL, os.O_NONBLOCK)
    try:
        while True:
            os.write(writing, bytes(2**16))
    except BlockingIOError:
        pass
    yield writing
    os.close(reading)
    os.close(writing)


@contextmanager
def full() -> Iterator[int]:
    with open("/dev/full", "wb", buffering=0) as device:
        yield device.fileno()


def closed(number: int) -> dict[str, Callable[[], None]]:
    return {"preexec_fn": lambda: os.close(number)}


@pytest.mark.first(3)
@pytest.mark.parametrize("words", SAYING)
def test_a_reader_that_is_gone_makes_no_failed_check_and_no_message(
    place: Command, words: str
) -> None:
    with gone() as pipe:
        done = run(place, words, stdout=pipe)
    assert done.returncode == (141 if words in CODES else 0), done.stderr
    assert "Traceback" not in done.stderr
    assert "written" not in done.stderr


@pytest.mark.first(3)
@pytest.mark.parametrize("words", SAYING)
def test_results_that_cannot_be_written_are_told(place: Command, words: str) -> None:
    with full() as device:
        done = run(place, words, stdout=device)
    assert done.returncode == 2
    assert done.stderr.endswith("the results cannot be written: No space left on device.\n")
    assert "Traceback" not in done.stderr


def test_so_are_those_for_a_stdout_that_is_closed(place: Command) -> None:
    done = run(place, "tasks", **closed(1))
    assert done.returncode == 2
    assert done.stderr.endswith("the results cannot be written: Bad file descriptor.\n")


@pytest.mark.first(3)
@pytest.mark.parametrize("kind", [full, gone, stuck, None], ids=["full", "gone", "stuck", "closed"])
@pytest.mark.parametrize("words", ["eval", "compare r s", "data verify damaged"])
def test_a_stderr_that_takes_nothing_changes_nothing(
    place: Command, tmp_path: Path, words: str, kind: Any
) -> None:
    folder = tmp_path / "run"
    given = f"eval --plugin echo --data cells --run-dir {folder} --json"
    words = given if words == "eval" else words
    if kind is None:
        done = run(place, words, **closed(2))
    else:
        with kind() as stream:
            done = run(place, words, stderr=stream)
    assert done.returncode == CODES.get(words, 0)
    if words == given:
        assert json.loads(done.stdout)["complete"]
        assert (folder / "records.jsonl").read_bytes().count(b"\n") == 6
    else:
        assert done.stdout


def test_a_message_for_a_stderr_that_is_full_is_lost_and_the_code_is_not(place: Command) -> None:
    with full() as device:
        assert run(place, "eval --plugin none-such", stderr=device).returncode == 2


@pytest.mark.parametrize("kind", [full, gone, None], ids=["full", "gone", "closed"])
def test_a_finished_run_is_on_the_disk_whatever_becomes_of_its_results(
    place: Command, tmp_path: Path, kind: Any
) -> None:
    words = f"eval --plugin echo --data cells --run-dir {tmp_path / 'run'} --json"
    if kind is None:
        done = run(place, words, **closed(1))
    else:
        with kind() as stream:
            done = run(place, words, stdout=stream)
    assert done.returncode == (0 if kind is gone else 2), done.stderr
    assert (tmp_path / "run/records.jsonl").read_bytes().count(b"\n") == 6
    assert json.loads((tmp_path / "run/scores.json").read_text())["complete"]


def test_no_stream_closed_is_taken_for_a_file_of_the_run(place: Command, tmp_path: Path) -> None:
    words = f"eval --plugin echo --data cells --run-dir {tmp_path / 'run'}"
    done = run(place, words, preexec_fn=lambda: os.closerange(0, 3))
    assert done.returncode == 2  # its table could not be written
    assert (tmp_path / "run/records.jsonl").read_bytes().count(b'"crc"') == 6


def test_a_slow_reader_that_asks_for_no_waiting_gets_all_results(place: Command) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETFL, os.O_NONBLOCK)
    fcntl.fcntl(writing, 1031, 4096)  # F_SETPIPE_SZ: less than what comes
    process = subprocess.Popen(
        [*COMMAND, "tasks", "--json"],
        cwd=place.folder, env=place.environment(None), stdout=writing, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert json.loads(pipe.read())
    assert process.communicate(timeout=240)[1] == b""
    assert process.returncode == 0


def test_a_terminal_shows_a_bar_and_its_end_is_no_runs_end(place: Command, tmp_path: Path) -> None:
    words = [
        "eval",
        "--plugin",
        "echo",
        "--data",
        "cells",
        "-o",
        "delay=0.2",
        "--batch-size",
        "1",
        "--run-dir",
    ]
    for hangs_up in (False, True):
        ours, theirs = pty.openpty()
        folder = tmp_path / f"run-{hangs_up}"
        process = subprocess.Popen(
            [*COMMAND, *words, folder], cwd=place.folder,
            env={**place.environment(None), "TERM": "xterm"}, stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if hangs_up and b"echo" in shown:
                break
        os.close(ours)
        process.communicate(timeout=240)
        assert process.returncode == 0
        assert (folder / "records.jsonl").read_bytes().count(b"\n") == 6
        assert b"\x1b[" in shown
        assert b"\\x1b" not in shown


def test_a_library_whose_stderr_fails_goes_on(tmp_path: Path) -> None:
    program = (
        "import sys\nsys.stderr = open('/dev/full', 'w', buffering=1)\n"
        "from mubench_gen.console.progress import bar, log\nlog('lost')\n"
        "with bar('lost', 3) as progress:\n    progress.at(1, 3)\nprint('done')\n"
        "import os; sys.stdout.flush(); os._exit(0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stdout == "done\n", done.stderr
