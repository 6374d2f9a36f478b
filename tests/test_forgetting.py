"""`report --forgetting`: what fine-tunes gained and lost, against counts made by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen.compare.forgetting import Forgetting, forgetting
from mubench_gen.runs.results import Run

from .conftest import Here
from .helpers.plugin import write_plugin
from .spine import make_row, write_data

ROWS = 40


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that is right on every second image, one that learned, one that lost it all."""
    folder = tmp_path_factory.mktemp("made")
    rows = [make_row(n, questions=["modality", "stain"]) for n in range(ROWS)]
    data = write_data(folder / "cells", rows)
    known = {
        "base": "number % 2 == 0",
        "learned": "number % 2 == 0 or ('modality' in asked and number % 4 == 1)",
        "lost": "'modality' in asked and number % 2 == 1",
    }
    for name, rule in known.items():
        _evaluated(folder, name, rule, data)
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> list[Run]:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return [mubench_gen.load_run(tmp_path / name) for name in ("base", "learned", "lost")]


def _evaluated(folder: Path, name: str, rule: str, data: Path) -> None:
    """A run of a model that answers with the option's text where `rule` holds."""
    gold = folder / f"{name}.gold"
    body = f"""
        def generate(self, requests):
            return [self.reply(request) for request in requests]

        def reply(self, request):
            import json
            import pathlib

            table = json.loads(pathlib.Path({str(gold)!r}).read_text())
            number, asked, label = table[request.image.sha256 + request.text.split("Question:")[1]]
            return label if ({rule}) else "no idea"
    """
    plugin = write_plugin(folder / f"{name}.py", body)
    plugin.write_text(plugin.read_text("utf-8").replace('"mine"', repr(name)), "utf-8")
    _write_gold(gold, data)
    mubench_gen.evaluate(plugin=str(plugin), data=str(data), run_dir=folder / name)


def _write_gold(path: Path, data: Path) -> None:
    """What is right, by image and question, from a run of echo: tests may look."""
    seen = mubench_gen.evaluate(plugin="echo", data=str(data), run_dir=path.with_suffix(".echo"))
    table = {}
    numbers: dict[str, int] = {}
    for record in sorted(seen.records(), key=lambda record: str(record["item"])):
        number = numbers.setdefault(record["image_sha256"], len(numbers))
        text = "".join(
            part["text"]
            for message in record["messages"]
            for part in message["content"]
            if "text" in part
        )
        key = record["image_sha256"] + text.split("Question:")[1]
        table[key] = (number, record["task"], record["labels"][record["gold"]])
    path.write_text(json.dumps(table), "utf-8")


def test_forgotten_and_learned_are_the_items_that_changed_sides(runs: list[Run]) -> None:
    found = forgetting(runs)
    by_hand = [{r["item"]: bool(r["correct"]) for r in run.records()} for run in runs]
    assert sum(by_hand[0].values()) == ROWS  # both questions of every second image
    for number, name in enumerate(found.finetuned, start=1):
        (pooled,) = found.of(name, "pooled")
        pairs = [(by_hand[0][item], by_hand[number][item]) for item in by_hand[0]]
        assert pooled.forgotten == pairs.count((True, False)) / len(pairs)
        assert pooled.learned == pairs.count((False, True)) / len(pairs)
        assert pooled.change == pytest.approx(pooled.after - pooled.before)
        assert pooled.change == pytest.approx(pooled.learned - pooled.forgotten)
        assert pooled.ci95[0] <= pooled.change <= pooled.ci95[1]


def test_a_task_is_kept_or_lost_by_itself(runs: list[Run]) -> None:
    changes = {(c.finetuned, c.name): c for c in forgetting(runs).changes}
    assert changes["learned", "modality"].kept == 1
    assert changes["learned", "modality"].change == 0.25
    assert changes["learned", "stain"].change == 0
    assert changes["learned", "stain"].p == 1
    assert changes["lost", "modality"].kept == 0
    assert changes["lost", "modality"].forgotten == changes["lost", "modality"].learned == 0.5
    assert changes["lost", "stain"].change == -0.5
    assert changes["lost", "stain"].p_adjusted < 0.001


def test_the_tests_are_adjusted_for_all_fine_tunes(runs: list[Run]) -> None:
    both, one = forgetting(runs), forgetting(runs[:2])
    assert {c.family for c in both.changes if c.part == "tasks"} == {4}
    assert {c.family for c in one.changes if c.part == "tasks"} == {2}


def test_what_is_lost_kept_or_not_known_is_told_by_the_margin(runs: list[Run]) -> None:
    strict = {(c.finetuned, c.name): c.outcome for c in forgetting(runs).changes}
    assert strict["learned", "modality"] == "kept"
    assert strict["lost", "stain"] == "lost"
    assert strict["lost", "modality"] == "not known"
    lenient = {(c.finetuned, c.name): c.outcome for c in forgetting(runs, margin=0.9).changes}
    assert set(lenient.values()) == {"kept"}


def test_the_fine_tune_itself_is_a_family_of_its_own_in_a_sweep(
    runs: list[Run], tmp_path: Path
) -> None:
    swept = []
    for run, alpha in zip(runs, ("0.00", "0.50", "1.00"), strict=True):
        swept.append(mubench_gen.load_run(run.dir.rename(tmp_path / f"alpha-{alpha}")))
    changes = [c for c in forgetting(swept).changes if c.part == "tasks"]
    assert {c.family for c in changes} == {2}


def test_a_base_that_knew_nothing_has_nothing_to_keep(runs: list[Run]) -> None:
    found = forgetting([runs[2], runs[0]])
    (stain,) = [c for c in found.changes if c.name == "stain"]
    assert (stain.before, stain.kept, stain.forgotten) == (0, None, 0)


def test_the_command_prints_what_json_says(runs: list[Run], here: Here) -> None:
    folders = [run.dir for run in runs]
    document = here("report", "--forgetting", *folders, "--json").document
    assert document == _plain(forgetting(runs))
    shown = here("report", "--forgetting", *folders)
    assert shown.code == 0
    assert "Change of base in points" in shown.out
    modality = [
        line for line in shown.out.splitlines() if "│" in line and line.startswith("modality ")
    ]
    assert ["█" in line and "░" not in line for line in modality] == [True, False]


def test_a_folder_of_runs_by_alpha_stands_for_its_runs(
    runs: list[Run], here: Here, tmp_path: Path
) -> None:
    folder = tmp_path / "swept"
    folder.mkdir()
    for run, alpha in zip(runs, ("0.00", "0.50", "1.00"), strict=True):
        run.dir.rename(folder / f"alpha-{alpha}")
    document = here("report", "--forgetting", folder, "--json").document
    assert [Path(run).name for run in document["runs"]] == [
        "alpha-0.00",
        "alpha-0.50",
        "alpha-1.00",
    ]


def test_the_page_draws_every_task_and_runs_nothing(
    runs: list[Run], here: Here, tmp_path: Path
) -> None:
    from xml.etree import ElementTree

    outcome = here("report", "--forgetting", *[r.dir for r in runs], "--html", tmp_path / "f.html")
    assert (outcome.code, outcome.out) == (0, "")
    text = (tmp_path / "f.html").read_text("utf-8")
    assert text.count("<script") == 1  # the page's own
    figures = [part.partition("</svg>")[0] for part in text.split("<svg")[1:]]
    assert len(figures) == 2  # a fine-tune each
    for figure in figures:
        tree = ElementTree.fromstring(f"<svg{figure}</svg>")
        told = [title.text or "" for title in tree.iter("{http://www.w3.org/2000/svg}title")]
        assert len(told) == 4  # of each task what was forgotten and what was learned
        assert all("forgotten" in words and "learned" in words for words in told)


def test_a_page_takes_no_other_files_place(runs: list[Run], here: Here, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    folders = [run.dir for run in runs]
    for place in ("notes.txt", "nowhere/f.html"):
        outcome = here("report", "--forgetting", *folders, "--html", tmp_path / place)
        assert outcome.code == 2
        assert place in outcome.err
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_one_run_alone_is_refused(runs: list[Run], here: Here) -> None:
    outcome = here("report", "--forgetting", runs[0].dir)
    assert outcome.code == 2
    assert "BASE FINETUNED" in outcome.err


def test_runs_of_other_items_are_refused(runs: list[Run], here: Here, tmp_path: Path) -> None:
    other = mubench_gen.evaluate(
        plugin="echo", data=str(tmp_path / "cells"), tasks=["stain"], run_dir=tmp_path / "other"
    )
    outcome = here("report", "--forgetting", runs[0].dir, other.dir)
    assert outcome.code == 2
    assert "not comparable" in outcome.err


def _plain(found: Forgetting) -> object:
    return json.loads(json.dumps(found.as_dict()))
