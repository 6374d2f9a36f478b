"""Scores against hand-computed tables, and against the same sums done another way."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mubench_gen.scores.score import score
from mubench_gen.scores.tally import Score
from mubench_gen.storage.records import Record

from .conftest import Here
from .spine import evaluate, make_row, plain_record, write_data

STATUSES = (
    "answered", "ambiguous", "contradiction", "refused", "out_of_range", "truncated", "empty",
    "none",
)  # fmt: skip
TEXTS = ("a cat", "a dog", "a cow", "a pig", "a hen")


def record(
    number: int,
    *,
    status: str = "answered",
    choice: int | None = None,
    gold: int = 0,
    options: int = 4,
    **fields: Any,
) -> Record:
    """A record of one item; `choice` counts where it is answered."""
    answered = status == "answered"
    return plain_record(
        number,
        status=status,
        choice=choice if answered else None,
        gold=gold,
        options=list(TEXTS[:options]),
        correct=None if status == "error" else answered and choice == gold,
        **fields,
    )


# image: what was answered to its items
BY_HAND = [
    record(0, image_sha256="one", choice=0),
    record(1, image_sha256="one", choice=1),
    record(2, image_sha256="two", choice=0),
    record(3, image_sha256="two", status="none"),
    record(4, image_sha256="three", status="refused", task="stain", dataset="tissues", options=2),
    record(5, image_sha256="three", choice=1, gold=1, task="stain", dataset="tissues", options=2),
    record(6, image_sha256="four", status="error", task="stain", dataset="tissues", options=5),
    record(7, image_sha256="five", choice=1, gold=0, task="stain", options=2),
]


def test_the_scores_of_a_table_done_by_hand() -> None:
    scores = score(BY_HAND)
    pooled = scores.pooled
    assert (pooled.n, pooled.n_errors) == (7, 1)
    assert pooled.accuracy == pytest.approx(3 / 7)
    assert pooled.accuracy_answered == pytest.approx(3 / 5)
    assert pooled.bounds == pytest.approx((3 / 7, 5 / 7))
    assert pooled.chance == pytest.approx((4 * 1 / 4 + 3 * 1 / 2) / 7)
    assert pooled.chance_corrected == pytest.approx((3 / 7 - 2.5 / 7) / (1 - 2.5 / 7))
    assert pooled.statuses == pytest.approx({"answered": 5 / 7, "none": 1 / 7, "refused": 1 / 7})
    assert list(scores.tasks) == ["modality", "stain"]
    assert list(scores.datasets) == ["cells", "tissues"]
    modality, stain = scores.tasks["modality"], scores.tasks["stain"]
    assert (modality.n, modality.n_errors, modality.accuracy) == (4, 0, 0.5)
    assert modality.chance == 0.25
    assert modality.chance_corrected == pytest.approx(1 / 3)
    assert (stain.n, stain.n_errors) == (3, 1)
    assert stain.accuracy == pytest.approx(1 / 3)
    assert stain.accuracy_answered == 0.5
    assert stain.chance_corrected == pytest.approx((1 / 3 - 1 / 2) / (1 - 1 / 2))
    assert scores.datasets["tissues"].accuracy == 0.5
    assert scores.datasets["cells"].bounds == pytest.approx((2 / 5, 3 / 5))


def test_the_interval_of_a_table_done_by_hand() -> None:
    """Two images of two items, 2 and 0 right: p 1/2, robust variance 2/1 · 2/16 = 1/4.

    Four independent items would have 1/4 / 3: a design effect of 3, 4/3 items, and with t
    of one degree of freedom 12.7062 squared over 4/3, 121.086, Wilson's half width is
    12.7062 / 122.086 · √(3/16 + 121.086 / (16/3)).
    """
    found = score(
        [record(i, image_sha256="ab"[i // 2], choice=i // 2) for i in range(4)]
    ).pooled.ci95
    half = 12.7062 / 122.086 * (3 / 16 + 121.086 / (16 / 3)) ** 0.5
    assert found == pytest.approx((0.5 - half, 0.5 + half), abs=1e-4)


def drawn_records(seed: int, n: int = 400) -> list[Record]:
    drawn = random.Random(seed)
    records = []
    for number in range(n):
        options, image = drawn.randrange(2, 6), drawn.randrange(60)
        status = drawn.choice(("answered",) * 6 + STATUSES + ("error",))
        records.append(
            record(
                number,
                status=status,
                options=options,
                choice=drawn.randrange(options),
                gold=drawn.randrange(options),
                image_sha256=f"{image}",
                task=drawn.choice(("modality", "stain", "domain")),
                dataset=f"set{image % 4}",
                prompt=drawn.choice(("plain", "letter")),
                readout=drawn.choice(("parse", "logprob")),
            )
        )
    return records


def by_pandas(frame: pd.DataFrame) -> dict[str, Any]:
    """The contract's numbers of a frame of records."""
    sound = frame[frame.status != "error"]
    right = (sound.choice == sound.gold) & (sound.status == "answered")
    answered = sound.status == "answered"
    chance = (1 / sound["options"].map(len)).mean()
    accuracy = right.mean()
    return {
        "n": len(sound),
        "n_errors": len(frame) - len(sound),
        "accuracy": accuracy,
        "accuracy_answered": right[answered].mean(),
        "bounds": (accuracy, (right | ~answered).mean()),
        "chance": chance,
        "chance_corrected": (accuracy - chance) / (1 - chance),
        "statuses": sound.status.value_counts(normalize=True).to_dict(),
    }


def same(found: Score, frame: pd.DataFrame) -> None:
    plain = asdict(found)
    del plain["ci95"]
    for name, value in by_pandas(frame).items():
        assert plain[name] == pytest.approx(value), name


@pytest.mark.parametrize("seed", range(20))
def test_scores_equal_the_same_sums_in_pandas(seed: int) -> None:
    records = drawn_records(seed)
    frame = pd.DataFrame.from_records(records)
    scores = score(records)
    same(scores.pooled, frame)
    for column, groups in (
        ("task", scores.tasks),
        ("dataset", scores.datasets),
        ("prompt", scores.prompts),
        ("readout", scores.readouts),
    ):
        assert list(groups) == sorted(frame[column].unique())
        for name, part in frame.groupby(column):
            same(groups[str(name)], part)


@pytest.mark.parametrize("seed", range(5))
def test_scores_do_not_depend_on_the_order_of_the_records(seed: int) -> None:
    records = drawn_records(seed)
    shuffled = records[:]
    random.Random(seed).shuffle(shuffled)
    one, other = score(records), score(shuffled)
    assert one.pooled.ci95 == pytest.approx(other.pooled.ci95)
    assert one.pooled.accuracy == other.pooled.accuracy
    assert one.controls == other.controls


def test_scores_of_nothing_are_none() -> None:
    scores = score([])
    assert scores.pooled == Score(0, 0, None, None, None, None, None, None, {})
    assert scores.tasks == scores.datasets == {}
    json.dumps(scores.as_dict(), allow_nan=False)


def test_errors_are_counted_and_are_no_answers() -> None:
    scores = score([record(i, status="error") for i in range(3)])
    assert scores.pooled == Score(0, 3, None, None, None, None, None, None, {})
    assert scores.tasks["modality"].n_errors == 3
    json.dumps(scores.as_dict(), allow_nan=False)


def test_none_answered_is_an_accuracy_of_0_with_open_bounds() -> None:
    pooled = score([record(i, status="none") for i in range(4)]).pooled
    assert pooled.accuracy == 0
    assert pooled.accuracy_answered is None
    assert pooled.bounds == (0, 1)
    assert pooled.statuses == {"none": 1}


def test_a_run_of_errors_alone_exits_3_and_is_reported(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "cells", [make_row(i) for i in range(2)])
    run = tmp_path / "run"
    words = ("eval", "--plugin", "echo", "-o", "fail=1", "--data", data, "--run-dir", run)
    table = here(*words)
    assert table.code == 3, table.err
    assert "Traceback" not in table.err
    assert "10 items failed" in table.out
    document = here(*words, "--json")
    assert document.code == 3
    pooled = json.loads(document.out)["scores"]["pooled"]
    assert (pooled["n"], pooled["n_errors"], pooled["accuracy"], pooled["ci95"]) == (
        0, 10, None, None,
    )  # fmt: skip
    for words_again in (("report", run), ("score", run), ("score", run, "--json")):
        assert here(*words_again).code == 0


CONTRACT = [
    "n", "n_errors", "accuracy", "accuracy_answered", "bounds", "chance", "chance_corrected",
    "ci95", "statuses",
]  # fmt: skip


def fields(document: dict[str, Any]) -> Sequence[Sequence[str]]:
    scores = document["scores"]
    groups = [scores["pooled"], *scores["tasks"].values(), *scores["datasets"].values()]
    return [list(group) for group in groups]


def test_the_scores_file_is_what_eval_prints_and_has_the_fields_of_the_contract(
    here: Here,
    tmp_path: Path,
) -> None:
    rows = [make_row(i, dataset=f"set{i % 2}") for i in range(6)]
    data, run = write_data(tmp_path / "cells", rows), tmp_path / "run"
    words = ("eval", "--plugin", "echo", "--data", data, "--run-dir", run, "--json")
    printed = json.loads(here(*words).out)
    assert printed == json.loads((run / "scores.json").read_text())
    assert printed["run_dir"] == str(run)
    assert {"pooled", "tasks", "datasets"} <= printed["scores"].keys()
    assert fields(printed) == [CONTRACT] * 8
    assert printed["scores"]["datasets"].keys() == {"set0", "set1"}
    assert sum(s["n"] for s in printed["scores"]["tasks"].values()) == 30
    assert printed == json.loads(here(*words).out)


def test_images_of_one_name_in_two_data_sets_are_two_images() -> None:
    """Without images in the prompt, records are told apart by data set and image id."""
    records = [
        record(i, image_sha256=None, image_id=f"{i % 50}", dataset=f"set{i // 50}", choice=i % 3)
        for i in range(100)
    ]
    apart = [{**r, "image_id": f"{r['dataset']} {r['image_id']}"} for r in records]
    assert score(records).pooled.ci95 == score(apart).pooled.ci95


def test_repeats_of_an_item_are_items_of_one_image(tmp_path: Path) -> None:
    data = write_data(tmp_path / "cells", [make_row(i, questions=("stain",)) for i in range(30)])
    once = evaluate("echo", tmp_path / "once", data=data).scores.pooled
    often = evaluate("echo", tmp_path / "often", data=data, repeats=10).scores.pooled
    assert often.n == 300
    assert often.accuracy == pytest.approx(once.accuracy)
    assert often.ci95 == pytest.approx(once.ci95, abs=0.01)
