"""The conformance kit for what stands beside models: sound things pass, each fault is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mubench_gen.plugins.registry import Plugins
from mubench_gen.plugins.scaffold import KINDS, Scaffold, write_scaffold
from mubench_gen.testing import CHECKS, Result, check_plugin

from .helpers.command import Outcome

OF_MODELS = ("generative", "contrastive", "endpoint", "dataset")
JUDGE = """
import mubench_gen

class Odd(mubench_gen.Judge):
    asked = 0

    def read(self, unread):
        return {read}

    def close(self):
        {close}

@mubench_gen.hookimpl
def mubench_gen_judge():
    return Odd
"""
JUDGES = {  # what `read` returns; each stumbles over the check of its name alone
    "judge_answers": "[unread[99]]",
    "judge_gives_indices": "[len(u.options) if 'Number' in u.reply else None for u in unread]",
    "judge_takes_an_empty_batch": "[None for u in unread] or [None]",
    "judge_reads_each_alone": "[i % 2 if len(unread) > 3 else None for i, u in enumerate(unread)]",
    "judge_repeats_itself": "[self.count() if len(unread) > 3 else None for u in unread]",
    "judge_does_not_guess": "[0 for u in unread]",
    "judge_keeps_its_arguments": "[None for u in list(unread) if unread.clear() is None]",
    "judge_can_be_closed": "[None for u in unread]",
}
SCORER = """
import random
import mubench_gen

@mubench_gen.hookimpl
def mubench_gen_score(records, manifest):
    records = list(records)
    return {{"pooled": {{"m": {value}}}}}
"""
SCORERS = {
    "scorer_scores": "float('nan')",
    "scorer_repeats_itself": "random.random()",
    "scorer_takes_any_order": "float(records[0]['correct'] or 0) if records else None",
    "scorer_counts_no_error_as_an_answer":
        "sum(bool(r['correct']) for r in records) / max(1, len(records))",
    "scorer_takes_small_runs":
        "sum(bool(r['correct']) for r in records if r['status'] != 'error') / "
        "len([r for r in records if r['status'] != 'error'])",
    "scorer_keeps_its_arguments": "len([r.pop('reply') for r in records]) + 0",
}  # fmt: skip
SECTION = """
import random
import mubench_gen

@mubench_gen.hookimpl
def mubench_gen_section(runs):
    return mubench_gen.Section({title}, {text})
"""
SECTIONS = {
    "section_is_written": ("' '", "''"),
    "section_repeats_itself": ("'A title'", "str(random.random())"),
    "section_takes_any_runs": ("'A title'", "str(1 / sum(r.scores.pooled.n for r in runs))"),
}
METRICS = """
import random
import mubench_gen

SEEN = []

def count(record):
    SEEN.append(record["id"])
    return float(len(SEEN))

def chance(record):
    return random.random()

def spoils(record):
    record["options"].append("another")
    return 1.0

def reads_replies(record):
    return float(len(record["reply"] or ""))

@mubench_gen.hookimpl
def mubench_gen_metrics():
    made = [
        mubench_gen.Metric("metric_gives_numbers", "a", reads_replies),
        mubench_gen.Metric("metric_looks_at_one_item", "a", count),
        mubench_gen.Metric("metric_repeats_itself", "a", chance),
        mubench_gen.Metric("metric_keeps_its_record", "a", spoils),
        mubench_gen.Metric("sound", "a", lambda r: float(r["status"] == "answered"), bounds=(0, 1)),
    ]
    return made
"""
EXPORTS = """
import itertools, os, pathlib
import mubench_gen

COUNT = itertools.count()

def silent(runs, stream, options):
    pass

def broken_json(runs, stream, options):
    stream.write(b"{\\"a\\": 1\\n")

def counts(runs, stream, options):
    stream.write(str(next(COUNT)).encode())

def gossips(runs, stream, options):
    stream.write(repr(dict(os.environ)).encode("utf-8", "replace"))

def one_run(runs, stream, options):
    stream.write(str(1 / runs[0].scores.pooled.n).encode())

def spoils(runs, stream, options):
    stream.write(b"fine")
    (pathlib.Path(runs[0].run.dir) / "note.txt").write_text(str(next(COUNT)))

@mubench_gen.hookimpl
def mubench_gen_exports():
    return [
        mubench_gen.Export("export_writes", "a", silent),
        mubench_gen.Export("export_can_be_read_back", "a", broken_json),
        mubench_gen.Export("export_repeats_itself", "a", counts),
        mubench_gen.Export("export_tells_nothing_private", "a", gossips),
        mubench_gen.Export("export_takes_any_runs", "a", one_run),
        mubench_gen.Export("export_keeps_the_run", "a", spoils),
    ]
"""
TRANSFORMS = """
import random
from typing import Annotated
import mubench_gen
from pydantic import Field

def smaller(picture):
    return picture.resize((5, 5))

def narrow(picture):
    assert min(picture.size) > 10
    return picture

def chance(picture):
    return picture.rotate(random.randrange(360))

def deaf(picture, seed):
    return picture

def loose(picture, strength=1.0):
    return picture.rotate(float(strength) if str(strength)[:1].isdigit() else 0)

def idle(picture, strength: Annotated[float, Field(gt=0)] = 1.0):
    return picture

@mubench_gen.hookimpl
def mubench_gen_transforms():
    return [
        mubench_gen.Transform("transform_gives_pictures", smaller),
        mubench_gen.Transform("transform_takes_any_size", narrow),
        mubench_gen.Transform("transform_repeats_itself", chance),
        mubench_gen.Transform("transform_draws_by_its_seed", deaf),
        mubench_gen.Transform("transform_options_are_typed", loose),
        mubench_gen.Transform("transform_options_matter", idle),
    ]
"""


BESIDE = {"metric", "export", "transform", "judge", "scorer", "section"}
OWN = {name for name, one in CHECKS.items() if one.kinds <= BESIDE}


def check(tmp_path: Path, source: str) -> list[Result]:
    plugin = tmp_path / "odd.py"
    plugin.write_text(source)
    return list(check_plugin(str(plugin), only=tuple(OWN)))


def failing(results: list[Result]) -> set[str]:
    return {result.check.name for result in results if not result.holds}


@pytest.mark.parametrize("name", JUDGES)
def test_a_fault_of_a_judge_is_found_by_its_check(name: str, tmp_path: Path) -> None:
    read, close = JUDGES[name], "pass"
    if name == "judge_can_be_closed":
        close = "self.__dict__.pop('options')"
    source = JUDGE.format(read=read, close=close)
    counts = "\n    def count(self):\n        self.asked += 1\n        return self.asked % 2\n"
    found = failing(check(tmp_path, source.replace("    def close", counts + "\n    def close")))
    assert name in found, found


@pytest.mark.parametrize("name", SCORERS)
def test_a_fault_of_a_scorer_is_found_by_its_check(name: str, tmp_path: Path) -> None:
    found = failing(check(tmp_path, SCORER.format(value=SCORERS[name])))
    assert name in found, found


@pytest.mark.parametrize("name", SECTIONS)
def test_a_fault_of_a_section_is_found_by_its_check(name: str, tmp_path: Path) -> None:
    title, text = SECTIONS[name]
    assert failing(check(tmp_path, SECTION.format(title=title, text=text))) == {name}


@pytest.mark.parametrize("source", [METRICS, EXPORTS, TRANSFORMS], ids=lambda s: s.split()[-2][-9:])
def test_faults_of_what_a_plugin_lists_are_found_by_their_checks(
    source: str, tmp_path: Path
) -> None:
    results = check(tmp_path, source)
    found: dict[str, set[str]] = {}
    for result in results:
        if result.of:
            found.setdefault(result.of.split()[1], set())
            found[result.of.split()[1]] |= set() if result.holds else {result.check.name}
    assert found.pop("sound", set()) == set()
    assert all(name in failed for name, failed in found.items()), found


def test_a_mean_without_an_interval_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mubench_gen.scores.measured.mean_interval", lambda *_: (2.0, 3.0))
    assert failing(check(tmp_path, METRICS)) >= {"metric_has_an_interval"}


def test_every_check_has_a_fault_here() -> None:
    listed = METRICS + EXPORTS + TRANSFORMS
    tested = {*JUDGES, *SCORERS, *SECTIONS, "metric_has_an_interval"}
    assert tested | {name for name in OWN if f'"{name}"' in listed} == OWN


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OF_MODELS])
def test_what_is_written_as_a_beginning_passes_all_checks(kind: str, tmp_path: Path) -> None:
    write_scaffold(Scaffold("mine", kind), tmp_path / "new")
    results = list(check_plugin(str(tmp_path / "new/src/mubench_gen_mine")))
    assert failing(results) == set()
    assert {result.kind for result in results} == {"plugin", kind}
    assert "imports_are_public" in {r.check.name for r in results if r.state == "passed"}


def test_a_table_of_plugins_by_checks_is_made_of_what_was_written(
    here: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "odd.py").write_text(METRICS)
    write_scaffold(Scaffold("mine", "scorer"), tmp_path / "new")
    here("plugins", "check", tmp_path / "odd.py", "--out", "odd.json")
    here("plugins", "check", tmp_path / "new/src/mubench_gen_mine/__init__.py", "--out", "m.json")
    shown = here("plugins", "matrix", "m.json", "odd.json")
    assert shown.code == 0
    assert r"| metric\_repeats\_itself |" in shown.out
    assert "outside" not in shown.out
    assert "- odd.py/metric_repeats_itself, metric_repeats_itself: measured again" in shown.out
    plain = here("plugins", "matrix", "m.json", "odd.json", "--json", "--html", "page.html")
    assert {one["plugin"] for one in json.loads(plain.out)} == {"odd.py", "__init__.py"}
    assert "<td>metric_repeats_itself</td>" in (tmp_path / "page.html").read_text()
    (tmp_path / "other.json").write_text('{"checks": [1]}')
    for name in ("other.json", "gone.json"):
        refused = here("plugins", "matrix", name)
        assert refused.code == 2
        assert name in refused.err


def test_every_shipped_plugin_stands_on_the_page_of_those_that_were_checked() -> None:
    page = (Path(__file__).parents[1] / "docs/plugins-checked.md").read_text("utf-8")
    shipped = [one.name for one in Plugins().list() if one.distribution == "mubench-gen"]
    lacking = [
        name for name in shipped if f"\n| {name} |" not in page and f"- {name}: " not in page
    ]
    assert lacking == []  # python docs/make_plugins_page.py FOLDER makes it again
