"""The records file: what a line holds, what it survives, what reading it keeps in memory."""

from __future__ import annotations

import json
import random
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.storage.record_file import AnsweredKeys, RecordFile
from mubench_gen.storage.records import Record, from_line, read_records, stored_lines, to_line

from .spine import evaluate, make_row, plain_record, write_data, write_plugin

CONTRACT = [
    "id", "key", "item", "image_id", "image_sha256", "dataset", "task", "meta", "plugin", "model",
    "prompt", "prompt_sha256", "readout", "options", "labels", "order", "gold", "messages", "reply",
    "scores", "tied", "finish_reason", "status", "choice", "rule", "span", "correct", "error",
    "usage", "seconds", "crc",
]  # fmt: skip


@pytest.fixture
def lines(tmp_path: Path) -> list[bytes]:
    data = write_data(tmp_path / "cells", [make_row(i) for i in range(4)])
    run = evaluate("echo", tmp_path / "run", data=data, prompt="plain")
    return (run.dir / "records.jsonl").read_bytes().splitlines(keepends=True)


def test_a_record_has_the_fields_of_the_contract_in_their_order(lines: list[bytes]) -> None:
    for line in lines:
        assert list(json.loads(line)) == CONTRACT


def test_a_failed_record_has_the_same_fields(tmp_path: Path) -> None:
    rows = [make_row(0), make_row(1, image="images/broken.png")]
    data = tmp_path / "cells"
    (data / "images").mkdir(parents=True)
    (data / "images" / "broken.png").write_bytes(b"no image")
    run = evaluate("echo", tmp_path / "run", data=write_data(data, rows))
    records = (run.dir / "records.jsonl").read_text().splitlines()
    assert [list(json.loads(line)) for line in records] == [CONTRACT] * 10
    failed = [r for r in run.records() if r["status"] == "error"]
    assert len(failed) == 5
    for record in failed:
        assert record["error"]["type"] == "ImageError"
        assert record["reply"] is record["choice"] is record["correct"] is None


def test_the_crc_is_of_the_bytes_before_it(lines: list[bytes]) -> None:
    for line in lines:
        body, crc = line.rsplit(b',"crc":"', 1)
        assert crc == b'%08x"}\n' % zlib.crc32(body)


def test_a_record_says_what_was_shown_and_what_was_chosen(lines: list[bytes]) -> None:
    for line in lines:
        record = json.loads(line)
        (message,) = record["messages"]
        image, text = message["content"]
        assert image == {
            "type": "image",
            "sha256": record["image_sha256"],
            "width": 8,
            "height": 8,
            "policy": "auto-1",
        }
        assert all(option in text["text"] for option in record["options"])
        assert sorted(record["order"]) == list(range(len(record["options"])))
        assert record["labels"][record["choice"]] == record["reply"]
        assert record["correct"] == (record["choice"] == record["gold"])
        begin, end = record["span"]
        assert record["reply"][begin:end] == record["reply"]


def test_every_changed_byte_of_a_line_is_noticed() -> None:
    line = to_line(plain_record(1))
    drawn = random.Random(5)
    for place in range(len(line)):
        changed = bytearray(line)
        changed[place] ^= 1 << drawn.randrange(8)
        assert from_line(bytes(changed)) is None, place
    for end in range(len(line)):
        assert from_line(line[:end]) is None


AWKWARD = [
    "",
    "\0",
    "a\0b\nc\r\x1b[31m\u2028\u2029\x7f\x85",
    '"}\n{"id":"x","crc":"00000000"}\n',
    '","crc":"',
    "\ud800",
    "lone \udfff and \ud83d in the midst of 🔬",
    "日本語 مرحبا e\u0301",
    "x" * 2**20,
    "\ud800" * 10_000,
]


@pytest.mark.parametrize("reply", AWKWARD, ids=range(len(AWKWARD)))
def test_any_reply_comes_back_as_it_was(tmp_path: Path, reply: str) -> None:
    records = RecordFile(tmp_path / "records.jsonl")
    records.append([plain_record(1, reply=reply), plain_record(2)])
    records.close()
    content = (tmp_path / "records.jsonl").read_bytes()
    assert content.count(b"\n") == 2
    assert json.loads(content.splitlines()[0])["reply"] == reply
    assert [r["reply"] for r in read_records(tmp_path / "records.jsonl")] == [reply, "A"]
    assert AnsweredKeys.from_file(tmp_path / "records.jsonl").get(f"{1:032x}") == plain_record(
        1, reply=reply
    )


AWKWARD_MODEL = """
import mubench_gen
from mubench_gen import ModelSpec, Reply

REPLIES = ["\\ud800", "\\0 B", "C" + " " * 2**19, "A\\n{", '"}\\n']


class Awkward(mubench_gen.GenerativeModel):
    batch_size = 3

    def generate(self, requests):
        return [
            Reply(REPLIES[int(request.key, 16) % 5], "stop \\udcff", {"output_tokens": 3})
            for request in requests
        ]


@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("awkward", Awkward)]
"""


def test_a_run_survives_awkward_replies_and_resumes(tmp_path: Path) -> None:
    data = write_data(tmp_path / "cells", [make_row(i) for i in range(8)])
    plugin = write_plugin(tmp_path, AWKWARD_MODEL, "awkward")
    run = evaluate(plugin, tmp_path / "run", data=data)
    replies = {record["reply"] for record in run.records()}
    assert replies == {"\ud800", "\0 B", "C" + " " * 2**19, "A\n{", '"}\n'}
    assert run.complete
    content = (run.dir / "records.jsonl").read_bytes()
    assert evaluate(plugin, tmp_path / "run", data=data).complete
    assert (run.dir / "records.jsonl").read_bytes() == content


USAGE_MODEL = """
import mubench_gen
import numpy as np
from mubench_gen import ModelSpec, Reply


class Counts(mubench_gen.GenerativeModel):
    def generate(self, requests):
        return [Reply("A", "stop", {"output_tokens": np.int64(7)}) for request in requests]


@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("counts", Counts)]
"""


def test_usage_counted_with_numpy_is_stored_as_plain_numbers(tmp_path: Path) -> None:
    data = write_data(tmp_path / "cells", [make_row(i) for i in range(2)])
    plugin = write_plugin(tmp_path, USAGE_MODEL, "counts")
    run = evaluate(plugin, tmp_path / "run", data=data)
    assert [record["usage"] for record in run.records()] == [{"output_tokens": 7}] * 10


def test_usage_that_is_no_number_is_an_error_of_its_item_alone(tmp_path: Path) -> None:
    data = write_data(tmp_path / "cells", [make_row(i) for i in range(2)])
    source = USAGE_MODEL.replace("np.int64(7)", "'many' if 'stain' in request.text else 7")
    run = evaluate(write_plugin(tmp_path, source, "counts"), tmp_path / "run", data=data)
    assert {r["task"]: r["status"] for r in run.records()} == {
        "domain": "answered",
        "modality": "answered",
        "stain": "error",
        "subdomain": "answered",
        "submodality": "answered",
    }


def test_the_last_line_of_an_id_counts_and_keeps_its_place_in_the_file(tmp_path: Path) -> None:
    records = RecordFile(tmp_path / "r")
    failed = plain_record(1, status="error", choice=None, correct=None)
    records.append([failed, plain_record(2), plain_record(1, reply="B"), plain_record(3)])
    records.close()
    found = list(read_records(tmp_path / "r"))
    assert [(r["item"], r["reply"]) for r in found] == [
        ("cells/2/modality", "A"),
        ("cells/1/modality", "B"),
        ("cells/3/modality", "A"),
    ]


def test_a_damaged_retry_leaves_the_line_before_it_in_force(tmp_path: Path) -> None:
    first, second = to_line(plain_record(1)), to_line(plain_record(1, reply="B"))
    (tmp_path / "r").write_bytes(first + second.replace(b"B", b"C", 1))
    assert [r["reply"] for r in read_records(tmp_path / "r")] == ["A"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('x/plain[system=Say "A", "B"]/0.1/0', 'x/plain[system=Say "A", "B"]/1.0/0'),
        ("x\\", "x\\\\"),
        ('"', '","'),
        ("a", "a/b"),
    ],
)
def test_ids_that_hold_quotes_are_told_apart(tmp_path: Path, one: str, other: str) -> None:
    (tmp_path / "r").write_bytes(
        to_line(plain_record(1, id=one)) + to_line(plain_record(2, id=other))
    )
    assert [r["id"] for r in read_records(tmp_path / "r")] == [one, other]


def test_a_prompt_setting_with_quotes_loses_no_record(tmp_path: Path) -> None:
    data = write_data(tmp_path / "cells", [make_row(i) for i in range(3)])
    run = evaluate(
        "echo",
        tmp_path / "run",
        data=data,
        prompt="plain",
        prompt_set={"system": 'Say "A", "B" or so'},
        orders="cyclic:2",
    )
    assert run.scores.pooled.n == 30
    assert run.complete


def test_the_open_file_holds_no_records(tmp_path: Path) -> None:
    def filled(number: int) -> int:
        """Bytes in memory once `number` records of 2 kB are appended."""
        tracemalloc.start()
        records = RecordFile(tmp_path / f"{number}")
        for begin in range(0, number, 100):
            records.append([plain_record(i, reply="x" * 2_000) for i in range(begin, begin + 100)])
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        records.close()
        return size

    filled(100)
    assert (filled(3_000) - filled(1_000)) / 2_000 < 250  # bytes a record


def test_reading_holds_one_record_at_a_time(tmp_path: Path) -> None:
    records = RecordFile(tmp_path / "r")
    records.append([plain_record(i, reply="x" * 2_000) for i in range(3_000)])
    records.close()
    tracemalloc.start()
    assert sum(1 for _ in read_records(tmp_path / "r")) == 3_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000 * 250


def test_a_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mubench_gen import RunFolderError
    from mubench_gen.storage import record_file as module

    file = RecordFile(tmp_path / "r")
    file.append([plain_record(1)])
    before = (tmp_path / "r").read_bytes()
    write = module.os.write

    def full(handle: int, content: memoryview) -> int:
        write(handle, bytes(content[:100]))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "write", full)
    with pytest.raises(RunFolderError, match=r"No space left on device.*same command"):
        file.append([plain_record(2)])
    monkeypatch.undo()
    assert (tmp_path / "r").read_bytes() == before
    file.append([plain_record(3)])
    file.close()
    assert [r["item"] for r in read_records(tmp_path / "r")] == [
        "cells/1/modality",
        "cells/3/modality",
    ]
    assert len(list(stored_lines(tmp_path / "r"))) == 2


def test_what_is_no_record_is_no_record() -> None:
    def line(body: bytes) -> bytes:
        return b'%b,"crc":"%08x"}\n' % (body, zlib.crc32(body))

    for body in (b"", b"{", b'{"key":"a"', b"[1", b'{"id":', b"\xff", b'{"id":"\xff"'):
        assert from_line(line(body)) is None
    found: Record | None = from_line(line(b'{"id":"a"'))
    assert found == {"id": "a"}


def test_meta_keeps_the_other_columns_of_the_row(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"stain": "gram", "microns_per_pixel": 0.25, "pmid": None}
    data = write_data(tmp_path / "cells", [make_row(0, questions=("stain",), **columns)])
    (record,) = evaluate("echo", tmp_path / "run", data=data).records()
    assert record["meta"] == {"license": "CC0-1.0", **columns}
