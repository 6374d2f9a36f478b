"""The controls: what no look at the image would score."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mubench_gen import Run, SettingError, UsageError
from mubench_gen.scores.score import score

from .spine import OPTIONS, evaluate, make_row, plain_record, write_data, write_plugin

ALWAYS = """
import mubench_gen
from mubench_gen import ModelSpec


class Always(mubench_gen.GenerativeModel):
    '''Answers with the second label, and fails where it is given an image that it must not be.'''

    def generate(self, requests):
        return [request.labels[1] for request in requests]


@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("always", Always)]
"""


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    return write_data(tmp_path / "cells", [make_row(i) for i in range(40)])


def image_digests(data: Path) -> dict[str, str]:
    """image_id → digest of its file."""
    import hashlib

    return {
        f"cells-{int(path.stem):05d}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (data / "images").glob("*.png")
    }


def test_majority_is_the_commonest_right_option_of_each_task(cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells, orders="shuffled")
    rows = [make_row(i) for i in range(40)]
    commonest = {
        task: max(Counter(row["questions"][task]["answer"] for row in rows).values())
        for task in OPTIONS
    }
    controls = run.scores.controls
    for task, n in commonest.items():
        assert controls[task].majority == pytest.approx(n / 40)
    assert controls["pooled"].majority == pytest.approx(sum(commonest.values()) / 200)


def test_places_show_a_model_that_always_answers_alike(cells: Path, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, ALWAYS, "always")
    run = evaluate(plugin, tmp_path / "run", data=cells)
    for name, controls in run.scores.controls.items():
        assert controls.answered_at[1] == 1
        assert sum(controls.gold_at) == pytest.approx(1), name
    golds = Counter(r["gold"] for r in run.records())
    assert run.scores.controls["pooled"].gold_at == pytest.approx(
        tuple(golds[i] / 200 for i in range(len(run.scores.controls["pooled"].gold_at)))
    )


def test_places_count_answers_alone_and_failed_items_nowhere() -> None:
    controls = score(
        [
            plain_record(0, choice=3, gold=1),
            plain_record(1, choice=3, gold=0),
            plain_record(2, choice=None, status="none", gold=0),
            plain_record(3, choice=None, status="error", gold=2, correct=None),
        ]
    ).controls["pooled"]
    assert controls.answered_at == (0, 0, 0, 1)
    assert controls.gold_at == pytest.approx((2 / 3, 1 / 3, 0, 0))
    assert controls.majority == pytest.approx(2 / 3)


def test_blind_shows_no_image(cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells, control="blind")
    for record in run.records():
        parts = [part for message in record["messages"] for part in message["content"]]
        assert [part["type"] for part in parts] == ["text"]
        assert record["image_sha256"] is None
    by_question: dict[str, set[str]] = {}
    for record in run.records():
        by_question.setdefault(record["task"], set()).add(record["reply"])
    assert all(len(replies) == 1 for replies in by_question.values())


def test_blind_reads_no_image_file(cells: Path, tmp_path: Path) -> None:
    for path in (cells / "images").iterdir():
        path.unlink()
    assert evaluate("echo", tmp_path / "run", data=cells, control="blind").complete


def shown(run: Run) -> dict[str, set[str]]:
    """image_id → digests of the images shown for it."""
    found: dict[str, set[str]] = {}
    for record in run.records():
        (image,) = [
            part["sha256"]
            for message in record["messages"]
            for part in message["content"]
            if part["type"] == "image"
        ]
        assert record["image_sha256"] == image
        found.setdefault(record["image_id"], set()).add(image)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_never_shows_an_items_own_image(cells: Path, tmp_path: Path, seed: int) -> None:
    own = image_digests(cells)
    run = evaluate("echo", tmp_path / "run", data=cells, control="shuffled", seed=seed)
    images = shown(run)
    assert all(len(digests) == 1 for digests in images.values())
    assert all(own[image_id] not in digests for image_id, digests in images.items())
    assert {d for digests in images.values() for d in digests} == set(own.values())


def test_shuffled_never_shows_the_same_picture_from_another_row(tmp_path: Path) -> None:
    """Rows that share an image file: another row's image may still be one's own."""
    rows = [make_row(i, image=f"images/{i // 3}.png") for i in range(12)]
    data = write_data(tmp_path / "data", rows)
    own = {f"cells-{i:05d}": image_digests(data)[f"cells-{i // 3:05d}"] for i in range(12)}
    for seed in range(5):
        run = evaluate(
            "echo", tmp_path / f"{seed}", data=data, control="shuffled", seed=seed, tasks="stain"
        )
        assert all(own[i] not in digests for i, digests in shown(run).items())


def test_shuffled_partners_are_drawn_by_seed_and_not_by_limit(cells: Path, tmp_path: Path) -> None:
    def run(name: str, **settings: Any) -> dict[str, set[str]]:
        return shown(evaluate("echo", tmp_path / name, data=cells, control="shuffled", **settings))

    whole = run("whole")
    some = run("some", limit=5)
    assert all(whole[image_id] == digests for image_id, digests in some.items())
    assert whole != run("other", seed=1)


def test_shuffled_needs_two_images(tmp_path: Path) -> None:
    data = write_data(tmp_path / "one", [make_row(0)])
    with pytest.raises(UsageError, match="two images"):
        evaluate("echo", tmp_path / "run", data=data, control="shuffled")


def test_a_control_is_a_run_of_its_own(cells: Path, tmp_path: Path) -> None:
    evaluate("echo", tmp_path / "run", data=cells)
    with pytest.raises(UsageError, match="control"):
        evaluate("echo", tmp_path / "run", data=cells, control="blind")


CONTRASTIVE = """
import mubench_gen
import numpy as np
from mubench_gen import ModelSpec


class Vectors(mubench_gen.ContrastiveModel):
    def embed_images(self, images):
        return np.array([[int(i.sha256[k : k + 2], 16) + 1 for k in (0, 2, 4)] for i in images])

    def embed_texts(self, texts):
        return np.array([[len(t), t.count("a") + 1, t.count("e") + 1] for t in texts])


@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("vectors", Vectors)]
"""


def test_blind_is_refused_for_models_that_compare_images_with_texts(
    cells: Path, tmp_path: Path
) -> None:
    plugin = write_plugin(tmp_path, CONTRASTIVE, "vectors")
    with pytest.raises(SettingError, match="shuffled"):
        evaluate(plugin, tmp_path / "run", data=cells, control="blind")


def test_shuffled_works_for_models_that_compare_images_with_texts(
    cells: Path, tmp_path: Path
) -> None:
    plugin = write_plugin(tmp_path, CONTRASTIVE, "vectors")
    plain = evaluate(plugin, tmp_path / "plain", data=cells)
    run = evaluate(plugin, tmp_path / "run", data=cells, control="shuffled")
    own = image_digests(cells)
    assert all(own[i] not in digests for i, digests in shown(run).items())
    assert [r["image_id"] for r in run.records()] == [r["image_id"] for r in plain.records()]
    assert [r["gold"] for r in run.records()] == [r["gold"] for r in plain.records()]
