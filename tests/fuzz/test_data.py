"""Damaged data sets: rows, or a DataError; no other error, no hang, no flood."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.helpers.data import STAIN, make_png, make_row, question
from tests.helpers.mutations import assert_survives, mutated

from mubench_gen.data import open_dataset
from mubench_gen.data.schema import COLUMNS, check_row
from mubench_gen.errors import DataError, ImageError

Write = Callable[[pa.Table, io.BytesIO], None]


def image_files(folder: Path) -> None:
    (folder / "images").mkdir()
    for number in range(3):
        (folder / f"images/{number}.png").write_bytes(make_png(number))


def look_at(path: Path) -> None:
    """What a run does with a data set before it asks, and each of its rows by its index."""
    dataset = open_dataset(str(path), checked=True)
    for row in dataset:
        alone = dataset[row.index]
        check_row(alone)
        for image in (row.image, alone.image):
            try:
                json.dumps(image.sha256)
            except ImageError:
                continue
        json.dumps(dict(row.meta), default=str)
    assert dataset.digest


def reads(path: Path, look: Callable[[Path], None] = look_at) -> Callable[[bytes], None]:
    def read(content: bytes) -> None:
        path.write_bytes(content)
        look(path)

    return read


ROWS = [
    make_row(0),
    make_row(1, bbox={"cell": [[1, 2, 3, 4]]}, polygon=None, stain=None, microns_per_pixel=0.5),
    make_row(2, questions={"stain": question("Which µ?", STAIN, 1)}, dataset="other"),
]
SEEDS = [
    b"".join(json.dumps(row).encode() + b"\n" for row in ROWS),
    json.dumps(make_row(1), ensure_ascii=False).encode(),
    b'\xef\xbb\xbf{"image_id": "a", "image": "images/0.png", "dataset": "d", "questions": '
    b'{"q": {"question": "?", "options": ["x", "y"], "answer_idx": "1"}}}\r\n\r\n',
]


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MUBENCH_GEN_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_rows_survive(cached: Path, inputs: int) -> None:
    image_files(cached)
    read = reads(cached / "rows.jsonl")
    read(SEEDS[0])
    assert_survives(read, mutated(SEEDS, inputs), refused=(DataError,))


CSV = (
    b"image,question,options,answer,task,caption,stain\n"
    b"images/0.png,What?,red|blue,blue,colour,A {class} cell.,DAPI\n"
    b'images/1.png,"Which, ""then""?","[""a"", ""b""]",B,modality,,\n'
)
LINES = b"".join(
    json.dumps(line).encode() + b"\n"
    for line in (
        {"image": "images/0.png", "question": "Q", "options": ["p", "q"], "answer": "q"},
        {"image": "images/1.png", "question": "Q", "options": "p|q", "answer": "A",
         "caption": "{class}", "pmid": 12, "dataset": "d", "microns_per_pixel": 0.5},
    )
)  # fmt: skip


@pytest.mark.parametrize(("suffix", "seed"), [("csv", CSV), ("jsonl", LINES)])
def test_tables_survive(cached: Path, inputs: int, suffix: str, seed: bytes) -> None:
    image_files(cached)

    read = reads(cached / f"table.{suffix}")
    read(seed)
    assert_survives(read, mutated([seed, b"\xef\xbb\xbf" + seed], inputs), refused=(DataError,))


def table() -> pa.Table:
    """Three rows of the published schema."""
    asked = pa.struct(
        [("question", pa.string()), ("options", pa.list_(pa.string())), ("answer", pa.string()),
         ("answer_idx", pa.int64())]
    )  # fmt: skip
    said = pa.struct([("options", pa.list_(pa.string()))])
    rows = [
        {**dict.fromkeys(COLUMNS), **row, "image": {"bytes": make_png(i), "path": f"{i}.png"},
         "bbox": None, "polygon": None}
        for i, row in enumerate(ROWS)
    ]  # fmt: skip
    kinds: dict[str, pa.DataType] = dict.fromkeys(COLUMNS, pa.string())
    kinds |= {
        "image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        "questions": pa.struct([("modality", asked), ("stain", asked)]),
        "captions": pa.struct([("modality_0", said), ("modality_1", said)]),
        "microns_per_pixel": pa.float64(),
    }
    return pa.Table.from_pylist(rows, pa.schema([(name, kinds[name]) for name in COLUMNS]))


def stream(content: pa.Table, out: io.BytesIO) -> None:
    with pa.ipc.new_stream(out, content.schema) as writer:
        writer.write_table(content, max_chunksize=2)


def squeezed(content: pa.Table, out: io.BytesIO) -> None:
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(out, content.schema, options=options) as writer:
        writer.write_table(content)


def with_dictionary(content: pa.Table, out: io.BytesIO) -> None:
    place = content.schema.get_field_index("dataset")
    coded = content.column("dataset").dictionary_encode()
    stream(content.set_column(place, "dataset", coded), out)


def file(content: pa.Table, out: io.BytesIO) -> None:
    with pa.ipc.new_file(out, content.schema) as writer:
        writer.write_table(content, max_chunksize=2)


def columns(content: pa.Table, out: io.BytesIO) -> None:
    parquet.write_table(content, out, row_group_size=2)


def plain_columns(content: pa.Table, out: io.BytesIO) -> None:
    parquet.write_table(content, out, compression="none", use_dictionary=False)


FORMATS: dict[str, list[Write]] = {
    "stream.arrow": [stream, squeezed, with_dictionary],
    "file.arrow": [file],
    "columns.parquet": [columns, plain_columns],
}


@pytest.mark.parametrize("name", FORMATS)
def test_columns_survive(cached: Path, inputs: int, name: str) -> None:
    seeds = []
    for write in FORMATS[name]:
        out = io.BytesIO()
        write(table(), out)
        seeds.append(out.getvalue())
    read = reads(cached / name)
    for seed in seeds:
        read(seed)
    assert_survives(read, mutated(seeds, inputs), refused=(DataError,))
