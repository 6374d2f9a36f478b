"""Data sets and tables that lead elsewhere, are no files, mean two things or are too much."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.data import open_dataset
from mubench_gen.errors import DataError
from mubench_gen.storage.records import read_records

from .helpers.data import make_png, make_row, write_data

TABLE = "image,question,options,answer\n"


def evaluated(data: Path, *more: object) -> tuple[Any, ...]:
    return ("eval", "--plugin", "echo", "--data", data, "--run-dir", "run", *more)


def placed(folder: Path, path: str) -> Path:
    """A data set whose second image is said to lie there."""
    rows = [make_row(i) for i in range(3)]
    rows[1]["image"]["path"] = path
    data = write_data(folder / "data", [rows[0], rows[2]])
    (data / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return data


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """An image outside of the data."""
    path = tmp_path / "elsewhere/secret.png"
    path.parent.mkdir()
    path.write_bytes(make_png(5))
    return path


PLACES = ("an absolute path", "a path that leaves", "a link", "a link to the folder", "a loop out")


def led_outside(how: str, tmp_path: Path, secret: Path) -> Path:
    if how == PLACES[0]:
        return placed(tmp_path, str(secret))
    if how == PLACES[1]:
        return placed(tmp_path, "images/../../elsewhere/secret.png")
    if how == PLACES[2]:
        data = placed(tmp_path, "images/link.png")
        (data / "images/link.png").symlink_to(secret)
        return data
    data = placed(tmp_path, "more/secret.png")
    target = secret.parent if how == PLACES[3] else data / ".." / "elsewhere"
    (data / "more").symlink_to(target)
    return data


@pytest.mark.parametrize("how", PLACES)
def test_an_image_outside_of_the_data_is_refused_unless_that_is_asked_for(
    here: Any, tmp_path: Path, secret: Path, how: str
) -> None:
    data = led_outside(how, tmp_path, secret)
    for command in (evaluated(data), ("ablate", "--plugin", "echo", "--data", data)):
        outcome = here(*command)
        assert outcome.code == 2
        assert "--allow-outside" in outcome.err
    verified = here("data", "verify", data, "--json")
    assert verified.code in (1, 2)
    assert "--allow-outside" in verified.err + verified.out
    assert not Path("run/records.jsonl").exists()
    assert here(*evaluated(data, "--allow-outside")).code == 0
    manifest = json.loads(Path("run/manifest.json").read_bytes())
    assert manifest["settings"]["allow_outside"] is True
    assert here("data", "verify", data, "--allow-outside").code == 0
    assert here("report", "run", "--html").code == 0


def test_links_within_the_data_are_followed_and_no_setting_is_recorded(
    here: Any, tmp_path: Path
) -> None:
    data = placed(tmp_path, "images/link.png")
    (data / "images/link.png").symlink_to("0.png")
    link = tmp_path / "by-a-link"
    link.symlink_to(data)
    assert here(*evaluated(link)).code == 0
    assert "allow_outside" not in json.loads(Path("run/manifest.json").read_bytes())["settings"]


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder", "a loop"])
def test_an_image_that_is_no_file_is_its_items_error(here: Any, tmp_path: Path, kind: str) -> None:
    data = placed(tmp_path, "images/odd.png")
    odd = data / "images/odd.png"
    if kind == "a pipe":
        os.mkfifo(odd)
    elif kind == "a device":
        odd.symlink_to("/dev/zero")
    elif kind == "a folder":
        odd.mkdir()
    else:
        odd.symlink_to("odd.png")
    flags = ["--allow-outside"] if kind == "a device" else []
    outcome = here(*evaluated(data, *flags))
    assert outcome.code == 3
    failed = [r for r in read_records(Path("run/records.jsonl")) if r["status"] == "error"]
    assert {record["image_id"] for record in failed} == {"cell-1"}


def test_rows_that_are_a_pipe_or_a_device_are_refused(here: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("rows.jsonl", "other.jsonl", "rows.arrow", "rows.parquet"):
        os.mkfifo(folder / name)
        assert here(*evaluated(folder / name)).code == 2
    assert here(*evaluated(folder)).code == 2
    assert here(*evaluated(Path("/dev/zero"))).code == 2


def test_rows_that_change_while_they_are_in_use_are_told(cells: Path) -> None:
    dataset = open_dataset(str(cells))
    write_data(cells, [make_row(i, image_id=f"other-{i}") for i in range(3)])
    with pytest.raises(DataError, match=r"rows\.jsonl: was changed while it was in use"):
        _ = dataset[1]


LINES: dict[str, tuple[bytes, str]] = {
    "nested deeply": (b'{"image_id": ' + b"[" * 100_000, "depth"),
    "nested more than anything needs": (
        b'{"image_id": ' + b"[" * 70 + b"]" * 70 + b"}",
        "it is nested too deeply",
    ),
    "nested objects": (b'{"a":' * 900 + b"1" + b"}" * 900, "row 2"),
    "a lone surrogate": (b'{"image_id": "\\ud800"}', "surrogate"),
    "bytes that are no text": (b'{"image_id": "\xff"}', "row 2"),
    "NaN": (b'{"image_id": NaN}', "no valid JSON"),
    "infinity": (b'{"image_id": 1e999}', "no valid JSON"),
    "a huge number": (b'{"image_id": ' + b"9" * 5_000 + b"}", "no valid JSON"),
    "a null character": (b'{"image_id": "a"}\0', "no valid JSON"),
}


@pytest.mark.parametrize(("line", "message"), LINES.values(), ids=LINES)
def test_a_line_that_no_program_should_read_is_told_with_its_row(
    cells: Path, line: bytes, message: str
) -> None:
    rows = (cells / "rows.jsonl").read_bytes().splitlines(keepends=True)
    (cells / "rows.jsonl").write_bytes(rows[0] + line + b"\n")
    with pytest.raises(DataError, match=r"rows\.jsonl, row 2\b") as caught:
        open_dataset(str(cells))
    assert message in str(caught.value)


DOUBLED = {
    "a column": lambda line: b'{"dataset": "other", ' + line[1:],
    "in a question": lambda line: line.replace(
        b'"answer_idx": ', b'"answer_idx": 0, "answer_idx": '
    ),
    "with a space behind it": lambda line: b'{"dataset" :"other", "pmid":"\\":", ' + line[1:],
    "spelt otherwise": lambda line: b'{"\\u0064ataset": "other", "pmid": "\\"\\u003a", ' + line[1:],
}


@pytest.mark.parametrize("change", DOUBLED.values(), ids=DOUBLED)
def test_a_key_that_stands_twice_is_told(cells: Path, change: Callable[[bytes], bytes]) -> None:
    rows = (cells / "rows.jsonl").read_bytes().splitlines(keepends=True)
    (cells / "rows.jsonl").write_bytes(rows[0] + change(rows[1]))
    with pytest.raises(DataError, match=r"row 2: the key '\w+' stands twice"):
        open_dataset(str(cells))


def test_a_text_that_looks_like_keys_is_a_text(tmp_path: Path) -> None:
    rows = [make_row(0, institution='"a": "a" : \\u0022: "'), make_row(1, pmid='":":":')]
    assert len(open_dataset(str(write_data(tmp_path / "data", rows)))) == 2


@pytest.mark.parametrize("index", ["9" * 5_000, 10**300, "-" + "9" * 30, "1" * 25])
def test_an_answer_idx_of_many_digits_is_told(tmp_path: Path, index: Any) -> None:
    row = make_row(1)
    row["questions"]["modality"]["answer_idx"] = index
    data = write_data(tmp_path / "data", [make_row(0), row])
    with pytest.raises(DataError, match="row 2"):
        open_dataset(str(data))


def test_files_with_a_byte_order_mark_are_read(here: Any, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    rows = (data / "rows.jsonl").read_bytes()
    (data / "rows.jsonl").write_bytes(b"\xef\xbb\xbf" + rows)
    dataset = open_dataset(str(data))
    assert [row.image_id for row in dataset] == [f"cell-{i}" for i in range(3)]
    assert dataset[0].image_id == "cell-0"
    (data / "rows.jsonl").write_bytes(b"\xff\xfe" + rows.decode().encode("utf-16-le"))
    with pytest.raises(DataError, match="UTF-16; save the file as UTF-8"):
        open_dataset(str(data))


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_tables_with_a_byte_order_mark_are_read(here: Any, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_bytes(make_png())
    row = {"image": "a.png", "question": "Q", "options": ["x", "y"], "answer": "y"}
    text = TABLE + "a.png,Q,x|y,y\n" if suffix == "csv" else json.dumps(row)
    (tmp_path / f"photos/t.{suffix}").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert here("data", "import", "photos", "--out", "out").code == 0


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("empty", "column image: a.png: the file is empty"),
        ("loop", "there is no file 'a.png'"),
        ("pipe", "there is no file 'a.png'"),
        ("outside", "is not in the folder"),
    ],
)
def test_an_image_that_cannot_be_imported_is_told_with_its_row(
    here: Any, tmp_path: Path, kind: str, message: str
) -> None:
    image = tmp_path / "photos/a.png"
    image.parent.mkdir()
    if kind == "empty":
        image.touch()
    elif kind == "loop":
        image.symlink_to("a.png")
    elif kind == "pipe":
        os.mkfifo(image)
    else:
        (tmp_path / "b.png").write_bytes(make_png())
        image.symlink_to(tmp_path / "b.png")
    (tmp_path / "photos/t.csv").write_text(TABLE + "a.png,Q,x|y,y\n")
    outcome = here("data", "import", "photos", "--out", "out")
    assert outcome.code == 2
    assert "row 2" in outcome.err
    assert message in outcome.err


TABLES: dict[str, tuple[str, bytes, str]] = {
    "a column twice": ("csv", b"image,question,options,answer,answer\n", "'answer' is there twice"),
    "an empty line before the columns": (
        "csv", b"\xef\xbb\xbf\n" + TABLE.encode() + b"a.png,Q,x|y,y\n", "row 1: it is empty",
    ),
    "a null character": ("csv", TABLE.encode() + b"a\0.png,Q,x|y,y\n", "t.csv"),
    "a quote that is never closed": ("csv", b'image,"question\n', "no valid CSV"),
    "options nested deeply": (
        "csv", TABLE.encode() + b'a.png,Q,"' + b"[" * 9_000 + b'",y\n', "column options",
    ),
    "a cell of a megabyte": ("csv", TABLE.encode() + b"a.png," + b"x" * 10**6, "column options"),
    "NaN": ("jsonl", b'{"image": "a.png", "stain": NaN}', "row 1: no valid JSON"),
    "a lone surrogate": ("jsonl", b'{"image": "a.png", "stain": "\\ud800"}', "row 1"),
    "a key twice": ("jsonl", b'{"image": "a.png", "image": "b.png"}', "'image' stands twice"),
    "a number for a data set": (
        "jsonl",
        b'{"image": "a.png", "question": "Q", "options": ["x", "y"], "answer": "y", "dataset": 3}',
        "column dataset",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("suffix", "content", "message"), TABLES.values(), ids=TABLES)
def test_a_table_that_cannot_be_imported_is_told(
    here: Any, tmp_path: Path, suffix: str, content: bytes, message: str
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_bytes(make_png())
    (tmp_path / f"photos/t.{suffix}").write_bytes(content)
    outcome = here("data", "import", "photos", "--out", "out")
    assert outcome.code == 2
    assert message in outcome.err
    assert not Path("out").exists()


ALIKE = [["DAPI", "dapi", "none"], ["a b", "a  b", "c"], ["café", "cafe\u0301", "c"]]


@pytest.mark.parametrize("options", ALIKE)
def test_options_that_only_look_different_are_told_of_once(
    here: Any, tmp_path: Path, options: list[str]
) -> None:
    rows = [make_row(i) for i in range(3)]
    for row in rows[1:]:
        row["questions"]["stain"] = {"question": "Q", "options": options, "answer_idx": 2}
    data = write_data(tmp_path / "data", rows)
    for command in (evaluated(data, "--plugin", "echo"), ("data", "verify", data)):
        from mubench_gen.data import equal_options

        equal_options._tell.cache_clear()
        outcome = here(*command)
        assert outcome.code == 0
        assert outcome.err.count("2 rows have options that are equal except for case") == 1
        assert f"row 2: {options[0]!r} and {options[1]!r}" in outcome.err


def test_options_of_a_table_that_only_look_different_are_told_of(here: Any, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_bytes(make_png())
    (tmp_path / "photos/t.csv").write_text(TABLE + "a.png,Q,DAPI|dapi,B\n")
    outcome = here("data", "import", "photos", "--out", "out")
    assert outcome.code == 0
    assert "1 row has options that are equal except for case" in outcome.err
    assert "(row 2: 'DAPI' and 'dapi')" in outcome.err


OVERSIZED = {
    "a question of a megabyte": ({"question": "x" * 10**6}, []),
    "a prompt that grows too long by its question": ({"question": "x" * 99_900}, []),
    "ten thousand options": (
        {"options": [f"option {i}" for i in range(10_000)], "answer": None, "answer_idx": 3}, [],
    ),
    "a worked example that is too long": ({"question": "x" * 99_900}, ["--prompt-set", "shots=2"]),
}  # fmt: skip


@pytest.mark.parametrize(("change", "flags"), OVERSIZED.values(), ids=OVERSIZED)
def test_an_oversized_question_is_its_items_error_alone(
    here: Any, tmp_path: Path, change: dict[str, Any], flags: list[str]
) -> None:
    rows = [make_row(i) for i in range(12)]
    rows[1]["questions"]["modality"] |= change
    rows[1]["captions"] = {}
    data = write_data(tmp_path / "data", rows)
    outcome = here(*evaluated(data, "--tasks", "modality", *flags))
    assert outcome.code == 3
    assert "too long for a prompt" in outcome.err
    records = list(read_records(Path("run/records.jsonl")))
    answered = {r["image_id"] for r in records if r["status"] != "error"}
    assert len(answered) >= 8
    assert "cell-1" not in answered
    assert here("report", "run").code == 0
    assert max(map(len, Path("run/records.jsonl").read_bytes().splitlines())) < 500_000
