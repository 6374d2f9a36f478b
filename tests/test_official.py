"""The official scorer: its rule on replies written from its description, and its table."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from mubench_gen import paper_compat, parse_answer
from mubench_gen.compare.protocols import Causes, basic_bootstrap, difference, part_scores
from mubench_gen.scores.protocols.files import load_protocol
from mubench_gen.scores.protocols.rules import read
from mubench_gen.scores.protocols.tally import tally

from .conftest import Here
from .spine import plain_record

PAPER, OURS = load_protocol("paper-compat"), load_protocol("ours")
OPTIONS = ["eosinophil", "basophil", "vitamin A deposit", "none of the above"]
# (reply, index of the gold option, right by the official rule)
REPLIES = [
    ("B", 1, True),
    ("B) basophil", 1, True),
    ("B. basophil", 1, True),
    ("B: it is round", 1, True),
    ("Basically, I cannot tell", 1, True),
    ("As an AI language model, I cannot", 0, True),
    ("I think it is B) basophil.", 1, True),
    ("A) eosinophil B) basophil C) vitamin A deposit", 1, True),
    ("not B) basophil", 1, True),
    ("B or A", 1, True),
    ("B, no: A", 0, False),
    ("(B)", 1, False),
    ("(B) basophil", 1, True),  # the lettered option stands behind the bracket
    (" B", 1, False),
    ("\nB", 1, False),
    ("**B**", 1, False),
    ("b", 1, False),
    ("b) basophil", 1, False),
    ("B) Basophil", 1, True),  # by its first letter
    ("It is B) Basophil", 1, False),
    ("It is B)basophil", 1, False),
    ("The answer is B", 1, False),
    ("The answer is B.", 1, False),
    ("basophil", 1, False),
    ("Answer: B", 1, False),
    ("Answer: B", 0, True),
    ("", 0, False),
    ("A", 1, False),
    ("D", 3, True),
    ("The answer is D) none of the above", 3, True),
]


@pytest.mark.parametrize(("reply", "gold", "right"), REPLIES)
def test_the_rule_is_the_described_one(reply: str, gold: int, right: bool) -> None:
    assert paper_compat(reply, OPTIONS, gold) is right


def test_a_gold_index_that_is_no_option_is_refused() -> None:
    for gold in (-1, 4):
        with pytest.raises(ValueError, match="not an index into 4 options"):
            paper_compat("A", OPTIONS, gold)


@pytest.mark.parametrize(
    ("reply", "gold", "cause"),
    [
        ("B", 1, None),
        ("As an AI language model, I cannot answer that.", 0, "refusal"),
        ("Based on the image, a round cell.", 1, "word"),
        ("A is wrong; the answer is B", 0, "other_answer"),
        ("\n".join(f"{c}) {o}" for c, o in zip("ABCD", OPTIONS, strict=True)), 1, "all_options"),
        ("Either A) eosinophil or B) basophil", 1, "some_options"),
        ("The answer is A. It is not B) basophil", 1, "quoted"),
        ("(B)", 1, "marks"),
        ("**B**", 1, "marks"),
        (" B", 1, "white_space"),
        ("b", 1, "lower_case"),
        ("b) basophil", 1, "lower_case"),
        ("The answer is B.", 1, "later"),
        ("basophil", 1, "text_alone"),
        ("It is a vitamin A deposit.", 2, "text_alone"),
    ],
)
def test_each_reply_on_which_the_scorers_part_has_its_cause(
    reply: str, gold: int, cause: str | None
) -> None:
    made = record(0, reply, options=OPTIONS, gold=gold)
    readings = [read(protocol.file.parser, made) for protocol in (PAPER, OURS)]
    assert Causes(PAPER.file.parser, OURS.file.parser)(made, readings) == (cause or "")


def test_labels_of_another_style_are_a_cause_of_their_own() -> None:
    compared = compare_scorers([record(0, "2", options=OPTIONS, gold=1, labels=list("1234"))])
    (cause,) = compared.causes
    assert (cause.name, cause.effect) == ("other_labels", "false miss")


def test_the_interval_is_scipys_basic_bootstrap() -> None:
    import numpy as np
    from scipy.stats import bootstrap

    right, n = 300, 1_000
    ours = basic_bootstrap(right, n)
    items = np.repeat([1.0, 0.0], [right, n - right])
    reference = bootstrap(
        (items,), np.mean, method="basic", n_resamples=9_999, rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.low == pytest.approx(reference.low, abs=0.0025)
    assert ours.high == pytest.approx(reference.high, abs=0.0025)
    assert ours.half_width == pytest.approx(ours.high - 0.3)
    assert ours == basic_bootstrap(right, n)


def test_the_published_half_widths_come_out() -> None:
    # GPT-4o in the paper: 62.68 ± 0.35 of 79,716 and 51.73 ± 0.82 of 16,130.
    assert basic_bootstrap(49_966, 79_716).half_width == pytest.approx(0.0035, abs=0.0002)
    assert basic_bootstrap(8_344, 16_130).half_width == pytest.approx(0.0082, abs=0.0006)


def test_nothing_right_and_all_right_have_no_width() -> None:
    assert basic_bootstrap(0, 7).half_width == 0
    assert basic_bootstrap(7, 7).half_width == 0


def record(number: int, reply: str | None, **fields: Any) -> dict[str, Any]:
    """A record of four options, gold the first, read as our parser reads it."""
    made = plain_record(number, reply=reply, **fields)
    if reply is not None:
        answer = parse_answer(reply, made["options"], made["labels"])
        span = None if answer.span is None else list(answer.span)
        made |= {"status": answer.status, "choice": answer.index, "span": span}
        made["correct"] = answer.index == made["gold"]
    return made


@dataclass
class Both:
    """The paper's reading and ours of the same records."""

    n: int
    official: float
    ours: float
    causes: tuple[Any, ...]
    datasets: dict[str, Any]
    n_errors: int
    scored: int


def compare_scorers(records: Iterable[Any]) -> Both:
    causes = Causes(PAPER.file.parser, OURS.file.parser)
    found = tally(records, {}, [PAPER, OURS], lambda task: None, causes)
    made = difference(found, causes, "all", "all")
    assert made is not None
    assert made.first.value is not None
    assert made.second.value is not None
    return Both(
        made.in_both, made.first.value, made.second.value, made.steps,
        part_scores(found, "datasets"), found.n_errors, found.n_scored,
    )  # fmt: skip


def test_the_difference_is_the_sum_of_its_causes() -> None:
    replies = ["A", "(A)", "(A)", "a cat", "B", "As an AI, I cannot.", "A dog", "The answer is A"]
    compared = compare_scorers(record(i, reply) for i, reply in enumerate(replies))
    assert compared.n == 8
    assert compared.official == 3 / 8  # "A", "As an AI", "A dog"
    causes = {step.name: step.n for step in compared.causes}
    assert causes["marks"] == 2
    assert causes["refusal"] == 1
    total = sum(step.points for step in compared.causes)
    assert total == pytest.approx(100 * (compared.official - compared.ours))


def test_micro_and_macro_weigh_data_sets_differently() -> None:
    records = [record(i, "A", dataset="large") for i in range(3)]
    records += [record(3, "B", dataset="small")]
    compared = compare_scorers(records)
    assert compared.official == 0.75
    assert fmean(one.first for one in compared.datasets.values()) == 0.5
    assert fmean(one.second for one in compared.datasets.values()) == 0.5


def test_scored_options_go_by_the_first_highest_and_errors_are_apart() -> None:
    scored = {"scores": [0.2, 0.2, 0.1, 0.0], "readout": "similarity", "choice": 0}
    failed = {"status": "error", "choice": None, "correct": None}
    compared = compare_scorers([record(0, None, **scored), record(1, None, **failed)])
    assert (compared.n, compared.official) == (1, 1.0)
    assert (compared.n_errors, compared.scored) == (1, 1)


def test_a_stored_run_is_scored_beside_ours(here: Here, cells: Path) -> None:
    sentence = ("--plugin", "echo", "-o", "style=sentence", "--data", cells, "--run-dir", "run")
    assert here("eval", *sentence).code == 0
    done = here("score", "run", "--scorer", "paper-compat", "--json")
    assert done.code == 0
    scores = done.document["scores"]
    assert scores["pooled"]["n"] == 6
    assert scores["pooled"]["accuracy"] == 0
    difference = done.document["difference"]
    assert {d["name"] for d in difference} <= {"later"}
    assert sum(d["points"] for d in difference) == pytest.approx(-100 * scores["pooled"]["ours"])
    assert done.document["ours"]["pooled"]["accuracy"] == scores["pooled"]["ours"]
    assert "where they differ" in here("score", "run", "--scorer", "paper-compat").out.lower()


def test_saving_is_for_our_own_reading_alone(here: Here, cells: Path) -> None:
    assert here("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run").code == 0
    done = here("score", "run", "--scorer", "paper-compat", "--save")
    assert done.code == 2
    assert "--save" in done.err


def test_both_scorers_agree_with_a_plain_count_on_random_replies() -> None:
    drawn = random.Random(0)
    pieces = ["A", "B", "a cat", "(A)", "A) a cat", "The answer is ", " ", "no", "As ", "\n"]
    records = [record(i, "".join(drawn.choices(pieces, k=3))) for i in range(300)]
    compared = compare_scorers(records)
    right = sum(r["reply"].startswith("A") or "A) a cat" in r["reply"] for r in records)
    assert compared.official == right / 300
    assert compared.ours == sum(r["correct"] for r in records) / 300
