"""The demo data: μ-Bench's schema, and the same pixels from the same seed everywhere."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.data.demo import (
    DEMO_IMAGES,
    DEMO_SEED,
    TRAINING_SEEDS,
    VALIDATION_SEEDS,
    write_demo,
)
from mubench_gen.data.demo.catalogue import DEMO_SETS
from mubench_gen.data.demo.display import displayed
from mubench_gen.data.demo.plan import plan
from mubench_gen.data.demo.rows import STEMS, row
from mubench_gen.data.demo.scenes import paint
from mubench_gen.data.demo.vocabulary import VOCABULARY
from mubench_gen.storage.paths import definitions

# fmt: off
COLUMNS = [
    "image_id", "image", "label", "label_name", "dataset", "domain", "institution", "license",
    "microns_per_pixel", "modality", "ncbitaxon_id", "ncbitaxon_name", "pmid", "split",
    "stain", "subdomain", "submodality", "synthetic", "captions", "questions", "bbox", "polygon",
]
# fmt: on
QUESTIONS = ["classification", "domain", "modality", "stain", "subdomain", "submodality"]
TASKS = definitions("tasks")

Row = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo")
    write_demo(path, images=54)
    return path


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [row(plan(DEMO_SEED, index)) for index in range(DEMO_IMAGES)]


def read_rows(folder: Path) -> list[Row]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text("utf-8").splitlines()]


def test_a_row_has_the_22_columns_of_the_official_schema(folder: Path) -> None:
    assert all(list(r) == COLUMNS for r in read_rows(folder))


def test_an_image_stands_where_its_row_says_and_is_at_least_224_pixels(folder: Path) -> None:
    from PIL import Image

    sizes = set()
    for r in read_rows(folder):
        assert r["image"]["bytes"] is None
        with Image.open(folder / r["image"]["path"]) as image:
            assert image.mode == "RGB"
            sizes.add(image.size)
    assert min(min(size) for size in sizes) >= 224
    assert len(sizes) > 1


def test_every_image_has_six_questions_and_twelve_captions(rows: list[Row]) -> None:
    captions = [f"{name}_{variant}" for name in QUESTIONS for variant in (0, 1)]
    assert all(list(r["questions"]) == QUESTIONS for r in rows)
    assert all(list(r["captions"]) == captions for r in rows)


def test_none_of_the_above_is_last_and_never_right(rows: list[Row]) -> None:
    for question in (q for r in rows for q in r["questions"].values()):
        assert question["options"][-1] == "none of the above"
        assert question["options"].count("none of the above") == 1
        assert question["answer_idx"] < len(question["options"]) - 1
        assert question["options"][question["answer_idx"]] == question["answer"]


def test_coarse_questions_have_the_official_stems_and_numbers_of_options(rows: list[Row]) -> None:
    for name, stem in STEMS.items():
        assert {r["questions"][name]["question"] for r in rows} == {stem}
        expected = 4 if name == "modality" else 6
        assert {len(r["questions"][name]["options"]) for r in rows} == {expected}


def test_options_are_distinct_and_shuffled(rows: list[Row]) -> None:
    for name in QUESTIONS:
        asked = [r["questions"][name] for r in rows]
        assert all(len(set(q["options"])) == len(q["options"]) for q in asked)
        gold = Counter(q["answer_idx"] for q in asked)
        assert max(gold.values()) < 1.6 * min(gold[i] for i in range(3))


def test_a_caption_fills_its_template_with_each_option_of_the_question(rows: list[Row]) -> None:
    for r in rows[:50]:
        for key, caption in r["captions"].items():
            question = r["questions"][key.rsplit("_", 1)[0]]
            filled = [caption["question"].replace("{class}", o) for o in question["options"][:-1]]
            assert caption["options"] == [*filled, "none of the above"]
            assert caption["answer_idx"] == str(question["answer_idx"])
            assert "answer" not in caption


def test_image_ids_are_unique_and_labels_follow_the_class(rows: list[Row]) -> None:
    assert len({r["image_id"] for r in rows}) == DEMO_IMAGES
    classes = {(r["dataset"], r["label_name"]) for r in rows}
    assert len({r["label"] for r in rows}) == len(classes)
    assert len({(r["label"], r["dataset"], r["label_name"]) for r in rows}) == len(classes)


def test_data_sets_and_classes_are_balanced(rows: list[Row]) -> None:
    datasets = Counter(r["dataset"] for r in rows)
    assert max(datasets.values()) - min(datasets.values()) <= 1
    for dataset in datasets:
        classes = Counter(r["label_name"] for r in rows if r["dataset"] == dataset)
        assert max(classes.values()) - min(classes.values()) <= 1


def test_three_modalities_and_at_least_five_submodalities_are_shown(rows: list[Row]) -> None:
    assert len({r["modality"] for r in rows}) == 3
    assert len({r["submodality"] for r in rows}) >= 5
    assert len({r["stain"] for r in rows}) >= 5


def test_every_right_answer_is_in_the_vocabulary(rows: list[Row]) -> None:
    for name, vocabulary in VOCABULARY.items():
        assert {r[name] for r in rows} <= set(vocabulary)


def test_one_task_is_defined_for_every_fine_grained_data_set() -> None:
    defined = {}
    for path in TASKS.glob("demo-*.toml"):
        task = tomllib.loads(path.read_text("utf-8"))
        assert (task["group"], task["question"], task["source"]) == (
            "fine",
            "classification",
            "demo",
        )
        defined[path.stem] = task["datasets"]
    assert defined == {d.name.replace("_", "-"): [d.name] for d in DEMO_SETS}


def test_a_smaller_demo_is_a_prefix_of_a_larger_one(folder: Path, tmp_path: Path) -> None:
    write_demo(tmp_path, images=9)
    assert read_rows(tmp_path) == read_rows(folder)[:9]
    for image in (tmp_path / "images").iterdir():
        assert image.read_bytes() == (folder / "images" / image.name).read_bytes()


def test_another_process_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mubench_gen.data.demo import write_demo; "
        "write_demo(Path(sys.argv[1]), images=54)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert _digest(tmp_path) == _digest(folder)


def test_another_seed_shows_other_images(folder: Path, tmp_path: Path) -> None:
    write_demo(tmp_path, images=9, seed=DEMO_SEED + 1)
    other = {r["image_id"] for r in read_rows(tmp_path)}
    assert other.isdisjoint(r["image_id"] for r in read_rows(folder))


def test_progress_is_told_after_every_image(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_demo(tmp_path, images=3, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_seeds_of_demo_training_and_validation_are_disjoint() -> None:
    assert DEMO_SEED not in TRAINING_SEEDS
    assert DEMO_SEED not in VALIDATION_SEEDS
    assert set(TRAINING_SEEDS).isdisjoint(VALIDATION_SEEDS)


def test_some_images_are_shown_grey_and_inverted_and_painting_never_inverts() -> None:
    import numpy as np

    micrographs = [plan(DEMO_SEED, index) for index in range(0, 360, 9)]  # stained tissue
    grey = 0
    for micrograph in micrographs:
        painted = paint(micrograph)
        assert (np.ptp(painted, axis=2) > 0).any()
        shown = displayed(micrograph, painted)
        assert shown.shape == painted.shape
        assert shown.dtype == painted.dtype
        grey += not np.ptp(shown, axis=2).any()
    assert 0 < grey < len(micrographs) / 4


def test_importing_the_package_imports_neither_numpy_nor_pillow() -> None:
    code = (
        "import sys, mubench_gen.data.demo; "
        "sys.exit(any(m in sys.modules for m in ('numpy', 'PIL.Image')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
