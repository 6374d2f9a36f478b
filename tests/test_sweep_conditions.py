"""A sweep under several prompts and image transforms: one loading an α, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mubench_gen
from mubench_gen.ablation.axes import table_of
from mubench_gen.ablation.grid import Factor
from mubench_gen.data.demo import write_demo
from mubench_gen.errors import UsageError
from mubench_gen.interpolation.sweep.conditions.conditions import make_axes
from mubench_gen.interpolation.sweep.conditions.dependence import interactions, one_for_all
from mubench_gen.interpolation.sweep.conditions.robustness import robustness
from mubench_gen.interpolation.sweep.conditions.sample import CompleteItems
from mubench_gen.interpolation.sweep.stops import Stop
from mubench_gen.interpolation.sweep.words import spanned
from mubench_gen.plan.settings import make_settings

from .conftest import Here
from .helpers.packages import package

FLAGS = ("--plugin", "tiny", "--base", "clip", "--finetuned", "clip-finetuned")
ASKED = ("--tasks", "modality,demo-texture", "--in-domain", "demo-texture", "--limit", "4")
AXES = ("--prompt", "caption", "--prompt", "caption-0", "--axis", "transform=none,blur:4,jpeg:4-5")
TRANSFORMS = ("none", "blur:4", "jpeg:4", "jpeg:5")


def sample(
    true: Sequence[Sequence[float]], *, images: int, seed: int = 0, name: str = "prompt",
    levels: Sequence[str] = ("a", "b", "c", "d"),
) -> CompleteItems:  # fmt: skip
    """Items of which a share is right, by condition and α; two an image, one in the domain."""
    shares = np.array(true).T
    drawn = np.random.default_rng(seed)
    right = drawn.random((2 * images, 1, 1)) * 0.9 + 0.1 * drawn.random((2 * images, *shares.shape))
    names = tuple(levels[: len(true)])
    return CompleteItems(
        values=(right < shares).astype(float),
        inside=np.arange(2 * images) % 2 == 0,
        images=np.arange(2 * images) // 2,
        alphas=tuple(str(place) for place in range(len(shares))),
        factors=(Factor(name, names),),
        levels=np.arange(len(names))[:, None],
        seed=0,
    )


def test_levels_that_only_shift_all_alpha_are_no_interaction() -> None:
    (found,) = interactions(sample([[0.4, 0.6, 0.5], [0.5, 0.7, 0.6]], images=300))
    assert found.p > 0.2
    assert all(one.band[0] < 0 < one.band[1] for one in found.deviations)


def test_an_alpha_that_is_good_under_one_prompt_alone_is_found() -> None:
    one = sample([[0.4, 0.6, 0.4], [0.4, 0.4, 0.6]], images=300)
    (found,) = interactions(one)
    assert found.p < 0.001
    assert found.largest.alpha in "12"
    both = one_for_all(one)
    assert both.common == ()
    assert both.regrets is not None
    assert 0.1 < sum(regret.mean for regret in both.regrets) < 0.3  # one α is right in one of them
    assert any(regret.ci95[0] > 0 for regret in both.regrets)


def test_the_best_alpha_of_all_conditions_is_in_the_common_set() -> None:
    both = one_for_all(sample([[0.3, 0.6, 0.5], [0.35, 0.7, 0.6]], images=300))
    assert both.common == ("1",)
    assert both.alpha == "1"
    assert both.regrets is not None
    assert all(regret.mean == 0 for regret in both.regrets)


def test_what_transforms_cost_is_told_along_alpha() -> None:
    one = sample(
        [[0.6, 0.7], [0.5, 0.4], [0.5, 0.3], [0.5, 0.6]], images=400, name="transform",
        levels=("none", "blur:1", "blur:2", "jpeg"),
    )  # fmt: skip
    found = robustness(one, adjust="maxt")
    assert found is not None
    assert found.transforms == ("blur:1", "blur:2", "jpeg", "corrupted")
    blurs, jpeg = [found.of(f"blur:{n}")[1].accuracy for n in (1, 2)], found.of("jpeg")[1].accuracy
    whole = found.of("corrupted")[1]
    assert whole.accuracy == pytest.approx((np.mean(blurs) + jpeg) / 2)  # kinds count the same
    assert whole.change.difference == pytest.approx(whole.accuracy - found.clean[1])
    assert whole.change.band[1] < 0
    assert found.pareto == ("0", "1")
    assert robustness(sample([[0.5, 0.6], [0.4, 0.5]], images=30), adjust="maxt") is None


def test_neighbours_are_told_by_their_ends() -> None:
    alphas = ("0", "0.5", "0.7", "1")
    assert spanned(("0.5", "0.7", "1"), alphas) == "from 0.5 to 1"
    assert spanned(("0", "1"), alphas) == "0, 1"


@pytest.mark.exhaustive
def test_the_interaction_is_found_by_chance_in_a_twentieth_of_samples() -> None:
    true = [[0.4, 0.5, 0.6, 0.5], [0.5, 0.6, 0.7, 0.6]]
    found = [interactions(sample(true, images=60, seed=seed))[0].p for seed in range(400)]
    assert 0.02 <= np.mean(np.array(found) < 0.05) <= 0.08


package("torch", "the tiny models need the extra transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("conditions")
    write_demo(made / "demo", images=36)
    return made


def flags(folder: Path) -> tuple[Any, ...]:
    return ("sweep", *FLAGS, *ASKED, *AXES, "--data", folder / "demo", "--run-dir", folder / "s",
            "--alpha", "0,1", "--in-process")  # fmt: skip


@pytest.fixture
def document(here: Here, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The sweep's results, which is asked once; `moved`: to which α the weights were."""
    from mubench_gen.interpolation.sweep.weights.ends import InPlaceContrastive

    stored = folder / "out.json"
    if not stored.exists():
        moved: list[str] = []
        go = InPlaceContrastive._go

        def counted(self: InPlaceContrastive, stop: Stop) -> None:
            moved.append(stop.name)
            go(self, stop)

        monkeypatch.setattr(InPlaceContrastive, "_go", counted)
        done = here(*flags(folder), "--html", folder / "page.html", "--json")
        assert done.code == 0, done.err
        stored.write_text(json.dumps({**done.document, "moved": moved}), "utf-8")
    found: dict[str, Any] = json.loads(stored.read_text("utf-8"))
    return found


def test_the_weights_of_an_alpha_are_loaded_once_for_all_conditions(
    document: dict[str, Any], folder: Path
) -> None:
    assert document["moved"] == ["0", "1"]
    assert list(document["runs"]) == ["0", "1"]
    assert [name.partition("-")[0] for name in document["runs"]["1"]] == [
        "transform=none", "transform=blur", "transform=jpeg", "transform=jpeg",
    ]  # fmt: skip
    assert len(mubench_gen.load_study(folder / "s").runs) == 8


def test_each_condition_has_the_accuracies_of_its_records(
    document: dict[str, Any], folder: Path
) -> None:
    found = document["by_condition"]
    assert found["factors"] == {"prompt": ["caption", "caption-0"], "transform": [*TRANSFORMS]}
    runs = dict(zip(TRANSFORMS, document["runs"]["1"].values(), strict=True))
    for condition in found["conditions"]:
        levels = condition["levels"]
        right = [
            record["correct"]
            for record in mubench_gen.load_run(runs[levels["transform"]]).records()
            if record["prompt"] == levels["prompt"] and record["task"] == "demo-texture"
        ]
        (point,) = [
            one for one in condition["points"]
            if one["part"] == "in-domain" and one["alpha"] == "1"
        ]  # fmt: skip
        assert (point["n"], point["accuracy"]) == (4, pytest.approx(np.mean(right)))
    means = [
        one["accuracy"] for condition in found["conditions"] for one in condition["points"]
        if (one["part"], one["alpha"]) == ("mean", "1")
    ]  # fmt: skip
    (whole,) = [
        one["accuracy"] for one in document["frontier"]["points"]
        if (one["part"], one["alpha"]) == ("mean", "1")
    ]  # fmt: skip
    assert whole == pytest.approx(np.mean(means))


def test_the_same_command_asks_only_what_is_missing(
    document: dict[str, Any], folder: Path, here: Here
) -> None:
    runs = [Path(run) for own in document["runs"].values() for run in own.values()]
    lost = runs.pop() / "records.jsonl"
    kept = {run: (run / "records.jsonl").read_bytes() for run in runs}
    lines = lost.read_bytes().splitlines(keepends=True)
    lost.write_bytes(b"".join(lines[:5]))
    done = here(*flags(folder), "--json")
    assert done.code == 0, done.err
    assert {run: (run / "records.jsonl").read_bytes() for run in runs} == kept
    assert lost.read_bytes().splitlines(keepends=True)[:5] == lines[:5]
    assert done.document == {key: told for key, told in document.items() if key != "moved"}


def test_a_stored_sweep_is_shown_again_without_a_model(
    document: dict[str, Any], folder: Path, here: Here
) -> None:
    page = (folder / "page.html").read_text("utf-8")
    shown = here("report", folder / "s")
    assert shown.code == 0, shown.err
    for told in ("α × transform", "caption-0 · transform jpeg:5", "One α for all: "):
        assert told in page
        assert told in shown.out
    again = here("report", folder / "s", "--html", folder / "again.html")
    assert again.code == 0, again.err
    assert (folder / "again.html").read_text("utf-8").count("<svg") == page.count("<svg") == 3
    stored = here("report", folder / "s", "--json").document
    assert stored["by_condition"] == document["by_condition"]
    lost = here("report", "--forgetting", folder / "s")
    assert lost.code == 2
    assert "transform=none" in lost.err
    assert "Give the runs of one of them: mubench-gen report --forgetting " in lost.err


def test_a_plan_counts_items_by_condition(here: Here, folder: Path) -> None:
    done = here(*flags(folder), "--dry-run", "--json")
    assert done.document["items"] == {"0": 64, "1": 64}
    assert set(done.document["conditions"].values()) == {8}
    assert "caption · transform blur:4" in done.document["conditions"]
    assert done.document["total"] == 128


@pytest.mark.parametrize(
    ("axis", "given", "told"),
    [
        ("transform=blur:4", {}, "an axis has two values or more"),
        ("transform=none,blurr", {}, "blurr"),
        ("no_such=1,2", {}, "there is no such setting"),
        ("engine.batch=1,2", {}, "a sweep opens one model for all conditions"),
        ("thinking=on,off", {}, "a sweep opens one model for all conditions"),
        ("limit=1,2", {}, "it decides which items are asked"),
        ("prompt=caption,caption-0", {"prompt": ["caption"]}, "are the same axis"),
        ("transform=none,blur:4", {"image_set": {"transform": "jpeg"}}, "the same setting"),
        ("orders=given,reversed", {"orders": "cyclic:2"}, "set to one value too"),
    ],
)
def test_what_is_no_condition_is_refused(axis: str, given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        make_axes(make_settings({"plugin": "tiny", **given}), table_of([axis]))


def test_conditions_that_the_model_lacks_are_refused_before_anything_is_made(
    here: Here, folder: Path, tmp_path: Path
) -> None:
    for given, told in (
        (("--axis", "labels=A),1."), "is for chat prompts"),
        (("--axis", "control=none,blind"), "is for generative models"),
    ):
        asked = ("--data", folder / "demo", "--run-dir", "t", "--in-process")
        done = here("sweep", *FLAGS, *ASKED, *given, *asked)
        assert done.code == 2
        assert told in done.err
        assert not (tmp_path / "t").exists()


def test_a_control_is_no_transform() -> None:
    shares = [[0.6, 0.7], [0.5, 0.4], [0.2, 0.2]]
    one = sample(shares, images=60, name="seen", levels=("none", "blur:1", "blind"))
    found = robustness(one, adjust="maxt")
    assert found is not None
    assert found.transforms == ("blur:1",)
