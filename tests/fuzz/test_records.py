"""Damaged records, columns, manifests: read as they were written, or as if they were not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.helpers.mutations import assert_survives, mutated
from tests.spine import plain_record

from mubench_gen.errors import RunFolderError
from mubench_gen.storage import columns
from mubench_gen.storage.columns import brief_records
from mubench_gen.storage.records import Record, from_line, read_records, to_line
from mubench_gen.storage.run_folder import COLUMNS, MANIFEST, RECORDS, read_manifest, write_manifest

_RECORDS = [
    plain_record(0),
    plain_record(1, reply='two\nlines, "quoted"', usage={"tokens": 3}),
    plain_record(2, reply="\ud800"),
    plain_record(3, status="error", choice=None, correct=None, error={"type": "E", "message": ""}),
    plain_record(3, meta={"stain": "gram", "scale": 0.25}),
]
_LINES = [to_line(record) for record in _RECORDS]
_MANIFEST: dict[str, Any] = {
    "format": 1,
    "settings": {"prompt": ["plain"], "control": "none", "seed": 0},
    "content": {"data": "d", "tasks": {"modality": "t"}},
    "plugin": {"name": "echo"},
    "model": {"id": "echo"},
    "data": {"name": "cells", "digest": "d"},
    "planned": 4,
    "sessions": [{"started": "2026-01-01", "command": ["mubench-gen", "eval"]}],
}


def test_a_damaged_line_is_no_record_or_the_one_that_was_written(inputs: int) -> None:
    written: list[Record | None] = [from_line(line) for line in _LINES]

    def read(content: bytes) -> None:
        record = from_line(content)
        assert record is None or record in written

    assert_survives(read, mutated(_LINES, inputs), refused=())


def test_a_damaged_file_holds_no_record_that_was_never_written(tmp_path: Path, inputs: int) -> None:
    written, path = [from_line(line) for line in _LINES], tmp_path / RECORDS

    def read(content: bytes) -> None:
        path.write_bytes(content)
        found = list(read_records(path))
        assert all(record in written for record in found)
        assert len({record["id"] for record in found}) == len(found)

    assert_survives(read, mutated([b"".join(_LINES)], inputs), refused=())


def test_damaged_columns_never_say_another_thing_than_the_records(
    tmp_path: Path, inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_WORTH", 1)
    path, cache = tmp_path / RECORDS, tmp_path / COLUMNS
    path.write_bytes(b"".join(line for line in _LINES if b"ud800" not in line))
    expected = list(brief_records(path))
    sound = cache.read_bytes()

    def read(content: bytes) -> None:
        cache.write_bytes(content)
        assert list(brief_records(path)) == expected

    assert_survives(read, mutated([sound], inputs), refused=())


@pytest.mark.parametrize("sealed", [True, False])
def test_a_damaged_manifest_is_refused_or_says_what_it_said(
    tmp_path: Path, inputs: int, sealed: bool
) -> None:
    write_manifest(tmp_path, _MANIFEST)
    path = tmp_path / MANIFEST
    if not sealed:  # as version 0.1.0 wrote it
        path.write_text(json.dumps(_MANIFEST, indent=1))
    sound = path.read_bytes()

    def read(content: bytes) -> None:
        path.write_bytes(content)
        found = read_manifest(tmp_path)
        if sealed and b'"crc"' in content:
            assert found == _MANIFEST

    assert_survives(read, mutated([sound], inputs), refused=(RunFolderError,))
