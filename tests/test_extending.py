"""What a plugin brings beside models: named by a flag, called with what, and what comes back."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen.errors import DefinitionError, PluginError
from mubench_gen.plugins import task_packages as packaged
from mubench_gen.plugins.registry import Plugins
from mubench_gen.prompts.render import load_prompt
from mubench_gen.tasks.task import load_tasks

from .helpers.command import Outcome
from .helpers.documents import DOCS, write_files
from .helpers.environments import build_wheels
from .helpers.plugin import write_distribution

Here = Callable[..., Outcome]
PAGE = DOCS / "extending.md"
WRONG = """
import mubench_gen
@mubench_gen.hookimpl
def mubench_gen_score(records):
    return {given}
@mubench_gen.hookimpl
def mubench_gen_section(runs):
    return {given}
"""


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """A folder with the files that the page shows."""
    write_files(PAGE, tmp_path)
    return tmp_path


@pytest.fixture
def run(here: Here, cells: Path) -> Path:
    """A small run: three images, two questions each."""
    done = here("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run")
    assert done.code == 0, done.err
    return Path("run")


def lab(site: Path, name: str = "lab", stem: str = "lab-stain") -> Path:
    """A package of one task and one prompt, installed, that must not be imported."""
    package = f"mubench_gen_{name}"
    write_distribution(site, f"mubench-gen-{name}").joinpath("entry_points.txt").write_text(
        f"[mubench_gen.tasks]\n{name} = {package}\n"
    )
    folder = site / package
    for kind in ("tasks", "prompts"):
        (folder / kind).mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')")
    (folder / "tasks" / f"{stem}.toml").write_text(
        'title = "Ours"\ngroup = "lab"\nquestion = "stain"\ntags = ["fresh"]\n'
    )
    (folder / "prompts/terse.j2").write_text("{{ question }}")
    return folder


def test_a_package_brings_protocols_as_it_brings_prompts(here: Here, site: Path) -> None:
    folder = lab(site) / "protocols"
    folder.mkdir()
    (folder / "terse.toml").write_text(
        'title = "Ours"\nbenchmark = "lab"\nsource = "us"\n[generative]\nprompt = ["lab:terse"]\n'
    )
    assert "lab:terse" in here("prompts", "protocols").out
    assert here("prompts", "protocols", "lab:terse", "--json").document["benchmark"] == "lab"


def test_the_pages_package_of_tasks_is_a_wheel_that_works(
    here: Here, shown: Path, site: Path, cells: Path
) -> None:
    (shown / "src/mubench_gen_lab/__init__.py").write_text("")
    (wheel,) = build_wheels([shown], shown / "dist")
    zipfile.ZipFile(wheel).extractall(site)
    args = ("--data", cells, "--run-dir", "run", "--json")
    done = here("eval", "--plugin", "echo", "--tasks", "lab:*", "--prompt", "terse", *args)
    assert done.code == 0, done.err
    assert list(done.document["scores"]["tasks"]) == ["lab-stain"]
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert list(manifest["content"]["prompts"]) == ["terse"]
    assert "mubench_gen_lab" not in sys.modules


@pytest.mark.parametrize("pattern", ["lab-stain", "lab:lab-stain", "lab:*", "lab", "fresh"])
def test_a_packaged_task_is_named_as_any_other(site: Path, pattern: str) -> None:
    folder = lab(site)
    assert [task.name for task in load_tasks([pattern])] == ["lab-stain"]
    assert load_prompt("terse").path == load_prompt("lab:terse").path == folder / "prompts/terse.j2"
    assert "mubench_gen_lab" not in sys.modules


def test_packaged_tasks_are_part_of_no_default(site: Path) -> None:
    lab(site)
    assert "lab-stain" not in {task.name for task in load_tasks()}


def test_a_shipped_name_wins_and_the_packages_own_is_asked_with_its_name(site: Path) -> None:
    lab(site, stem="stain")
    (shipped,) = load_tasks(["stain"])
    (ours,) = load_tasks(["lab:stain"])
    assert (shipped.title == "Ours", ours.title) == (False, "Ours")


def test_a_name_of_two_packages_must_say_which(site: Path) -> None:
    lab(site, "lab")
    lab(site, "other")
    with pytest.raises(DefinitionError, match=r"Which\? lab:lab-stain or other:lab-stain"):
        load_tasks(["lab-stain"])
    assert len(load_tasks(["other:lab-stain"])) == 1


def test_an_unknown_name_tells_near_ones_of_packages_too(site: Path) -> None:
    lab(site)
    with pytest.raises(DefinitionError, match="Did you mean 'lab:lab-stain'"):
        load_tasks(["lab:lab-stian"])
    with pytest.raises(DefinitionError, match="Did you mean 'lab:terse'"):
        load_prompt("lab:tersee")


def test_the_listings_show_what_packages_bring_without_importing_them(
    here: Here, site: Path
) -> None:
    lab(site)
    assert "From lab (mubench-gen-lab 1.0): lab:lab-stain" in here("tasks").out
    assert "From lab (mubench-gen-lab 1.0): lab:terse" in here("prompts").out
    (listed,) = [p for p in here("plugins", "--json").document if p["name"] == "lab"]
    assert (listed["kind"], listed["state"]) == ("definitions", "ok")


def test_a_package_that_is_not_there_or_shadowed_or_off_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entries = [
        EntryPoint("gone", "no_such_package", packaged.GROUP),
        EntryPoint("twin", "json", packaged.GROUP),
        EntryPoint("twin", "email", packaged.GROUP),
        EntryPoint("out", "json", packaged.GROUP),
    ]
    monkeypatch.setenv("MUBENCH_GEN_NO_PLUGINS", "out")
    states = {p.name: p.state for p in packaged.packages(entries)}
    assert states["gone"] == "broken: there is no package no_such_package"
    assert states["twin"].startswith("shadowed")
    assert states["out"].startswith("off")


def test_a_judge_reads_what_no_rule_could(here: Here, shown: Path, cells: Path) -> None:
    (shown / "vague.py").write_text(
        "import mubench_gen\n"
        "class Vague(mubench_gen.GenerativeModel):\n"
        "    def generate(self, requests):\n"
        "        return ['The stain could well be eosin, or so.' for r in requests]\n"
        "@mubench_gen.hookimpl\n"
        "def mubench_gen_models():\n"
        "    return [mubench_gen.ModelSpec('vague', Vague)]\n"
    )
    args = ("eval", "--plugin", "./vague.py", "--data", cells, "--tasks", "stain", "--json")
    alone = here(*args, "--run-dir", "alone").document["scores"]["pooled"]
    judged = here(*args, "--judge", "./my_judge.py", "--run-dir", "judged")
    assert "answered" not in alone["statuses"]
    assert judged.document["scores"]["pooled"]["statuses"] == {"answered": 1.0}
    assert "was asked about 3 replies" in judged.err


def test_a_scorer_gets_the_records_and_its_measures_are_printed(
    here: Here, shown: Path, run: Path
) -> None:
    done = here("score", run, "--scorer", "./my_scorer.py", "--json")
    assert done.code == 0, done.err
    assert done.document["scorer"] == "my_scorer"
    measures = done.document["scores"]["modality"]
    assert measures["options"] == 3
    records = [r for r in mubench_gen.load_run(run).records() if r["task"] == "modality"]
    assert measures["balanced"] == pytest.approx(sum(r["correct"] for r in records) / 3)
    table = here("score", run, "--scorer", "./my_scorer.py").out
    assert "balanced" in table
    assert "modality" in table
    assert "plugin" not in table.splitlines()[0]


def test_a_section_gets_the_runs_and_follows_the_tables(here: Here, shown: Path, run: Path) -> None:
    done = here("report", run, "--section", "./my_section.py")
    assert done.code == 0, done.err
    table, _, section = done.out.partition("The slowest items")
    assert "pooled" in table
    assert section.count(" s  cells/cell-") == 3
    document = here("report", run, "--section", "./my_section.py", "--json").document
    assert document["sections"]["my_section"]["title"] == "The slowest items"
    assert document["scores"]["pooled"]["n"] == 6
    assert "sections" not in here("report", run, "--json").document


def test_a_section_stands_on_the_page_too(here: Here, shown: Path, run: Path) -> None:
    done = here("report", run, "--section", "./my_section.py", "--html", "page.html")
    assert done.code == 0, done.err
    page = (shown / "page.html").read_text("utf-8")
    section = page.partition("The slowest items</h2>")[2].partition("</section>")[0]
    assert section.count(" s  cells/cell-") == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["score", "run", "--scorer", "paper-compatt"], "Did you mean 'paper-compat'"),
        (["score", "run", "--scorer", "echo"], "The plugin 'echo' has no scorer"),
        (
            ["score", "run", "--scorer", "./my_scorer.py", "--save"],
            "--save stores only our own reading",
        ),
        (["report", "run", "--section", "echo"], "The plugin 'echo' has no section"),
        (["report", "run", "--section", "ehco"], "Did you mean 'echo'"),
        (["eval", "--plugin", "./my_scorer.py"], "is a scorer: it has no model to evaluate"),
    ],
)
def test_what_is_not_offered_is_refused(
    here: Here, shown: Path, run: Path, words: list[str], said: str
) -> None:
    done = here(*words)
    assert done.code == 2
    assert said in done.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("None", "found None"),
        ("{}", "found {}"),
        ("{'a': 1}", "found 1 for 'a'"),
        ("{'a': {'f1': 'high'}}", "found 'high' for 'f1' of 'a'"),
        ("{'a': {'f1': float('nan')}}", "found nan for 'f1' of 'a'"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_what_a_scorer_or_section_gives_is_checked(tmp_path: Path, given: str, said: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(WRONG.format(given=given))
    offers = Plugins([]).load(str(path)).offers
    assert offers.score is not None
    assert offers.section is not None
    with pytest.raises(PluginError, match=said):
        offers.score([], {})
    with pytest.raises(PluginError, match=r"must return a mubench_gen\.Section|ZeroDivision"):
        offers.section([])


def test_none_of_them_is_called_unless_it_is_named(here: Here, site: Path, run: Path) -> None:
    write_distribution(
        site, "mubench-gen-odd", entries=["odd = mubench_gen_odd"],
        modules={"mubench_gen_odd": "import os\nos.abort()\n" + WRONG.format(given="None")},
    )  # fmt: skip
    for words in (["score", run], ["report", run], ["plugins"]):
        assert here(*words).code == 0
    (listed,) = [p for p in here("plugins", "--json").document if p["name"] == "odd"]
    assert listed["kind"] == "scorer, section"
