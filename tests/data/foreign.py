"""Benchmarks in the forms of others, written with what is right kept beside: by no reader of the
harness."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image


@dataclass(frozen=True)
class Truth:
    """What a question is: its text, options, right option, and the SHA-256 of its images."""

    text: str
    options: tuple[str, ...]
    gold: int
    images: tuple[str, ...]


def picture(number: int) -> bytes:
    image = Image.linear_gradient("L").resize((40 + number, 36))
    stream = io.BytesIO()
    Image.merge("RGB", [image, image.rotate(180), image]).save(stream, "PNG")
    return stream.getvalue()


PICTURES = [picture(n) for n in range(8)]
TEXT = [base64.b64encode(one).decode() for one in PICTURES]


def digest(*numbers: int) -> tuple[str, ...]:
    return tuple(hashlib.sha256(PICTURES[n]).hexdigest() for n in numbers)


def found(dataset: Any) -> list[Truth]:
    """What a data set asks, in its order."""
    return [
        Truth(one.text, one.options, one.gold, tuple(image.sha256 for image in row.images))
        for row in dataset
        for one in row.questions.values()
    ]


def tsv(path: Path, rows: Sequence[dict[str, Any]], **form: Any) -> Path:
    """A table as text, with a cell for each key of any row."""
    encoding = form.pop("encoding", "utf-8")
    names = list(dict.fromkeys(name for row in rows for name in row))
    settings = {"delimiter": "\t", "lineterminator": "\n", **form}
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, names, restval="", **settings)
        writer.writeheader()
        writer.writerows(rows)
    return path


def image_folder(folder: Path, names: Sequence[str]) -> None:
    """The pictures in order under these names."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(PICTURES[number])


def json_lines(path: Path, rows: Sequence[Any], end: str = "\n", encoding: str = "utf-8") -> Path:
    text = "".join(json.dumps(row, ensure_ascii=False) + end for row in rows)
    path.write_bytes(text.encode(encoding))
    return path


def vlmevalkit(path: Path) -> list[Truth]:
    """A TSV with the traps of the real ones."""
    rows = [
        {"index": 1, "image": TEXT[0], "question": 'What is "it"?\nIn µm, please', "hint": "A cell",
         "A": "nucleus", "B": "Golgi ", "C": "β-tubulin", "D": "a, b", "answer": "C",
         "category": "x", "l2-category": "y", "split": "test"},
        {"index": 2, "image": "4", "question": "Shared?", "A": "yes", "B": "no", "C": "", "D": "",
         "answer": "b"},
        {"index": 4, "image": TEXT[1], "question": "Owner?", "A": "1", "B": "2", "C": "", "D": "4",
         "answer": "D"},
        {"index": 5, "image": str([TEXT[2], TEXT[3]]), "question": "Two <image 1> <image 2>?",
         "A": "A\tb", "B": "nan", "C": "c", "D": "d", "answer": "c"},
    ]  # fmt: skip
    tsv(path, rows, lineterminator="\r\n")
    return [
        Truth('A cell\nWhat is "it"?\nIn µm, please', ("nucleus", "Golgi", "β-tubulin", "a, b"), 2,
              digest(0)),
        Truth("Shared?", ("yes", "no"), 1, digest(1)),
        Truth("Owner?", ("1", "2", "4"), 2, digest(1)),
        Truth("Two <image 1> <image 2>?", ("A\tb", "c", "d"), 1, digest(2, 3)),
    ]  # fmt: skip


def parquet(path: Path, kind: str) -> list[Truth]:
    """Parquet of the shapes that data sets on the hub have."""
    import pyarrow as pa
    from pyarrow import parquet as files

    options = [["p", "q", "r"], ["p", "q"], ["s", "t", "u"]]
    gold = [2, 0, 1]
    cells: dict[str, Callable[[int], dict[str, Any]]] = {
        "index from 0": lambda i: {"choices": options[i], "answer": gold[i]},
        "index from 1": lambda i: {"choices": options[i], "answer": gold[i] + 1},
        "letters": lambda i: {"options": str(options[i]), "answer": "ABC"[gold[i]]},
        "texts": lambda i: {"options": json.dumps(options[i]), "label": options[i][gold[i]]},
        "shuffled keys": lambda i: {
            "options": json.dumps(
                {k: options[i]["ABC".index(k)] for k in "BAC"[: len(options[i])]}
            ),
            "answer": "abc"[gold[i]],
        },
        "columns": lambda i: {
            **{f"option_{'abc'[n]}": text for n, text in enumerate(options[i])},
            "answer": "ABC"[gold[i]],
        },
    }
    rows = [
        {"query": f"Q{i}", "image": {"bytes": PICTURES[i], "path": None}, **cells[kind](i)}
        for i in range(3)
    ]
    files.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
    return [Truth(f"Q{i}", tuple(options[i]), gold[i], digest(i)) for i in range(3)]


SHAPES = ("index from 0", "letters", "texts", "shuffled keys", "columns")


def saved(folder: Path) -> None:
    """A folder as `datasets` saves one to the disk."""
    import pyarrow as pa

    rows = [{"question": f"Q{i}", "image": {"bytes": PICTURES[i], "path": None},
             "choices": ["x", "y"], "answer": "xy"[i % 2]} for i in range(3)]  # fmt: skip
    table = pa.Table.from_pylist(rows)
    (folder / "test").mkdir(parents=True)
    (folder / "dataset_dict.json").write_text('{"splits": ["test"]}')
    (folder / "test/state.json").write_text('{"_data_files": [{"filename": "d.arrow"}]}')
    place = str(folder / "test/d.arrow")
    with pa.OSFile(place, "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


def excel(path: Path) -> list[Truth]:
    """A sheet whose numbers are fractions where a cell of their column is empty."""
    import openpyxl

    image_folder(path.parent, ["a.png"])
    book = openpyxl.Workbook()
    book.active.append(["picture", "question", "option_1", "option_2", "option_3", "answer"])
    book.active.append(["a.png", "How many?", 1.0, 2.5, None, 2])
    book.active.append(["a.png", "And?", 7, 8, 9, 3])
    book.save(path)
    return [
        Truth("How many?", ("1", "2.5"), 1, digest(0)),
        Truth("And?", ("7", "8", "9"), 2, digest(0)),
    ]


def coco(folder: Path, **more: Any) -> Path:
    """Two images, one of them with a box; `more` replaces keys of the document."""
    image_folder(folder / "images", ["a.png", "b.png"])
    document = {
        "images": [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "b.png"}],
        "categories": [{"id": 3, "name": "nucleus"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [5, 6, 10, 12]}],
        **more,
    }
    (folder / "annotations").mkdir()
    (folder / "annotations/instances.json").write_text(json.dumps(document))
    return folder


def croissant(folder: Path, **source: Any) -> Path:
    """A table that a description names the columns of; `source`: more of its file."""
    image_folder(folder, ["a.png", "b.png"])
    rows = [{"file": f"{'ab'[i]}.png", "Q": f"Q{i}", "opts": "x|y", "right": "y"} for i in (0, 1)]
    tsv(folder / "t.csv", rows, delimiter=",")
    columns = {"image": "file", "question": "Q", "options": "opts", "answer": "right"}
    fields = [{"@id": f"r/{name}", "name": f"r/{name}", "source": {"fileObject": {"@id": "t"},
               "extract": {"column": column}}} for name, column in columns.items()]  # fmt: skip
    document = {
        "@context": {}, "@type": "sc:Dataset", "name": "Cells", "license": "CC0-1.0",
        "distribution": [{"@type": "cr:FileObject", "@id": "t", "contentUrl": "t.csv", **source}],
        "recordSet": [{"@id": "r", "field": fields}],
    }  # fmt: skip
    (folder / "croissant.json").write_text(json.dumps(document))
    return folder


def linked_croissant(
    folder: Path, *, said: bool = True, inline: bool = True, keys: tuple[int, int] = (7, 8)
) -> Path:
    """Questions that refer to images by a key; `said`: their field image says where it is from."""
    image_folder(folder, ["a.png", "b.png"])
    asked = [{"q": f"Q{i}", "opts": "x|y", "right": "y", "of": 7 + i} for i in (1, 0, 1)]
    tsv(folder / "t.csv", asked, delimiter=",")
    images = [{"id": key, "image": name, "stain": "H&E", "lens": 20, "site": 1, "day": 2}
              for key, name in zip(keys, ("a.png", "b.png"), strict=True)]  # fmt: skip
    (folder / "i.jsonl").write_text("\n".join(map(json.dumps, images)))

    def field(at: str, name: str, column: str, **more: Any) -> dict[str, Any]:
        source = {"fileObject": {"@id": at}, "extract": {"column": column}}
        return {"@id": f"{at}/{name}", "source": source, **more}

    fields = [field("t", "question", "q"), field("t", "options", "opts"),
              field("t", "answer", "right"),
              field("t", "image_id", "of", references={"field": {"@id": "i/id"}})]  # fmt: skip
    if said:
        fields.append({"@id": "t/image", "source": {"field": {"@id": "i/image"}}})
    other = {"@id": "i", "field": [field("i", name, name) for name in images[0]]}
    document = {
        "@context": {}, "@type": "sc:Dataset", "name": "Cells", "license": "CC0-1.0",
        "distribution": [{"@id": name.partition(".")[0], "contentUrl": name}
                         for name in ("t.csv", "i.jsonl")],
        "recordSet": [other | ({"data": images} if inline else {}), {"@id": "t", "field": fields}],
    }  # fmt: skip
    (folder / "croissant.json").write_text(json.dumps(document))
    return folder


def write_benchmarks(folder: Path) -> None:
    """A benchmark of each form, under the names that docs/howto/any-benchmark.md has."""
    vlmevalkit(folder / "bench.tsv")
    parquet(folder / "bench.parquet", "letters")
    row = {"image": TEXT[0], "question": "Q", "options": ["a", "b"], "answer": "A"}
    json_lines(folder / "bench.jsonl", [row])
    saved(folder / "saved")
    excel(folder / "table.xlsx")
    tsv(folder / "table.csv", [{**row, "image": "a.png", "options": "a|b"}], delimiter=";")
    image_folder(folder / "cells", ["late_S/a.png", "G1/b.png"])
    coco(folder / "boxes")
    croissant(folder / "described")
    tsv(folder / "odd.tsv", [{"pic": "a.png", "ask": "Q", "one": "x", "two": "y", "truth": "B"}])
