"""`sweep --method outputs`: mixes of what two models answered, against a plain definition."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mubench_gen
from mubench_gen.errors import SettingError
from mubench_gen.interpolation.merge.recipe import make_recipe
from mubench_gen.interpolation.sweep.frontier import Frontier, frontier
from mubench_gen.interpolation.sweep.outputs.frontier import output_frontier
from mubench_gen.interpolation.sweep.outputs.mixing import LOGITS, METHODS, T3, divergence, read_t3
from mubench_gen.interpolation.sweep.outputs.words import BOUND
from mubench_gen.interpolation.sweep.page import figure, page
from mubench_gen.interpolation.sweep.parts import IN_DOMAIN, MEAN, REST
from mubench_gen.interpolation.sweep.sentences import explained
from mubench_gen.interpolation.sweep.stops import stops_of
from mubench_gen.runs.results import Run
from mubench_gen.runs.studies import runs_of
from mubench_gen.storage.records import Record

from .conftest import Here
from .helpers.demo import small_demo
from .helpers.packages import package
from .helpers.plugin import write_plugin
from .spine import make_row, write_data

ROWS = 24
ALPHAS = ["0", "0.3", "0.8", "1"]
TASKS = "demo-texture,demo-blood,demo-bacteria"
FLAGS = ("--plugin", "tiny", "--base", "clip", "--finetuned", "clip-finetuned")

# Log-probabilities that hang on image and option, and not on where the option stands.
_BODY = """
    def generate(self, requests):
        return ["A" for request in requests]

    def label_logprobs(self, requests):
        return [self.scores(request) for request in requests]

    def scores(self, request):
        import math
        import re

        number = int(request.image.name.rpartition("/")[2].partition(".")[0])
        shown = dict(re.findall(r"(?m)^\\W*([A-F])\\W+(.+?)\\W*$", request.text))
        texts = [shown[label] for label in request.labels]
        codes = [sum(map(ord, text)) for text in texts]
        weights = [1 + (code * {factor} + number * 7) % 13 + code % 97 / 1_000 for code in codes]
        return [math.log(weight / 50) for weight in weights]
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [make_row(n, questions=["modality", "stain"]) for n in range(ROWS)]
    return write_data(tmp_path_factory.mktemp("data") / "cells", rows)


def evaluated(folder: Path, data: Path, factor: int, **settings: Any) -> Run:
    plugin = write_plugin(folder / f"m{factor}.py", _BODY.format(factor=factor))
    settings = {"readout": ["logprob"], **settings}
    where = folder / f"{factor}-{len(list(folder.iterdir()))}"
    return mubench_gen.evaluate(plugin=str(plugin), data=str(data), run_dir=where, **settings)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, data: Path) -> tuple[Run, Run]:
    folder = tmp_path_factory.mktemp("runs")
    return evaluated(folder, data, 3), evaluated(folder, data, 5)


def shares(record: Record) -> list[float]:
    weights = [math.exp(score) for score in record["scores"]]
    return [weight / sum(weights) for weight in weights]


def mean_of(p: Sequence[float], q: Sequence[float], alpha: float, method: str) -> list[float]:
    if method == LOGITS:
        return [a ** (1 - alpha) * b**alpha for a, b in zip(p, q, strict=True)]
    return [(1 - alpha) * a + alpha * b for a, b in zip(p, q, strict=True)]


def kl(p: Sequence[float], q: Sequence[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a)


def js(p: Sequence[float], q: Sequence[float]) -> float:
    half = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return (kl(p, half) + kl(q, half)) / 2


def t3(p: Sequence[float], q: Sequence[float]) -> float:
    return 1 - (0.1 + (0.9 - 0.1) / (1 + math.exp(-4 * js(p, q))))


def dawin(p: Sequence[float], q: Sequence[float]) -> float:
    sure = [math.exp(sum(x * math.log(x) for x in each if x)) for each in (p, q)]
    return sure[1] / sum(sure)


def plain(
    runs: tuple[Run, Run], alpha: Callable[[Sequence[float], Sequence[float]], float], method: str
) -> dict[str, float]:
    """The accuracy by task of a mix, from its definition."""
    other = {record["id"]: record for record in runs[1].records()}
    right: dict[str, list[bool]] = {}
    for record in runs[0].records():
        p, q = shares(record), shares(other[record["id"]])
        mix = mean_of(p, q, alpha(p, q), method)
        right.setdefault(record["task"], []).append(mix.index(max(mix)) == record["gold"])
    return {task: sum(each) / len(each) for task, each in right.items()}


def by_task(found: Frontier, name: str) -> dict[str, float]:
    return {
        task: next(one.accuracy for one in found.all_of(task) if one.alpha == name)
        for task in ("modality", "stain")
    }


@pytest.mark.parametrize("method", METHODS)
def test_mixes_are_those_of_their_definition(runs: tuple[Run, Run], method: str) -> None:
    settings = T3(gamma=4, least=0.1, most=0.9)
    found = output_frontier(*runs, ALPHAS, ["modality"], method=method, t3=settings)
    for name in ALPHAS[1:-1]:
        assert by_task(found, name) == pytest.approx(
            plain(runs, lambda p, q, at=float(name): at, method)  # type: ignore[misc]
        )
    assert by_task(found, "T³") == pytest.approx(plain(runs, t3, method))
    assert by_task(found, "entropy") == pytest.approx(plain(runs, dawin, method))
    assert len({tuple(by_task(found, name).values()) for name in found.names}) > 3


def test_the_ends_are_the_runs_themselves(runs: tuple[Run, Run]) -> None:
    mixed = output_frontier(*runs, ALPHAS, ["modality"])
    stops = stops_of([make_recipe(["0", "1"])], ["tuned"])
    swept = frontier(list(runs), stops, ["modality"])
    for part in (IN_DOMAIN, REST, MEAN):
        ends = mixed.of(part)[0].accuracy, mixed.of(part)[-1].accuracy
        assert ends == tuple(point.accuracy for point in swept.of(part))


def test_the_bound_counts_an_answer_that_one_of_the_two_has_right(runs: tuple[Run, Run]) -> None:
    found = output_frontier(*runs, ALPHAS, ["modality"])
    other = {record["id"]: record["correct"] for record in runs[1].records()}
    either: dict[str, list[bool]] = {}
    for record in runs[0].records():
        either.setdefault(record["task"], []).append(record["correct"] or other[record["id"]])
    assert by_task(found, BOUND) == pytest.approx(
        {task: float(np.mean(each)) for task, each in either.items()}
    )
    (bound,) = [one for one in found.beside if (one.alpha, one.part) == (BOUND, MEAN)]
    assert (bound.over_base, bound.over_finetuned) == (None, None)
    assert found.chosen is not None
    assert BOUND not in (*found.pareto, *found.chosen.equally_good, *found.beats_both)
    assert "no mix that could be used" in " ".join(explained(found))


def test_bands_of_alphas_hold_the_mixes_by_answer_too(runs: tuple[Run, Run]) -> None:
    alone = output_frontier(*runs, ALPHAS, ["modality"], adjust="none").of(MEAN)[1].over_base
    found = output_frontier(*runs, ALPHAS, ["modality"], adjust="holm").of(MEAN)[1].over_base
    assert alone is not None
    assert found is not None
    assert found.band[1] - found.band[0] > alone.band[1] - alone.band[0]


def test_answers_pair_by_option_where_the_orders_differ(
    runs: tuple[Run, Run], data: Path, tmp_path: Path
) -> None:
    turned = evaluated(tmp_path, data, 5, orders="reversed")
    orders = [[record["order"] for record in run.records()] for run in (runs[1], turned)]
    assert orders[0] != orders[1]
    found = output_frontier(runs[0], turned, ALPHAS, ["modality"])
    wanted = output_frontier(*runs, ALPHAS, ["modality"])
    assert found.points[1].alpha == "0.3"
    assert [p.accuracy for p in found.of(MEAN)] == [p.accuracy for p in wanted.of(MEAN)]


def test_the_divergence_is_from_nothing_to_ln_2() -> None:
    one, other = (
        np.array([[1.0, 0, 0], [0.2, 0.3, 0.5]]),
        np.array([[0, 0.5, 0.5], [0.2, 0.3, 0.5]]),
    )
    assert divergence(one, other) == pytest.approx([math.log(2), 0])
    assert T3().alpha(one, other) == pytest.approx([1 - 1 / (1 + 2**-0.5), 0.5])


def test_t3_is_read_as_it_is_typed() -> None:
    assert read_t3("") == T3()
    assert read_t3("gamma=5, max=0.8") == T3(gamma=5, most=0.8)
    for text in ("5", "gamma", "lambda=1", "min=0.9,max=0.1", "gamma=nan", "max=2"):
        with pytest.raises(SettingError, match="--t3"):
            read_t3(text)


def test_page_and_figure_tell_the_mixes_by_answer(runs: tuple[Run, Run]) -> None:
    found = output_frontier(*runs, ALPHAS, ["modality"])
    written = page(found, "a → b")
    assert f'<th scope="row">{BOUND}</th>' in written
    drawn = figure(found).inline()
    assert "T³: rest" in drawn
    assert "open square: bound" in drawn


def test_runs_without_probabilities_are_refused_with_what_to_type(
    here: Here, data: Path, tmp_path: Path, runs: tuple[Run, Run]
) -> None:
    text = evaluated(tmp_path, data, 5, readout=["parse"])
    sides = ("--base", runs[0].dir, "--finetuned", text.dir, "--in-domain", "modality")
    done = here("sweep", "--method", "outputs", *sides)
    assert done.code == 2
    assert "48 of 48 answers have no probabilities" in done.err
    assert "--readout logprob" in done.err
    echo = ("--plugin", "echo", "--base", "echo", "--finetuned", "echo", "--in-domain", "stain")
    done = here("sweep", "--method", "outputs", *echo, "--data", data)
    assert done.code == 2
    assert "give --readout logprob" in done.err
    assert not (tmp_path / "sweeps").exists()


def test_what_outputs_cannot_be_mixed_of_is_said(
    here: Here, data: Path, tmp_path: Path, runs: tuple[Run, Run]
) -> None:
    two = ("--base", runs[0].dir, "--finetuned", runs[1].dir)
    inside = ("--in-domain", "modality")
    small = evaluated(tmp_path, data, 5, limit=5)
    for flags, told in (
        ((*two, *inside, "--include", "vision_*"), "--include is of weights"),
        ((*two, *inside, "--density", "0.2"), "--density is of weights"),
        ((*two, *inside, "--axis", "transform=none,blur:3"), "--axis says how each α is asked"),
        ((*two, *inside, "--budget", "9"), "--budget says how each α is asked"),
        ((*two, *inside, "--method", "ties"), "by one method"),
        ((*two, *inside, "--finetuned", "clip"), "one fine-tune"),
        ((*two, *inside, "--alpha", "1.5"), "from 0 to 1"),
        ((*two, *inside, "--alpha", "vision=0,1"), "parts of a model"),
        ((*two, *inside, "--limit", "5"), "--limit: base and fine-tune are finished runs"),
        ((*two, "--in-domain", "modality,stain"), "both sides"),
        ((*two, "--in-domain", "nothing"), "both sides"),
        (two, "Give --in-domain"),
        ((*two[:2], "--finetuned", "clip", *inside), "the other is none"),
        (("--base", "clip", "--finetuned", "clip", *inside), "Whose outputs?"),
        ((*two, *inside, "--t3", "gamma=x"), "--t3 gamma=x"),
        ((*two[:2], "--finetuned", small.dir, *inside), "do not belong together"),
    ):
        done = here("sweep", "--method", "outputs", *flags)
        assert done.code == 2, flags
        assert told in done.err, flags
        assert done.out == ""
    done = here("sweep", *FLAGS, *inside, "--t3", "gamma=5")
    assert (done.code, "--method outputs" in done.err) == (2, True)


torch = package("torch", "the tiny models need the extra transformers")


def test_two_models_are_asked_once_and_every_mix_is_computed(here: Here, tmp_path: Path) -> None:
    small_demo(tmp_path / "cache")
    flags = ("sweep", "--method", "outputs", "--in-domain", TASKS, "--json")
    done = here(*flags, *FLAGS, "--limit", "3", "--run-dir", "s", "--html", "s.html")
    assert done.code == 0, done.err
    found = done.document["frontier"]
    assert found["alphas"] == ["0", *(f"0.{n}" for n in range(1, 10)), "1"]
    assert found["mix"]["asked"] == {"base": 42, "finetuned": 42, "mixes": 0}
    assert sorted(path.name for path in (tmp_path / "s").glob("[a-z]*")) == [
        "alpha-0", "alpha-1", "sweep.json",
    ]  # fmt: skip
    asked = mubench_gen.load_run("s/alpha-1")
    assert asked.manifest["model"]["id"] == "clip-finetuned"
    sessions = len(asked.manifest["sessions"])
    again = here(*flags, *FLAGS, "--limit", "3", "--run-dir", "s")
    assert again.document["frontier"] == found
    encoded = ["encoded" in one for one in mubench_gen.load_run("s/alpha-1").manifest["sessions"]]
    assert encoded == [True] * sessions + [False]  # nothing was asked again
    ends = ("--base", "s/alpha-0", "--finetuned", "s/alpha-1")
    of_runs = here(*flags, *ends, "--run-dir", "r").document
    assert of_runs["frontier"]["points"] == found["points"]
    assert here("report", "r", "--json").document == of_runs
    assert "either right" in here("report", "s").out
    assert here("report", "r", "--figure", "frontier", "--out", "f.svg").code == 0
    assert "T³" in (tmp_path / "f.svg").read_text("utf-8")
    assert runs_of(Path("r")) == [(tmp_path / "s" / f"alpha-{end}").resolve() for end in (0, 1)]
