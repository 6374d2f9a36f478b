"""The index of a run: what it says is what a dictionary would say, on the disk or not."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mubench_gen.errors import RunFolderError
from mubench_gen.runs.merge_shards import join
from mubench_gen.storage import index as disk_table
from mubench_gen.storage.index import DiskTable
from mubench_gen.storage.records import AnsweredKeys, RecordFile, counted_lines

from .spine import by_id, evaluate, make_row, write_data


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four entries in memory: the rest goes to the disk."""
    monkeypatch.setattr(disk_table, "_HELD", 4)
    return


def _drawn(count: int, seed: int = 0) -> list[tuple[int, int]]:
    """Keys, every third of which stands twice, with values."""
    generator = random.Random(seed)
    keys = [generator.getrandbits(64) for _ in range(count)]
    keys += keys[::3]
    return [(key, generator.getrandbits(60)) for key in keys]


@pytest.mark.parametrize("held", [1_000_000, 64])
def test_what_was_put_is_found_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(disk_table, "_HELD", held)
    table, plain = DiskTable(tmp_path), dict[int, int]()
    for key, value in _drawn(20_000):
        table.put(key, value)
        plain.setdefault(key, value)
    assert len(table) == len(plain)
    assert all(table.get(key) == value for key, value in plain.items())
    assert all(table.get(key) is None for key, _ in _drawn(1_000, seed=1))
    assert sorted(table.values()) == sorted(plain.values())


def test_a_key_that_is_put_twice_is_settled_in_the_order_of_putting(
    tmp_path: Path, tight: None
) -> None:
    table, plain = DiskTable(tmp_path, settle=lambda a, b: a + b, width=16), dict[int, int]()
    for key, value in _drawn(500):
        table.put(key, value << 64)
        plain[key] = plain.get(key, 0) + (value << 64)
    assert sorted(table.values()) == sorted(plain.values())


def test_bytes_that_stand_across_entries_are_no_key(tmp_path: Path, tight: None) -> None:
    table = DiskTable(tmp_path)
    keys = [(0xAB << 56) | i for i in range(8)]
    for key in keys:
        table.put(key, key ^ 1)  # the value of one is the key of another
    values = {(0xAB << 56 | i) for i in range(8)}
    assert {table.get(key) for key in keys} == values
    assert table.get(int.from_bytes(keys[0].to_bytes(8, "little")[4:] + bytes(4), "little")) is None


def test_keys_that_crowd_one_page_are_found_all_the_same(tmp_path: Path, tight: None) -> None:
    table = DiskTable(tmp_path)
    for key in range(1_000):
        table.put(key, key + 1)
    assert [table.get(key) for key in range(1_000)] == list(range(1, 1_001))
    assert len(table) == 1_000
    assert sorted(table.values()) == list(range(1, 1_001))


def test_no_file_is_seen_or_left(tmp_path: Path, tight: None) -> None:
    table = DiskTable(tmp_path)
    for key, value in _drawn(100):
        table.put(key, value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_take_the_file_is_no_hindrance(tmp_path: Path, tight: None) -> None:
    table = DiskTable(tmp_path / "nowhere")
    for key, value in _drawn(100):
        table.put(key, value)
    assert table.get(_drawn(100)[0][0]) == _drawn(100)[0][1]


def test_a_full_disk_is_said_with_what_to_do(
    tmp_path: Path, tight: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(disk_table.os, "pwrite", full)
    table = DiskTable(tmp_path)
    for key in range(3):
        table.put(key, key)
    with pytest.raises(RunFolderError, match=r"index .*No space left.*make room"):
        table.put(3, 3)


def test_a_run_with_its_index_on_the_disk_is_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = write_data(tmp_path / "cells", (make_row(i % 9) for i in range(12)))  # images repeat
    whole = evaluate(
        "echo", tmp_path / "whole", data=cells, orders="cyclic:2", readout="parse,logprob"
    )
    monkeypatch.setattr(disk_table, "_HELD", 4)
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
    monkeypatch.setattr(disk_table, "_HELD", 4)
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
    assert AnsweredKeys.of(path).get("0" * 32) is None
