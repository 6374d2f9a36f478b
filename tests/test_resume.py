"""A run that is killed goes on where it was: nothing finished is lost or asked again."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mubench_gen import Run, load_run
from mubench_gen.storage.records import from_line, read_records, stored_lines

from .spine import (
    asked_keys,
    by_id,
    command,
    command_line,
    environment,
    evaluate,
    make_row,
    write_data,
    write_plugin,
)

KILLS = 30
ROWS = 600  # of five questions each


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 3,000 questions."""
    folder = tmp_path_factory.mktemp("data") / "cells"
    return write_data(folder, (make_row(i) for i in range(ROWS)))


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 100 questions."""
    folder = tmp_path_factory.mktemp("data") / "few"
    return write_data(folder, (make_row(i) for i in range(20)))


@pytest.fixture
def noting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plugin that notes what it is asked in tmp_path/asked."""
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("FAULTY", str(tmp_path / "faulty"))
    return write_plugin(tmp_path)


def kill_somewhere(words: list[str], records: Path, moment: random.Random, **variables: Any) -> int:
    """Start the command and kill -9 it: as it starts, or some batches on. Its return code."""
    process = subprocess.Popen(
        command_line(*words),
        env=environment(**variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if moment.random() < 0.2:
        time.sleep(moment.uniform(0, 0.6))
    else:
        size = records.stat().st_size if records.exists() else 0
        enough = size + moment.randrange(60_000)
        while process.poll() is None and (not records.exists() or records.stat().st_size <= enough):
            time.sleep(0.001)
        time.sleep(moment.uniform(0, 0.01))
    process.kill()
    return process.wait()


@pytest.mark.exhaustive
def test_thirty_kills_lose_nothing_and_ask_nothing_finished_again(
    cells: Path, tmp_path: Path
) -> None:
    plugin, log = write_plugin(tmp_path), tmp_path / "asked"
    folder, moment = tmp_path / "killed", random.Random(2)
    words = ["eval", "--plugin", str(plugin), "--data", str(cells), "--prompt", "plain"]
    words += ["--batch-size", "8", "-o", "delay=0.0004", "--run-dir"]
    finished: set[str] = set()
    killed = asked = 0
    for _ in range(KILLS):
        code = kill_somewhere([*words, str(folder)], folder / "records.jsonl", moment, ASKED=log)
        killed += code == -9
        keys = asked_keys(log)
        assert not finished & set(keys[asked:]), "a finished item was asked again"
        asked = len(keys)
        finished = {r["key"] for r in read_records(folder / "records.jsonl")}
    assert killed >= KILLS - 2, "the run ended before it was killed often enough"

    last = command(*words, folder, "--json", ASKED=log)
    assert last.returncode == 0, last.stderr
    assert not finished & set(asked_keys(log)[asked:])
    whole = command(*words, tmp_path / "whole", "--json", ASKED=tmp_path / "whole-log")
    assert whole.returncode == 0, whole.stderr
    undisturbed = load_run(tmp_path / "whole")
    assert len(asked_keys(tmp_path / "whole-log")) == ROWS * 5
    assert by_id(load_run(folder)) == by_id(undisturbed)
    assert json.loads(last.stdout)["scores"] == json.loads(whole.stdout)["scores"]
    again = Counter(asked_keys(log))
    assert again.total() - len(again) <= KILLS * 2 * 8, "more than the batches in flight"


def test_the_echo_plugin_killed_at_random_moments_ends_as_an_undisturbed_run(
    tmp_path: Path,
) -> None:
    data = write_data(tmp_path / "cells", (make_row(i) for i in range(120)))
    words = ["eval", "--plugin", "echo", "--data", str(data), "--batch-size", "8"]
    words += ["--orders", "random:1", "-o", "delay=0.0004", "--run-dir"]
    moment = random.Random(3)
    records = tmp_path / "k" / "records.jsonl"
    codes = [kill_somewhere([*words, str(tmp_path / "k")], records, moment) for _ in range(3)]
    assert codes.count(-9) >= 2
    assert command(*words, tmp_path / "k").returncode == 0
    assert command(*words, tmp_path / "w").returncode == 0
    killed, whole = load_run(tmp_path / "k"), load_run(tmp_path / "w")
    assert by_id(killed) == by_id(whole)
    stored, undisturbed = (
        json.loads((run.dir / "scores.json").read_text()) for run in (killed, whole)
    )
    assert stored["scores"] == undisturbed["scores"]
    assert stored["complete"] is True


Damage = Callable[[bytes], bytes]


def _torn(content: bytes) -> bytes:
    """Half of the last line, as a kill in the middle of a write leaves it."""
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    return content[: (last + len(content)) // 2]


def _without_newline(content: bytes) -> bytes:
    return content[:-1]


def _one_bit_flipped(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    line = bytearray(lines[30])
    line[len(line) // 2] ^= 1
    lines[30] = bytes(line)
    return b"".join(lines)


def _id_overwritten(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    lines[30] = lines[30].replace(b'{"id":"', b'{"id":"x', 1)
    return b"".join(lines)


def _zeros_at_the_end(content: bytes) -> bytes:
    """What a file system may leave of the last block after a power cut."""
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    return content[:last] + bytes(4096)


@pytest.mark.parametrize(
    "damage", [_torn, _without_newline, _one_bit_flipped, _id_overwritten, _zeros_at_the_end]
)
def test_a_damaged_line_is_dropped_and_that_item_alone_asked_again(
    few: Path, tmp_path: Path, noting: Path, damage: Damage
) -> None:
    run = evaluate(noting, tmp_path / "run", data=few)
    whole, before = by_id(run), len(asked_keys(tmp_path / "asked"))
    records = tmp_path / "run" / "records.jsonl"
    records.write_bytes(damage(records.read_bytes()))

    reader = load_run(tmp_path / "run")
    left = by_id(reader)
    assert not reader.complete
    assert len(left) == len(whole) - 1
    assert all(left[i] == whole[i] for i in left)
    missing = next(record["key"] for i, record in whole.items() if i not in left)

    again = evaluate(noting, tmp_path / "run", data=few)
    assert asked_keys(tmp_path / "asked")[before:] == [missing]
    assert by_id(again) == whole
    assert again.complete
    assert records.read_bytes().endswith(b"\n")


def test_what_is_appended_behind_a_torn_line_can_be_read(few: Path, tmp_path: Path) -> None:
    records = tmp_path / "run" / "records.jsonl"
    evaluate("echo", tmp_path / "run", data=few)
    records.write_bytes(_torn(records.read_bytes()))
    evaluate("echo", tmp_path / "run", data=few)
    lines = records.read_bytes().splitlines(keepends=True)
    assert len(lines) == 100
    assert all(from_line(line) is not None for line in lines)


def test_a_failed_item_is_tried_again_by_the_same_command_and_the_last_line_counts(
    few: Path, tmp_path: Path
) -> None:
    plugin, log, faulty = write_plugin(tmp_path), tmp_path / "asked", tmp_path / "faulty"
    faulty.touch()
    words = ["eval", "--plugin", plugin, "--data", few, "--run-dir", tmp_path / "run", "--json"]
    first = command(*words, ASKED=log, FAULTY=faulty)
    assert first.returncode == 3, first.stderr
    scores = json.loads(first.stdout)["scores"]["pooled"]
    failed = [r for r in load_run(tmp_path / "run").records() if r["status"] == "error"]
    assert 0 < len(failed) == scores["n_errors"] == 100 - scores["n"]
    for record in failed:
        assert record["choice"] is record["correct"] is record["reply"] is None
        assert record["error"] == {"type": "RuntimeError", "message": "RuntimeError: out of order"}

    faulty.unlink()
    before = len(asked_keys(log))
    second = command(*words, ASKED=log, FAULTY=faulty)
    assert second.returncode == 0, second.stderr
    assert sorted(asked_keys(log)[before:]) == sorted(r["key"] for r in failed)
    run = load_run(tmp_path / "run")
    assert [r["status"] for r in run.records()] == ["answered"] * 100
    lines = [stored.record["id"] for stored in stored_lines(run.dir / "records.jsonl")]
    assert {i for i, n in Counter(lines).items() if n == 2} == {r["id"] for r in failed}
    assert json.loads(second.stdout)["scores"]["pooled"]["n_errors"] == 0


def test_a_failed_item_that_fails_again_stays_failed(few: Path, tmp_path: Path) -> None:
    words = ["eval", "--plugin", "echo", "-o", "fail=0.3", "--data", few, "--run-dir", tmp_path]
    first = command(*words, "--json")
    second = command(*words, "--json")
    assert first.returncode == second.returncode == 3
    assert json.loads(first.stdout)["scores"] == json.loads(second.stdout)["scores"]


def test_a_finished_run_asks_nothing_and_loads_no_model(
    few: Path, tmp_path: Path, noting: Path
) -> None:
    first = evaluate(noting, tmp_path / "run", data=few)
    content, asked = (first.dir / "records.jsonl").read_bytes(), asked_keys(tmp_path / "asked")
    second = evaluate(noting, tmp_path / "run", data=few)
    assert (second.dir / "records.jsonl").read_bytes() == content
    assert asked_keys(tmp_path / "asked") == asked
    assert len(second.manifest["sessions"]) == 2


def test_a_kill_before_the_manifest_leaves_a_folder_that_a_run_can_take(
    few: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".lock").touch()
    (folder / ".manifest.json-ab12cd34").write_text("{")
    assert evaluate("echo", folder, data=few).complete
    assert not (folder / ".manifest.json-ab12cd34").exists()


def test_another_seed_or_batch_size_does_not_change_what_a_greedy_run_records(
    few: Path, tmp_path: Path
) -> None:
    def records(**settings: Any) -> dict[str, Any]:
        name = "-".join(f"{k}{v}" for k, v in settings.items())
        run: Run = evaluate("echo", tmp_path / name, data=few, **settings)
        return by_id(run)

    assert records(batch_size=1) == records(batch_size=64) == records(seed=7)


@pytest.mark.first(1)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_command_says_so_and_goes_on_when_it_is_given_again(
    cells: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    folder, log = tmp_path / "run", tmp_path / "asked"
    words = ["eval", "--plugin", write_plugin(tmp_path), "--data", cells, "--tasks", "stain"]
    words += ["--batch-size", 8, "-o", "delay=0.001", "--run-dir", folder]
    process = subprocess.Popen(
        command_line(*words), env=environment(ASKED=log), stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    records = folder / "records.jsonl"
    while not records.exists() or not records.stat().st_size:
        time.sleep(0.001)
    process.send_signal(number)
    _, said = process.communicate(timeout=240)
    assert process.returncode == code
    assert "Traceback" not in said
    assert "same command" in said
    finished = {r["key"] for r in read_records(records)}
    before = len(asked_keys(log))
    assert 0 < len(finished) < ROWS
    assert command(*words, ASKED=log).returncode == 0
    assert not finished & set(asked_keys(log)[before:])
    assert load_run(folder).complete
