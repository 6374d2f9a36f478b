"""A run is of one state of its data, in whatever form they are: images beside a table, images in
the rows of Arrow and Parquet, folders that are one image."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.data import release

from mubench_gen.data.image_files import ImageFiles
from mubench_gen.errors import DataError
from mubench_gen.storage.records import read_records

from .helpers.data import make_png

ROWS = 4
Write = Callable[[Path, int], None]


def table(folder: Path, first: int = 0) -> None:
    """A CSV file of questions; the picture of the first row has the colour `first`."""
    folder.mkdir(exist_ok=True)
    with (folder / "asked.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "question", "A", "B", "answer"])
        writer.writerows([n, f"{n}.png", "Which?", "red", "blue", "AB"[n % 2]] for n in range(ROWS))
    for number in range(ROWS):
        (folder / f"{number}.png").write_bytes(make_png(first if number == 0 else number))


def classes(folder: Path, first: int = 0) -> None:
    """A folder for each of two classes."""
    for number in range(ROWS):
        place = folder / ("blue", "red")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(make_png(first if number == 0 else number))


def _rows(first: int) -> list[Any]:
    image = {"bytes": make_png(first), "path": None}
    return [release.make_row(n, **({"image": image} if n == 0 else {})) for n in range(ROWS)]


def arrow(folder: Path, first: int = 0) -> None:
    release.write_stream(folder / "rows.arrow", _rows(first), batch=2)


def parquet(folder: Path, first: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    release.write_parquet(folder / "rows.parquet", _rows(first), group=2)


def evaluated(*more: object) -> tuple[Any, ...]:
    return (
        "eval", "--plugin", "echo", "--data", "data", "--run-dir", "run", "--batch-size", "1", *more
    )  # fmt: skip


def kept(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def verified(here: Any) -> dict[str, dict[str, str]]:
    checks = json.loads(here("runs", "verify", "run", "--json").out)["checks"]
    return {check["check"]: check for check in checks if check["outcome"] == "fails"}


@pytest.mark.first(2)
@pytest.mark.parametrize(
    ("write", "told"),
    [
        (table, "0.png: other bytes now"),
        (arrow, "data: there"),
        (classes, "blue/0.png: other bytes now"),
        (parquet, "data: there"),
    ],
)
def test_a_run_does_not_go_on_with_other_images_in_any_form(
    here: Any, tmp_path: Path, write: Any, told: str
) -> None:
    write(tmp_path / "data")
    before = kept(tmp_path / "data")
    here(*evaluated("--max-requests", "2"))
    write(tmp_path / "data", 77)
    refused = here(*evaluated())
    assert refused.code == 2
    assert told in refused.err
    assert len(list(read_records(Path("run/records.jsonl")))) == 2
    for path, content in before.items():
        path.write_bytes(content)
    assert here(*evaluated()).code == 0


@pytest.mark.first(2)
@pytest.mark.parametrize(
    ("write", "check"),
    [(table, "images"), (arrow, "data"), (parquet, "data"), (classes, "images")],
)
def test_verify_names_the_rows_whose_images_changed(
    here: Any, tmp_path: Path, write: Any, check: str
) -> None:
    write(tmp_path / "data")
    assert here(*evaluated()).code == 0
    assert not verified(here)
    first = next(iter(read_records(Path("run/records.jsonl"))))
    write(tmp_path / "data", 77)
    found = verified(here)
    assert list(found) == [check]
    row = first["item"].rpartition("/")[0]
    assert f"1 row was asked about other images: {row}" in found[check]["found"]


@pytest.mark.parametrize("write", [arrow, parquet])
@pytest.mark.parametrize("by_name", [False, True], ids=["in place", "by another file"])
def test_data_that_change_while_the_run_goes_on_end_it(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any, by_name: bool
) -> None:
    from mubench_gen_plugins.echo import Echo

    write(tmp_path / "data")
    write(tmp_path / "later", 77)
    (name,) = (path.name for path in (tmp_path / "later").iterdir())
    before = (tmp_path / "data" / name).read_bytes()
    ask, changes = Echo.generate, iter([1])

    def generate(self: Echo, requests: Any) -> Any:
        for _ in changes:
            if by_name:
                os.replace(tmp_path / "later" / name, tmp_path / "data" / name)
            else:
                shutil.copyfile(tmp_path / "later" / name, tmp_path / "data" / name)
        return ask(self, requests)

    monkeypatch.setattr(Echo, "generate", generate)
    ended = here(*evaluated())
    assert ended.code == 2
    assert f"{name}: was changed while it was in use" in ended.err
    monkeypatch.setattr(Echo, "generate", ask)
    (tmp_path / "data" / name).write_bytes(before)
    assert here(*evaluated()).code == 0


def test_an_image_that_is_a_folder_has_a_digest_and_is_not_read_when_it_changed(
    tmp_path: Path,
) -> None:
    chunk = tmp_path / "a.zarr" / "0" / "c"
    chunk.parent.mkdir(parents=True)
    (tmp_path / "a.zarr" / "zarr.json").write_text("{}")
    chunk.write_bytes(b"1234")
    files = ImageFiles(tmp_path, outside=False)
    digests = files.digests(["a.zarr"])
    assert list(digests) == ["a.zarr"]
    files.read("a.zarr")
    chunk.write_bytes(b"1235")
    with pytest.raises(DataError, match=r"a\.zarr: was changed while"):
        files.read("a.zarr")
    assert ImageFiles(tmp_path, outside=False).digests(["a.zarr"]) != digests
