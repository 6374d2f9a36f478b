"""Bad data, task files and run folders: said in one message, and nothing is lost or touched."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .helpers.command import COMMAND, Command, Outcome
from .helpers.data import make_png, make_row, question, write_data, write_rows

Here = Callable[..., Outcome]


def evaluated(data: Path | str, *more: str | Path) -> tuple[Any, ...]:
    return ("eval", "--plugin", "echo", "--data", data, "--run-dir", "run", *more)


def with_question(**changes: Any) -> dict[str, Any]:
    """A row whose question `modality` has these changes."""
    asked = question("Which?", ["a", "b", "c"], 1)
    return make_row(1, questions={"modality": {**asked, **changes}}, captions={})


ROWS = {
    "no object": ("[1, 2]", ["row 2"]),
    "broken JSON": ('{"image_id": ', ["row 2", "JSON"]),
    "no image_id": (make_row(1, image_id=None), ["row 2", "image_id"]),
    "a number for image_id": (make_row(1, image_id=7), ["row 2", "image_id", "7"]),
    "an empty dataset": (make_row(1, dataset=""), ["row 2", "cell-1", "dataset"]),
    "no image": (make_row(1, image=None), ["row 2", "cell-1", "column image"]),
    "an image without path": (make_row(1, image={"path": None}), ["row 2", "column image"]),
    "questions that are a list": (make_row(1, questions=[]), ["row 2", "column questions"]),
    "a question that is a text": (
        make_row(1, questions={"stain": "which?"}), ["row 2", "questions.stain"],
    ),
    "no question text": (with_question(question=None), ["row 2", "questions.modality", "question"]),
    "no options": (with_question(options=None), ["row 2", "questions.modality", "options"]),
    "one option": (with_question(options=["a"]), ["row 2", "questions.modality", "options"]),
    "an empty option": (with_question(options=["a", " ", "c"]), ["row 2", "options", "empty"]),
    "an option that is no text": (with_question(options=["a", 2, "c"]), ["row 2", "options", "2"]),
    "the same option twice": (
        with_question(options=["a", "b", "a"]), ["row 2", "options", "two options are the same"],
    ),
    "answer_idx beyond the options": (
        with_question(answer_idx=3), ["row 2", "answer_idx", "3 is out of range for 3 options"],
    ),
    "a negative answer_idx": (with_question(answer_idx=-1), ["row 2", "answer_idx", "-1"]),
    "no answer_idx": (with_question(answer_idx=None), ["row 2", "answer_idx", "None"]),
    "answer_idx in words": (with_question(answer_idx="two"), ["row 2", "answer_idx", "'two'"]),
    "answer_idx between two": (with_question(answer_idx=1.5), ["row 2", "answer_idx", "1.5"]),
    "answer_idx true": (with_question(answer_idx=True), ["row 2", "answer_idx", "True"]),
    "an answer that is another option": (
        with_question(answer="c"), ["row 2", "answer_idx 1 is 'b'", "answer is 'c'"],
    ),
    "captions of another number": (
        make_row(1, captions={"modality_1": {"options": ["x"]}}),
        ["row 2", "captions.modality_1", "1 captions for 3 options"],
    ),
    "captions that are no texts": (
        make_row(1, captions={"modality_0": {"options": [1, 2, 3]}}), ["captions.modality_0"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("row", "messages"), ROWS.values(), ids=ROWS)
def test_a_malformed_row_is_told_by_row_and_column(
    here: Here, tmp_path: Path, row: Any, messages: list[str]
) -> None:
    data = write_data(tmp_path / "data", 1)
    with (data / "rows.jsonl").open("a", encoding="utf-8") as file:
        file.write((row if isinstance(row, str) else json.dumps(row)) + "\n")
    for command in (evaluated(data), ("data", "info", data)):
        outcome = here(*command)
        assert outcome.code == 2
        assert outcome.out == ""
        for message in ["rows.jsonl", *messages]:
            assert message in outcome.err
    assert not (tmp_path / "run").exists()


DATA = {
    "no such path": ("nowhere", "no data set 'nowhere'"),
    "a misspelt name": ("demoo", "Did you mean 'demo'"),
    "a folder without data": ("empty", "'empty'"),
    "a file of another kind": ("a.csv", "a.csv: no column is known as question or options"),
    "no rows": ("none.jsonl", "holds no rows"),
    "blank lines alone": ("blank.jsonl", "holds no rows"),
    "no text": ("binary.jsonl", "row 1"),
    "a very long name": ("x" * 300, "no data set 'xxx"),
    "nothing": ("", "''"),
}


@pytest.mark.parametrize(("name", "message"), DATA.values(), ids=DATA)
def test_a_data_path_that_is_none_is_told(
    here: Here, tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.csv").write_text("image,label\n")
    (tmp_path / "none.jsonl").write_text("")
    (tmp_path / "blank.jsonl").write_text("\n\n  \n")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00\x01\n")
    outcome = here(*evaluated(name))
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.out == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_data_without_permission_are_told(here: Here, cells: Path) -> None:
    (cells / "rows.jsonl").chmod(0)
    outcome = here(*evaluated(cells))
    assert outcome.code == 2
    assert "Permission denied" in outcome.err


def test_images_outside_of_the_data_and_odd_names_are_errors_of_their_items(
    here: Here, tmp_path: Path
) -> None:
    rows = [make_row(i) for i in range(4)]
    rows[1]["image"]["path"] = "images/a\0b.png"
    rows[2]["image"]["path"] = "images"
    rows[3]["image"]["path"] = "x" * 300
    data = write_rows(tmp_path / "data", rows)
    (data / "images").mkdir()
    (data / "images/0.png").write_bytes(make_png())
    outcome = here(*evaluated(data, "--tasks", "modality", "--json"))
    assert outcome.code == 3
    assert outcome.document["scores"]["pooled"]["n"] == 1
    assert outcome.document["scores"]["pooled"]["n_errors"] == 3


TASK = 'title = "T"\ngroup = "fine"\nquestion = "modality"\n'
TASKS = {
    "a syntax error": ('title = "T\n', [r"mine.toml", "line 1"]),
    "the end is missing": ('title = "T"\ngroup = ', ["mine.toml", "line 2"]),
    "a key twice": (TASK + 'title = "U"\n', ["mine.toml", "line 4"]),
    "a key of no meaning": (TASK + '\ndataset = ["x"]\n', ["mine.toml:5: dataset", "'datasets'"]),
    "a table of no meaning": (TASK + "[field]\na = 1\n", ["mine.toml:4: field", "'fields'"]),
    "a missing key": ('title = "T"\n', ["mine.toml:1: group", "required"]),
    "a value of another kind": (TASK + "datasets = 5\n", ["mine.toml:4: datasets", "got 5"]),
    "a text for a list": (TASK + 'datasets = "x"\n', ["mine.toml:4: datasets"]),
    "a data set that is not there": (
        TASK + 'datasets = ["cels"]\n', ["'mine'", "'cels'", "Did you mean 'cells'"],
    ),
    "a question that is not there": (
        TASK.replace("modality", "modalty"), ["'mine'", "'modalty'", "Did you mean 'modality'"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "messages"), TASKS.values(), ids=TASKS)
def test_an_error_in_a_task_names_file_line_and_key(
    here: Here, tmp_path: Path, cells: Path, source: str, messages: list[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(source, "utf-8")
    outcome = here(*evaluated(cells, "--tasks", path))
    assert outcome.code == 2
    for message in messages:
        assert message in outcome.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"title = '\xff'", None, "folder"])
def test_a_task_file_that_cannot_be_read_is_told(
    here: Here, tmp_path: Path, cells: Path, content: bytes | str | None
) -> None:
    path = tmp_path / "mine.toml"
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    outcome = here(*evaluated(cells, "--tasks", path))
    assert outcome.code == 2
    assert "mine.toml" in outcome.err


def test_a_task_of_ones_own_is_asked(here: Here, tmp_path: Path, cells: Path) -> None:
    (tmp_path / "mine.toml").write_text(TASK + 'datasets = ["ce*"]\n', "utf-8")
    outcome = here(*evaluated(cells, "--tasks", "./mine.toml", "--json"))
    assert outcome.code == 0, outcome.err
    assert list(outcome.document["scores"]["tasks"]) == ["mine"]


@pytest.mark.parametrize(
    ("flags", "messages"),
    [
        (("--seed", "1"), ["seed: there 0, now 1"]),
        (("--prompt", "letter"), ["prompt: there [\"paper\"], now [\"letter\"]"]),
        (("-o", "style=option"), ["options.style: there nothing, now \"option\""]),
        (("--tasks", "stain"), ["tasks"]),
        (("--limit", "1"), ["limit: there nothing, now 1"]),
    ],
)  # fmt: skip
def test_a_run_folder_of_other_settings_is_refused_and_says_what_differs(
    here: Here, tmp_path: Path, cells: Path, flags: tuple[str, ...], messages: list[str]
) -> None:
    assert here(*evaluated(cells)).code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    outcome = here(*evaluated(cells, *flags))
    assert outcome.code == 2
    for message in ["other settings", "--fresh", *messages]:
        assert message in outcome.err
    after = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    assert after == before


def test_changed_data_and_a_changed_template_are_other_settings(
    here: Here, tmp_path: Path, cells: Path
) -> None:
    prompt = tmp_path / "mine.j2"
    prompt.write_text("one {{ question }}", "utf-8")
    args = evaluated(cells, "--prompt", prompt)
    assert here(*args).code == 0
    prompt.write_text("two {{ question }}", "utf-8")
    outcome = here(*args)
    assert outcome.code == 2
    assert "prompts.mine" in outcome.err
    prompt.write_text("one {{ question }}", "utf-8")
    assert here(*args).code == 0
    write_data(cells, 4)
    outcome = here(*args)
    assert outcome.code == 2
    assert "data: there" in outcome.err


def test_a_folder_that_is_no_run_folder_is_refused_and_left_alone(
    here: Here, tmp_path: Path, cells: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    outcome = here(*evaluated(cells))
    assert outcome.code == 2
    assert "is no run folder: it holds thesis.tex" in outcome.err
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"format": "x"}', '{"format": 99}', "\0"]
)
@pytest.mark.parametrize("command", ["eval", "report", "score"])
def test_a_manifest_that_is_none_is_told(
    here: Here, tmp_path: Path, cells: Path, content: str, command: str
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/manifest.json").write_text(content)
    outcome = here(*(evaluated(cells) if command == "eval" else (command, "run")))
    assert outcome.code == 2
    assert "manifest.json" in outcome.err


def test_a_run_folder_that_is_a_file_is_told(here: Here, tmp_path: Path, cells: Path) -> None:
    (tmp_path / "run").write_text("")
    for args in (evaluated(cells), ("report", "run"), ("score", "run")):
        outcome = here(*args)
        assert outcome.code == 2
        assert "run" in outcome.err


def test_a_second_process_is_refused_while_the_first_runs(mubench: Command, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", 40)
    args = evaluated(data, "-o", "delay=0.02", "--batch-size", "2")
    first = mubench.start(*args)
    while not (tmp_path / "run/manifest.json").exists():
        assert first.poll() is None
    first.send_signal(signal.SIGSTOP)  # or it might end before the second has started
    second = mubench(*args)
    first.send_signal(signal.SIGCONT)
    assert second.code == 2
    assert f"in use by another process (pid {first.pid})" in second.err
    first.communicate(timeout=240)
    assert first.returncode == 0
    assert mubench(*args).code == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is for root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_keeps_what_was_finished_and_the_run_goes_on_when_there_is_room(
    mubench: Command, tmp_path: Path, small_disk: Path
) -> None:
    data = write_data(tmp_path / "data", 60)
    args = evaluated(data, "--batch-size", "8", "--run-dir", small_disk / "run")
    outcome = mubench(*args)
    assert outcome.code == 2
    assert "No space left on device" in outcome.err
    assert "type the same command again" in outcome.err
    assert "Traceback" not in outcome.err
    kept = (small_disk / "run/records.jsonl").read_bytes()
    assert kept.endswith(b"}\n")
    report = mubench("report", small_disk / "run", "--json")
    assert 0 < report.document["scores"]["pooled"]["n"] < 120
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    outcome = mubench(*args, "--json")
    assert outcome.code == 0
    assert outcome.document["scores"]["pooled"]["n"] == 120
    assert (small_disk / "run/records.jsonl").read_bytes().startswith(kept)


def test_a_disk_without_any_room_is_told(mubench: Command, cells: Path, small_disk: Path) -> None:
    with (small_disk / "filler").open("wb") as file, pytest.raises(OSError, match="No space"):
        file.write(b"x" * 70_000)
    for folder in ("run", "deep/er/run"):
        outcome = mubench(*evaluated(cells, "--run-dir", small_disk / folder))
        assert outcome.code == 2
        assert "No space left on device" in outcome.err
        assert "Traceback" not in outcome.err


def test_a_read_only_disk_is_told(mubench: Command, cells: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    outcome = mubench(*evaluated(cells, "--run-dir", small_disk / "run"))
    assert outcome.code == 2
    assert "Read-only file system" in outcome.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_permission_is_told(here: Here, tmp_path: Path, cells: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    outcome = here(*evaluated(cells, "--run-dir", "locked/run"))
    assert outcome.code == 2
    assert "Permission denied" in outcome.err


def test_a_limit_on_the_size_of_files_keeps_what_was_finished(
    mubench: Command, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 60)
    args = [str(arg) for arg in evaluated(data, "--batch-size", "8")]
    done = subprocess.run(
        [*COMMAND, *args],
        cwd=tmp_path,
        env=mubench.environment(None),
        capture_output=True,
        encoding="utf-8",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    kept = (tmp_path / "run/records.jsonl").read_bytes()
    assert kept.endswith(b"}\n")
    outcome = mubench(*args, "--json")
    assert outcome.code == 0
    assert outcome.document["scores"]["pooled"]["n"] == 120
    assert (tmp_path / "run/records.jsonl").read_bytes().startswith(kept)


def test_names_in_the_data_are_no_markup_in_the_table(here: Here, tmp_path: Path) -> None:
    data = write_data(
        tmp_path / "data", [make_row(0, dataset="[/b]"), make_row(1, dataset="[red]")]
    )
    outcome = here(*evaluated(data, "--prompt-set", "labels=1"))
    assert outcome.code == 0
    for name in ("[/b]", "[red]", "paper[labels=1]"):
        assert name in outcome.out


def test_a_lone_surrogate_of_a_template_is_the_templates_fault(
    here: Here, tmp_path: Path, cells: Path
) -> None:
    (tmp_path / "mine.j2").write_text("{{ question }} {{ '\\ud800' }}", "utf-8")
    outcome = here(*evaluated(cells, "--prompt", "./mine.j2"))
    assert outcome.code == 2
    assert "mine.j2" in outcome.err


def test_a_cache_that_cannot_be_written_is_told(mubench: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = mubench("data", "info", env={"MUBENCH_GEN_CACHE": str(tmp_path / "file")})
    assert outcome.code == 2
    assert "MUBENCH_GEN_CACHE" in outcome.err
    assert "Traceback" not in outcome.err
