"""`sweep`: every α on the same items, and the frontier against numbers made by hand."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

import mubench_gen
from mubench_gen.compare.comparison import compare
from mubench_gen.errors import RunFolderError, SettingError
from mubench_gen.interpolation.merge.recipe import make_recipe
from mubench_gen.interpolation.sweep.choice import Halves, cross_fitted, equally_good, gain_over
from mubench_gen.interpolation.sweep.frontier import frontier, stored_frontier
from mubench_gen.interpolation.sweep.page import figure, page
from mubench_gen.interpolation.sweep.parts import IN_DOMAIN, MEAN, REST
from mubench_gen.interpolation.sweep.sentences import answers
from mubench_gen.interpolation.sweep.stops import Stop, stops_of
from mubench_gen.runs.results import Run
from mubench_gen.scores.pareto import undominated

from .conftest import Here
from .helpers.command import Command
from .helpers.packages import package
from .helpers.plugin import write_plugin
from .spine import make_row, write_data

ROWS = 40
ALPHAS = stops_of([make_recipe(["0", "0.5", "1"])], ["tuned"])
TASKS = "demo-texture,demo-blood,demo-bacteria"
FLAGS = ("--plugin", "tiny", "--base", "clip", "--finetuned", "clip-finetuned")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Modality is learned along α (1/2, 3/4, 1 of the images), stain forgotten (3/4, 1/2, 1/4)."""
    folder = tmp_path_factory.mktemp("runs")
    rows = [make_row(n, questions=["modality", "stain"]) for n in range(ROWS)]
    data = write_data(folder / "cells", rows)
    known = {
        "a0": "number % 4 < 2 if 'modality' in asked else number % 8 < 6",
        "a1": "number % 4 < 3 if 'modality' in asked else number % 8 < 4",
        "a2": "number % 4 < 4 if 'modality' in asked else number % 8 < 2",
    }
    return [_evaluated(folder, name, rule, data) for name, rule in known.items()]


def _evaluated(folder: Path, name: str, rule: str, data: Path) -> Run:
    body = f"""
        def generate(self, requests):
            return [self.reply(request) for request in requests]

        def reply(self, request):
            number = int(request.image.name.rpartition("/")[2].partition(".")[0])
            asked = request.text
            gold = {_gold(data)!r}[number, 'modality' if 'modality' in asked else 'stain']
            return gold if ({rule}) else "no idea"
    """
    plugin = write_plugin(folder / f"{name}.py", body)
    return mubench_gen.evaluate(plugin=str(plugin), data=str(data), run_dir=folder / name)


def _gold(data: Path) -> dict[tuple[int, str], str]:
    found = {}
    for line in (data / "rows.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        number = int(row["image_id"].rpartition("-")[2])
        for name, question in row["questions"].items():
            found[number, name] = question["answer"]
    return found


def test_the_frontier_is_in_domain_against_the_rest(runs: list[Run]) -> None:
    found = frontier(runs, ALPHAS, ["modality"])
    shares = {part: [p.accuracy for p in found.of(part)] for part in (IN_DOMAIN, REST, MEAN)}
    assert shares[IN_DOMAIN] == pytest.approx([0.5, 0.75, 1.0])
    assert shares[REST] == pytest.approx([0.75, 0.5, 0.25])
    assert shares[MEAN] == pytest.approx([0.625, 0.625, 0.625])
    assert (found.in_domain, found.rest) == (("modality",), ("stain",))
    assert found.items == 2 * ROWS
    assert found.beats_both == ()
    assert [p.accuracy for p in found.of("stain")] == shares[REST]


def test_each_alpha_is_held_against_both_ends(runs: list[Run]) -> None:
    found = frontier(runs, ALPHAS, ["modality"])
    first, middle, last = found.of(IN_DOMAIN)
    assert first.over_base is None
    assert last.over_finetuned is None
    assert middle.over_base is not None
    assert middle.over_finetuned is not None
    assert middle.over_base.difference == pytest.approx(0.25)
    assert middle.over_finetuned.difference == pytest.approx(-0.25)
    low, high = middle.over_base.ci95
    assert 0 < low < 0.25 < high < 0.5


def test_the_gain_in_the_mean_is_that_of_two_tasks_that_count_the_same(runs: list[Run]) -> None:
    gain = frontier(runs, ALPHAS, ["modality"]).of(MEAN)[1].over_base
    (macro,) = [
        one
        for one in compare([runs[1], runs[0]]).differences
        if (one.part, one.name) == ("macro", "mean of tasks")
    ]
    assert gain is not None
    assert gain.difference == pytest.approx(macro.paired.difference)
    assert gain.ci95 == pytest.approx(macro.paired.ci95)


def test_a_band_of_all_alpha_is_wider_than_an_interval_of_one(runs: list[Run]) -> None:
    widths = {}
    for adjust in ("none", "maxt", "holm"):
        gain = frontier(runs, ALPHAS, ["modality"], adjust=adjust).of(REST)[1].over_base
        assert gain is not None
        widths[adjust] = gain.band[1] - gain.band[0]
        plain = gain.ci95[1] - gain.ci95[0]
    assert widths["none"] == pytest.approx(plain)
    assert plain < widths["maxt"] <= widths["holm"]


def test_the_interval_of_a_mean_that_never_changes_is_not_a_point(runs: list[Run]) -> None:
    gain = frontier([runs[0], runs[0], runs[1]], ALPHAS, ["modality"]).of(MEAN)[1].over_base
    assert gain is not None
    assert gain.difference == pytest.approx(0)
    assert gain.ci95[0] < -0.02
    assert gain.ci95[1] > 0.02


def test_pareto_points_are_those_that_no_other_is_above(runs: list[Run]) -> None:
    assert undominated([(0.5, 0.7), (0.6, 0.7), (0.4, 0.9), (0.6, 0.7), (0.3, 0.3)]) == [
        False, True, True, True, False,
    ]  # fmt: skip
    assert frontier(runs, ALPHAS, ["modality"]).pareto == ("0", "0.5", "1")
    worse = frontier([runs[0], runs[0], runs[1]], ALPHAS, ["stain"])
    assert worse.pareto == ("0", "0.5", "1")
    found = frontier([runs[1], runs[2], runs[2]], ALPHAS, ["stain"])
    assert "Every α is a Pareto point" in " ".join(answers(found))


def test_results_that_are_not_there_are_told_from_those_of_another_version(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="results are not there yet: type its command again"):
        stored_frontier({}, tmp_path)
    with pytest.raises(RunFolderError, match="results are not as this version has them: type"):
        stored_frontier({"frontier": {"alphas": ["0"]}}, tmp_path)


def test_equal_means_are_equally_good_and_none_is_praised(runs: list[Run]) -> None:
    found = frontier(runs, ALPHAS, ["modality"], seed=3)
    chosen = found.chosen
    assert chosen is not None
    assert (chosen.alpha, chosen.equally_good) == ("0", ("0", "0.5", "1"))
    assert chosen.mean <= chosen.mean_there + 1e-9
    assert sum(chosen.shares.values()) == pytest.approx(1)
    assert chosen == frontier(runs, ALPHAS, ["modality"], seed=3).chosen
    assert "α from 0 to 1 are equally good" in " ".join(answers(found))


def halves(gains: Sequence[float], *, images: int, seed: int) -> Halves:
    """A sweep of items that change by little from α to α, with those true gains in the mean."""
    drawn = np.random.default_rng(seed)
    latent = np.empty((2 * images, len(gains)))
    latent[:, 0] = drawn.normal(size=2 * images)
    for place in range(1, len(gains)):
        step = drawn.normal(size=2 * images)
        latent[:, place] = 0.9 * latent[:, place - 1] + np.sqrt(1 - 0.9**2) * step
    limits = [NormalDist().inv_cdf(0.5 + gain) for gain in gains]
    inside = np.arange(2 * images) % 2 == 0
    return Halves.of((latent < limits).astype(float), np.arange(2 * images) // 2, inside, ~inside)


def test_the_score_of_a_choice_does_not_hang_on_the_seed_or_gain_by_the_choosing() -> None:
    scored, again, biased = [], [], []
    for seed in range(12):
        sample = halves([0.0] * 6, images=60, seed=seed)
        found = [cross_fitted(sample, seed=s) for s in (1, 2)]
        again.append(abs(found[0].mean - found[1].mean))  # type: ignore[union-attr]
        biased.append(sample.means.max() - 0.5)
        scored.append(found[0].mean - 0.5)  # type: ignore[union-attr]
    assert max(again) < 0.01
    assert np.mean(biased) > np.mean(scored) + 0.01


def test_the_set_of_equally_good_alpha_shrinks_to_the_best() -> None:
    gains = [0.0, 0.1, 0.2, 0.21, 0.05]
    few, many = (equally_good(halves(gains, images=n, seed=1), seed=0) for n in (40, 4_000))
    assert set(many) <= {2, 3}
    assert set(many) < set(few)


@pytest.mark.exhaustive
@pytest.mark.parametrize("gains", [[0.0] * 6, [0, 0.05, 0.1, 0.12, 0.08, 0.02]])
def test_the_set_and_the_gain_of_the_choice_hold_the_truth(gains: list[float]) -> None:
    held, inside = [], []
    for seed in range(150):
        sample = halves(gains, images=100, seed=seed)
        inside.append(int(np.argmax(gains)) in equally_good(sample, seed=seed))
        found = cross_fitted(sample, seed=seed, repeats=20)
        assert found is not None
        _, (low, high) = gain_over(0, found, sample, seed=seed)
        held.append(low - 1e-9 <= float(found.chosen @ np.array(gains)) <= high + 1e-9)
    assert np.mean(held) >= 0.93
    assert np.mean(inside) >= 0.9


def test_one_image_chooses_no_alpha() -> None:
    assert cross_fitted(halves([0.0, 0.1], images=1, seed=0), seed=0) is None


def test_names_tell_the_method_even_where_only_one_has_an_alpha_of_its_own(
    runs: list[Run],
) -> None:
    recipes = [make_recipe(["1"], method=method) for method in ("linear", "ties")]
    found = frontier(runs, stops_of(recipes, ["tuned"]), ["modality"])
    assert found.alphas == ("base", "ties 1", "fine-tune")
    told = " ".join(answers(found))
    assert "base, ties 1, fine-tune are equally good" in told
    assert "α ties" not in told
    assert "ties 1: rest" in figure(found).inline()


def test_a_domain_of_all_tasks_or_of_none_is_no_frontier(runs: list[Run]) -> None:
    for names in (["modality", "stain"], ["domain"], []):
        with pytest.raises(SettingError, match="in-domain"):
            frontier(runs, ALPHAS, names)


def test_the_page_shows_every_alpha(runs: list[Run]) -> None:
    found = frontier(runs, ALPHAS, ["modality"])
    written = page(found, "a → <b>")
    assert written.count("<script") == 1  # the page's own
    assert "a → &lt;b&gt;" in written
    drawn = figure(found).inline()
    assert "band of the gains over the base" in drawn
    for alpha in found.alphas:
        assert f"α {alpha}: rest" in drawn


torch = package("torch", "the tiny models need the extra transformers")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    done = Command(folder)("data", "prepare", "demo", "--images", "36", "--out", "demo")
    assert done.code == 0, done.err
    return folder / "demo"


def choices(run: Run) -> dict[str, Any]:
    return {record["id"]: record["choice"] for record in run.records()}


def test_the_ends_are_the_models_themselves(here: Here, demo: Path, tmp_path: Path) -> None:
    done = here(
        "sweep", *FLAGS, "--alpha", "0,0.5,1", "--in-domain", TASKS, "--data", demo,
        "--run-dir", "s", "--json", "--html", "s.html",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert list(done.document["runs"]) == ["0", "0.5", "1"]
    for alpha, model in (("0", "clip"), ("1", "clip-finetuned")):
        plain = mubench_gen.evaluate(
            plugin="tiny", model=model, data=str(demo), run_dir=tmp_path / model
        )
        assert choices(mubench_gen.load_run(f"s/alpha-{alpha}")) == choices(plain)
    found = done.document["frontier"]
    assert {point["part"] for point in found["points"]} >= {IN_DOMAIN, REST, MEAN, "modality"}
    assert "<svg" in (tmp_path / "s.html").read_text("utf-8")
    stored = json.loads((tmp_path / "s" / "sweep.json").read_text("utf-8"))
    assert stored["results"]["frontier"] == found
    assert here("report", "s", "--json").document == stored["results"]
    again = here("report", "s", "--html", "again.html")
    assert again.code == 0, again.err
    assert "<svg" in (tmp_path / "again.html").read_text("utf-8")
    assert "Gain over the fine-tune in points" in here("report", "s").out
    forgotten = here("report", "--forgetting", "s", "--json")
    assert forgotten.code == 0, forgotten.err
    assert forgotten.document["finetuned"] == ["clip-finetuned@0.5", "clip-finetuned@1"]


@pytest.mark.exhaustive
def test_a_killed_sweep_goes_on_and_asks_nothing_twice(
    mubench: Command, here: Here, demo: Path, tmp_path: Path
) -> None:
    flags = ("sweep", *FLAGS, "--in-domain", TASKS, "--data", demo, "--run-dir", "s", "--json")
    running = mubench.start(*flags, "--alpha", "0,0.5,1", start_new_session=True)
    until = time.monotonic() + 240
    while not (tmp_path / "s/alpha-0.5/records.jsonl").exists() and time.monotonic() < until:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    first = (tmp_path / "s/alpha-0/records.jsonl").read_bytes()
    done = here(*flags, "--alpha", "0,0.5,1")
    assert done.code == 0, done.err
    assert (tmp_path / "s/alpha-0/records.jsonl").read_bytes() == first
    whole = here(*(f if f != "s" else "whole" for f in flags), "--alpha", "0,0.5,1")
    assert done.document["frontier"] == whole.document["frontier"]


@pytest.mark.exhaustive
def test_a_finished_sweep_loads_no_model_and_takes_more_alpha(
    here: Here, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mubench_gen.interpolation.sweep.weights.ends import InPlaceContrastive

    flags = ("sweep", *FLAGS, "--in-domain", TASKS, "--data", demo, "--run-dir", "s", "--json")
    first = here(*flags, "--alpha", "0,1").document
    gone: list[str] = []
    go = InPlaceContrastive._go

    def counted(self: InPlaceContrastive, stop: Stop) -> None:
        gone.append(stop.name)
        go(self, stop)

    monkeypatch.setattr(InPlaceContrastive, "_go", counted)
    assert here(*flags, "--alpha", "0,1").document == first
    assert gone == []
    more = here(*flags, "--alpha", "0,0.5,1").document
    assert gone == ["0.5"]
    assert list(more["runs"]) == ["0", "0.5", "1"]


def test_what_a_sweep_cannot_be_made_of_is_said(here: Here, demo: Path, tmp_path: Path) -> None:
    inside = ("--in-domain", TASKS)
    where = ("--data", demo, "--run-dir", "s")
    other = ("--plugin", "tiny", "--base", "clip", "--finetuned", "llava")
    for flags, told in (
        ((*other, *inside), "is not the whole of"),
        ((*FLAGS, *inside, "--alpha", "1.5"), "outside [0, 1]"),
        ((*FLAGS, *inside, "--include", "vision_modle.*"), "matches no tensor"),
        ((*FLAGS, "--in-domain", "no-such-task"), "no-such-task"),
        ((*FLAGS, "--in-domain", "modality", "--tasks", "modality"), "both sides"),
        ((*FLAGS, "--in-domain", "stain", "--tasks", "modality,domain"), "both sides"),
        ((*FLAGS[:4], "--finetuned", "clap", *inside), "no model 'clap'"),
        (("--plugin", "echo", "--finetuned", "echo", *inside), "the plugin's own code"),
        ((*FLAGS, *inside, "--html", "missing/page.html"), "no folder"),
    ):
        done = here("sweep", *flags, *where)
        assert done.code == 2, flags
        assert told in done.err
        assert done.out == ""
        assert not (tmp_path / "s").exists()


@pytest.mark.exhaustive
def test_patterns_are_those_of_merge_and_stand_in_the_sweep(
    here: Here, demo: Path, tmp_path: Path
) -> None:
    from mubench_gen_plugins.tiny import WEIGHTS

    flags = (
        "sweep", *FLAGS, "--in-domain", TASKS, "--data", demo, "--run-dir", "s",
        "--include", "vision_*", "--exclude", "*.mlp.*",
    )  # fmt: skip
    done = here(*flags, "--alpha", "0.5")
    assert done.code == 0, done.err
    assert "Added α 0 and 1" in done.err
    assert "only vision_*, without *.mlp.*" in done.out
    assert not list((tmp_path / "s").glob(".scratch*"))
    sides = [WEIGHTS / name for name in ("clip", "clip-finetuned")]
    merge = ("merge", *sides, "--alpha", "1", *flags[-4:], "--out", "m")
    assert here(*merge).code == 0
    assert (
        here("eval", "--plugin", "clip", "--model", "m", "--data", demo, "--run-dir", "r").code == 0
    )
    swept, whole = (mubench_gen.load_run(f"s/alpha-{alpha}") for alpha in ("1", "0"))
    assert choices(swept) == choices(mubench_gen.load_run("r"))
    assert choices(swept) != choices(whole)
    engine = swept.manifest["sessions"][-1]["model"]["interpolation"]
    assert (engine["include"], engine["exclude"]) == (["vision_*"], ["*.mlp.*"])
    stored = json.loads((tmp_path / "s" / "sweep.json").read_text("utf-8"))
    assert stored["sweep"]["include"] == ["vision_*"]
    other = here(*flags[:-2], "--alpha", "0,1")
    assert other.code == 2
    assert "holds another sweep" in other.err


@pytest.mark.exhaustive
def test_beyond_the_ends_gains_are_still_those_over_base_and_finetune(
    here: Here, demo: Path
) -> None:
    flags = ("sweep", *FLAGS, "--in-domain", TASKS, "--data", demo, "--limit", "20", "--json")
    done = here(*flags, "--method", "task-arithmetic", "--alpha", "-0.5,1.5", "--run-dir", "t")
    assert done.code == 0, done.err
    points = [p for p in done.document["frontier"]["points"] if p["part"] == MEAN]
    assert [p["alpha"] for p in points] == ["-0.5", "0", "1", "1.5"]
    assert [p["alpha"] for p in points if p["over_base"] is None] == ["0"]
    assert [p["alpha"] for p in points if p["over_finetuned"] is None] == ["1"]
    lost = here("report", "--forgetting", "t", "--json").document
    assert lost["base"] == "clip-finetuned@0"


@pytest.mark.exhaustive
def test_a_sweep_by_depth_has_the_base_beside_its_alphas(here: Here, demo: Path) -> None:
    flags = ("sweep", *FLAGS, "--in-domain", TASKS, "--data", demo, "--limit", "20", "--json")
    done = here(*flags, "--method", "lines", "--alpha", "0,1", "--run-dir", "l", "--svg", "l.svg")
    assert done.code == 0, done.err
    assert list(done.document["runs"]) == ["base", "0", "1"]
    points = [p for p in done.document["frontier"]["points"] if p["part"] == MEAN]
    assert [p["alpha"] for p in points if p["over_base"] is None] == ["base"]
    plain = here("eval", "--plugin", "tiny", "--model", "clip", "--data", demo, "--run-dir", "r",
                 "--limit", "20")  # fmt: skip
    assert plain.code == 0
    assert choices(mubench_gen.load_run("l/base")) == choices(mubench_gen.load_run("r"))
    assert here("report", "--forgetting", "l", "--json").document["base"] == "clip-finetuned@base"


def test_a_sweep_by_part_asks_every_combination_between_both_ends(here: Here, demo: Path) -> None:
    flags = ("sweep", *FLAGS, "--in-domain", TASKS, "--data", demo, "--limit", "4", "--json")
    done = here(*flags, "--alpha", "vision=0,1,text=0,1", "--run-dir", "p", "--svg", "p.svg")
    assert done.code == 0, done.err
    combined = ["vision=0,text=1", "vision=1,text=0", "vision=1,text=1"]  # all 0 is the base
    assert list(done.document["runs"]) == ["0", *combined, "1"]
    digests = {
        mubench_gen.load_run(folder).manifest["model"]["weights_sha256"]
        for folder in done.document["runs"].values()
    }
    assert len(digests) == 5
    halves = [
        {one["alpha"]: one["accuracy"] for one in done.document["frontier"]["points"]
         if one["part"] == part}
        for part in (IN_DOMAIN, REST)
    ]  # fmt: skip
    for alpha in halves[0]:
        gains = [[half[other] - half[alpha] for half in halves] for other in halves[0]]
        below = any(min(gain) >= 0 and max(gain) > 1e-9 for gain in gains)
        assert (alpha in done.document["frontier"]["pareto"]) is not below
    assert here("report", "p", "--figure", "frontier", "--out", "again.svg").code == 0
    refused = here(*flags, "--alpha", "*.mlp.*=0.5")
    assert refused.code == 2
    assert "a sweep moves text, vision, projector and rest" in refused.err


@pytest.mark.exhaustive
def test_a_folder_with_another_sweep_is_left_as_it_is(here: Here, demo: Path) -> None:
    flags = ("sweep", *FLAGS, "--in-domain", TASKS, "--data", demo, "--run-dir", "s")
    assert here(*flags, "--alpha", "0,1", "--limit", "4").code == 0
    done = here(*flags, "--alpha", "0,1", "--limit", "5")
    assert done.code == 2
    assert "holds another sweep" in done.err
    assert "limit: there 4, now 5" in done.err


@pytest.mark.exhaustive
def test_an_adapter_is_swept_as_the_weights_that_it_makes(
    here: Here, demo: Path, tmp_path: Path
) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed")
    import transformers

    from mubench_gen_plugins.tiny import WEIGHTS

    model = transformers.CLIPModel.from_pretrained(WEIGHTS / "clip", dtype=torch.float32)
    torch.manual_seed(0)
    wrapped = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=["q_proj", "fc2"]))
    for name, parameter in wrapped.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(std=0.2)
    wrapped.save_pretrained(tmp_path / "adapter")
    sides = ("--plugin", "clip", "--base", WEIGHTS / "clip", "--finetuned", tmp_path / "adapter")
    asked = ("--tasks", "demo-blood,modality", "--data", demo)
    done = here(
        "sweep", *sides, *asked, "--in-domain", "demo-blood", "--alpha", "0,0.5,1", "--run-dir", "s"
    )
    assert done.code == 0, done.err
    merged = here("merge", WEIGHTS / "clip", tmp_path / "adapter", "--alpha", "1", "--out", "m")
    assert merged.code == 0, merged.err
    assert here("eval", "--plugin", "clip", "--model", "m", *asked, "--run-dir", "r").code == 0
    assert choices(mubench_gen.load_run("s/alpha-1")) == choices(mubench_gen.load_run("r"))
    assert choices(mubench_gen.load_run("s/alpha-0")) != choices(mubench_gen.load_run("r"))
