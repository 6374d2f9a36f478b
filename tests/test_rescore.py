"""`score`: stored replies read again, without a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mubench_gen import load_run
from mubench_gen.runs.rescore import rescore, save
from mubench_gen.storage.record_file import RecordFile
from mubench_gen.storage.records import stored_lines

from .conftest import Here
from .spine import by_id, evaluate, make_row, write_data, write_plugin

MINUS_INFINITY = """
import math
import mubench_gen
from mubench_gen import ModelSpec


class Certain(mubench_gen.GenerativeModel):
    '''Gives its labels but the second a probability of zero.'''

    def generate(self, requests):
        return ["A"] * len(requests)

    def label_logprobs(self, requests):
        return [[0.0 if i == 1 else -math.inf for i, _ in enumerate(r.labels)] for r in requests]


@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("certain", Certain)]
"""


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    return write_data(tmp_path / "cells", [make_row(i) for i in range(10)])


def tamper(folder: Path, number: int, **fields: object) -> str:
    """Store a record again with other fields, and a checksum that fits. Its id."""
    record = list(load_run(folder).records())[number]
    file = RecordFile(folder / "records.jsonl")
    file.append([{**record, **fields}])
    file.close()
    return str(record["id"])


@pytest.mark.parametrize("settings", [
    {}, {"options": {"style": "sentence"}}, {"options": {"style": "option"}},
    {"readout": "logprob", "prompt": "letter"}, {"options": {"fail": "0.2"}}, {"control": "blind"},
], ids=str)  # fmt: skip
def test_reading_again_what_was_just_read_changes_nothing(
    cells: Path, tmp_path: Path, settings: dict[str, object]
) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells, **settings)
    found = rescore(load_run(run.dir))
    assert found.changes == []
    assert found.scores == run.scores
    stored = json.loads((run.dir / "scores.json").read_text())
    assert json.loads(json.dumps(found.scores.as_dict())) == stored["scores"]


def test_score_prints_the_scores_that_eval_stored(here: Here, cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    printed = here("score", run.dir, "--json")
    assert printed.code == 0, printed.err
    document, stored = json.loads(printed.out), json.loads((run.dir / "scores.json").read_text())
    assert {k: document[k] for k in stored} == stored
    assert document["changed"] == []
    assert document["saved"] is False
    table = here("score", run.dir)
    assert "No answer differs from the stored one." in table.out


def test_a_record_that_was_tampered_with_is_shown_and_mended_by_save(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    whole, content = by_id(run), run.dir / "records.jsonl"
    right = {n for n, r in enumerate(run.records()) if r["correct"]}
    number = min(right)
    changed = tamper(run.dir, number, choice=None, status="refused", rule=None, span=None,
                     correct=False)  # fmt: skip
    before = content.read_bytes()

    shown = json.loads(here("score", run.dir, "--json").out)
    (change,) = shown["changed"]
    assert change["id"] == changed
    assert change["before"]["status"] == "refused"
    assert change["after"] == {
        field: whole[changed][field] for field in ("status", "choice", "rule", "span", "correct")
    }
    assert shown["scores"]["pooled"]["accuracy"] == len(right) / 50
    assert content.read_bytes() == before, "nothing changes without --save"
    table = here("score", run.dir).out
    assert "1 answers read differently (not saved: --save)" in table
    assert "refused" in table
    assert "✗ → ✓" in table

    saved = here("score", run.dir, "--save", "--json")
    assert saved.code == 0, saved.err
    assert json.loads(saved.out)["saved"] is True
    assert by_id(load_run(run.dir)) == whole
    assert len(list(stored_lines(content))) == 52
    stored = json.loads((run.dir / "scores.json").read_text())
    assert stored["scores"]["pooled"]["accuracy"] == len(right) / 50
    assert json.loads(here("score", run.dir, "--json").out)["changed"] == []


def test_the_controls_are_those_of_todays_reading(here: Here, cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    controls = json.loads((run.dir / "scores.json").read_text())["controls"]
    for number in range(5):
        tamper(run.dir, number, choice=None, status="none", rule=None, span=None, correct=False)
    assert json.loads(here("score", run.dir, "--json").out)["controls"] == controls


def test_a_run_whose_answers_were_saved_again_still_resumes(cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    whole = by_id(run)
    tamper(run.dir, 3, choice=None, status="none", rule=None, span=None, correct=False)
    save(load_run(run.dir), rescore(load_run(run.dir)).changes)
    assert by_id(evaluate("echo", tmp_path / "run", data=cells)) == whole


def test_a_changed_gold_in_the_record_changes_no_reading(cells: Path, tmp_path: Path) -> None:
    """The answer is read blind to gold; only `correct` follows it."""
    run = evaluate("echo", tmp_path / "run", data=cells)
    record = next(iter(run.records()))
    tamper(run.dir, 0, gold=(record["gold"] + 1) % len(record["options"]))
    changes = rescore(load_run(run.dir)).changes
    assert all(not change.matters for change in changes)


def test_failed_items_stay_failed(cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells, options={"fail": "1"}, max_errors=0)
    found = rescore(run)
    assert found.changes == []
    assert found.scores.pooled.n_errors == 50


def test_a_probability_of_zero_is_stored_resumed_and_read_again(
    cells: Path, tmp_path: Path
) -> None:
    plugin = write_plugin(tmp_path, MINUS_INFINITY, "certain")
    settings = {"data": cells, "prompt": "letter", "readout": "logprob"}
    run = evaluate(plugin, tmp_path / "run", **settings)
    assert {r["choice"] for r in run.records()} == {1}
    for line in (run.dir / "records.jsonl").read_text().splitlines():
        assert all(isinstance(score, float) for score in json.loads(line)["scores"])
    found = rescore(load_run(run.dir))
    assert found.changes == []
    assert found.scores == run.scores
    again = evaluate(plugin, tmp_path / "again", **settings, reuse=run.dir)
    assert by_id(again) == by_id(run)
