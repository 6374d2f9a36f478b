"""A row of rows.jsonl may have several images: the column `images` lists them in their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mubench_gen.data import open_dataset
from mubench_gen.errors import DataError

from .helpers.data import make_png, make_row, write_rows


def write_stacks(folder: Path) -> Path:
    """Two rows: one of three images, and one that shares an image with it and has no other."""
    (folder / "images").mkdir(parents=True)
    for number in range(3):
        (folder / f"images/{number}.png").write_bytes(make_png(number))
    stack = make_row(0, images=[f"images/{i}.png" for i in (2, 0, 1)])
    del stack["image"]
    return write_rows(folder, [stack, make_row(1, images=[{"path": "images/1.png"}])])


def test_a_rows_images_are_those_of_its_list_in_that_order(tmp_path: Path) -> None:
    first, second = open_dataset(str(write_stacks(tmp_path / "data")))
    assert [image.name for image in first.images] == [f"images/{i}.png" for i in (2, 0, 1)]
    assert [image.file_bytes for image in first.images] == [make_png(i) for i in (2, 0, 1)]
    assert second.images == (second.image,)
    assert "images" not in first.meta


def test_every_image_of_a_row_is_part_of_the_digest(tmp_path: Path) -> None:
    folder = write_stacks(tmp_path / "data")
    before = open_dataset(str(folder)).digest
    (folder / "images/0.png").write_bytes(make_png(9))
    assert open_dataset(str(folder)).digest != before


def test_a_later_image_that_is_missing_is_found_by_data_verify(here: Any, tmp_path: Path) -> None:
    folder = write_stacks(tmp_path / "data")
    (folder / "images/0.png").unlink()
    outcome = here("data", "verify", folder)
    assert outcome.code == 1
    assert "images/0.png" in outcome.out


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ([], "a list of paths is needed, found []"),
        ("images/0.png", "a list of paths is needed, found 'images/0.png'"),
        (["images/0.png", ""], "column images: holds no path"),
        (["images/0.png", "../0.png"], "is not in the data's folder"),
    ],
)
def test_a_list_that_names_no_files_is_refused_by_row(tmp_path: Path, cell: Any, told: str) -> None:
    folder = write_rows(tmp_path / "data", [make_row(0, images=cell)])
    with pytest.raises(DataError, match=r"row 1") as raised:
        open_dataset(str(folder))
    assert told in str(raised.value)
