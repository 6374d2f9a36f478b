"""A metric is one function: what a plugin lists stands in every table, with an interval."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mubench_gen import Metric, PluginError
from mubench_gen.plugins.registry import Plugins
from mubench_gen.scores.measured import mean_interval, measure
from mubench_gen.scores.metrics import BUILT_IN, ChosenMetric, choose_metrics
from mubench_gen.scores.paired import STUDENT, compare_means
from mubench_gen.scores.score import score
from mubench_gen.storage import columns
from mubench_gen_plugins.probability import brier, top2

from .conftest import Here
from .helpers.plugin import write_distribution
from .spine import make_row, plain_record, write_data

LENGTHS = """
import mubench_gen
from mubench_gen import Metric

@mubench_gen.hookimpl
def mubench_gen_metrics():
    return [
        Metric("letters", "letters of the reply", lambda r: len(r["reply"]), None,
               needs=("reply",), bounds=(0, float("inf"))),
        Metric("early", "answers in the first half", early, bounds=(0, 1), percent=True),
    ]

def early(record):
    return None if record["choice"] is None else record["choice"] < len(record["options"]) / 2
"""
FAULTY = """
import mubench_gen
from mubench_gen import Metric

@mubench_gen.hookimpl
def mubench_gen_metrics():
    return [Metric("odd", "odd", odd, bounds=(0, 1))]

def odd(record):
    {body}
"""
ACCURACY = ChosenMetric(BUILT_IN[0])


@pytest.fixture
def lengths(site: Path) -> Iterator[str]:
    """An installed plugin of two metrics."""
    write_distribution(
        site, "mubench-gen-lengths", version="1.2", entries=["lengths = lengths_module"],
        modules={"lengths_module": LENGTHS},
    )  # fmt: skip
    yield "lengths"
    sys.modules.pop("lengths_module", None)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "cells", [make_row(i, dataset=f"set_{i % 2}") for i in range(6)])


def evaluated(here: Here, data: Path, *words: str, to: str = "run", prompt: str = "plain") -> Any:
    done = here("eval", "--plugin", "echo", "--data", data, "--run-dir", to, "--json",
                "--prompt", prompt, *words)  # fmt: skip
    assert done.code == 0, done.err
    return done.document


def records(rights: Sequence[float], *, an_image: int = 2) -> list[dict[str, Any]]:
    """Records with that many of an image."""
    return [
        plain_record(n, correct=bool(right), image_sha256=f"{n // an_image:064x}")
        for n, right in enumerate(rights)
    ]


def test_a_plugins_metric_stands_in_every_report_of_a_run_that_was_scored_with_it(
    here: Here, data: Path, lengths: str, tmp_path: Path
) -> None:
    document = evaluated(here, data, "--metric", lengths)["metrics"]
    assert set(document) == {"lengths:letters", "lengths:early"}
    pooled = document["lengths:early"]["pooled"]
    assert pooled["ci95"][0] < pooled["value"] < pooled["ci95"][1]
    assert set(document["lengths:early"]["tasks"]) > {"stain", "modality"}
    assert (document["lengths:letters"]["plugin"], document["lengths:letters"]["version"]) == (
        "lengths",
        "1.2",
    )
    assert json.loads(Path("run/scores.json").read_text())["metrics"] == document
    assert here("report", "run", "--json").document["metrics"] == document

    low, high = (f"{100 * end:.1f}" for end in pooled["ci95"])
    for words in ([], ["--format", "md"]):
        printed = here("report", "run", *words)
        assert f"{low}–{high}" in printed.out, words
        assert "letters of the reply" in printed.out
    rows = list(csv.DictReader(io.StringIO(here("report", "run", "--format", "csv").out)))
    first = {key: float(rows[0][f"lengths:early{key}"]) for key in ("", ".ci95_low", ".ci95_high")}
    assert list(first.values()) == [pooled["value"], *pooled["ci95"]]
    here("report", "run", "--html", "page.html", "--no-images")
    page = Path("page.html").read_text()
    assert '<section id="metrics"' in page
    assert f"({low}–{high})" in page


def test_a_metric_breaks_down_by_fields(here: Here, data: Path, lengths: str) -> None:
    evaluated(here, data, "--metric", lengths)
    shown = here("report", "run", "--by", "image_id", "--json").document["metrics"]
    assert len(shown["lengths:letters"]["image_id"]) == 6


def test_a_plugins_metric_is_compared_with_an_interval(
    here: Here, data: Path, lengths: str
) -> None:
    for to, prompt in (("a", "plain"), ("b", "letter")):
        evaluated(here, data, to=to, prompt=prompt)
    found = here("compare", "a", "b", "--metric", f"{lengths},unanswered", "--json").document
    assert set(found["metrics"]) == {"lengths:letters", "lengths:early", "unanswered"}
    pooled = found["metrics"]["lengths:letters"]["differences"][0]
    assert (pooled["part"], pooled["n"], pooled["test"]) == ("pooled", 30, STUDENT)
    assert pooled["ci95"][0] <= pooled["difference"] <= pooled["ci95"][1]
    assert pooled["family"] == 1
    assert here("compare", "a", "b", "--json").document.get("metrics") is None
    assert "letters of the reply" in here("compare", "a", "b", "--metric", lengths).out


def test_runs_are_compared_by_the_metrics_that_all_were_scored_with(
    here: Here, data: Path, lengths: str
) -> None:
    evaluated(here, data, "--metric", "unanswered,lengths:early", to="a")
    evaluated(here, data, "--metric", "unanswered", to="b", prompt="letter")
    assert set(here("compare", "a", "b", "--json").document["metrics"]) == {"unanswered"}


def test_a_study_says_what_moves_a_metric(here: Here, data: Path, lengths: str) -> None:
    words = ("ablate", "--plugin", "echo", "--data", data, "--prompt", "plain,letter",
             "--run-dir", "study", "--metric", lengths)  # fmt: skip
    found = here(*words, "--json").document["metrics"]["echo-echo"]["lengths:early"]
    assert len(found["cells"]) == 2
    for cell in found["cells"]:
        assert cell["ci95"][0] < cell["value"] < cell["ci95"][1]
    (effect,) = found["effects"]["effects"]
    assert effect["source"] == ["prompt"]
    assert [level["level"] for level in effect["levels"]] == ["plain", "letter"]
    assert found["complete"] == 30
    printed = here(*words)
    assert "what moves answers in the first half" in printed.out
    stored = json.loads(Path("study/study.json").read_text())
    assert stored["metrics"]["echo-echo"]["lengths:early"] == found


@pytest.mark.parametrize("an_image", [1, 3])
def test_a_right_or_wrong_metric_has_the_interval_of_the_accuracy(an_image: int) -> None:
    rows = records([n % 3 == 0 or n % 7 == 0 for n in range(60)], an_image=an_image)
    found = measure(rows, [ACCURACY])["accuracy"].groups["pooled"]["pooled"]
    pooled = score(rows).pooled
    assert (found.n, found.missing, found.value) == (60, 0, pooled.accuracy)
    assert found.ci95 == pytest.approx(pooled.ci95)


def test_between_other_bounds_the_interval_is_stretched_with_the_values() -> None:
    values, images = np.array([0, 1, 1, 0, 1, 1, 1.0]), np.arange(7) // 2
    plain = mean_interval(values, images, (0, 1))
    wide = mean_interval(20 * values - 10, images, (-10, 10))
    assert plain is not None
    assert wide == pytest.approx(tuple(20 * end - 10 for end in plain))


def test_without_bounds_the_interval_is_that_of_cluster_robust_regression() -> None:
    import statsmodels.api as sm

    drawn = np.random.default_rng(1)
    images = np.repeat(np.arange(30), 4)
    values = drawn.normal(size=120) + drawn.normal(size=30)[images]
    fit = sm.OLS(values, np.ones(120)).fit(
        cov_type="cluster", cov_kwds={"groups": images}, use_t=True
    )
    found = mean_interval(values, images, (-math.inf, math.inf))
    assert found == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-3)
    zeros = np.zeros(120)
    paired = compare_means(values, zeros, images)
    assert paired.ci95 == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-3)


def test_what_a_metric_prints_is_no_part_of_the_results(
    here: Here, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "loud.py").write_text(FAULTY.format(body="print('loud'); return 0.5"))
    for to, prompt in (("a", "plain"), ("b", "letter")):
        evaluated(here, data, "--metric", "./loud.py", to=to, prompt=prompt)
    for words in (["report", "a"], ["compare", "a", "b"], ["score", "a"]):
        done = here(*words, "--metric", "./loud.py", "--json")
        assert "loud:odd" in done.document["metrics"]
        assert "loud" in done.err


def test_failed_items_reach_no_metric_and_items_without_a_value_are_counted() -> None:
    seen = []

    def value(record: Any) -> float | None:
        seen.append(record["status"])
        return 1.0 if record["correct"] else None

    rows = [*records([1, 0, 1]), plain_record(9, status="error", correct=None, choice=None)]
    found = measure(rows, [ChosenMetric(Metric("m", "m", value))])["m"].groups["pooled"]["pooled"]
    assert seen == ["answered"] * 3
    assert (found.n, found.missing, found.value) == (2, 1, 1.0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('no luck')", "ValueError: no luck"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("return float('nan')", "it gives nan, which is not a number"),
        ("return 'much'", "it gives 'much', which is not a number"),
        ("return 1.5", "it gives 1.5, outside of its bounds 0 to 1"),
        ("return len(record['reply'])", "reads the field 'reply', which its `needs` does not name"),
        ("return len(record.get('reply', ''))", "reads the field 'reply', which its `needs`"),
        ("return record['no_such_field']", "KeyError: 'no_such_field'"),
    ],
)
def test_a_metric_that_fails_is_named_with_its_item_and_is_no_number(
    here: Here, data: Path, tmp_path: Path, body: str, said: str
) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY.format(body=body))
    done = here("eval", "--plugin", "echo", "--data", data, "--run-dir", "run",
                "--metric", "./faulty.py")  # fmt: skip
    assert done.code == 2
    assert "The metric 'odd' of the plugin 'faulty', item set_0/set_0-00000/" in done.err
    assert said in done.err
    assert "Traceback" not in done.err
    stored = json.loads(Path("run/scores.json").read_text())  # the run is whole all the same
    assert stored["complete"]
    assert stored["scores"]["pooled"]["n"] == 30
    assert said in stored["metrics"]["faulty:odd"]["unavailable"]
    assert "pooled" not in stored["metrics"]["faulty:odd"]


def test_a_metric_reads_what_it_needs_of_a_large_run_too(
    here: Here, data: Path, lengths: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated(here, data)
    small = here("report", "run", "--metric", lengths, "--json").document["metrics"]
    monkeypatch.setattr(columns, "_WORTH", 1)
    for _ in range(2):  # the columns are written, then read
        assert here("report", "run", "--metric", lengths, "--json").document["metrics"] == small


def test_without_the_plugin_a_report_says_what_it_leaves_out(
    here: Here, data: Path, lengths: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated(here, data, "--metric", f"{lengths},unanswered")
    monkeypatch.setenv("MUBENCH_GEN_NO_PLUGINS", lengths)
    for words in ([], ["--format", "md"], ["--html", "page.html", "--no-images"]):
        done = here("report", "run", *words)
        assert done.code == 0, done.err
        shown = (Path("page.html").read_text() if "--html" in words else done.out).replace(
            "\n", " "
        )
        for name in ("early", "letters"):
            assert "was scored with the metric lengths:" in shown.replace("\\", "")
            assert f"{name}, which is not shown" in shown.replace("\\", "")
        assert "unanswered" in shown
    shown = here("report", "run", "--json").document["metrics"]
    assert "cannot be used: off" in shown["lengths:early"]["unavailable"]
    assert shown["lengths:early"]["version"] == "1.2"
    assert here("report", "run", "--metric", lengths).code == 2


def test_a_runs_folder_cannot_name_code_to_run(here: Here, data: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil.py"
    evil.write_text("raise SystemExit('ran')")
    evaluated(here, data, "--metric", "unanswered")
    scores = json.loads(Path("run/scores.json").read_text())
    facts = scores["metrics"]["unanswered"]
    for key, asked in ((f"{evil}:odd", f"{evil}:odd"), ("evil.py:odd", "evil.py:odd"),
                       ("unanswered", f"{evil}:odd")):  # fmt: skip
        scores["metrics"] = {key: {**facts, "asked": asked}}
        Path("run/scores.json").write_text(json.dumps(scores))
        shown = here("report", "run", "--json")
        assert shown.code == 0, shown.err
        assert "it is defined in a file" in shown.document["metrics"][key]["unavailable"]
        assert "ran" not in shown.err


def test_a_resumed_run_keeps_the_metrics_that_it_was_scored_with(here: Here, data: Path) -> None:
    evaluated(here, data, "--metric", "unanswered")
    file = Path("run/records.jsonl")
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:7]))
    assert set(evaluated(here, data)["metrics"]) == {"unanswered"}
    stored = json.loads(Path("run/manifest.json").read_text())
    assert "metric" not in stored["settings"]


def test_score_takes_the_metrics_of_todays_reading_and_keeps_them(here: Here, data: Path) -> None:
    before = evaluated(here, data)
    assert "metrics" not in before
    shown = here("score", "run", "--metric", "unanswered", "--json").document
    assert "metrics" not in json.loads(Path("run/scores.json").read_text())
    here("score", "run", "--metric", "unanswered", "--save")
    assert json.loads(Path("run/scores.json").read_text())["metrics"] == shown["metrics"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unanswred", "Did you mean 'unanswered'"),
        ("lengths:eary", "has no metric 'eary'. Did you mean 'early'"),
        ("echo", "has no hook mubench_gen_metrics"),
        ("nowhere.py", "There is no plugin file"),
    ],
)
def test_a_wrong_name_is_refused_before_anything_is_asked(
    here: Here, data: Path, lengths: str, name: str, said: str
) -> None:
    done = here("eval", "--plugin", "echo", "--data", data, "--run-dir", "run", "--metric", name)
    assert done.code == 2
    assert said in done.err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("None", "must return a list of mubench_gen.Metric, found None"),
        ("[3]", "must return a list of mubench_gen.Metric"),
        ("[Metric('a', 'A', len), Metric('a', 'B', len)]", "lists two named 'a'"),
        ("[Metric('a b', 'A', len)]", "a name has letters"),
        ("[Metric('a', '', len)]", "needs a title"),
        ("[Metric('a', 'A', 3)]", "3 is not a function"),
        ("[Metric('a', 'A', len, bounds=(1, 0))]", "the bounds (1, 0)"),
        ("[Metric('a', 'A', len, needs=('replies',))]", "needs names ['replies']"),
    ],
)
def test_a_hook_that_lists_no_metrics_is_a_broken_plugin(
    tmp_path: Path, given: str, said: str
) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(
        "import mubench_gen\nfrom mubench_gen import Metric\n"
        f"@mubench_gen.hookimpl\ndef mubench_gen_metrics():\n    return {given}\n"
    )
    with pytest.raises(PluginError) as refused:
        choose_metrics([str(path)], Plugins([]))
    assert said in str(refused.value)
    assert "wrong.py" in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "half_squares", "among_two"),
    [
        ({"probabilities": [0.7, 0.2, 0.1, 0.0]}, (0.3**2 + 0.2**2 + 0.1**2) / 2, 1),
        ({"probabilities": [2.0, 6.0, 1.0, 1.0]}, (0.8**2 + 0.6**2 + 0.1**2 + 0.1**2) / 2, 1),
        ({"probabilities": [0.1, 0.3, 0.6, 0.0]}, (0.9**2 + 0.3**2 + 0.6**2) / 2, 0),
        ({"probabilities": [0.0, 0.0, 0.0, 0.0]}, (0.75**2 + 3 * 0.25**2) / 2, 0),
        (
            {"readout": "logprob", "scores": [math.log(0.2), math.log(0.3), None, None]},
            (0.6**2 + 0.6**2) / 2,
            1,
        ),
        ({"scores": None}, None, None),
    ],
)
def test_the_probability_plugin_measures_the_brier_score_and_the_top_two(
    fields: dict[str, Any], half_squares: float | None, among_two: float | None
) -> None:
    record = plain_record(0, **fields)
    found: list[Callable[[Any], float | None]] = [brier, top2]
    assert [one(record) for one in found] == [
        None if half_squares is None else pytest.approx(half_squares),
        among_two,
    ]
