"""`eval --plan` says what a run will ask, send and write; the run then does just that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mubench_gen import Run
from mubench_gen.plan.plan import make_plan
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.runs import cost_estimate
from mubench_gen.runs.cost_estimate import RunEstimate

from .conftest import Here
from .helpers.plugin import write_plugin
from .spine import evaluate, make_row, write_data

ROWS = 30
SIZE_TOLERANCE = 0.10  # of the run folder


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """30 rows on 29 images, five questions each."""
    rows = [make_row(i) for i in range(ROWS)]
    rows[7] = make_row(7, image="images/20.png")
    return write_data(tmp_path / "cells", rows)


def plan_of(plugin: str | Path, data: Path, **settings: Any) -> Any:
    return make_plan(make_settings({"plugin": str(plugin), "data": data, **settings}), Plugins())


def size_of(run: Run) -> int:
    return sum((run.dir / name).stat().st_size for name in ("records.jsonl", "manifest.json"))


def check(found: RunEstimate, run: Run) -> None:
    """The counts are those of the run; the size is within the tolerance."""
    records = list(run.records())
    assert found.items == len(records) == run.manifest["planned"]
    assert found.requests == len({r["key"] for r in records if r["key"] is not None})
    digests = {r["image_sha256"] for r in records if r["key"] is not None} - {None}
    assert found.images == len(digests)
    assert found.run_folder_bytes == pytest.approx(size_of(run), rel=SIZE_TOLERANCE)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"limit": 9, "seed": 5},
        {"orders": "cyclic:3", "prompt": ["plain", "letter"]},
        {"repeats": 3, "temperature": 0.7},
        {"control": "blind"},
        {"readout": "logprob"},
        {"shard": "2/3"},
    ],
    ids=["all", "a sample", "orders", "repeats", "blind", "logprob", "a shard"],
)
def test_the_counts_are_those_of_the_run(
    tmp_path: Path, cells: Path, settings: dict[str, Any]
) -> None:
    found = cost_estimate.estimate(plan_of("echo", cells, **settings), reply_tokens=1)
    check(found, evaluate("echo", tmp_path / "run", data=cells, **settings))


@pytest.mark.parametrize("model", ["llava", "clip"])
def test_the_counts_are_those_of_a_run_of_a_real_model(
    tmp_path: Path, cells: Path, model: str
) -> None:
    found = cost_estimate.estimate(plan_of("tiny", cells, model=model))
    check(found, evaluate("tiny", tmp_path / "run", data=cells, model=model))
    assert found.assumed.image_tokens_from == "config"
    assert (found.prefill_tokens is None) == (model == "clip")


def test_an_image_is_read_once_where_its_requests_stand_together(cells: Path) -> None:
    """K(V + T) and V + KT: four questions more an image each save its tokens."""
    found = cost_estimate.estimate(plan_of("echo", cells), image_tokens=1_000)
    assert found.prefill_tokens is not None
    saved = found.prefill_tokens.any_order - found.prefill_tokens.image_major
    assert saved == (found.requests - found.images) * 1_000


def test_what_stands_behind_other_text_is_not_shared(cells: Path) -> None:
    last = plan_of("echo", cells, prompt="plain", prompt_set={"image": "after"})
    found = cost_estimate.estimate(last, image_tokens=1_000).prefill_tokens
    assert found is not None
    assert found.any_order == found.image_major


def test_worked_examples_are_images_too(cells: Path) -> None:
    settings = {"prompt": "plain", "tasks": ["stain"], "limit": 10}
    bare = cost_estimate.estimate(plan_of("echo", cells, **settings), image_tokens=1_000)
    shown = cost_estimate.estimate(
        plan_of("echo", cells, prompt_set={"shots": "2"}, **settings), image_tokens=1_000
    )
    assert bare.prefill_tokens is not None
    assert shown.prefill_tokens is not None
    more = shown.prefill_tokens.any_order - bare.prefill_tokens.any_order
    assert more >= 10 * 2 * 1_000
    assert shown.network_bytes.server > 2 * bare.network_bytes.server
    assert shown.images > bare.images


def test_hours_are_requests_by_rate_and_gpus(here: Here, cells: Path) -> None:
    words = ["eval", "--plugin", "echo", "--data", cells, "--plan", "--json"]
    found = here(*words, "--rate", "0.5", "--gpus", "4").document
    assert found["hours"] == pytest.approx(found["requests"] / 0.5 / 4 / 3600)
    assert found["records_a_second"] == pytest.approx(2.0 * found["items"] / found["requests"])
    assert here(*words).document["hours"] is None


def test_a_large_run_is_planned_from_a_sample_of_its_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_data(tmp_path / "many", (make_row(i) for i in range(400)))
    plan = plan_of("echo", data, prompt="plain")
    exact = cost_estimate.estimate(plan)
    monkeypatch.setattr(cost_estimate, "_EXACT", 500)
    sampled = cost_estimate.estimate(plan)
    assert exact.assumed.looked_at == exact.items == sampled.items == 2_000
    assert 0 < sampled.assumed.looked_at < 1_000
    assert sampled.requests == pytest.approx(exact.requests, rel=0.05)
    assert sampled.images == pytest.approx(exact.images, rel=0.05)
    assert sampled.run_folder_bytes == pytest.approx(exact.run_folder_bytes, rel=0.05)


def test_items_whose_image_cannot_be_read_are_counted_apart(cells: Path) -> None:
    (cells / "images" / "3.png").unlink()
    found = cost_estimate.estimate(plan_of("echo", cells))
    assert found.unreadable == 5
    assert found.items == ROWS * 5
    assert found.images == 28


def test_nothing_is_asked_loaded_or_written(here: Here, tmp_path: Path, cells: Path) -> None:
    body = """
    def load(self):
        raise RuntimeError("was loaded")

    def generate(self, requests):
        raise RuntimeError("was asked")
    """
    plugin = write_plugin(tmp_path / "mine.py", body)

    def there() -> set[Path]:
        kept = {"__pycache__", "cache"}  # of digests that were read, for the next time
        return {path for path in tmp_path.rglob("*") if not kept & set(path.parts)}

    before = there()
    done = here("eval", "--plugin", plugin, "--data", cells, "--plan")
    assert done.code == 0, done.err
    assert "requests" in done.out
    assert there() == before


def test_several_models_are_planned_at_once(here: Here, cells: Path) -> None:
    words = ["eval", "--plugin", "echo,tiny", "--data", cells, "--plan"]
    assert [p["model"] for p in here(*words, "--json").document["plans"]] == ["echo", "llava"]
    assert "tiny llava" in here(*words).out


@pytest.mark.parametrize(
    "words",
    [
        ["--rate", "5"],
        ["--gpus", "2"],
        ["--plan", "--rate", "0"],
        ["--plan", "--rate", "fast"],
        ["--plan", "--gpus", "0"],
        ["--plan", "--image-tokens", "-1"],
    ],
)
def test_flags_that_make_no_sense_are_refused(here: Here, cells: Path, words: list[str]) -> None:
    done = here("eval", "--plugin", "echo", "--data", cells, *words)
    assert done.code == 2
    assert words[-2] in done.err


def test_the_json_is_one_document_of_plain_numbers(here: Here, cells: Path) -> None:
    done = here("eval", "--plugin", "echo", "--data", cells, "--plan", "--json")
    found = json.loads(done.out)
    assert {"items", "requests", "images", "prefill_tokens", "network_bytes"} <= found.keys()
    assert {"run_folder_bytes", "hours", "assumed"} <= found.keys()
    assert found["prefill_tokens"].keys() == {"any_order", "image_major"}
    assert found["network_bytes"].keys() == {"server", "ray"}
