"""`mubench-gen compare`: what it compares, what it refuses, and what it says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.compare.comparison import compare
from mubench_gen.compare.groups import label_runs
from mubench_gen.errors import RunFolderError, SettingError
from mubench_gen.scores.joint import holm
from mubench_gen.scores.paired import compare_pair

from .conftest import Here
from .helpers.plugin import write_plugin
from .spine import make_row, write_data

Make = Callable[..., Path]
FIRST = "def generate(self, requests): return [request.labels[0] for request in requests]"
LAST = "def generate(self, requests): return [request.labels[-1] for request in requests]"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a run folder NAME by the plugin of that name: first, last (labels) or echo."""
    for name, body in (("first", FIRST), ("last", LAST)):
        write_plugin(tmp_path / f"{name}.py", body)
    rows = [make_row(i, dataset=("cells", "tissue")[i % 2], stain=f"s{i % 3}") for i in range(24)]
    data = write_data(tmp_path / "slides", rows)

    def made(plugin: str, name: str | None = None, **settings: Any) -> Path:
        folder = tmp_path / "runs" / (name or plugin)
        path = tmp_path / f"{plugin}.py"
        given = {"prompt": "letter", "tasks": ["modality", "stain"], "data": data, **settings}
        mubench_gen.evaluate(plugin=str(path) if path.exists() else plugin, run_dir=folder, **given)
        return folder

    return made


def right(folder: Path) -> dict[str, float]:
    return {r["item"]: float(r["correct"]) for r in mubench_gen.load_run(folder).records()}


def test_differences_are_of_the_same_items_by_task_and_data_set(here: Here, make: Make) -> None:
    one, other = make("first"), make("last")
    found = here("compare", one, other, "--json").document
    mine, theirs = right(one), right(other)
    rows = {(row["part"], row["name"]): row for row in found["differences"]}
    assert set(rows) == {
        ("pooled", "pooled"), ("macro", "mean of tasks"), ("macro", "mean of data sets"),
        ("tasks", "modality"), ("tasks", "stain"),
        ("datasets", "cells"), ("datasets", "tissue"),
    }  # fmt: skip
    for (part, name), row in rows.items():
        if part == "macro":
            continue
        items = [item for item in mine if part == "pooled" or name in item.split("/")]
        images = [hash(item.rsplit("/", 1)[0]) for item in items]
        by_hand = compare_pair([mine[i] for i in items], [theirs[i] for i in items], images)
        assert row["n"] == len(items)
        assert row["difference"] == pytest.approx(by_hand.difference)
        assert row["ci95"] == pytest.approx(by_hand.ci95)
        assert (row["p"], row["test"]) == (pytest.approx(by_hand.p), by_hand.test)
        if part == "pooled":
            assert row["detectable"] == pytest.approx(by_hand.detectable)
        else:  # at the level of its family
            assert row["detectable"] >= by_hand.detectable
    of_tasks = [rows["tasks", name] for name in ("modality", "stain")]
    mean = sum(row["difference"] for row in of_tasks) / 2
    assert rows["macro", "mean of tasks"]["difference"] == pytest.approx(mean)
    table = here("compare", one, other).out
    assert "p (max-T)" in table
    assert "detectable" in table


def test_p_is_adjusted_as_asked(here: Here, make: Make) -> None:
    folders = [make("first"), make("last"), make("echo")]

    def adjusted(how: str) -> tuple[list[float], list[float]]:
        found = here("compare", *folders, "--adjust", how, "--json").document
        assert found["adjust"] == how
        rows = [row for row in found["differences"] if row["part"] == "tasks"]
        return [row["p"] for row in rows], [row["p_adjusted"] for row in rows]

    p, by_holm = adjusted("holm")
    assert by_holm == pytest.approx(holm(p))
    assert adjusted("none") == (p, p)
    assert all(a >= b for a, b in zip(adjusted("maxt")[1], p, strict=True))
    assert all(a >= b >= c for a, b, c in zip(by_holm, adjusted("bh")[1], p, strict=True))
    assert here("compare", *folders, "--adjust", "tukey").code == 2


def test_a_margin_says_who_is_no_worse(here: Here, make: Make) -> None:
    one, other = make("first"), make("last")
    assert "verdict" not in here("compare", one, other, "--json").document["differences"][0]
    found = here("compare", one, other, "--margin", "2", "--json").document
    assert found["margin"] == 0.02
    for row in found["differences"]:
        low, high = row["ci95"]
        no_worse = row["verdict"] in ("equivalent", "no worse", "better")
        assert no_worse == (low > -0.02)
        assert (row["verdict"] in ("equivalent", "no better", "worse")) == (high < 0.02)
    shown = here("compare", one, other, "--margin", "99.9").out
    assert "equivalent" in shown
    assert "By a margin of 99.9 points" in shown
    assert here("compare", one, other, "--margin", "0").code == 2


def test_a_run_is_not_compared_with_itself(here: Here, make: Make) -> None:
    one = make("first")
    refused = here("compare", one, make("last"), one)
    assert (refused.code, f"{one} is given twice" in refused.err) == (2, True)


def test_three_runs_are_tested_together_too(here: Here, make: Make) -> None:
    folders = [make("first"), make("last"), make("echo")]
    found = here("compare", *folders, "--all-pairs", "--json").document
    assert len([row for row in found["differences"] if row["part"] == "pooled"]) == 3
    tests = {row["name"]: row for row in found["overall"]}
    assert tests["pooled"]["freedom"] <= 2
    assert all(0 < row["p"] <= row["p_adjusted"] <= 1 for row in found["overall"])
    against_first = here("compare", *folders, "--json").document
    assert len([row for row in against_first["differences"] if row["part"] == "pooled"]) == 2


def test_a_field_of_the_row_groups_the_items(here: Here, make: Make) -> None:
    found = here("compare", make("first"), make("last"), "--by", "meta.stain", "--json").document
    names = {row["name"] for row in found["differences"] if row["part"] == "meta.stain"}
    assert names == {"s0", "s1", "s2"}
    refused = here("compare", make("first"), make("last"), "--by", "colour")
    assert (refused.code, "colour" in refused.err) == (2, True)


def test_runs_of_other_items_are_compared_only_where_that_is_asked_for(
    here: Here, make: Make
) -> None:
    one, other = make("first"), make("last", tasks=["modality", "domain"])
    refused = here("compare", one, other)
    assert refused.code == 2
    assert not refused.out
    assert "the items differ: 24 only in" in refused.err
    assert "They share 24 of 72 items" in refused.err
    asked = here("compare", one, other, "--intersection", "--json").document
    assert (asked["items"], asked["items_in_any"]) == (24, 72)
    assert "the items differ" in asked["accepted"][0]
    assert {row["n"] for row in asked["differences"] if row["part"] == "pooled"} == {24}
    assert "Not comparable as they are" in here("compare", one, other, "--intersection").out


def test_runs_that_share_no_item_are_refused_whatever_is_asked_for(here: Here, make: Make) -> None:
    one, other = make("first", tasks=["domain"]), make("last", tasks=["stain"])
    for flags in ([], ["--intersection"], ["--unfinished"]):
        refused = here("compare", one, other, *flags)
        assert refused.code == 2
        assert "share no item" in refused.err
        assert str(one) in refused.err
        assert str(other) in refused.err


def cut(folder: Path, records: int) -> None:
    """As if the run had been killed after so many."""
    path = folder / "records.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:records]))


def test_an_unfinished_run_is_never_compared_silently(here: Here, make: Make) -> None:
    one, other = make("first"), make("last")
    cut(other, 30)
    refused = here("compare", one, other)
    assert refused.code == 2
    assert "last mine is unfinished: 30 of 48 items" in refused.err
    assert "--unfinished" in refused.err
    told = here("compare", one, other, "--unfinished")
    assert told.code == 0
    assert "unfinished: of 48" in told.out
    found = here("compare", one, other, "--unfinished", "--json").document
    assert (found["items"], [side["finished"] for side in found["sides"]]) == (30, [True, False])


def test_other_data_under_the_same_names_is_said(here: Here, make: Make, tmp_path: Path) -> None:
    one = make("first")
    rows = [make_row(i, dataset=("cells", "tissue")[i % 2], gold=1) for i in range(24)]
    changed = write_data(tmp_path / "changed", rows)
    other = make("last", data=changed)
    refused = here("compare", one, other)
    assert refused.code == 2
    assert "the data differ" in refused.err
    assert "a different right answer" in refused.err
    same = sum(r["gold"] == 1 for r in mubench_gen.load_run(one).records())
    assert here("compare", one, other, "--intersection", "--json").document["items"] == same


def test_other_prompts_are_said_and_refused_where_the_models_differ_too(
    here: Here, make: Make
) -> None:
    letter, plain = make("echo"), make("echo", "plain", prompt="plain")
    found = here("compare", letter, plain, "--json").document
    assert found["notes"] == [
        "echo · letter and echo · plain: the prompts differ (letter and plain): "
        "that is what is compared"
    ]
    refused = here("compare", make("first"), plain)
    assert refused.code == 2
    assert "the prompts differ (letter and plain), and so do the models" in refused.err
    assert here("compare", make("first"), plain, "--intersection").code == 0


def test_a_failed_item_is_left_out_of_both(here: Here, make: Make) -> None:
    one, other = make("first"), make("echo", options={"fail": "0.4"})
    found = here("compare", one, other, "--json").document
    failed = sum(r["status"] == "error" for r in mubench_gen.load_run(other).records())
    pooled = found["differences"][0]
    assert failed > 0
    assert (pooled["n"], pooled["n_excluded"]) == (48 - failed, failed)
    assert found["sides"][1]["n_errors"] == failed
    assert "left out" in here("compare", one, other).out


def test_a_run_of_a_newer_format_is_refused(here: Here, make: Make) -> None:
    one, other = make("first"), make("last")
    path = other / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    refused = here("compare", one, other)
    assert (refused.code, "format 99" in refused.err) == (2, True)
    assert "pip install" in refused.err
    assert here("compare", one, "nowhere").code == 2
    assert here("compare", one).code == 2


def test_whatever_a_reply_holds_the_table_is_text(here: Here, make: Make, tmp_path: Path) -> None:
    rude = "\\x1b[31m<script>alert(1)</script>" + "x" * 100_000
    body = f"def generate(self, requests): return [{rude!r} for request in requests]".replace(
        "\\\\", "\\"
    )
    write_plugin(tmp_path / "rude.py", body)
    told = here("compare", make("first"), make("rude", limit=24))
    assert told.code == 0
    assert "\x1b" not in told.out
    assert "100.0%" in told.out  # unanswered


def test_runs_are_told_apart_by_the_least_that_does(make: Make, tmp_path: Path) -> None:
    one, other = make("first"), make("last")
    labels = label_runs([mubench_gen.load_run(p) for p in (one, other)])
    assert labels == ["first mine", "last mine"]
    copy = tmp_path / "runs" / "copy"
    shutil.copytree(one, copy)
    labels = label_runs([mubench_gen.load_run(p) for p in (one, copy)])
    assert labels == ["first", "copy"]


def test_from_python_too(make: Make) -> None:
    runs = [mubench_gen.load_run(make("first")), mubench_gen.load_run(make("last"))]
    assert compare(runs).differences[0].paired.n == 48
    with pytest.raises(SettingError, match="two runs"):
        compare(runs[:1])
    cut(runs[1].dir, 20)
    with pytest.raises(RunFolderError, match="unfinished"):
        compare([runs[0], mubench_gen.load_run(runs[1].dir)])


def test_a_run_beside_its_control_is_named_by_its_model_alone(make: Make) -> None:
    folders = [make("first"), make("first", "unseen", control="blind")]
    runs = [mubench_gen.load_run(folder) for folder in folders]
    assert label_runs(runs) == ["mine", "mine · blind"]


def test_a_run_of_before_orientations_were_applied_is_compared_and_said(
    here: Here, make: Make
) -> None:
    """Of another limit nothing is said: it makes no other picture."""
    one, other = make("first"), make("last", image_set={"max_pixels": "50000000"})
    before = here("compare", one, other)
    assert "EXIF" not in before.out + before.err
    path = one / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    del manifest["image_policy"]["orientation"], manifest["image_policy"]["max_pixels"]
    del manifest["crc"]
    path.write_text(json.dumps(manifest), "utf-8")
    outcome = here("compare", one, other)
    assert outcome.code == 0, outcome.err
    assert "EXIF orientation as they are stored" in " ".join((outcome.out + outcome.err).split())


def test_what_was_left_unread_bounds_a_difference(here: Here, make: Make, tmp_path: Path) -> None:
    body = "def generate(self, requests): return ['?' for _ in requests]"
    write_plugin(tmp_path / "mute.py", body)
    one, other = make("first"), make("mute")
    row = here("compare", one, other, "--json").document["differences"][0]
    assert row["bounds"] == pytest.approx([row["difference"] - 1, row["difference"]])
    told = here("compare", one, other).out
    assert "the difference is within what was left unread" in told
    assert "contradiction" in told
