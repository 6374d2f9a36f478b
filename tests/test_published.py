"""The published table: as printed, beside a run and never mixed with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mubench_gen.compare.published import beside, column_reservations, load_published
from mubench_gen.runs.results import Run, load_run
from mubench_gen.scores.protocols import asked

from .conftest import Here

SOUND: dict[str, Any] = {
    "data": {"name": "ubench", "revision": "3f2c5b590bc7a208d5b60f3527ce4c76a331aa2b"},
    "plugin": {"name": "clip", "kind": "contrastive"},
    "planned": 10,
    "settings": {
        "prompt": ["caption"], "readout": ["similarity"], "orders": None, "temperature": 0.0,
        "repeats": 1, "control": "none", "limit": None,
    },
}  # fmt: skip


def reservations(manifest: Any, **extent: int) -> list[str]:
    return asked.reservations(manifest, load_published().protocol, **extent)


def changed(part: str, **entries: Any) -> dict[str, Any]:
    return {**SOUND, part: {**SOUND[part], **entries}}


def test_the_table_holds_the_papers_rows() -> None:
    published = load_published()
    assert len(published.models) == 12
    assert published.models["GPT-4o"]["coarse"] == (62.68, 0.35)
    assert published.models["Random"]["cognition"] == (17.0, 7.0)
    assert published.merging is not None
    assert published.merging.models["OpenCLIP + PLIP"]["fine_he"] == 50.0
    assert {name: column.n for name, column in published.columns.items()} == {
        "coarse": 79_716,
        "fine": 16_130,
        "cognition": 121,
    }
    assert all(set(cells) == set(published.columns) for cells in published.models.values())


def test_a_run_as_published_has_no_reservation() -> None:
    assert reservations(SOUND, asked=10, n_errors=0) == []
    assert column_reservations(load_published().columns["coarse"], 79_716) == []


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (changed("data", name="demo", revision=None), "the data are 'demo'"),
        (changed("data", revision="0" * 40), "at revision 0000"),
        (changed("settings", prompt=["caption-0"]), "the prompt is caption-0"),
        (changed("settings", readout=["logprob"]), "the read-out is logprob"),
        (changed("settings", orders="cyclic:4"), "cyclic:4"),
        (changed("settings", temperature=0.7), "temperature 0.7"),
        (changed("settings", repeats=3), "3 times"),
        (changed("settings", control="shuffled"), "'shuffled'"),
        (changed("settings", limit=20), "--limit 20"),
        ({**SOUND, "planned": 11}, "unfinished: 10 of 11"),
    ],
)
def test_whatever_differs_from_the_papers_way_is_said(manifest: Any, said: str) -> None:
    (note,) = reservations(manifest, asked=10, n_errors=0)
    assert said in note


def test_failed_items_are_said() -> None:
    assert "2 items failed" in reservations(SOUND, asked=10, n_errors=2)[0]


def test_the_variant_without_two_data_sets_is_named() -> None:
    (note,) = column_reservations(load_published().columns["fine"], 14_644)
    assert "without eulenberg darkfield and epifluorescence" in note
    (note,) = column_reservations(load_published().columns["fine"], 100)
    assert note == "N is 100, the published 16,130"


def test_a_run_stands_in_its_columns_by_the_group_of_its_tasks(here: Here, cells: Path) -> None:
    assert here("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run").code == 0
    found = beside(load_run("run"))
    assert set(found.columns) == {"coarse"}
    assert found.columns["coarse"].score.n == 6
    assert any("N is 6" in note for note in found.columns["coarse"].reservations)
    assert set(found.merging) == {"coarse_all"}
    assert found.merging["coarse_all"].accuracy == found.columns["coarse"].score.accuracy


def test_a_run_of_before_the_groups_were_noted_is_placed_by_the_shipped_tasks(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run").code == 0
    run = load_run("run")
    old = {key: value for key, value in run.manifest.items() if key != "tasks"}
    monkeypatch.setattr(Run, "manifest", old)
    assert set(beside(run).columns) == {"coarse"}


def test_the_report_keeps_published_and_yours_apart(here: Here, cells: Path) -> None:
    assert here("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run").code == 0
    shown = here("report", "run", "--published")
    assert shown.code == 0
    rows = [line for line in shown.out.splitlines() if "GPT-4o" in line or "echo echo " in line]
    assert "published" in rows[0]
    assert "62.68 ± 0.35" in rows[0]
    assert any("yours" in row and "≠" in row for row in rows)
    assert "the data are 'cells'" in shown.out
    document = here("report", "run", "--published", "--json").document
    assert set(document) == {"published", "yours"}
    assert document["published"]["models"]["CLIP"]["fine"] == [30.09, 0.71]
    assert document["yours"][0]["columns"]["coarse"]["reservations"]


OWN = """\
source = "a test"
protocol = "ours"

[data]
name = "cells"

[columns.coarse]
title = "coarse"
n = 6

[columns.f1]
title = "F1"
number = "f1"
metric = "macro-f1"
n = 6

[models]
"theirs" = { coarse = [50.0, 1.5], f1 = 40 }
"""
PROTOCOL = """\
title = "mine"
benchmark = "cells"
source = "a test"
[generative]
prompt = ["paper"]
[numbers.coarse]
groups = ["coarse"]
[numbers.f1]
groups = ["coarse"]
metric = "macro-f1"
"""


def test_a_table_of_ones_own_stands_beside_a_run_by_its_protocol(here: Here, cells: Path) -> None:
    Path("mine.toml").write_text(PROTOCOL)
    Path("table.toml").write_text(OWN.replace('"ours"', '"mine.toml"'))
    assert here("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run").code == 0
    document = here("report", "run", "--published", "table.toml", "--json").document
    (yours,) = document["yours"]
    assert document["published"]["protocol"]["scorer"] == "mine"
    assert yours["columns"]["coarse"]["reservations"] == []  # nothing differs: comparable
    assert yours["columns"]["coarse"]["score"]["accuracy"] == load_run("run").scores.pooled.accuracy
    assert yours["columns"]["f1"]["score"]["half_width"] is None
    shown = here("report", "--published", "table.toml", "run")
    assert shown.code == 0
    (row,) = [line for line in shown.out.splitlines() if "yours, mine" in line]
    assert "≠" not in row
    assert "40.00" in shown.out
    both = here("report", "run", "--published", "--published", "./table.toml", "--json").document
    assert [one["published"]["source"][:6] for one in both["tables"]] == ["Lozano", "a test"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('number = "f1"', 'number = "f2"', "has no number 'f2'"),
        ('metric = "macro-f1"', 'metric = "auc"', "that number of mine is macro-f1"),
        ("f1 = 40", "f3 = 40", "there is no column 'f3'"),
        ("n = 6", "n = 0", "columns.coarse.n"),
        ('"mine.toml"', '"medpmc"', "asks no generative models"),
        ('"mine.toml"', '"nothing"', "no protocol 'nothing'"),
    ],
)
def test_a_table_that_says_nothing_of_a_run_is_refused_with_the_reason(
    here: Here, cells: Path, old: str, new: str, said: str
) -> None:
    Path("mine.toml").write_text(PROTOCOL)
    table = OWN.replace('"ours"', '"mine.toml"').replace(old, new, 1)
    if "medpmc" in new:
        table = table.replace('number = "f1"', 'number = "fine-f1"').replace("coarse", "fine")
    Path("table.toml").write_text(table)
    assert here("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run").code == 0
    done = here("report", "run", "--published", "table.toml")
    assert done.code == 2
    assert said in done.err


def test_a_table_by_a_name_that_is_none_is_told(here: Here, cells: Path) -> None:
    assert here("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run").code == 0
    assert "no table of published numbers 'ubensh'" in here("report", "run", "--published",
                                                            "ubensh").err  # fmt: skip
    assert here("report", "--published", "run").code == 0  # a run, not a table
