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
