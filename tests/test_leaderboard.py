"""`runs board`: a leaderboard of runs, packs and imported runs, as files that can be published."""

from __future__ import annotations

import base64
import csv
import json
import re
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mubench_gen
from mubench_gen.report.leaderboard.conditions import conditions, protocol, size_class
from mubench_gen.scores.joint import told_apart

from .conftest import Here
from .spine import evaluate, make_row, write_data, write_plugin
from .test_run_exports import CANARY, LEAKY

TASKS = ("modality", "stain")
MODELS = {"right": 0, "wrong": -1}


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that is right, one that is wrong, and the pack of one that fails."""
    rows = [make_row(i, gold=0, questions=TASKS) for i in range(12)]
    folder = tmp_path_factory.mktemp("made")
    data = write_data(folder / "private" / "slides", rows)
    for name, label in MODELS.items():
        body = (
            "import mubench_gen\n"
            "class Model(mubench_gen.GenerativeModel):\n"
            f"    def generate(self, requests): return [r.labels[{label}] for r in requests]\n"
            "@mubench_gen.hookimpl\n"
            f"def mubench_gen_models(): return [mubench_gen.ModelSpec({name!r}, Model, facts="
            f"{{'family': {name!r}, 'parameters': '{7 + label}B', 'licence': 'MIT'}})]\n"
        )
        plugin = write_plugin(folder / "private", body, name)
        evaluate(plugin, folder / "runs" / name, data=data, prompt="letter")
    leaky = write_plugin(folder / "private", LEAKY, "leaky")
    evaluate(leaky, folder / "runs" / "leaky", data=data, options={"api_key": CANARY}, batch_size=1)
    return folder


@pytest.fixture
def runs(made_once: Path, tmp_path: Path) -> Path:
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    return tmp_path / "runs"


def made(here: Here, *words: Any) -> dict[str, Any]:
    outcome = here("runs", "board", *words, "--out", "board")
    assert outcome.code == 0, outcome.err
    assert outcome.out.strip() == "board/index.html"
    found: dict[str, Any] = json.loads(Path("board/board.json").read_text("utf-8"))
    return found


def imported(here: Here, name: str, *, letter: str) -> None:
    """A run of a table in which every item has the same answer."""
    rows = [("id", "question", "a", "b", "answer", "reply")]
    rows += [(f"q{i}", f"Is cell {i} alive?", "yes", "no", "A", letter) for i in range(6)]
    with open(f"{name}.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    columns = "id=id,question=question,options=a+b,answer=answer,reply=reply"
    words = ("--map", columns, "--model", name, "--out", f"runs/{name}")
    assert here("runs", "import", f"{name}.csv", *words).code == 0


def test_a_board_has_the_reports_numbers_with_places_conditions_and_checks(
    here: Here, runs: Path
) -> None:
    found = made(here, runs)
    (board,) = found["boards"]
    (reported,) = here("report", *sorted(runs.iterdir()), "--json").document["boards"]
    assert board["rows"] == reported["rows"]
    assert [(one["label"], one["run"]) for one in board["entrants"]] == [
        ("leaky", "leaky"), ("right", "right"), ("wrong", "wrong"),
    ]  # fmt: skip
    assert [one["places"] for one in board["entrants"]] == [[1, 2], [1, 2], [3, 3]]
    told = {one["run"]: one for one in found["runs"]}
    assert told["right"]["protocol"] == "letter · parse"
    assert (told["right"]["size"], told["right"]["licence"]) == ("5B to 15B", "MIT")
    assert "family" not in told["leaky"]
    checks = {check["check"]: check["outcome"] for check in told["right"]["checks"]}
    assert {"records", "scores", "items", "answers"} <= checks.keys()
    assert set(checks.values()) == {"holds"}
    rows = list(csv.DictReader(Path("board/board.csv").read_text("utf-8").splitlines()))
    assert float(rows[0]["right"]) == 1.0
    page = Path("board/index.html").read_text("utf-8")
    assert 'href="runs/right.html#task=stain"' in page
    for one in found["runs"]:
        assert (Path("board") / one["page"]).is_file()
        assert here("runs", "verify", Path("board") / one["pack"], "--records-only").code == 0


def test_no_secret_and_no_private_path_is_in_any_file_of_a_board(
    here: Here, runs: Path, tmp_path: Path, made_once: Path
) -> None:
    imported(here, "theirs", letter="A")
    made(here, runs)
    for file in Path("board").rglob("*.*"):
        content = file.read_bytes()
        for inside in re.findall(rb'id="items">([^<]+)<', content):
            content += zlib.decompress(base64.b64decode(inside), wbits=-15)
        for private in (CANARY, *map(str, (tmp_path, made_once, Path.home())), "/private/",
                        "/home/somebody"):  # fmt: skip
            assert private.encode() not in content, (file, private)


def test_a_run_that_does_not_hold_is_not_shown_and_named(here: Here, runs: Path) -> None:
    here("runs", "pack", runs / "right", "--out", runs / "packed.run.zip")
    for name in ("forged", "torn"):
        shutil.copytree(runs / "wrong", runs / name)
    scores = json.loads((runs / "forged" / "scores.json").read_text("utf-8"))
    scores["scores"]["pooled"]["accuracy"] = 0.99
    (runs / "forged" / "scores.json").write_text(json.dumps(scores))
    records = runs / "torn" / "records.jsonl"
    records.write_bytes(records.read_bytes()[:-40])
    (runs / "broken.run.zip").write_bytes(b"PK\x03\x04 no zip")
    outcome = here("runs", "board", runs, "--out", "board")
    assert outcome.code == 0
    left_out = {
        one["run"]: one["reason"]
        for one in json.loads(Path("board/board.json").read_text("utf-8"))["left_out"]
    }
    assert left_out.keys() == {"forged", "torn", "broken", "right"}
    assert "scores" in left_out["forged"]
    assert "records" in left_out["torn"]
    assert left_out["right"] == "is the same run as packed"
    for name in left_out:
        assert f"Left out: {name}: " in outcome.err
    assert "Not shown" in Path("board/index.html").read_text("utf-8")
    only = here("runs", "board", runs / "forged", runs / "broken.run.zip", "--out", "none")
    assert only.code == 2
    assert "There is no run to show" in only.err
    assert not Path("none").exists()


def test_a_board_is_written_anew_and_nothing_else_is_lost(here: Here, runs: Path) -> None:
    first = {p: p.read_bytes() for p in Path(".").glob("board/**/*") if made(here, ".")}
    assert made(here, ".") == made(here, runs)  # its own packs are no runs of the folder
    again = {p: p.read_bytes() for p in Path("board").rglob("*") if p.is_file()}
    assert all(again[path] == content for path, content in first.items())
    Path("notes").mkdir()
    Path("notes/precious.txt").write_text("mine")
    refused = here("runs", "board", runs, "--out", "notes")
    assert refused.code == 2
    assert "--out notes: exists already and is not a board" in refused.err
    assert Path("notes/precious.txt").read_text() == "mine"


@pytest.mark.parametrize("path", ["nothing", "empty"])
def test_a_path_without_runs_is_named(here: Here, tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    refused = here("runs", "board", path)
    assert refused.code == 2
    assert f"{path}: " in refused.err
    assert "Name runs, packs, or folders of them" in refused.err
    assert not Path("board").exists()


def test_runs_that_share_no_item_have_rankings_of_their_own(here: Here, runs: Path) -> None:
    imported(here, "theirs", letter="A")
    imported(here, "others", letter="B")
    outcome = here("runs", "board", runs, "--out", "board")
    assert "5 runs on 2 rankings, which share no item." in outcome.err
    found = json.loads(Path("board/board.json").read_text("utf-8"))
    names = [{one["run"] for one in board["entrants"]} for board in found["boards"]]
    assert names == [{"leaky", "right", "wrong"}, {"others", "theirs"}]
    told = {one["run"]: one["origin"] for one in found["runs"]}
    assert told["theirs"] == "imported from table"
    assert told["right"] == "mubench-gen"


def test_two_runs_of_one_model_stand_there_by_their_folders_and_are_named(
    here: Here, runs: Path
) -> None:
    data = runs.parent / "private" / "slides"
    for seed in (1, 2):
        folder = runs / "a" / f"seed-{seed}"
        evaluate(runs.parent / "private" / "right.py", folder, data=data, seed=seed)
    shutil.copytree(runs / "a" / "seed-2", runs / "b" / "seed-2")
    outcome = here("runs", "board", runs / "a", runs / "b", "--out", "board")
    assert "Left out: seed-2-2: is the same run as seed-2." in outcome.err
    assert "seed-1 and seed-2 are runs of one model under one protocol" in outcome.err
    (board,) = json.loads(Path("board/board.json").read_text("utf-8"))["boards"]
    assert {one["label"] for one in board["entrants"]} == {"seed-1", "seed-2"}


def test_conditions_say_what_is_not_the_default(runs: Path) -> None:
    manifest = mubench_gen.load_run(runs / "right").manifest
    settings = {**manifest["settings"], "limit": 20, "repeats": 3, "orders": "all",
                "protocol": ["ours"]}  # fmt: skip
    changed = {**manifest, "settings": settings, "sampling": {"temperature": 0.7}}
    assert protocol(changed) == (
        "ours · letter · parse · orders all · 3 repeats · temperature 0.7 · 20 items a task"
    )
    assert conditions(changed)["program"].startswith("mubench-gen ")
    assert [size_class(text) for text in ("0.15B", "770M", "4.3 B", "72B", "1T", "many", "")] == [
        "below 1B", "below 1B", "1B to 5B", "50B and more", "50B and more", None, None,
    ]  # fmt: skip


def test_pairs_are_told_apart_together_as_the_signs_allow() -> None:
    clusters = np.random.default_rng(3).normal(size=(60, 3)) * 0.02
    clusters[:, 2] += 0.05
    found = told_apart(clusters)
    assert found.tolist() == [[False, False, True], [False, False, True], [True, True, False]]
    assert not told_apart(np.ones((40, 4))).any()  # nothing differs
    assert not told_apart(np.eye(3)[:, :2] * 9).any()  # three clusters cannot tell
    always = np.zeros((40, 2))
    always[:, 0] = 1  # ahead by the same in every cluster
    assert told_apart(always)[0, 1]


def test_places_hold_the_true_one_as_often_as_they_say() -> None:
    """Of eight models, of which four pairs are equal, no place is wrongly ruled out in 95 %."""
    generator, held = np.random.default_rng(1), 0
    truth = np.repeat([0.0, 0.1, 0.2, 0.3], 2)
    for seed in range(60):
        totals = truth + generator.normal(size=(80, 8)) + generator.normal(size=(80, 1))
        apart = told_apart(totals, seed=seed, draws=499)
        means = totals.mean(axis=0)
        claimed = apart & (means[:, None] > means[None, :])
        held += not (claimed & (truth[:, None] <= truth[None, :])).any()
    assert held >= 54  # P(fewer | 95 %) = 0.03
