"""The index of a run: what it says is what a dictionary would say, on the disk or not."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mubench_gen.errors import RunFolderError
from mubench_gen.runs.merge_shards import join
from mubench_gen.storage import index as disk_table
from mubench_gen.storage.index import DiskTable
from mubench_gen.storage.record_file import AnsweredKeys, RecordFile
from mubench_gen.storage.records import counted_lines
from mubench_gen.storage.run_folder import locked

from .spine import by_id, evaluate, make_row, write_data


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four entries in memory: the rest goes to the disk."""
    monkeypatch.setattr(disk_table, "_IN_MEMORY", 4)
    return


def _drawn(count: int, seed: int = 0) -> list[tuple[int, int]]:
    """Keys, every third of which stands twice, with values."""
    generator = random.Random(seed)
    keys = [generator.getrandbits(64) for _ in range(count)]
    keys += keys[::3]
    return [(key, generator.getrandbits(60)) for key in keys]


def _fill(table: DiskTable) -> None:
    for key in range(1_000):
        table.put(key, key)


@pytest.mark.parametrize("held", [1_000_000, 64])
def test_what_was_put_is_found_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(disk_table, "_IN_MEMORY", held)
    table, plain = DiskTable(tmp_path), dict[int, int]()
    for key, value in _drawn(20_000):
        table.put(key, value)
        plain.setdefault(key, value)
    assert len(table) == len(plain)
    assert all(table.get(key) == value for key, value in plain.items())
    assert all(table.get(key) is None for key, _ in _drawn(1_000, seed=1))
    assert sorted(table.values()) == sorted(plain.values())


def test_values_of_a_key_that_is_put_twice_are_combined_in_the_order_of_putting(
    tmp_path: Path, tight: None
) -> None:
    table, plain = DiskTable(tmp_path, combine=lambda a, b: 3 * a + b), dict[int, int]()
    for key, value in _drawn(500):
        table.put(key, value << 64)
        plain[key] = 3 * plain[key] + (value << 64) if key in plain else value << 64
    assert sorted(table.values()) == sorted(plain.values())


@pytest.mark.parametrize("number", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_keys_and_values_have_all_64_bits(tmp_path: Path, tight: None, number: int) -> None:
    table = DiskTable(tmp_path)
    table.put(number, number)
    for key in range(5, 10):
        table.put(key, key)
    assert table.get(number) == number
    assert len(table) == 6


def test_no_file_is_seen_or_left(tmp_path: Path, tight: None) -> None:
    table = DiskTable(tmp_path)
    for key, value in _drawn(100):
        table.put(key, value)
    assert table.get(_drawn(100)[0][0]) is not None
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_closed_with_the_table(tmp_path: Path, tight: None) -> None:
    descriptors = Path("/proc/self/fd") if Path("/proc/self/fd").exists() else Path("/dev/fd")
    before = len(list(descriptors.iterdir()))
    table = DiskTable(tmp_path)
    for key, value in _drawn(100):
        table.put(key, value)
    assert len(list(descriptors.iterdir())) > before
    del table
    assert len(list(descriptors.iterdir())) == before


def test_what_a_kill_leaves_in_the_folder_of_a_run_is_swept(tmp_path: Path) -> None:
    (tmp_path / ".index-a1b2c3d4").write_bytes(b"SQLite format 3\0")
    with locked(tmp_path):
        assert not (tmp_path / ".index-a1b2c3d4").exists()


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b", "ünïcode", "two words"])
def test_the_folder_may_have_any_name(tmp_path: Path, tight: None, name: str) -> None:
    (tmp_path / name).mkdir()
    table = DiskTable(tmp_path / name)
    for key in range(20):
        table.put(key, key + 1)
    assert [table.get(key) for key in range(20)] == list(range(1, 21))
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_table_is_used_and_closed_by_another_thread(tmp_path: Path, tight: None) -> None:
    tables = [DiskTable(tmp_path)]
    for key in range(20):
        tables[0].put(key, key)

    def use() -> int | None:
        tables[0].put(20, 20)
        return tables.pop().get(7)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(use).result() == 7


def test_what_combine_raises_is_raised(tmp_path: Path, tight: None) -> None:
    def refuse(earlier: int, later: int) -> int:
        raise RunFolderError(f"{earlier} and {later} disagree.")

    table = DiskTable(tmp_path, combine=refuse)
    for key in range(6):
        table.put(key, key)
    table.put(0, 7)
    with pytest.raises(RunFolderError, match=r"0 and 7 disagree"):
        table.flush()


def test_a_folder_that_does_not_take_the_file_is_no_hindrance(tmp_path: Path, tight: None) -> None:
    table = DiskTable(tmp_path / "nowhere")
    for key, value in _drawn(100):
        table.put(key, value)
    assert table.get(_drawn(100)[0][0]) == _drawn(100)[0][1]


def test_a_full_disk_is_said_with_what_to_do(
    tmp_path: Path, tight: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = disk_table.new_database

    def small(tables: str, folder: Path | None) -> sqlite3.Connection:
        database = made(tables, folder)
        database.execute("PRAGMA max_page_count = 2")  # SQLite's own way to be full
        return database

    monkeypatch.setattr(disk_table, "new_database", small)
    table = DiskTable(tmp_path)
    with pytest.raises(RunFolderError, match=r"index .*is full.*make room"):
        _fill(table)


def test_a_run_with_its_index_on_the_disk_is_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = write_data(tmp_path / "cells", (make_row(i % 9) for i in range(12)))  # images repeat
    whole = evaluate(
        "echo", tmp_path / "whole", data=cells, orders="cyclic:2", readout="parse,logprob"
    )
    monkeypatch.setattr(disk_table, "_IN_MEMORY", 4)
    made = evaluate(
        "echo", tmp_path / "made", data=cells, orders="cyclic:2", readout="parse,logprob"
    )
    assert by_id(made) == by_id(whole)
    assert made.scores == whole.scores
    lines = (made.dir / "records.jsonl").read_bytes().splitlines(keepends=True)
    half = b"".join(lines[: len(lines) // 2])
    (made.dir / "records.jsonl").write_bytes(half + lines[-1][:40])  # torn by kill -9
    again = evaluate("echo", made.dir, data=cells, orders="cyclic:2", readout="parse,logprob")
    assert (made.dir / "records.jsonl").read_bytes().startswith(half)
    assert by_id(again) == by_id(whole)
    assert again.scores == whole.scores
    assert len((made.dir / "records.jsonl").read_bytes().splitlines()) == len(lines)


def test_shards_are_joined_with_the_index_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = write_data(tmp_path / "cells", (make_row(i) for i in range(12)))
    whole = evaluate("echo", tmp_path / "whole", data=cells)
    shards = {"a": "1/2", "b": "2/2", "b again": "2/2"}
    parts = [evaluate("echo", tmp_path / k, data=cells, shard=v).dir for k, v in shards.items()]
    monkeypatch.setattr(disk_table, "_IN_MEMORY", 4)
    joined = join(parts, tmp_path / "joined")
    assert by_id(joined) == by_id(whole)
    assert joined.scores == whole.scores
    assert len((joined.dir / "records.jsonl").read_bytes().splitlines()) == 12 * 5


def test_of_an_id_that_stands_twice_the_last_sound_line_counts_with_the_index_on_the_disk(
    tmp_path: Path, tight: None
) -> None:
    cells = write_data(tmp_path / "cells", (make_row(i) for i in range(6)))
    path = evaluate("echo", tmp_path / "run", data=cells).dir / "records.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    torn = lines[0].replace(b'"status":"answered"', b'"status":"ANSWERED"')
    path.write_bytes(b"".join([*lines, *lines[3:9], torn]))
    sizes = [len(line) for line in lines]
    offsets = [sum(sizes[:i]) for i in range(len(lines) + 6)]
    kept = [*range(3), *range(9, len(lines))]
    end = sum(sizes)
    again = [end + sum(sizes[3:i]) for i in range(3, 9)]
    assert [s.offset for s in counted_lines(path)] == [*(offsets[i] for i in kept), *again]
    file = RecordFile(path)
    assert file.finished == len(lines)
    file.close()
    assert AnsweredKeys.from_file(path).get("0" * 32) is None
