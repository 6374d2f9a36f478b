"""Arrow and Parquet files of the release's schema, with all its traps."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.data import open_dataset
from mubench_gen.data.arrow import open_source
from mubench_gen.data.schema import check_row
from mubench_gen.errors import DataError, MissingExtraError
from mubench_gen.types import Box

from .release import (
    NAMES,
    NONE,
    counted,
    ipc,
    make_caption,
    make_png,
    make_question,
    make_row,
    pa,
    schema,
    trapped_rows,
    with_question,
    write_file,
    write_parquet,
    write_shards,
    write_stream,
)

Write = Callable[[Path, list[dict[str, Any]]], Path]


def compressed(path: Path, rows: list[dict[str, Any]]) -> Path:
    return write_file(path, rows, options=ipc.IpcWriteOptions(compression="zstd"))


def shards(path: Path, rows: list[dict[str, Any]]) -> Path:
    write_shards(path, rows)
    return path


FORMATS: list[tuple[str, Write]] = [
    ("one.arrow", write_stream),
    ("one.ipc", write_file),
    ("packed.arrow", compressed),
    ("one.parquet", write_parquet),
    ("folder", shards),
]


@pytest.mark.parametrize(("name", "write"), FORMATS)
def test_every_format_gives_the_rows_in_order_and_by_index(
    tmp_path: Path, name: str, write: Write
) -> None:
    rows = [make_row(i) for i in range(10)]
    dataset = open_dataset(str(write(tmp_path / name, rows)))
    assert len(dataset) == 10
    assert [row.index for row in dataset] == list(range(10))
    assert [row.image_id for row in dataset] == [row["image_id"] for row in rows]
    for i in (9, 0, 5, 4, 5):
        row = dataset[i]
        assert row.image_id == rows[i]["image_id"]
        assert row.image.data == make_png(i)
        assert row.questions["stain"].options == tuple(rows[i]["questions"]["stain"]["options"])
        assert row.questions["stain"].gold == rows[i]["questions"]["stain"]["answer_idx"]
        assert row.captions["stain"][1] == tuple(rows[i]["captions"]["stain_1"]["options"])
        assert row.meta["microns_per_pixel"] == 2.0
    assert [row.image.data for row in dataset] == [make_png(i) for i in range(10)]
    with pytest.raises(IndexError):
        dataset[10]


def test_a_question_may_have_the_name_of_a_field_of_questions(tmp_path: Path) -> None:
    names = ("id", "name", "tags")
    asked = {name: make_question("stain", 0) for name in names}
    path = tmp_path / "odd.arrow"
    row = {**make_row(0), "questions": asked, "captions": {}}
    write_stream(path, [row], as_=schema(questions=names))
    dataset = open_dataset(str(path))
    assert sorted(dataset[0].questions) == sorted(names)
    assert {name for _, name in dataset.questions} == set(names)


@pytest.mark.parametrize(("name", "write"), FORMATS)
def test_every_format_gives_the_marked_regions(tmp_path: Path, name: str, write: Write) -> None:
    points = {"x1": 1.0, "x2": 9.0, "y1": 2.0, "y2": 8.0}
    marked = {**make_row(1), "bbox": [{"className": "cell", "points": points}]}
    dataset = open_dataset(str(write(tmp_path / name, [make_row(0), marked, make_row(2)])))
    assert [list(row.boxes) for row in dataset] == [[], [Box(1.0, 2.0, 9.0, 8.0, "cell")], []]
    assert list(dataset[1].boxes) == [Box(1.0, 2.0, 9.0, 8.0, "cell")]


def test_texts_of_parquet_are_read_by_hundreds_of_rows_also_between_images(tmp_path: Path) -> None:
    rows = [make_row(i) for i in range(300)]
    source = open_source(write_parquet(tmp_path / "one.parquet", rows, group=300))
    windows = []
    for row in (0, 100, 256):
        windows.append(source.window(row))
        ((load,),) = source.images(row, 1)
        assert load is not None
        load()
    assert [(one.start, one.batch.num_rows) for one in windows] == [(0, 256), (0, 256), (256, 44)]


@pytest.mark.parametrize(("name", "write"), FORMATS)
def test_the_traps_of_the_release_are_read_as_meant(
    tmp_path: Path, name: str, write: Write
) -> None:
    rows = trapped_rows()
    dataset = open_dataset(str(write(tmp_path / name, rows)))
    found = list(dataset)
    for row in found:
        check_row(row)
    assert dataset.questions == counted(rows)
    assert [row.dataset for row in found][4:6] == ["held_et_al_2010_h2b", "held_et_al_2010_galt"]
    assert len({row.key for row in found}) == len(rows)
    assert found[0].image_id == found[1].image_id
    assert found[7].key == f"{found[6].key}#7"
    assert "stain" not in found[2].questions
    assert "stain" not in found[3].questions
    assert dict(found[9].questions) == {}
    assert found[6].questions["classification"].gold == 0  # label and label_name say otherwise


def test_files_of_july_2024_with_instances_are_read(tmp_path: Path) -> None:
    old = [{**make_row(i), "instances": None} for i in range(4)]
    path = write_stream(tmp_path / "old.arrow", old, as_=schema(regions=False))
    rows = list(open_dataset(str(path)))
    assert len(rows) == 4
    assert "instances" not in rows[0].meta


def test_answer_idx_may_be_text(tmp_path: Path) -> None:
    rows = [with_question(make_row(), name, answer_idx="1", answer=None) for name in NAMES[:1]]
    for row in rows:
        row["captions"] = {}
        for cell in row["questions"].values():
            cell["answer_idx"] = str(cell["answer_idx"])
    path = write_stream(tmp_path / "text.arrow", rows, as_=schema(answer_idx=pa.string()))
    assert open_dataset(str(path))[0].questions["classification"].gold == 1


def test_a_row_that_is_looked_at_alone_is_the_one_of_the_whole(tmp_path: Path) -> None:
    dataset = open_dataset(str(write_stream(tmp_path / "a.arrow", trapped_rows())))
    for row in dataset:
        alone = dataset[row.index]
        assert (alone.key, dict(alone.meta)) == (row.key, dict(row.meta))
        assert dict(alone.questions) == dict(row.questions)


def test_opening_decodes_no_image_and_no_question(tmp_path: Path) -> None:
    broken = [make_row(0, image={"bytes": b"no image", "path": None}), make_row(1)]
    broken[1] = with_question(broken[1], "domain", answer_idx=99)
    dataset = open_dataset(str(write_stream(tmp_path / "a.arrow", broken)))
    assert len(dataset) == 2
    with pytest.raises(DataError, match=r"a\.arrow, row 2 .*domain\.answer_idx: 99 is out of"):
        len(dataset[1].questions)


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"image_id": None}, "column image_id: a text is needed, found None"),
    ({"dataset": "", "stain": "H2B-mCherry"}, "column dataset: a text is needed, found ''"),
    ({"dataset": None, "stain": "DAPI"}, "column dataset: NULL, .*'DAPI'"),
    ({"dataset": None, "stain": None}, "column dataset: NULL, .*None"),
    ({"image": None}, r"column image\.bytes: NULL"),
    ({"image": {"bytes": None, "path": "x.png"}}, r"column image\.bytes: NULL"),
]


@pytest.mark.parametrize(("changes", "message"), FAULTS)
def test_a_faulty_column_is_named_with_file_and_row(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    rows = [make_row(0), make_row(1), make_row(2), make_row(3, **changes)]
    path = write_stream(tmp_path / "bad.arrow", rows)
    with pytest.raises(DataError, match=rf"bad\.arrow, row 4\b.*{message}"):
        list(open_dataset(str(path)))


QUESTION_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"answer_idx": 9}, r"answer_idx: 9 is out of range for 6 options"),
    ({"answer_idx": -1}, r"answer_idx: -1 is out of range"),
    ({"answer_idx": None}, r"answer_idx: a whole number is needed, found None"),
    ({"answer": "PAS", "answer_idx": 0}, "answer_idx 0 is 'H&E', but answer is 'PAS'"),
    ({"options": ["a", "", NONE], "answer": None, "answer_idx": 0}, "an option is empty"),
    ({"options": ["a", "a", NONE], "answer": None, "answer_idx": 0}, "two options are the same"),
    ({"options": ["a", None], "answer": None, "answer_idx": 0}, "an option is empty or no text"),
    ({"options": None}, r"options: two or more are needed, found None"),
    ({"options": ["a"]}, r"options: two or more are needed"),
    ({"question": None}, r"question: a text is needed, found None"),
]


@pytest.mark.parametrize(("changes", "message"), QUESTION_FAULTS)
def test_a_faulty_question_is_named_with_file_row_and_column(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    rows = [make_row(0), with_question(make_row(1), "stain", **changes)]
    dataset = open_dataset(str(write_stream(tmp_path / "bad.arrow", rows)))
    with pytest.raises(DataError, match=rf"bad\.arrow, row 2 .*column questions\.stain.*{message}"):
        check_row(dataset[1])
    check_row(dataset[0])


def test_an_answer_idx_that_is_no_number_is_named(tmp_path: Path) -> None:
    row = make_row(0)
    for cell in row["questions"].values():
        cell["answer_idx"] = "B"
    path = write_stream(tmp_path / "bad.arrow", [row], as_=schema(answer_idx=pa.string()))
    with pytest.raises(DataError, match="a whole number is needed, found 'B'"):
        check_row(open_dataset(str(path))[0])


def test_an_answer_idx_with_a_fraction_is_named(tmp_path: Path) -> None:
    row = make_row(0)
    for cell in row["questions"].values():
        cell["answer_idx"] = 0.5
    path = write_stream(tmp_path / "bad.arrow", [row], as_=schema(answer_idx=pa.float64()))
    with pytest.raises(DataError, match=r"a whole number is needed, found 0\.5"):
        check_row(open_dataset(str(path))[0])


def test_captions_that_name_another_answer_than_the_question_are_named(tmp_path: Path) -> None:
    row = make_row(0)
    row["captions"] = {**row["captions"], "stain_1": make_caption("stain", 1, 1)}
    row["questions"] = {**row["questions"], "stain": make_question("stain", 3)}
    row["captions"]["stain_0"] = make_caption("stain", 3, 0)
    dataset = open_dataset(str(write_stream(tmp_path / "bad.arrow", [row])))
    with pytest.raises(DataError, match=r"row 1 .*captions\.stain_1\.answer_idx: '1'.* is 3"):
        check_row(dataset[0])


def test_a_schema_of_another_release_names_the_columns_that_differ(tmp_path: Path) -> None:
    renamed = pa.schema(
        [f.with_name("image_ids") if f.name == "image_id" else f for f in schema()]
        + [pa.field("extra", pa.string())]
    )
    path = write_stream(tmp_path / "other.arrow", [], as_=renamed)
    with pytest.raises(
        DataError, match=r"other\.arrow: .*missing: image_id; not known: image_ids, extra"
    ):
        open_dataset(str(path))


def test_a_column_of_another_type_is_named(tmp_path: Path) -> None:
    fields = [f if f.name != "questions" else pa.field("questions", pa.string()) for f in schema()]
    path = write_stream(tmp_path / "other.arrow", [], as_=pa.schema(fields))
    with pytest.raises(DataError, match="questions is string, needed is a struct"):
        open_dataset(str(path))


@pytest.mark.parametrize("keep", [0, 10, 300, 0.5, -8, -9])
@pytest.mark.parametrize("write", [write_stream, write_file, write_parquet])
def test_a_truncated_file_is_told_with_its_size(tmp_path: Path, write: Write, keep: float) -> None:
    path = write(tmp_path / "cut.arrow", [make_row(i) for i in range(9)])
    content = path.read_bytes()
    end = int(len(content) * keep) if 0 < keep < 1 else int(keep)
    path.write_bytes(content[:end])
    with pytest.raises(
        DataError, match=r"cut\.arrow: (truncated or damaged \([\d,]+ bytes\)|.*empty)"
    ):
        open_dataset(str(path))


def test_damaged_offsets_are_told_and_do_not_crash(tmp_path: Path) -> None:
    whole = write_stream(tmp_path / "whole.arrow", [make_row(i) for i in range(9)], batch=9)
    content = whole.read_bytes()
    paths = []
    for place in range(len(content) // 12 * 4, len(content) - 16, 4 * 997):
        paths.append(tmp_path / f"{place}.arrow")
        paths[-1].write_bytes(content[:place] + b"\xff\xff\xff\x7f" + content[place + 4 :])
    code = (
        "import sys\n"
        "from mubench_gen.data import open_dataset\n"
        "from mubench_gen.data.schema import check_row\n"
        "from mubench_gen.errors import UsageError\n"
        "for path in sys.argv[1:]:\n"
        "    print(path, flush=True)\n"
        "    try:\n"
        "        for row in open_dataset(path): check_row(row)\n"
        "    except UsageError: pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)], check=False, capture_output=True, text=True
    )
    assert len(paths) > 5
    assert done.returncode == 0, done.stdout.split()[-1]


def test_a_file_that_is_no_data_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.arrow"
    path.write_bytes(b"<html>not found</html>" * 20)
    with pytest.raises(DataError, match=r"x\.arrow: is neither an Arrow stream"):
        open_dataset(str(path))


def test_a_file_without_rows_is_told(tmp_path: Path) -> None:
    path = write_stream(tmp_path / "none.arrow", [])
    with pytest.raises(DataError, match="holds no rows"):
        open_dataset(str(path))


def test_the_same_files_have_the_same_digest_and_others_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUBENCH_GEN_CACHE", str(tmp_path / "cache"))
    one = shards(tmp_path / "one", [make_row(i) for i in range(6)])
    same = shards(tmp_path / "same", [make_row(i) for i in range(6)])
    other = shards(tmp_path / "other", [make_row(i) for i in range(7)])
    digests = [open_dataset(str(path)).digest for path in (one, same, other, one)]
    assert digests[0] == digests[1] == digests[3] != digests[2]


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_stream(tmp_path / "a.arrow", [make_row()])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mubench-gen\[ubench\]'"):
        open_dataset(str(path))
