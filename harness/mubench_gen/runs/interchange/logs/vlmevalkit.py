"""VLMEvalKit's predictions: XLSX, TSV or JSON with index, question, A, B, …, answer, prediction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from mubench_gen.runs.interchange.logs import choices
from mubench_gen.runs.interchange.logs.log import Log, LoggedItem, TheirVerdict, entry
from mubench_gen.runs.interchange.logs.rows import first_object, rows_of
from mubench_gen.storage.user_files import parse_json

_FAILED = "Failed to obtain answer"  # stands where an answer would
_SUFFIXES = (".xlsx", ".tsv", ".json", ".csv")
_OWN = {"index", "question", "image", "answer", "prediction", "hit", "choice", "log", "category",
        "thinking", "split", "hint", "image_sha256", "images_sha256", "item", "model",
        *ascii_uppercase}  # fmt: skip


def reads(path: Path) -> bool:
    """Whether a file has predictions of VLMEvalKit."""
    if path.suffix.lower() not in _SUFFIXES:
        return False
    return path.suffix == ".xlsx" or {"index", "prediction"} <= first_object(path).keys()


def read(paths: Sequence[Path], given: Mapping[str, str]) -> Log:
    """The predictions of a model; its name is in a column, or the folder's and file's."""
    left_out: Counter[str] = Counter()
    first = first_object(paths[0])
    ours = "image_sha256" in first and "item" in first
    model, data = _named(paths[0])
    return Log(
        program="mubench-gen" if ours else "vlmevalkit",
        version="",
        model=str(first.get("model") or model),
        items=_items(paths, left_out),
        left_out=left_out,
        data=data,
    )


def _named(path: Path) -> tuple[str, str]:
    """Model and data set of a file MODEL_DATA, which VLMEvalKit writes into a folder MODEL."""
    for folder in path.absolute().parents[:2]:
        if folder.name and path.stem.startswith(folder.name + "_"):
            return folder.name, path.stem.removeprefix(folder.name + "_")
    model, _, data = path.stem.partition("_")
    return model, data or path.stem


def _items(paths: Sequence[Path], left_out: Counter[str]) -> Iterator[LoggedItem]:
    for path in paths:
        data = _named(path)[1]
        for where, row in rows_of(path):
            with entry(where, left_out):
                yield _item(row, data)


def _item(row: Mapping[str, Any], data: str) -> LoggedItem:
    question = str(row["question"])
    options = choices.options_of(row, question)
    hit, reply = row.get("hit"), _told(row["prediction"]) or ""
    failed = reply.startswith(_FAILED)
    return LoggedItem(
        name=str(row["index"]),
        question=question,
        options=options,
        gold=choices.gold_of(row, options, row["answer"]),
        reply=None if failed else reply,
        error=reply if failed else None,
        reasoning=_told(row.get("thinking")),
        theirs=TheirVerdict(
            None if _told(hit) is None else bool(float(str(hit))), _told(row.get("choice"))
        ),
        prompt=(("user", question),),
        image=choices.image_of(row),
        image_sha256=_told(row.get("image_sha256")),
        images_sha256=tuple(map(str, parse_json(_told(row.get("images_sha256")) or "[]"))),
        item=_told(row.get("item")) or "",
        dataset=_told(row.get("split")) if _told(row.get("item")) else data,  # type: ignore[arg-type]
        task=_told(row.get("category")) or data,
        model=_told(row.get("model")) or "",
        meta={k: v for k, v in row.items() if k not in _OWN and isinstance(v, (str, int, float))},
    )


def _told(value: Any) -> str | None:
    return None if value in (None, "") or value != value else str(value)  # NaN: pandas' nothing
