"""Sweeps by several methods and of several fine-tunes: their stops, weights and comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import mubench_gen
from mubench_gen.data.demo import write_demo
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.inference.moved_weights import MovedWeights
from mubench_gen.interpolation.merge.given import weights_of
from mubench_gen.interpolation.merge.inputs import MergeSettings
from mubench_gen.interpolation.merge.merge import merge
from mubench_gen.interpolation.merge.methods import METHODS, Sparse
from mubench_gen.interpolation.merge.recipe import make_recipe
from mubench_gen.interpolation.sweep.recipes import make_recipes
from mubench_gen.interpolation.sweep.stops import Stop, left_out, stops_of
from mubench_gen.interpolation.sweep.weights.ends import InPlaceContrastive
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen_plugins.tiny import WEIGHTS

from .conftest import Here
from .helpers.packages import package

package("torch", "the tiny models need the extra transformers")

TASKS = "demo-texture,demo-blood,demo-bacteria"
BASE = WEIGHTS / "clip"
GRID = ["0", "0.5", "1"]
OF_WEIGHTS = [name for name, facts in METHODS.items() if not facts.measured]


def stops(*methods: str, finetuned: int = 1, alphas: list[str] = GRID, **given: Any) -> list[Stop]:
    recipes = make_recipes(alphas, methods=methods, **given)
    return list(stops_of(recipes, [f"tuned{number}" for number in range(finetuned)]))


def test_one_method_between_two_models_has_the_ends_of_its_line() -> None:
    for method in ("linear", "slerp", "karcher", "task-arithmetic"):
        found = stops(method, alphas=["0.5"])
        assert [stop.folder for stop in found] == ["alpha-0", "alpha-0.5", "alpha-1"]
        assert [stop.end for stop in found] == ["base", "", "finetuned"]


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (stops("ties"), ["0", "0.5", "1", "fine-tune"]),
        (stops("lines"), ["base", "0", "0.5", "1"]),
        (stops("passthrough"), ["base", "0.5", "1"]),  # at 0 all weights would be 0
        (stops("passthrough", alphas=["vision=0,1"]), ["base", "vision=1", "1"]),
        (stops("lines", alphas=["vision=0,1"]), ["base", "vision=0", "vision=1", "1"]),
        (stops("linear", finetuned=2), ["0", "0.5", "1", "tuned0", "tuned1"]),
        (stops("task-arithmetic", each=weights_of("0.5")), ["0", "0.5", "1", "fine-tune"]),
        (stops("linear", "ties"), ["base", "linear 0.5", "ties 0.5", "ties 1", "fine-tune"]),
        (stops("ties", "lines", alphas=["0", "1"]), ["base", "ties 1", "lines 0", "fine-tune"]),
        (
            stops("linear", "ties", alphas=["1"], include=["vision_*"]),
            ["base", "linear 1", "ties 1", "fine-tune"],
        ),
    ],
)
def test_the_models_themselves_are_asked_once_whatever_gives_them(
    found: list[Stop], names: list[str]
) -> None:
    assert [stop.name for stop in found] == names
    assert len({stop.folder for stop in found}) == len(names)
    assert [stop.end for stop in found].count("base") == 1
    assert not any(stop.line for stop in found if stop.name in ("base", "fine-tune", "tuned0"))


@pytest.mark.parametrize(
    ("method", "alpha", "told"),
    [
        ("passthrough", "0", ["α 0 of passthrough: all that it scales would be 0"]),
        ("passthrough", "vision=0", ["α vision=0 of passthrough: all that it scales would be 0"]),
        ("linear", "vision=0", ["α vision=0: it is the base"]),
        ("linear", "0", []),
        ("lines", "vision=0", []),
    ],
)
def test_an_alpha_that_is_not_asked_is_told(method: str, alpha: str, told: list[str]) -> None:
    assert left_out(make_recipe([alpha], method=method)) == told


def test_answers_of_other_settings_or_models_have_other_keys() -> None:
    ends = ("base", "first", "second")
    digests = {
        stops(method, finetuned=2, alphas=["0.5"], **given)[1].digest(ends)
        for method, given in (
            ("ties", {}),
            ("ties", {"sparse": Sparse(density=0.3)}),
            ("ties", {"each": weights_of("1,0.5")}),
            ("ties", {"each": weights_of("0.5,1")}),
            ("dare-ties", {}),
            ("dare-ties", {"seed": 1}),
        )
    }
    digests |= {stop.digest(ends) for stop in stops("ties", finetuned=2, alphas=["0", "1"])}
    assert len(digests) == 6 + 4
    alone, among = stops("ties")[-1], stops("linear", "ties")[-1]
    assert alone.digest(ends) == among.digest(ends) == stops("linear")[-1].digest(ends)


def test_of_several_methods_each_takes_the_settings_that_it_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    linear, ties = make_recipes(["1"], methods=["linear", "ties"], sparse=Sparse(density=0.3))
    assert (linear.sparse.density, ties.sparse.density) == (None, 0.3)
    assert "--density is of ties; linear has none" in capsys.readouterr().err
    with pytest.raises(SettingError, match="none of linear, ties has it"):
        make_recipes(["1"], methods=["linear", "ties"], sparse=Sparse(gamma=0.3))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two fine-tunes: the one has learned to see, the other to read."""
    folder = tmp_path_factory.mktemp("tuned")
    for part in ("vision", "text"):
        recipe = make_recipe(["1"], include=[f"{part}_*"])
        merge(MergeSettings(str(BASE), (f"{BASE}-finetuned",), recipe, folder / part))
    return folder / "vision", folder / "text"


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InPlaceContrastive]:
    model = InPlaceContrastive(
        Checkpoint(BASE, "contrastive"), Runtime("", device="cpu", dtype="float32")
    )
    model.scratch = tmp_path_factory.mktemp("scratch")
    yield model
    model.close()


@pytest.mark.first(2)
@pytest.mark.parametrize("method", dict.fromkeys(["ties", "linear", *OF_WEIGHTS]))
def test_the_weights_are_those_that_merge_writes(
    method: str, moving: InPlaceContrastive, tuned: tuple[Path, Path], tmp_path: Path
) -> None:
    import torch
    from transformers import CLIPModel

    sides = tuned if METHODS[method].most != 1 else tuned[:1]
    moving.aim([Checkpoint(side, "contrastive") for side in sides], moving.scratch)
    found = stops(method, finetuned=len(sides), alphas=["0.5"])
    for stop in (*found, found[0]):
        moving.move(stop)
        moving.load()
        wanted = MergeSettings(str(BASE), tuple(str(sides[side]) for side in stop.sides),
                               stop.recipe, tmp_path / stop.folder)  # fmt: skip
        if not wanted.out.exists():
            merge(wanted)
        expected = CLIPModel.from_pretrained(wanted.out, dtype=torch.float32).state_dict()
        assert moving._opened is not None
        state = moving._opened.model.state_dict()
        assert all(torch.equal(state[name], one) for name, one in expected.items())
        if stop.end == "base":
            whole = CLIPModel.from_pretrained(BASE, dtype=torch.float32).state_dict()
            assert all(torch.equal(state[name], one) for name, one in whole.items())
    assert not list(moving.scratch.glob("*"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    write_demo(folder, images=24)
    return folder


def test_methods_share_their_ends_in_one_sweep_whose_frontier_has_all(
    here: Here, demo: Path, tmp_path: Path
) -> None:
    asked = ("--tasks", "demo-texture,modality", "--data", demo)
    flags = ("sweep", "--plugin", "tiny", "--base", "clip", "--finetuned", "clip-finetuned",
             *asked, "--in-domain", "demo-texture", "--alpha", "0,0.5", "--run-dir", "s",
             "--method", "linear,ties", "--json")  # fmt: skip
    done = here(*flags, "--density", "0.5", "--html", "s.html")
    assert done.code == 0, done.err
    names = ["base", "linear 0.5", "ties 0.5", "fine-tune"]
    folders = ["base", "alpha-0.5-linear", "alpha-0.5-ties", "finetuned"]
    assert done.document["runs"] == dict(zip(names, (f"s/{one}" for one in folders), strict=True))
    found = done.document["frontier"]
    assert (found["methods"], found["models"]) == (["linear", "ties"], ["base", "fine-tune"])
    means = [point for point in found["points"] if point["part"] == "mean"]
    assert [(p["method"], p["at"]) for p in means] == [
        ("", None), ("linear", 0.5), ("ties", 0.5), ("", None),
    ]  # fmt: skip
    assert [p["alpha"] for p in means if p["over_base"] is None] == ["base"]
    assert [p["alpha"] for p in means if p["over_finetuned"] is None] == ["fine-tune"]
    assert found["chosen"]["shares"].keys() == set(names)
    plain = ("eval", "--plugin", "tiny", "--model", "clip-finetuned", *asked, "--run-dir", "r")
    assert here(*plain).code == 0
    swept, own = (
        {one["id"]: one["choice"] for one in mubench_gen.load_run(path).records()}
        for path in ("s/finetuned", "r")
    )
    assert swept == own

    told = mubench_gen.load_run("s/alpha-0.5-ties").manifest["sessions"][-1]["model"]
    assert told["interpolation"]["density"] == 0.5
    assert [run.dir.name for run in mubench_gen.load_study("s").runs] == folders
    page = (tmp_path / "s.html").read_text("utf-8")
    assert "method and α" in page
    assert "ties 0.5: rest" in page
    assert "ties 0.5" in here("report", "s").out
    lost = here("report", "--forgetting", "s", "--json").document
    assert lost["base"] == "clip-finetuned@base"
    assert lost["finetuned"][-1] == "clip-finetuned"
    other = here(*flags, "--density", "0.4")
    assert other.code == 2
    assert "ties.density: there 0.5, now 0.4" in other.err


def test_several_fine_tunes_are_ends_that_all_is_compared_with(
    here: Here, demo: Path, tuned: tuple[Path, Path]
) -> None:
    asked = ("--tasks", "demo-texture,modality", "--data", demo, "--in-domain", "demo-texture")
    sides = ",".join(map(str, tuned))
    flags = ("sweep", "--plugin", "clip", "--base", BASE, "--finetuned", sides, *asked,
             "--alpha", "1", "--method", "ties", "--run-dir", "t")  # fmt: skip
    done = here(*flags)
    assert done.code == 0, done.err
    document = here("report", "t", "--json").document
    assert list(document["runs"]) == ["0", "1", "vision", "text"]
    found = document["frontier"]
    means = {point["alpha"]: point for point in found["points"] if point["part"] == "mean"}
    best = max(("vision", "text"), key=lambda name: float(means[name]["accuracy"]))
    assert found["finetuned"] == best
    for name, point in means.items():
        for other in ("vision", "text"):
            gain = point["over_each"][other]
            if name == other:
                assert gain is None
            else:
                apart = point["accuracy"] - means[other]["accuracy"]
                assert gain["difference"] == pytest.approx(apart)
        assert point["over_finetuned"] == point["over_each"][best]
    assert f"Gain over the best fine-tune ({best}) in points" in done.out
    assert "Gain of the mean over each fine-tune" in done.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--method", "tie"], "Did you mean 'ties'?"),
        (["--method", "linear,ties", "--gamma", "0.1"], "--gamma: none of linear, ties has it"),
        (["--method", "magmax"], "2 fine-tunes or more"),
        (["--method", "fisher"], "needs what mubench-gen measure finds"),
        (["--method", "ties", "--weights", "1,2"], "2 weights for 1 fine-tunes"),
        (["--method", "linear,ties", "--alpha", "1.5"], "where linear has no meaning"),
        (["--finetuned", "clip-finetuned"], "is given twice"),
    ],
)
def test_what_methods_cannot_be_swept_with_is_said(
    here: Here, demo: Path, words: list[str], told: str
) -> None:
    done = here("sweep", "--plugin", "tiny", "--base", "clip", "--finetuned", "clip-finetuned",
                "--in-domain", TASKS, "--data", demo, "--plan", *words)  # fmt: skip
    assert done.code == 2
    assert told in done.err
    assert done.out == ""


def test_weights_must_move_along_each_line_but_two_lines_may_be_alike() -> None:
    seen: dict[tuple[str, Decimal], Any] = {}

    def answers(stop: Stop, reply: str) -> None:
        assert stop.watched is not None
        response = SimpleNamespace(error=None, reply=reply, scores=None)

        def ask(requests: list[Any]) -> Any:
            yield None
            return [response for _ in requests]

        for _ in MovedWeights(*stop.watched, "parse", seen).check(ask):  # type: ignore[arg-type]
            pass

    base, linear, ties, half, whole = stops("linear", "ties")
    answers(base, "a")
    answers(linear, "b")
    answers(ties, "b")  # as linear at the same α
    with pytest.raises(UsageError, match=r"at α 1 the model answers as at α 0\.5 \(ties\)"):
        answers(half, "b")
    with pytest.raises(UsageError, match=r"at α 1 the model answers as at α 0 \(fine-tune\)"):
        answers(whole, "a")
    answers(half, "c")
    answers(whole, "c")  # as ties at density 1
