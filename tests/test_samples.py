"""What is asked: image by image, and under a limit a seeded sample that other rows don't move."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.data import open_dataset
from mubench_gen.data.dataset import Dataset
from mubench_gen.data.image_files import ImageFiles
from mubench_gen.tasks.samples import samples
from mubench_gen.tasks.task import load_tasks
from mubench_gen.types import Sample, Task

from .spine import evaluate, make_row, write_data

TASKS = ("domain", "modality", "stain", "subdomain", "submodality")


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """60 images; every third row lacks the stain question."""
    return write_data(tmp_path / "cells", _rows())


def _rows() -> list[dict[str, Any]]:
    return [
        make_row(i, dataset=f"set{i % 2}", questions=TASKS if i % 3 else ("domain", "modality"))
        for i in range(60)
    ]


def _tasks() -> list[Task]:
    return load_tasks(TASKS)


def _open(path: Path) -> Dataset:
    return open_dataset(str(path))


def _drawn(path: Path, limit: int | None, seed: int = 0) -> list[Sample]:
    return list(samples(_tasks(), _open(path), limit=limit, seed=seed))


def test_every_question_is_asked_once(cells: Path) -> None:
    found = _drawn(cells, None)
    assert Counter(s.task.name for s in found) == {
        "domain": 60, "modality": 60, "stain": 40, "subdomain": 40, "submodality": 40,
    }  # fmt: skip
    assert len({s.id for s in found}) == len(found)


@pytest.mark.parametrize("limit", [1, 7, 40, 50, 1_000])
def test_a_limit_is_so_many_items_a_task(cells: Path, limit: int) -> None:
    counts = Counter(s.task.name for s in _drawn(cells, limit))
    whole = Counter(s.task.name for s in _drawn(cells, None))
    assert counts == {task: min(limit, n) for task, n in whole.items()}


def test_a_larger_limit_holds_the_smaller_ones(cells: Path) -> None:
    drawn = [{s.id for s in _drawn(cells, limit)} for limit in (3, 10, 25, 60)]
    assert all(one < other for one, other in itertools.pairwise(drawn))


def test_the_sample_is_drawn_by_the_seed(cells: Path) -> None:
    drawn = [{s.id for s in _drawn(cells, 10, seed)} for seed in range(20)]
    assert len({frozenset(ids) for ids in drawn}) == 20
    assert drawn[4] == {s.id for s in _drawn(cells, 10, 4)}
    counts = Counter(i for ids in drawn for i in ids)
    assert max(counts.values()) < 12  # nobody's favourites


def test_the_sample_does_not_depend_on_the_order_of_the_rows(cells: Path, tmp_path: Path) -> None:
    rows = _rows()
    random.Random(8).shuffle(rows)
    shuffled = write_data(tmp_path / "shuffled", rows)
    assert {s.id for s in _drawn(cells, 9)} == {s.id for s in _drawn(shuffled, 9)}


def test_another_task_does_not_move_the_sample(cells: Path) -> None:
    dataset = _open(cells)
    alone = {s.id for s in samples(load_tasks(["stain"]), dataset, limit=9)}
    assert alone == {s.id for s in _drawn(cells, 9) if s.task.name == "stain"}


def test_all_questions_of_an_image_stand_together(cells: Path) -> None:
    images = [s.row.key for s in _drawn(cells, None)]
    assert len([key for key, _ in itertools.groupby(images)]) == len(set(images)) == 60


@pytest.mark.parametrize("limit", [None, 10])
def test_an_image_is_read_once_and_only_where_it_is_asked_about(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    read: Counter[str] = Counter()
    read_file = ImageFiles.read

    def counted(files: ImageFiles, name: str) -> bytes:
        read[Path(name).name] += 1
        return read_file(files, name)

    monkeypatch.setattr(ImageFiles, "read", counted)
    run = evaluate(
        "echo",
        tmp_path / "run",
        data=cells,
        limit=limit,
        prompt=["plain", "letter"],
        readout=["parse", "logprob"],
        orders="cyclic:2",
    )
    asked = {r["image_id"] for r in run.records()}
    assert len(asked) == 60 or limit
    assert read == {f"{int(image_id[-5:])}.png": 1 for image_id in asked}


def test_images_of_one_name_have_items_of_their_own(tmp_path: Path) -> None:
    rows = [make_row(0), make_row(0, image="images/1.png"), make_row(0, dataset="tissues")]
    run = evaluate("echo", tmp_path / "run", data=write_data(tmp_path / "data", rows))
    assert len({r["id"] for r in run.records()}) == 15
    assert run.complete
