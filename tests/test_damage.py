"""What is damaged in a run folder, or cannot be removed, is told, and taken for nothing else."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.storage.json_files import tell_once

from .conftest import Here

Words = tuple[Any, ...]


@pytest.fixture
def words(cells: Path) -> Words:
    return ("eval", "--plugin", "echo", "--data", cells, "--run-dir", "r")


def test_damaged_lines_are_counted_and_told_by_all_who_read_them(here: Here, words: Words) -> None:
    def told(*given: str | Path) -> str:
        tell_once.cache_clear()
        return here(*given).err

    assert here(*words).code == 0
    assert "damaged_lines" not in json.loads(Path("r/scores.json").read_text())
    path = Path("r/records.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"cells", b"cellz", 1)
    path.write_bytes(b"".join([*lines[:5], b"no record\n", *lines[5:], b"torn"]))
    shutil.copytree("r", "two")

    message = "r/records.jsonl: 2 lines are damaged and left out"
    for reader in (("report", "r"), ("compare", "r", "two", "--unfinished"), ("score", "r")):
        assert told(*reader).count(message) == 1, reader
    assert here("report", "r", "--json").document["damaged_lines"] == 2
    assert told(*words).count(message) == 1
    stored = json.loads(Path("r/scores.json").read_text())
    assert stored["damaged_lines"] == 2
    assert stored["complete"]


def test_a_torn_last_line_is_no_damage(here: Here, words: Words) -> None:
    assert here(*words).code == 0
    path = Path("r/records.jsonl")
    path.write_bytes(path.read_bytes()[:-40])
    assert "damaged" not in here("report", "r").err


def test_a_changed_manifest_is_refused_with_a_word_on_what_to_do(here: Here, words: Words) -> None:
    assert here(*words).code == 0
    path = Path("r/manifest.json")
    stored = json.loads(path.read_text())
    assert len(stored["crc"]) == 8
    assert "crc" not in mubench_gen.load_run("r").manifest
    stored["settings"]["seed"] = 7
    path.write_text(json.dumps(stored))
    for command in (words, ("report", "r"), ("compare", "r", "r2"), ("score", "r")):
        refused = here(*command)
        assert refused.code == 2
        assert "manifest.json: does not fit its checksum" in refused.err
        assert 'remove the line "crc"' in refused.err
    del stored["crc"]
    path.write_text(json.dumps(stored))
    assert here("report", "r").code == 0
    assert mubench_gen.load_run("r").manifest["settings"]["seed"] == 7


def test_a_manifest_without_a_checksum_is_read_and_gets_one(here: Here, words: Words) -> None:
    assert here(*words).code == 0
    path = Path("r/manifest.json")
    stored = json.loads(path.read_text())
    del stored["crc"]
    path.write_text(json.dumps(stored))
    assert here("report", "r").code == 0
    assert here(*words).code == 0
    assert json.loads(path.read_text())["crc"]


@pytest.mark.parametrize("part", ["planned", "sessions", "settings"])
def test_a_manifest_whose_parts_are_of_another_kind_is_refused(
    here: Here, words: Words, part: str
) -> None:
    assert here(*words).code == 0
    path = Path("r/manifest.json")
    stored = json.loads(path.read_text())
    del stored["crc"]
    path.write_text(json.dumps({**stored, part: "x"}))
    refused = here("report", "r")
    assert (refused.code, part in refused.err) == (2, True)


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EBUSY])
def test_scores_that_cannot_be_removed_are_told(
    here: Here, words: Words, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    assert here(*words, "-o", "fail=0.5").code == 3
    unlink = os.unlink

    def refuse(path: str | Path, **more: Any) -> None:
        if str(path).endswith("scores.json"):
            raise OSError(number, os.strerror(number), str(path))
        unlink(path, **more)

    monkeypatch.setattr(os, "unlink", refuse)
    refused = here(*words, "-o", "fail=0.5")
    assert refused.code == 2
    assert f"scores.json: cannot be removed: {os.strerror(number)}" in refused.err
    monkeypatch.undo()


@pytest.mark.first(2)
@pytest.mark.parametrize("command", ["eval", "report", "join", "import", "prepare"])
def test_a_call_that_the_system_refuses_is_no_bug_of_ours(
    here: Here, words: Words, cells: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    table = "image,question,options,answer,task\nimages/0.png,Which?,a|b,a,colour\n"
    (cells / "table.csv").write_text(table)
    assert here(*words).code == 0
    for shard in ("1/2", "2/2"):
        assert here(*words[:-1], f"s{shard[0]}", "--shard", shard).code == 0
    given: dict[str, Words] = {
        "eval": (*words[:-1], "new"),
        "report": ("report", "r", "--html", "page.html"),
        "join": ("data", "join", "s1", "s2", "--out", "joined"),
        "import": ("data", "import", cells, "--table", cells / "table.csv", "--out", "imported"),
        "prepare": ("data", "prepare", "demo", "--images", "2", "--out", "demo"),
    }
    for call in ("mkdir", "rename", "replace", "chmod", "rmdir", "scandir", "open"):
        monkeypatch.setattr(os, call, _refusing(getattr(os, call), Path.cwd()))
        done = here(*given[command])
        monkeypatch.undo()
        monkeypatch.chdir(cells.parent)
        assert done.code in (0, 2), call
        assert done.code == 0 or "mubench-gen: " in done.err.splitlines()[-1], call
        for made in ("new", "page.html", "joined", "imported", "demo"):
            shutil.rmtree(made, ignore_errors=True)
            Path("page.html").unlink(missing_ok=True)
        left = [name for name in os.listdir() if name.startswith(".")]
        assert not left or call in ("rmdir", "scandir", "open"), "what could be removed is left"


def _refusing(real: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    """The call, refused in the folder."""

    def call(path: Any, *more: Any, **named: Any) -> Any:
        if Path(os.path.abspath(os.fsdecode(path))).is_relative_to(folder):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *more, **named)

    return call
