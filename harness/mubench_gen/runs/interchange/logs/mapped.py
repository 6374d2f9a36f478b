"""Any table or JSONL file, its columns named by `--map FIELD=COLUMN`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.runs.interchange.logs import choices
from mubench_gen.runs.interchange.logs.log import Log, LoggedItem, TheirVerdict, entry
from mubench_gen.runs.interchange.logs.rows import rows_of

FIELDS = ("id", "question", "options", "answer", "reply", "prompt", "image", "image_sha256",
          "image_id", "correct", "read", "dataset", "task", "model", "finish_reason")  # fmt: skip
_NEEDED = ("options", "answer", "reply")
_TRUE, _FALSE = ("1", "1.0", "true", "yes", "right", "c"), ("0", "0.0", "false", "no", "wrong", "i")


def check_map(given: Mapping[str, str]) -> None:
    """SettingError for a field that there is not."""
    for name in given:
        if name not in FIELDS:
            raise SettingError(
                f"--map {name}=…: there is no such field. {did_you_mean(name, FIELDS)}"
            )


def read(paths: Sequence[Path], given: Mapping[str, str]) -> Log:
    """The rows of all files. A field without a column in the map has the column of its name."""
    left_out: Counter[str] = Counter()
    first = next((row for path in paths for _, row in rows_of(path)), {})
    for name in _NEEDED:
        missing = [one for one in _columns(name, given) if one not in first]
        if missing and not (name == "options" and name not in given):
            raise SettingError(
                f"{paths[0]} has no column {missing[0]!r} for the field {name}: give --map "
                f"{name}=COLUMN. Its columns: {', '.join(map(str, first))[:400]}."
            )
    return Log(
        program="table",
        version="",
        model=str(_value(first, "model", given) or paths[0].stem),
        items=_items(paths, given, left_out),
        left_out=left_out,
        data=paths[0].stem,
    )


def _columns(name: str, given: Mapping[str, str]) -> list[str]:
    """The columns of a field: several for options, joined by +."""
    return given.get(name, name).split("+") if name == "options" else [given.get(name, name)]


def _value(row: Mapping[str, Any], name: str, given: Mapping[str, str]) -> Any:
    found: Any = row
    column = given.get(name, name)
    if column in row:
        return row[column]
    for part in column.split("."):  # nested objects of JSON lines
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _items(
    paths: Sequence[Path], given: Mapping[str, str], left_out: Counter[str]
) -> Iterator[LoggedItem]:
    number = 0
    for path in paths:
        for where, row in rows_of(path):
            number += 1
            with entry(where, left_out):
                yield _item(row, given, number)


def _item(row: Mapping[str, Any], given: Mapping[str, str], number: int) -> LoggedItem:
    def text(name: str) -> str:
        value = _value(row, name, given)
        return "" if value is None else str(value)

    prompt = text("prompt") or text("question")
    options = _options(row, given, prompt)
    reply = _value(row, "reply", given)
    image = _value(row, "image", given)
    return LoggedItem(
        name=text("id") or str(number),
        question=text("question") or prompt,
        options=options,
        gold=choices.gold_of({}, options, _value(row, "answer", given)),
        reply="" if reply is None else str(reply),
        theirs=TheirVerdict(_truth(text("correct")), text("read") or None),
        prompt=(("user", prompt),),
        image=choices.image_of({"image": image}),
        image_sha256=text("image_sha256") or None,
        image_id=text("image_id"),
        dataset=text("dataset"),
        task=text("task"),
        finish_reason=text("finish_reason") or None,
        model=text("model"),
    )


def _options(row: Mapping[str, Any], given: Mapping[str, str], prompt: str) -> tuple[str, ...]:
    columns = _columns("options", given)
    if len(columns) > 1:
        found = [str(row[one]) for one in columns if row.get(one) not in (None, "")]
        return choices.options_of({"choices": found})
    if "options" in given:
        return choices.options_of({"choices": _value(row, "options", given)})
    return choices.options_of(row, prompt)


def _truth(text: str) -> bool | None:
    folded = text.strip().casefold()
    return True if folded in _TRUE else False if folded in _FALSE else None
