"""The parts of one row of a table: question, options, task, caption, metadata, each checked."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mubench_gen.data.forms.cells import is_missing, is_no_option, options_of, text_of
from mubench_gen.data.forms.roles import Roles
from mubench_gen.data.forms.tables import TableRow
from mubench_gen.errors import DataError

PLACE = "{class}"  # of an option in a caption
_NOT_FACTS = frozenset({"image_id", "image", "images", "captions", "questions", "bbox", "polygon"})
_TASK_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_MOST_FACTS = 20_000  # characters of a cell that is kept as metadata


def question_of(row: TableRow, roles: Roles) -> str:
    """The question's text, behind its hint where there is one."""
    text = text_of(row.cells.get(roles.question)) or ""
    if not text:
        raise DataError(
            f"{row.where}, column {roles.question}: a text is needed, found "
            f"{row.cells.get(roles.question)!r:.80}. Write the question, or take the row "
            "out."
        )
    hint = text_of(row.cells.get(roles.hint)) if roles.hint else None
    return f"{hint}\n{text}" if hint else text


@dataclass(frozen=True, slots=True)
class Offered:
    """An option: its label in the table ("" without one), its text, and its place in the table,
    which missing ones before it count in."""

    label: str
    text: str
    place: int


def options_in(row: TableRow, roles: Roles) -> list[Offered]:
    """A row's options, without those that are missing."""
    if roles.options is not None:
        column = roles.options
        pairs = options_of(row.cells.get(column))
        if pairs is None:
            raise DataError(
                f"{row.where}, column {column}: no valid JSON list, nor one as Python prints "
                f"it, nor texts with | between them: {row.cells.get(column)!r:.80}."
            )
        empty = [
            at for at, (_, one) in enumerate(pairs) if isinstance(one, str) and not one.strip()
        ]
        if empty:
            raise DataError(
                f"{row.where}, column {column}: an option is empty (number {empty[0] + 1}). "
                "Write it, or take it out."
            )
    else:
        column = f"{roles.series[0][1]} to {roles.series[-1][1]}"
        pairs = [(label, row.cells.get(name)) for label, name in roles.series]
    given = [(at, *pair) for at, pair in enumerate(pairs) if not is_no_option(pair[1])]
    found = [Offered(label, text, at) for at, label, one in given if (text := text_of(one))]
    texts = [one.text for one in found]
    where = f"{row.where}, column {column}"
    if len(found) < len(given):
        raise DataError(f"{where}: an option is no text: {dict(pairs)!r:.80}.")
    if len(texts) < 2:
        raise DataError(f"{where}: two or more options are needed, found {texts}.")
    doubled = next((t for t in texts if texts.count(t) > 1 and "<image" not in t), None)
    if doubled is not None:
        raise DataError(f"{where}: two options are the same: {doubled!r} in {texts}.")
    return found


def task_of(row: TableRow, roles: Roles, default: str) -> str:
    """The name of the row's task."""
    given = row.cells.get(roles.task) if roles.task else None
    task = default if is_missing(given) else str(given).strip()
    if not _TASK_NAME.fullmatch(task):
        raise DataError(f"{row.where}, column task: not a valid name of a task: {task!r}.")
    return task


def task_name(name: str) -> str:
    """A data set's name as one of a task."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-_.") or "questions"


def caption_of(row: TableRow, roles: Roles) -> str:
    """The template of the row's captions; empty without one."""
    caption = row.cells.get(roles.caption) if roles.caption else None
    if is_missing(caption):
        return ""
    if not isinstance(caption, str) or PLACE not in caption:
        raise DataError(f"{row.where}, column caption: {PLACE} stands nowhere in {caption!r:.80}.")
    return caption


def dataset_of(row: TableRow, roles: Roles) -> str:
    """The row's own data set; empty without one."""
    given = row.cells.get(roles.dataset) if roles.dataset else None
    if is_missing(given):
        return ""
    if not isinstance(given, str):
        told = f"{row.where}, column {roles.dataset}: a text is needed, found {given!r:.80}."
        raise DataError(told)
    return given.strip()


def facts_of(row: TableRow, roles: Roles) -> dict[str, Any]:
    """The other columns, as metadata of the row."""
    used = roles.used() - {roles.split}
    plain = {
        name: _fact(value)
        for name, value in row.cells.items()
        if name not in used and name not in _NOT_FACTS
    }
    return {name: value for name, value in plain.items() if value is not None}


def _fact(value: Any) -> Any:
    """A cell as metadata: plain values, dates as texts; None for what is not kept."""
    if is_missing(value) or isinstance(value, (bytes, bytearray)):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return None
    return value if len(text) <= _MOST_FACTS else None


def grouped(
    rows: Iterator[tuple[str, dict[str, Any]]],
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Questions of different tasks about one image as one row, in the order of the first."""
    made: list[tuple[str, dict[str, Any]]] = []
    of_image: dict[str, list[dict[str, Any]]] = {}
    for where, row in rows:
        key = json.dumps([row["dataset"], row["image_id"], row["image"]])
        same = of_image.setdefault(key, [])
        task = next(iter(row["questions"]))
        earlier = next((one for one in same if task not in one["questions"]), None)
        if earlier is None:
            same.append(row)
            made.append((where, row))
            continue
        questions = {**earlier["questions"], **row["questions"]}
        captions = {**earlier["captions"], **row["captions"]}
        earlier |= {**row, "questions": questions, "captions": captions}
    yield from made
