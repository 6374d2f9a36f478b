"""The columns of Arrow and Parquet files of μ-Bench's schema: those that are needed, and all 22."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.data.columnar import damage_told, validity
from mubench_gen.data.image_columns import image_columns
from mubench_gen.data.schema import COLUMNS
from mubench_gen.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Load = Callable[[], bytes]  # reads one image

_NEEDED = ("image_id", "image", "dataset", "questions")
REGIONS = ("bbox", "polygon")
_SHARED = 5  # columns that another table may have by chance
# Decoded for every row: all but the image and what marks regions of it.
_UNREAD = frozenset({"image", *REGIONS})
_INDEXED = ("dataset", "stain", "image_id")
_QUESTION_KEYS = ("question", "options", "answer_idx")
_OPEN_KEYS = ("question", "answer")  # of one that asks for a number or a text


def text_columns(schema: Any) -> list[str]:
    """The columns of a file that make up a row's questions, captions and facts.

    Those that μ-Bench does not have are facts where they hold texts or numbers.
    """
    own = [name for name in COLUMNS if name in schema.names and name not in _UNREAD]
    return [*own, *(name for name in schema.names if _is_fact(schema.field(name)))]


def _is_fact(field: Any) -> bool:
    import pyarrow.types as kinds

    plain = (kinds.is_string, kinds.is_large_string, kinds.is_integer, kinds.is_boolean)
    return field.name not in COLUMNS and any(is_kind(field.type) for is_kind in plain)


def indexed_columns(schema: Any) -> list[str]:
    """The columns that, with the questions, make up the index of all rows."""
    return [name for name in _INDEXED if name in schema.names]


def region_columns(schema: Any) -> list[str]:
    """The columns of a file that mark regions of the image."""
    return [name for name in REGIONS if name in schema.names]


def marked(batch: Any) -> NDArray[np.bool_]:
    """The rows of a record batch that have marked regions."""
    import numpy as np

    found = np.zeros(len(batch), np.bool_)
    for name in region_columns(batch.schema):
        found |= validity(batch.column(name))
    return found


def may_have_several_images(schema: Any) -> bool:
    """Whether a file's schema has room for more than one image a row."""
    import pyarrow.types as kinds

    columns = image_columns(schema.names)
    return len(columns) > 1 or any(
        kinds.is_list(kind) or kinds.is_large_list(kind)
        for kind in (schema.field(name).type for name in columns)
    )


def images_of(batch: Any, loads: Callable[[Any], list[Load | None]]) -> list[list[Load | None]]:
    """What `loads` gives for the images of each row: of one column or several, or of lists.

    Empty cells behind a row's last image are left out; a row without any has one None.
    """
    rows: list[list[Load | None]] = [[] for _ in range(batch.num_rows)]
    for name in image_columns(batch.schema.names):
        for row, found in zip(rows, _in_column(batch.column(name), loads), strict=True):
            row += found
    for row in rows:
        while len(row) > 1 and row[-1] is None:
            row.pop()
    return [row or [None] for row in rows]


def _in_column(
    column: Any, loads: Callable[[Any], list[Load | None]]
) -> Iterator[list[Load | None]]:
    import pyarrow.types as kinds

    if kinds.is_struct(column.type):
        yield from ([load] for load in loads(column))
        return
    ends = column.offsets.to_pylist()
    cells = column.values.slice(ends[0], ends[-1] - ends[0]) if ends else column.values
    found = loads(cells)
    for there, (begin, end) in zip(column.is_valid().to_pylist(), pairwise(ends), strict=True):
        yield found[begin - ends[0] : end - ends[0]] if there else []


def question_names(schema: Any) -> list[str]:
    """The questions that a file's schema has room for."""
    return [field.name for field in schema.field("questions").type]


def check_schema(path: Path, schema: Any) -> None:
    """DataError where a column that is needed is missing, or one is of another type."""
    with damage_told(path):
        _check_names(schema)
    there = {*schema.names, *(("image",) if image_columns(schema.names) else ())}
    missing = [name for name in _NEEDED if name not in there]
    doubled = sorted({name for name in schema.names if schema.names.count(name) > 1})
    differing = [] if missing or doubled else _differing(schema)
    if not (missing or doubled or differing):
        return
    known = {*COLUMNS, *image_columns(schema.names)}
    unknown = [name for name in schema.names if name not in known]
    found = [
        f"missing: {', '.join(missing)}" if missing else "",
        f"not known: {', '.join(unknown)}" if unknown else "",
        f"twice: {', '.join(doubled)}" if doubled else "",
        *differing,
    ]
    raise DataError(
        f"{path}: the columns are not those of μ-Bench's schema: "
        f"{'; '.join(part for part in found if part)}."
    )


def is_release(path: Path) -> bool:
    """Whether a Parquet or Arrow file has columns of μ-Bench's schema, or cannot be read."""
    from mubench_gen.data.forms.arrow_table import ArrowTable

    try:
        names, own = set(ArrowTable(path).columns), set(COLUMNS)
    except DataError:
        return True
    return "questions" in names or ("question" not in names and len(names & own) > _SHARED)


def _check_names(fields: Any) -> None:
    """Check that every name in a schema is a text, in structs too."""
    import pyarrow.types as kinds

    for field in fields:
        assert field.name is not None  # reading one that is damaged raises
        if kinds.is_struct(field.type):
            _check_names(field.type)
        elif kinds.is_list(field.type) or kinds.is_large_list(field.type):
            _check_names([field.type.value_field])


def _differing(schema: Any) -> list[str]:
    import pyarrow.types as kinds

    found: list[str] = []
    questions = schema.field("questions").type
    for name in image_columns(schema.names):
        found += _no_images(name, schema.field(name).type)
    if not kinds.is_struct(questions):
        return [*found, f"questions is {questions}, needed is a struct"]
    for field in questions:
        if kinds.is_null(field.type):
            continue  # no row has this question
        lacking = [k for k in _QUESTION_KEYS if not _has(field.type, k)]
        is_open = "options" in lacking and all(_has(field.type, k) for k in _OPEN_KEYS)
        if lacking and not is_open and not _has_set(field.type):
            found.append(f"questions.{field.name} has no {', '.join(lacking)}")
    return found


def _no_images(name: str, image: Any) -> Iterator[str]:
    """What is wrong with the type of a column of images, or of lists of them."""
    import pyarrow.types as kinds

    if kinds.is_list(image) or kinds.is_large_list(image):
        image = image.value_type
    if not kinds.is_struct(image) or image.get_field_index("bytes") < 0:
        yield f"{name} is {image}, needed is a struct of bytes and path"
    elif not _is_bytes(image.field("bytes").type):
        yield f"{name}.bytes is {image.field('bytes').type}, needed is binary"


def _is_bytes(kind: Any) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_binary(kind) or kinds.is_large_binary(kind))


def _has_set(kind: Any) -> bool:
    """Whether a question's type has options of which a list of texts are right."""
    import pyarrow.types as kinds

    there = all(_has(kind, key) for key in ("question", "options", "answer"))
    return there and bool(kinds.is_list(kind.field(kind.get_field_index("answer")).type))


def _has(kind: Any, key: str) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_struct(kind)) and kind.get_field_index(key) >= 0
