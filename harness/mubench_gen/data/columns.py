"""The 22 columns of μ-Bench's Arrow and Parquet files, and how another release differs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.data.columnar import damage_told, validity
from mubench_gen.data.schema import COLUMNS
from mubench_gen.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The July-2024 files had `instances`, all NULL, in place of these two.
REGIONS = ("bbox", "polygon")
_INSTANCES = "instances"
# Decoded for every row: all but the image and what marks regions of it.
_UNREAD = frozenset({"image", *REGIONS})
INDEXED = ("dataset", "stain", "image_id")  # read, with questions, for the index of all rows
_QUESTION_KEYS = ("question", "options", "answer_idx")


def text_columns(schema: Any) -> list[str]:
    """The columns of a file that make up a row's questions, captions and facts."""
    return [name for name in COLUMNS if name in schema.names and name not in _UNREAD]


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


def question_names(schema: Any) -> list[str]:
    """The questions that a file's schema has room for."""
    return [field.name for field in schema.field("questions").type]


def check_schema(path: Path, schema: Any) -> None:
    """DataError where the columns are not those of μ-Bench: which are missing, new, or differ."""
    with damage_told(path):
        _check_names(schema)
    needed = set(COLUMNS) - set(REGIONS if _INSTANCES in schema.names else ())
    missing = [name for name in COLUMNS if name in needed and name not in schema.names]
    doubled = sorted({name for name in schema.names if schema.names.count(name) > 1})
    differing = [] if missing or doubled else _differing(schema)
    if not (missing or doubled or differing):
        return
    known = {*COLUMNS, _INSTANCES}
    unknown = [name for name in schema.names if name not in known]
    found = [
        f"missing: {', '.join(missing)}" if missing else "",
        f"not known: {', '.join(unknown)}" if unknown else "",
        f"twice: {', '.join(doubled)}" if doubled else "",
        *differing,
    ]
    raise DataError(
        f"{path}: the columns are not those of the μ-Bench release that can be read here: "
        f"{'; '.join(part for part in found if part)}."
    )


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

    found = []
    image, questions = schema.field("image").type, schema.field("questions").type
    if not kinds.is_struct(image) or image.get_field_index("bytes") < 0:
        found.append(f"image is {image}, needed is a struct of bytes and path")
    elif not _is_bytes(image.field("bytes").type):
        found.append(f"image.bytes is {image.field('bytes').type}, needed is binary")
    if not kinds.is_struct(questions):
        return [*found, f"questions is {questions}, needed is a struct"]
    for field in questions:
        if kinds.is_null(field.type):
            continue  # no row has this question
        lacking = [k for k in _QUESTION_KEYS if not _has(field.type, k)]
        if lacking:
            found.append(f"questions.{field.name} has no {', '.join(lacking)}")
    return found


def _is_bytes(kind: Any) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_binary(kind) or kinds.is_large_binary(kind))


def _has(kind: Any, key: str) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_struct(kind)) and kind.get_field_index(key) >= 0
