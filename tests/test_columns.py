"""Columns beside the records: the same numbers sooner, and never others."""

from __future__ import annotations

import json
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.compare.comparison import compare
from mubench_gen.errors import SettingError
from mubench_gen.scores.breakdown import breakdowns
from mubench_gen.storage import columns
from mubench_gen.storage.columns import LEFT_OUT, brief_records
from mubench_gen.storage.records import Pass, Record, read_records, to_line

from .conftest import Here
from .spine import evaluate, make_row, plain_record, write_data


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are worth columns too, and have several blocks of them."""
    monkeypatch.setattr(columns, "_WORTH", 1)
    monkeypatch.setattr(columns, "_BLOCK", 7)


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on no line of records is read."""
    from mubench_gen.storage import records

    def refuse(line: bytes) -> Record:
        raise AssertionError("a line was read")

    return lambda: monkeypatch.setattr(records, "from_line", refuse)


def _write(folder: Path, records: Iterable[Record]) -> Path:
    path = folder / "records.jsonl"
    path.write_bytes(b"".join(map(to_line, records)))
    return path


def _without(records: Iterable[Record]) -> list[Record]:
    return [{k: v for k, v in record.items() if k not in LEFT_OUT} for record in records]


def _hold(path: Path) -> bool:
    """Whether the columns beside the records are taken."""
    with ExitStack() as stack:
        return columns._opened(path, path.stat().st_size, Pass(), stack) is not None


def _varied(count: int) -> list[Record]:
    """Records that differ in all that may: fields that some lack, numbers of several kinds."""
    found = []
    for n in range(count):
        odd: dict[str, Any] = [
            {"meta": {"scale": 1}},
            {"meta": {"scale": 1.0}, "usage": {"tokens": True}},
            {"meta": {"scale": True}, "boxes": None},
            {"status": "error", "choice": None, "correct": None, "error": {"type": "E"}},
            {"scores": [0.5, 1, -1e300, 0.1 + 0.2], "seconds": 1},
            {"probabilities": [0.25] * 4, "cut": [], "alike": []},
            {"seconds": 2**53 + 1, "tied": True, "correct": False, "choice": 1},
        ][n % 7]
        found.append(plain_record(n, **odd))
    return found


def test_what_the_columns_give_is_what_the_records_hold_without_their_texts(
    tmp_path: Path, unread: Callable[[], None]
) -> None:
    path = _write(tmp_path, _varied(50))
    expected = _without(read_records(path))
    assert list(brief_records(path)) == expected
    unread()
    again = list(brief_records(path))
    assert again == expected
    assert list(map(json.dumps, again)) == list(map(json.dumps, expected)), "1, 1.0 or true"


def test_all_that_statistics_say_is_the_same_from_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unread: Callable[[], None]
) -> None:
    data = write_data(tmp_path / "cells", (make_row(i, organism=f"o{i % 3}") for i in range(12)))
    folders = [tmp_path / name for name in ("one", "two")]
    for folder, failing in zip(folders, ("0", "0.2"), strict=True):
        several = {"orders": "random:2", "readout": "parse,logprob"}
        evaluate("echo", folder, data=data, options={"fail": failing}, **several)

    def told() -> list[Any]:
        runs = [mubench_gen.load_run(folder) for folder in folders]
        by = breakdowns((run.outcomes(["organism"]) for run in runs), ["organism"])
        return [[run.scores for run in runs], by, compare(runs, by=("organism",))]

    monkeypatch.setattr(columns, "_WORTH", 2**40)
    expected = told()
    monkeypatch.setattr(columns, "_WORTH", 1)
    assert told()[1:2] == expected[1:2]
    assert all((folder / ".columns").is_file() for folder in folders)
    unread()
    found = told()
    assert found[:2] == expected[:2]
    assert found[2].as_dict() == expected[2].as_dict()


def test_the_captions_that_were_cut_keep_their_messages(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "a very long caption"}]}]
    path = _write(
        tmp_path,
        [plain_record(1, cut=[0], alike=[], messages=messages), plain_record(2, cut=[], alike=[])],
    )
    for _ in range(2):
        first, second = brief_records(path)
        assert first["messages"] == messages
        assert "messages" not in second


def test_lines_that_were_appended_are_read_behind_the_columns(tmp_path: Path) -> None:
    records = _varied(80)
    path = _write(tmp_path, records)
    list(brief_records(path))
    before = (tmp_path / ".columns").read_bytes()
    with path.open("ab") as file:  # one tried again, one new, one twice
        for record in (plain_record(3, reply="B", choice=1), plain_record(100)):
            file.write(to_line(record))
        file.write(to_line(plain_record(101, status="error")) + to_line(plain_record(101)))
    expected = _without(read_records(path))
    assert len(expected) == 82
    assert _without(brief_records(path)) == expected
    assert (tmp_path / ".columns").read_bytes() == before, "written again for a few lines"


def test_columns_of_a_file_that_grew_much_are_written_anew(
    tmp_path: Path, unread: Callable[[], None]
) -> None:
    path = _write(tmp_path, _varied(20))
    list(brief_records(path))
    path.write_bytes(path.read_bytes() + b"".join(map(to_line, _varied(60)[20:])))
    expected = _without(read_records(path))
    assert _without(brief_records(path)) == expected
    unread()
    assert _without(brief_records(path)) == expected


@pytest.mark.parametrize("kept_times", [False, True])
def test_records_that_changed_are_read_whatever_the_columns_say(
    tmp_path: Path, kept_times: bool
) -> None:
    path = _write(tmp_path, [plain_record(n) for n in range(20)])
    list(brief_records(path))
    times = path.stat()
    _write(tmp_path, [plain_record(n, correct=n != 7 and True) for n in range(20)][:7])
    with path.open("ab") as file:
        for n in range(7, 20):
            file.write(to_line(plain_record(n, rule="latter" if n == 7 else "letter")))
    if kept_times:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size
    assert [r["rule"] for r in brief_records(path)].count("latter") == 1


def test_damaged_columns_are_as_none_wherever_the_damage_is(tmp_path: Path) -> None:
    path = _write(tmp_path, _varied(30))
    expected = list(brief_records(path))
    cache = tmp_path / ".columns"
    sound = cache.read_bytes()
    for at in range(0, len(sound), 23):
        flipped = bytearray(sound)
        flipped[at] ^= 1 << at % 8
        for damaged in (sound[:at], bytes(flipped), sound + b"x", b"\0" * at):
            cache.write_bytes(damaged)
            assert not _hold(path)
    assert list(brief_records(path)) == expected
    assert cache.read_bytes() == sound


def test_columns_of_another_version_are_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path, _varied(10))
    list(brief_records(path))
    assert _hold(path)
    monkeypatch.setattr(columns, "_MADE_BY", [1, "0.0.1", sorted(LEFT_OUT)])
    assert not _hold(path)


@pytest.mark.parametrize("call", ["mkstemp", "write", "replace", "chmod"])
def test_a_folder_that_takes_no_columns_is_read_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    path = _write(tmp_path, _varied(30))
    expected = _without(read_records(path))
    monkeypatch.setattr(tempfile if call == "mkstemp" else os, call, refuse)
    assert list(brief_records(path)) == expected
    monkeypatch.undo()
    assert [entry.name for entry in tmp_path.iterdir()] == ["records.jsonl"]


def test_a_reader_that_stops_leaves_nothing(tmp_path: Path) -> None:
    path = _write(tmp_path, _varied(30))
    rows = brief_records(path)
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    assert [entry.name for entry in tmp_path.iterdir()] == ["records.jsonl"]


def test_a_lone_surrogate_has_no_columns_and_is_read(tmp_path: Path) -> None:
    odd = plain_record(1, rule="\ud800", reply="\ud800")
    path = tmp_path / "records.jsonl"
    body = json.dumps(odd)[:-1].encode()
    path.write_bytes(b'%b,"crc":"%08x"}\n' % (body, zlib.crc32(body)))
    for _ in range(2):
        assert [row["rule"] for row in brief_records(path)] == ["\ud800"]
    assert not (tmp_path / ".columns").exists()


def test_a_field_that_the_columns_lack_is_read_from_the_records(here: Here, cells: Path) -> None:
    assert here("eval", "--plugin", "echo", "--data", cells, "--run-dir", "r").code == 0
    assert here("report", "r").code == 0
    for _ in range(2):
        found = here("report", "r", "--by", "reply", "--json")
        assert found.code == 0, found.err
        assert found.document["by"]["reply"]
    run = mubench_gen.load_run("r")
    with pytest.raises(SettingError, match="No record has a field"):
        breakdowns([run.outcomes(["replay"])], ["replay"])


def test_columns_make_a_run_folder_no_stranger(here: Here, cells: Path) -> None:
    words = ("eval", "--plugin", "echo", "--data", cells, "--run-dir", "r")
    assert here(*words).code == 0
    assert Path("r/.columns").is_file()
    assert here(*words).code == 0
    Path("r/manifest.json").unlink()
    assert here(*words).code == 2, "records are without a manifest"
    Path("r/records.jsonl").unlink()
    Path("r/scores.json").unlink()
    Path("r/images.json").unlink()
    assert here(*words).code == 0, "what is hidden is nobody's work"
