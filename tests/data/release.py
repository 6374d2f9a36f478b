"""Files in the schema of the μ-Bench release, written row by row with pyarrow."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pa = pytest.importorskip("pyarrow", reason="reading μ-Bench's files needs mubench-gen[ubench]")
ipc = pytest.importorskip("pyarrow.ipc")
parquet = pytest.importorskip("pyarrow.parquet")

NONE = "none of the above"
NAMES = ("classification", "domain", "modality", "stain", "subdomain", "submodality")
ANSWERS = {
    "classification": ["basophil", "monocyte"],
    "domain": ["pathology", "biology", "cytology", "radiology", "dermatology"],
    "modality": ["light microscopy", "electron microscopy", "fluorescence microscopy"],
    "stain": ["H&E", "Giemsa", "PAS", "Wright", "Congo red"],
    "subdomain": ["hematology", "histology", "virology", "neurology", "genetics"],
    "submodality": ["brightfield microscopy", "SBF-SEM", "TIRF", "confocal", "mixed"],
}
Row = dict[str, Any]


def schema(answer_idx: Any = None, regions: bool = True, questions: Sequence[str] = NAMES) -> Any:
    """The 22 columns; `regions=False` has `instances` in place of bbox and polygon."""
    text, texts = pa.string(), pa.list_(pa.string())
    shared = [("id", text), ("name", text), ("question", text), ("options", texts)]
    question = pa.struct(
        [*shared, ("answer", text), ("answer_idx", answer_idx or pa.int64()), ("tags", text)]
    )
    caption = pa.struct([*shared, ("answer_idx", text), ("tags", text)])
    box = pa.struct([(name, pa.float64()) for name in ("x1", "x2", "y1", "y2")])
    columns = [
        ("image_id", text),
        ("image", pa.struct([("bytes", pa.binary()), ("path", text)])),
        ("label", pa.int64()),
        *((name, text) for name in ("label_name", "dataset", "domain", "institution", "license")),
        ("microns_per_pixel", pa.float32()),
        *((name, text) for name in ("modality", "ncbitaxon_id", "ncbitaxon_name", "pmid")),
        *((name, text) for name in ("split", "stain", "subdomain", "submodality")),
        ("synthetic", pa.bool_()),
        ("captions", pa.struct([(f"{one}_{i}", caption) for one in questions for i in (0, 1)])),
        ("questions", pa.struct([(name, question) for name in questions])),
    ]
    marked = [
        ("bbox", pa.list_(pa.struct([("className", text), ("points", box)]))),
        ("polygon", pa.list_(pa.struct([("className", text), ("points", pa.list_(pa.float64()))]))),
    ]
    return pa.schema(columns + (marked if regions else [("instances", pa.null())]))


def make_png(number: int) -> bytes:
    """A PNG of one colour, another one for each number."""
    stream = io.BytesIO()
    Image.new("RGB", (24, 16), (number * 37 % 256, number % 256, 9)).save(stream, "PNG")
    return stream.getvalue()


def make_question(name: str, gold: int, **changes: Any) -> Row:
    options = [*ANSWERS[name], NONE]
    cell = {
        "id": str(uuid.UUID(int=gold)),
        "name": name,
        "question": f"What is the {name}?",
        "options": options,
        "answer": options[gold],
        "answer_idx": gold,
        "tags": None,
    }
    return {**cell, **changes}


def make_caption(name: str, gold: int, variant: int, **changes: Any) -> Row:
    template = f"An image ({variant}) of {{class}}."
    cell = {
        "id": str(uuid.UUID(int=gold)),
        "name": name,
        "question": template,
        "options": [*(template.replace("{class}", o) for o in ANSWERS[name]), NONE],
        "answer_idx": str(gold),
        "tags": None,
    }
    return {**cell, **changes}


def make_row(number: int = 0, **changes: Any) -> Row:
    """A sound row of acevedo_et_al_2020; `changes` replace columns."""
    gold = {name: (number + i) % len(ANSWERS[name]) for i, name in enumerate(NAMES)}
    row = {
        "image_id": str(uuid.UUID(int=number)),
        "image": {"bytes": make_png(number), "path": None},
        "label": number % 104,
        "label_name": "basophil",
        "dataset": "acevedo_et_al_2020",
        "domain": "pathology",
        "institution": "upenn",
        "license": "CC-BY-4.0",
        "microns_per_pixel": 2.0,
        "modality": "light microscopy",
        "ncbitaxon_id": "NCBITaxon_9606",
        "ncbitaxon_name": "Homo sapiens",
        "pmid": None,
        "split": "test",
        "stain": "Giemsa",
        "subdomain": "hematology",
        "submodality": "brightfield microscopy",
        "synthetic": False,
        "captions": {
            f"{name}_{i}": make_caption(name, gold[name], i) for name in NAMES for i in (0, 1)
        },
        "questions": {name: make_question(name, gold[name]) for name in NAMES},
        "bbox": None,
        "polygon": None,
    }
    return {**row, **changes}


def with_question(row: Row, name: str, **changes: Any) -> Row:
    """The row with parts of one question replaced."""
    questions = {**row["questions"], name: {**row["questions"][name], **changes}}
    return {**row, "questions": questions}


def write_stream(path: Path, rows: Sequence[Row], *, batch: int = 3, as_: Any = None) -> Path:
    """An Arrow stream, as the release's files are, `batch` rows a record batch."""
    chosen = as_ or schema()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file, ipc.new_stream(file, chosen) as writer:
        for first in range(0, len(rows), batch):
            writer.write_table(pa.Table.from_pylist(rows[first : first + batch], schema=chosen))
    return path


def write_file(path: Path, rows: Sequence[Row], *, options: Any = None) -> Path:
    """An Arrow IPC file of two record batches."""
    with path.open("wb") as file, ipc.new_file(file, schema(), options=options) as writer:
        table = pa.Table.from_pylist(list(rows), schema=schema())
        writer.write_table(table, max_chunksize=max(1, len(rows) // 2))
    return path


def write_parquet(path: Path, rows: Sequence[Row], *, group: int = 4) -> Path:
    parquet.write_table(
        pa.Table.from_pylist(list(rows), schema=schema()), path, row_group_size=group
    )
    return path


def write_shards(folder: Path, rows: Sequence[Row], count: int = 3) -> list[Path]:
    """The rows as stream files that count themselves, as the release's do."""
    return [
        write_stream(
            folder / f"ubench-test-{i:05d}-of-{count:05d}.arrow",
            rows[len(rows) * i // count : len(rows) * (i + 1) // count],
        )
        for i in range(count)
    ]


def trapped_rows() -> list[Row]:
    """Sound rows with everything in them that a reader of the release can trip over."""
    shared = str(uuid.UUID(int=77))
    no_stain = make_row(2, dataset="nirschl_unpub_fluorescence", stain=None)
    no_stain["questions"] = {**no_stain["questions"], "stain": None}
    no_stain["captions"] = {**no_stain["captions"], "stain_0": None, "stain_1": None}
    hollow = make_row(3, dataset="wu_et_al_2023")
    hollow["questions"] = {**hollow["questions"], "stain": dict.fromkeys(make_question("stain", 0))}
    return [
        make_row(0, dataset="burgess_et_al_2024_contour", image_id=shared),
        make_row(1, dataset="burgess_et_al_2024_texture", image_id=shared),
        no_stain,
        hollow,
        make_row(4, dataset=None, stain="H2B-mCherry"),
        make_row(5, dataset=None, stain="GalT–EGFP"),
        make_row(6, label=3, label_name="another_class", license="CC-BY-NC-4.0"),
        make_row(6, image_id=str(uuid.UUID(int=6)), pmid="123"),  # a key that stood before
        make_row(8, dataset="opencell"),
        make_row(9, dataset="sirinukunwattana_et_al_2016", questions=dict.fromkeys(NAMES)),
    ]


def counted(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """(data set, question) → how many, from the rows as they were written."""
    found: dict[tuple[str, str], int] = {}
    held = {"H2B-mCherry": "held_et_al_2010_h2b", "GalT–EGFP": "held_et_al_2010_galt"}
    for row in rows:
        for name, cell in row["questions"].items():
            if cell is not None and cell["question"] is not None:
                key = (row["dataset"] or held[row["stain"]], name)
                found[key] = found.get(key, 0) + 1
    return found
