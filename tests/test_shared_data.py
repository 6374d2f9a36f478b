"""Data that are opened once serve all conditions of a study, each with images shown its own way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.data import open_dataset
from mubench_gen.data.dataset import Dataset
from mubench_gen.data.jsonl import JsonlDataset
from mubench_gen.data.recast import RecastDataset
from mubench_gen.images.microscope import make_policy
from mubench_gen.plan import plan
from mubench_gen.plugins import entry_points
from mubench_gen.tasks.samples import samples
from mubench_gen.tasks.task import load_tasks
from mubench_gen.types import Row

from .conftest import Here
from .spine import ASKED, asked_keys, make_row, write_data
from .test_one_state_of_data import arrow, classes, parquet, table


def rows(folder: Path) -> None:
    write_data(folder, [make_row(i) for i in range(4)])


def opened(folder: Path) -> Dataset:
    return open_dataset(str(folder), make_policy({}), checked=True)


def licensed(folder: Path) -> Dataset:
    return open_dataset(str(folder), make_policy({}), licenses=["CC0*"])


def recast(folder: Path) -> Dataset:
    return RecastDataset(opened(folder), lambda _: True)


@pytest.mark.first(7)
@pytest.mark.parametrize(
    ("write", "open_it"),
    [
        (rows, opened), (table, opened), (classes, opened), (arrow, opened), (parquet, opened),
        (rows, licensed), (rows, recast),
    ],
)  # fmt: skip
def test_another_policy_shows_the_same_rows_and_leaves_the_first_as_it_is(
    tmp_path: Path, write: Callable[[Path], None], open_it: Callable[[Path], Dataset]
) -> None:
    write(tmp_path / "data")
    first = open_it(tmp_path / "data")
    keys = [row.key for row in first]
    colours = [row.image.pixels().getpixel((0, 0)) for row in first]
    inverted = first.shown_by(make_policy({"transform": "invert"}))
    assert [row.image.pixels().getpixel((0, 0)) for row in first] == colours
    del first  # a temporary file with the rows stays as long as one of the two is there
    assert [row.key for row in inverted] == keys
    assert inverted[1].key == keys[1]
    shown = [row.image.pixels().getpixel((0, 0)) for row in inverted]
    assert shown == [tuple(255 - value for value in colour) for colour in colours]
    assert (len(inverted), inverted.digest) == (len(keys), open_it(tmp_path / "data").digest)


def test_under_a_limit_rows_without_drawn_items_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path / "data", [make_row(i) for i in range(40)])
    dataset, tasks = opened(tmp_path / "data"), load_tasks(["modality", "stain"])
    read: Counter[int] = Counter()
    made = JsonlDataset._row

    def counted(data: JsonlDataset, index: int, line: bytes) -> Row:
        read[index] += 1
        return made(data, index, line)

    monkeypatch.setattr(JsonlDataset, "_row", counted)
    first = [one.id for one in samples(tasks, dataset, limit=3, seed=5)]
    assert set(read) == set(range(40))
    read.clear()
    other = dataset.shown_by(make_policy({"transform": "invert"}))
    again = list(samples(tasks, other, limit=3, seed=5))
    assert [one.id for one in again] == first
    assert len(first) == 6
    assert read == dict.fromkeys((one.row.index for one in again), 1)


@pytest.mark.parametrize(("transform", "decoded"), [("invert", False), ("rotate:degrees=90", True)])
def test_the_size_of_an_image_costs_a_transform_only_where_that_may_change_it(
    tmp_path: Path, transform: str, decoded: bool
) -> None:
    write_data(tmp_path / "data", [make_row(0)])
    shown = opened(tmp_path / "data").shown_by(make_policy({"transform": transform}, seconds=9))
    image = shown[0].image
    size = image.size
    assert image.is_decoded == decoded
    assert size == image.pixels().size


def test_a_study_opens_its_data_once_and_asks_nothing_twice_that_shows_no_image(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count: Counter[str] = Counter()
    open_data = plan.open_data

    def counted(settings: Any, policy: Any) -> Dataset:
        count[settings.data] += 1
        return open_data(settings, policy)

    monkeypatch.setattr(plan, "open_data", counted)
    monkeypatch.setenv("ASKED", str(tmp_path / "asked.txt"))
    (tmp_path / "asked.py").write_text(ASKED)
    data = write_data(tmp_path / "slides", [make_row(i, questions=("stain",)) for i in range(12)])
    study = ["ablate", "--plugin", tmp_path / "asked.py", "--data", data,
             "--prompt", "letter,plain", "--axis", "transform=none,invert,grayscale",
             "--axis", "control=none,blind", "--limit", "8", "--json"]  # fmt: skip
    done = here(*study)
    assert done.code == 0, done.err
    assert set(count.values()) == {1}
    keys = asked_keys(tmp_path / "asked.txt")
    blind = 2  # one question, with two prompts
    assert len(keys) == len(set(keys)) == 3 * 2 * 8 + blind
    assert done.document["surveys"][0]["requests"] == len(keys)
    (found,) = done.document["results"]["models"]
    assert [cell["tally"]["records"] for cell in found["cells"]] == [8] * 12


def test_a_study_looks_for_installed_plugins_once_while_it_opens(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: Counter[str] = Counter()
    look = entry_points._look

    def counted(group: str) -> entry_points.Installed:
        looked[group] += 1
        return look(group)

    monkeypatch.setattr(entry_points, "_look", counted)
    data = write_data(tmp_path / "slides", [make_row(0)])
    counts = []
    for transforms in ("none,invert", "none,invert,grayscale,flip"):
        study = ["ablate", "--plugin", "echo", "--data", data, "--axis", f"transform={transforms}"]
        assert here(*study, "--plan").code == 0
        counts.append(looked.total())
        looked.clear()
    assert counts[0] == counts[1]
