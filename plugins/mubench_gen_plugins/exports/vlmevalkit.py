"""VLMEvalKit's predictions: a row an item with the options in columns A, B, …, as TSV or XLSX."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import IO, Any, Literal

from pydantic import Field

import mubench_gen
from mubench_gen import Export, SettingError
from mubench_gen_plugins import exports


class Options(mubench_gen.Options):
    form: Literal["tsv", "xlsx"] = Field("tsv", description="tsv, or xlsx (needs openpyxl)")


def rows(runs: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The rows: index, question, the options, the right letter, the reply, and what was made of it.

    `question` is the whole prompt, as the model was shown it.
    """
    for index, record in enumerate(r for one in runs for r in exports.scored(one.run)):
        options = dict(zip(ascii_uppercase, record["options"], strict=False))
        choice = record["choice"]
        yield {
            "index": index,
            "question": exports.prompt_of(record),
            **options,
            "answer": ascii_uppercase[record["gold"]],
            "prediction": exports.reply_of(record),
            "hit": int(record["correct"]),
            "choice": "" if choice is None else ascii_uppercase[choice],
            "category": record["task"],
            "split": record["dataset"],
            "image_sha256": record["image_sha256"] or "",
            **{name: json.dumps(found) for name, found in exports.set_of(record).items()},
            "item": record["item"],
            "model": record["model"],
        }


def write(runs: Sequence[Any], stream: IO[bytes], options: Options) -> None:
    """All the runs, one after the other."""
    most = max((len(r["options"]) for one in runs for r in exports.scored(one.run)), default=0)
    if most > len(ascii_uppercase):
        raise SettingError("VLMEvalKit names options A to Z, and an item here has more than 26.")
    several = any("images_sha256" in r for one in runs for r in exports.scored(one.run))
    columns = [
        *("index", "question"), *ascii_uppercase[:most],
        *("answer", "prediction", "hit", "choice", "category", "split", "image_sha256", "item"),
        *(["images_sha256"] if several else []), "model",
    ]  # fmt: skip
    (_write_xlsx if options.form == "xlsx" else _write_tsv)(columns, rows(runs), stream)


def _write_tsv(columns: Sequence[str], found: Iterator[dict[str, Any]], stream: IO[bytes]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter="\t", lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(found)
    stream.write(text.getvalue().encode("utf-8", "replace"))


def _write_xlsx(columns: Sequence[str], found: Iterator[dict[str, Any]], stream: IO[bytes]) -> None:
    try:
        from openpyxl import Workbook
    except ImportError:
        raise SettingError(
            "-o form=xlsx needs openpyxl. Type: pip install 'mubench-gen[vlmevalkit]'"
        ) from None
    book = Workbook(write_only=True)
    sheet = book.create_sheet("predictions")
    sheet.append(list(columns))
    for row in found:
        sheet.append([row.get(column, "") for column in columns])
    book.save(stream)


@mubench_gen.hookimpl
def mubench_gen_exports() -> Sequence[Export]:
    return [Export("vlmevalkit", "VLMEvalKit's predictions, a row an item", write, Options)]
