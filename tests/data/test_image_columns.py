"""Arrow and Parquet files whose rows have several images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.data import open_dataset
from mubench_gen.data.survey import survey
from mubench_gen.errors import DataError

from .release import make_png, make_row, pa, parquet, schema, with_question, write_stream

NAMES = ("list", "numbered", "beside")
Writer = Callable[[Path, list[dict[str, Any]], Any], Path]


def cell(number: int) -> dict[str, Any]:
    return {"bytes": make_png(number), "path": None}


def with_images(form: str, row: dict[str, Any], numbers: list[int]) -> dict[str, Any]:
    """The row with these images, in a list or in columns of their own."""
    cells = [cell(number) for number in numbers]
    others = {name: value for name, value in row.items() if name != "image"}
    if form == "list":
        return {**others, "image": [*cells, None]}
    numbered = dict(zip(("image_1", "image_2", "image_3"), [*cells, None, None], strict=False))
    if form == "beside":
        numbered["image"] = numbered.pop("image_1")
    return {**others, **numbered}


def schema_of(form: str) -> Any:
    one = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [field for field in schema() if field.name != "image"]
    if form == "list":
        return pa.schema([*fields, pa.field("image", pa.list_(one))])
    first = "image" if form == "beside" else "image_1"
    return pa.schema([*fields, *(pa.field(name, one) for name in (first, "image_2", "image_3"))])


def as_arrow(path: Path, rows: list[dict[str, Any]], as_: Any) -> Path:
    return write_stream(path.with_suffix(".arrow"), rows, batch=2, as_=as_)


def as_parquet(path: Path, rows: list[dict[str, Any]], as_: Any) -> Path:
    path = path.with_suffix(".parquet")
    parquet.write_table(pa.Table.from_pylist(rows, schema=as_), path, row_group_size=2)
    return path


@pytest.mark.parametrize("form", NAMES)
@pytest.mark.parametrize("write", [as_arrow, as_parquet])
def test_a_row_has_the_images_of_its_columns(tmp_path: Path, form: str, write: Writer) -> None:
    sets = [[1, 2, 3], [4], [5, 6], [7, 8, 9]]
    rows = [with_images(form, make_row(n), numbers) for n, numbers in enumerate(sets)]
    rows[0] = with_question(rows[0], "domain", question="Is <image> as <image 3>?")
    path = write(tmp_path / "rows", rows, schema_of(form))
    data = open_dataset(str(path), checked=True)
    for row, numbers in [*zip(data, sets, strict=True), (data[3], sets[3]), (data[0], sets[0])]:
        assert [image.file_bytes for image in row.images] == [make_png(n) for n in numbers]
    assert data[0].questions["domain"].text == "Is <image 1> as <image 3>?"
    assert survey(data, []).datasets["acevedo_et_al_2020"].rows == 4


@pytest.mark.parametrize("write", [as_arrow, as_parquet])
def test_a_hole_between_images_and_a_marker_without_an_image_are_faults(
    tmp_path: Path, write: Writer
) -> None:
    hole = {**with_images("numbered", make_row(0), [1, 2, 3]), "image_2": None}
    path = write(tmp_path / "hole", [hole], schema_of("numbered"))
    with pytest.raises(DataError, match=r"row 1.*image 2: NULL, and images behind it are not"):
        open_dataset(str(path), checked=True)
    row = with_question(make_row(0), "domain", question="Is it <image 4>?")
    path = write(tmp_path / "row", [with_images("list", row, [1, 2])], schema_of("list"))
    with pytest.raises(DataError, match=r"questions.domain: <image 4> has no image"):
        open_dataset(str(path), checked=True)
