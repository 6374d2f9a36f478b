"""`sweep --study`: parts of the items, published points beside them, pairs by name."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.compare.published import load_published
from mubench_gen.data.demo import write_demo
from mubench_gen.interpolation.sweep.parts import PublishedPoints
from mubench_gen.interpolation.sweep.study import AskedSweep, asked, names
from mubench_gen.plugins.registry import Plugins
from mubench_gen.tasks.task import load_tasks

from .conftest import Here

PAPER = "paper-interpolation"
DOMAIN = {"demo_texture", "demo_blood", "demo_bacteria"}


def of_study(pair: str, **given: Any) -> AskedSweep:
    return asked(given, study=PAPER, pair=pair, base=None, finetuned=(), in_domain=(), alphas=())


def beside_plip(in_domain: Sequence[str] | None = None, **given: Any) -> PublishedPoints:
    meant = of_study("plip", **given)
    assert meant.study is not None
    found = meant.study.beside(meant.settings, in_domain or meant.in_domain)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("paper")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Path:
    write_demo(folder / "demo", images=36)
    return folder / "demo"


@pytest.fixture
def document(here: Here, demo: Path, folder: Path) -> dict[str, Any]:
    """The results of the study on the tiny pair, which is asked once."""
    if not (folder / "page.html").exists():
        done = here(
            "sweep", "--study", PAPER, "--pair", "tiny", "--alpha", "0,1", "--data", demo,
            "--run-dir", folder / "s", "--html", folder / "page.html", "--json",
        )  # fmt: skip
        assert done.code == 0, done.err
        (folder / "out.json").write_text(done.out, "utf-8")
    found: dict[str, Any] = json.loads((folder / "out.json").read_text("utf-8"))
    return found


def test_the_parts_of_the_paper_are_means_of_the_runs_records(
    document: dict[str, Any], folder: Path
) -> None:
    groups = {task.name: task.group for task in load_tasks()}
    for alpha in ("0", "1"):
        right: dict[tuple[str, str], list[bool]] = defaultdict(list)
        for record in mubench_gen.load_run(folder / "s" / f"alpha-{alpha}").records():
            right[groups[record["task"]], record["dataset"]].append(record["correct"])
        at = {
            point["part"]: point["accuracy"]
            for point in document["frontier"]["points"]
            if point["alpha"] == alpha
        }
        for name, inside in (("in-domain", {True}), ("rest", {False}), ("all", {True, False})):
            fine, coarse = (
                [one for (of, where), one in right.items()
                 if of == group and (where in DOMAIN) in inside]
                for group in ("fine", "coarse")
            )  # fmt: skip
            means = [sum(one) / len(one) for one in fine]
            assert at[f"fine, {name}"] == pytest.approx(sum(means) / len(means))
            pooled = [answer for one in coarse for answer in one]
            assert at[f"coarse, {name}"] == pytest.approx(sum(pooled) / len(pooled))


def test_published_points_stand_beside_the_sweep_and_are_told_apart(
    document: dict[str, Any], folder: Path, here: Here
) -> None:
    published = document["frontier"]["published"]
    assert published["models"]["CLIP + QuiltNet"]["fine, in-domain"] == 48.6
    assert published["read_off"] == 0.3
    assert published["differs"] == ["other models", "other data"]
    page = (folder / "page.html").read_text("utf-8")
    again = here("report", folder / "s").out
    for shown in (page, again):
        assert "published, not comparable" in shown
        assert "read off a figure, ± 0.3 points" in shown
        assert "other models, other data" in shown
    assert page.count("<svg") >= 2
    assert "QuiltNet (published, not comparable): fine, all 26.6 %" in page


@pytest.mark.parametrize("pair", ["quiltnet", "plip"])
def test_the_domain_of_the_published_pairs_is_the_papers_subset(pair: str) -> None:
    meant = of_study(pair)
    tasks = load_tasks(meant.in_domain)
    merging = load_published().merging
    assert merging is not None
    assert {name for task in tasks for name in task.datasets} == {*merging.datasets}
    assert (meant.settings.data, meant.settings.prompt) == ("ubench", ("caption",))
    assert meant.alphas == ("0:1:0.1",)
    assert meant.settings.plugin in {plugin.name for plugin in Plugins().list()}


def test_only_the_papers_own_pairs_on_all_of_its_data_are_comparable() -> None:
    for given, differs in (
        ({"limit": 10}, ("other data",)),
        ({"data": "demo"}, ("other data",)),
        ({"prompt": ("micrograph",)}, ("other prompts",)),
        ({}, ()),
    ):
        assert beside_plip(**given).differs == differs
    assert beside_plip().models["OpenCLIP + PLIP"]["coarse, all"] == 43.5
    assert beside_plip(in_domain=("kather*",)).differs == ("other tasks",)


def test_what_is_given_wins_over_the_study_and_own_models_may_be_asked(tmp_path: Path) -> None:
    assert of_study("tiny", prompt=("caption-0",)).settings.prompt == ("caption-0",)
    file = tmp_path / "own.toml"
    file.write_text('alpha = ["0.5"]\n[parts."all coarse"]\ntasks = ["coarse"]\n')
    meant = asked(
        {"plugin": "tiny"}, study=str(file), pair=None, base="clip", finetuned=("clip-finetuned",),
        in_domain=("demo-blood",), alphas=(),
    )  # fmt: skip
    assert (meant.base, meant.finetuned) == ("clip", ("clip-finetuned",))
    assert meant.alphas == ("0.5",)
    assert meant.study is not None
    assert meant.study.beside(meant.settings, meant.in_domain) is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--study", "paper-interpolate"], "Did you mean 'paper-interpolation'?"),
        (["--study", PAPER], "or a pair by name: --pair quiltnet, plip, tiny"),
        (["--study", PAPER, "--pair", "pilp"], "Did you mean 'plip'?"),
        (["--study", PAPER, "--pair", "tiny", "--base", "clip"], "leave --base and --finetuned"),
        (["--pair", "tiny"], "give --study paper-interpolation"),
        (["--plugin", "tiny"], "Give --finetuned MODEL"),
        (["--study", "own.toml", "--pair", "x"], "own.toml:2: parts.stain.where"),
        (["--study", "taken.toml", "--plugin", "tiny", "--base", "clip", "--finetuned",
          "clip-finetuned", "--in-domain", "demo-blood"], "named 'stain'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_study_is_said(
    here: Here, demo: Path, tmp_path: Path, words: list[str], told: str
) -> None:
    (tmp_path / "own.toml").write_text('[parts.stain]\nwhere = "here"\ntasks = ["stain"]\n')
    (tmp_path / "taken.toml").write_text('[parts.stain]\ntasks = ["stain"]\n')
    done = here("sweep", *words, "--data", demo, "--plan")
    assert done.code == 2
    assert told in done.err
    assert done.out == ""


def test_the_help_names_the_shipped_studies_and_pairs(here: Here) -> None:
    told = " ".join(here("sweep", "--help").out.split())
    assert all(name in told for name in (*names(), "quiltnet, plip, tiny"))
    assert json.dumps(names()) == f'["{PAPER}"]'
