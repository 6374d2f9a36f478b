"""records → a tidy pandas frame: a row a record, a column a field, types that do not vary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import encodable
from mubench_gen.storage.records import Record

if TYPE_CHECKING:
    import pandas

# Field → dtype, in the order of the columns; `object` holds what the record holds.
DTYPES: Mapping[str, str] = {
    **dict.fromkeys(("id", "key", "item", "image_id", "image_sha256"), "string"),
    **dict.fromkeys(("dataset", "task"), "string"),
    "meta": "object",
    **dict.fromkeys(("plugin", "model", "prompt", "prompt_sha256", "readout"), "string"),
    **dict.fromkeys(("options", "labels", "order"), "object"),
    "gold": "int64",
    "messages": "object",
    "reply": "string",
    "scores": "object",
    "tied": "bool",
    **dict.fromkeys(("finish_reason", "status"), "string"),
    "choice": "Int64",
    "rule": "string",
    "span": "object",
    "correct": "boolean",
    **dict.fromkeys(("error", "usage"), "object"),
    "seconds": "float64",
}


def to_frame(records: Iterable[Record]) -> pandas.DataFrame:
    """A row a record, in their order.

    The columns are the record's fields by `DTYPES`, then fields that only some records have
    (`probabilities`, `boxes`, …) as objects, then the row's facts, each in a column of its own
    name, or `meta.NAME` where a field has that name. A text's lone surrogates become "?".
    """
    import pandas

    columns: dict[str, list[Any]] = {name: [] for name in DTYPES}
    facts: dict[str, list[Any]] = {}
    size = 0
    for record in records:
        _append(columns, record, size)
        _append(facts, record["meta"], size)
        size += 1
    kinds = dict(DTYPES)
    if any(gold is None for gold in columns["gold"]):  # open answers are right in another way
        kinds["gold"] = "Int64"
    series = {name: _column(values, size, kinds.get(name)) for name, values in columns.items()}
    for name, values in facts.items():
        free = name if name not in columns else f"meta.{name}"
        series[free] = _column(values, size, None, typed=True)
    return pandas.DataFrame(series)


def _append(columns: dict[str, list[Any]], found: Mapping[str, Any], at: int) -> None:
    """Put the values at this place, None into what was not given before it."""
    for name, value in found.items():
        column = columns.get(name)
        if column is None:
            column = columns[name] = []
        if len(column) < at:
            column.extend([None] * (at - len(column)))
        column.append(value)


def _column(
    values: list[Any], size: int, dtype: str | None, *, typed: bool = False
) -> pandas.Series[Any]:
    import pandas

    values.extend([None] * (size - len(values)))
    kind = dtype or (_kind(values) if typed else "object")
    if kind == "string":
        values = [None if value is None else encodable(str(value)) for value in values]
    return pandas.Series(values, dtype=kind)


def _kind(values: Sequence[Any]) -> str:
    """The dtype of facts: that of all that are given."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {str}:
        return "string"
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "Int64"
    return "float64" if kinds <= {int, float} else "object"
