"""An audit corrects the accuracy by what a person reads."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from mubench_gen.errors import DataError, SettingError
from mubench_gen.runs.audit import UNSURE, Audit, audit, draw_sample, read_labels, write_sample
from mubench_gen.runs.results import Run
from mubench_gen.scores.clusters import Clustering


@dataclass
class StoredRun:
    """What an audit needs of a run: records with replies, here of a parser that errs."""

    dir: Path = Path("run")
    stored: list[dict[str, Any]] = field(default_factory=list)
    truth: dict[str, int | None] = field(default_factory=dict)
    clustering: Clustering = field(default_factory=Clustering)

    def records(self) -> Iterator[dict[str, Any]]:
        return iter(self.stored)


def biased_run(items: int, seed: int) -> StoredRun:
    """The parser reads a third of the long replies as the right option when they are not."""
    generator, run = random.Random(seed), StoredRun()
    for i in range(items):
        long = generator.random() < 0.3
        meant = generator.randrange(4)
        read = 0 if long and generator.random() < 1 / 3 else meant
        run.truth[f"item-{i}"] = meant
        run.stored.append(record(f"item-{i}", choice=read, rule="prose" if long else "sole_label"))
    return run


def record(identity: str, *, choice: int | None, rule: str) -> dict[str, Any]:
    return {
        "id": identity,
        "dataset": "cells",
        "image_id": identity,
        "image_sha256": None,
        "status": "none" if choice is None else "answered",
        "rule": rule if choice is not None else None,
        "choice": choice,
        "gold": 0,
        "correct": choice == 0,
        "labels": ["A", "B", "C", "D"],
        "options": ["one", "two", "three", "four"],
        "reply": f"reply {identity}",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}]}],
    }


def read_by_person(run: StoredRun, size: int, seed: int) -> Audit:
    sample = draw_sample(cast("Run", run), size, seed)
    labels = {r["id"]: "ABCD"[run.truth[r["id"]] or 0] for r in sample}
    return audit(cast("Run", run), labels)


def test_the_corrected_accuracy_is_near_what_a_person_would_find_and_the_parsers_is_not() -> None:
    run = biased_run(4_000, seed=1)
    true = sum(meant == 0 for meant in run.truth.values()) / len(run.truth)
    found = read_by_person(run, 400, seed=2)
    assert found.accuracy - true > 0.05
    assert abs(found.corrected - true) < 0.03
    assert found.misread > 0.03
    assert found.missed == found.invented == 0


def test_its_interval_holds_the_accuracy_that_a_person_would_find() -> None:
    held = 0
    for seed in range(120):
        run = biased_run(600, seed=seed)
        found = read_by_person(run, 120, seed=seed)
        held += found.ci95[0] <= 0.25 <= found.ci95[1]
    assert held / 120 > 0.91


def test_rare_ways_of_reading_are_drawn_too() -> None:
    run = StoredRun(stored=[record(f"a{i}", choice=1, rule="sole_label") for i in range(960)])
    run.stored += [record(f"b{i}", choice=1, rule="prose") for i in range(40)]
    drawn = [r["rule"] for r in draw_sample(cast("Run", run), 40, seed=0)]
    assert drawn.count("prose") >= 8


def test_the_sample_is_drawn_by_its_seed() -> None:
    run = cast("Run", biased_run(500, seed=3))
    assert draw_sample(run, 50, seed=4) == draw_sample(run, 50, seed=4)
    assert draw_sample(run, 50, seed=4) != draw_sample(run, 50, seed=5)


def test_the_file_for_the_person_shows_neither_the_right_answer_nor_the_parsers(
    tmp_path: Path,
) -> None:
    run = biased_run(60, seed=5)
    sample = draw_sample(cast("Run", run), 20, seed=0)
    write_sample(sample, tmp_path / "sample.csv")
    text = (tmp_path / "sample.csv").read_text()
    assert text.splitlines()[0] == "id,question,options,reply,label"
    assert "sole_label" not in text
    assert "What is it?" in text
    with pytest.raises(SettingError, match="exists already"):
        write_sample(sample, tmp_path / "sample.csv")


def test_what_a_person_cannot_tell_is_left_out_and_counted() -> None:
    run = biased_run(100, seed=6)
    sample = draw_sample(cast("Run", run), 20, seed=0)
    labels = {r["id"]: "A" for r in sample} | {sample[0]["id"]: UNSURE}
    found = audit(cast("Run", run), labels)
    assert found.unsure == 1
    assert found.labelled == len(sample) - 1


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"item-0": "Q"}, "'Q' of item-0 is none of A, B, C, D"),
        ({"elsewhere": "A"}, "no reply 'elsewhere'"),
        ({}, "No label is filled in"),
    ],
)
def test_labels_that_cannot_be_used_are_named(labels: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        audit(cast("Run", biased_run(20, seed=7)), labels)


def test_a_file_without_labels_or_ids_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="needs the columns id and label"):
        read_labels(tmp_path / "other.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_labels(tmp_path / "missing.csv")


def width(found: Audit) -> float:
    return found.ci95[1] - found.ci95[0]


def test_where_a_person_read_everything_the_labels_add_no_doubt() -> None:
    run = biased_run(400, seed=3)
    labels = {name: "ABCD"[meant or 0] for name, meant in run.truth.items()}
    found = audit(cast("Run", run), labels)
    true = sum(meant == 0 for meant in run.truth.values()) / len(run.truth)
    assert found.corrected == pytest.approx(true)
    unaudited = audit(cast("Run", run), {r["id"]: "ABCD"[r["choice"]] for r in run.stored})
    assert width(found) == pytest.approx(width(unaudited))


def test_labels_of_one_image_are_not_independent() -> None:
    widths = []
    for images in (600, 60):
        run = biased_run(600, seed=4)
        for number, one in enumerate(sorted(run.stored, key=lambda r: r["correct"])):
            one["image_id"] = f"image-{number * images // 600}"
        wrong = {r["id"]: r["image_id"] for r in run.stored}
        labels = {name: "A" if hash_of(image) % 2 else "B" for name, image in wrong.items()}
        some = dict(list(labels.items())[:200])
        widths.append(width(audit(cast("Run", run), some)))
    assert widths[1] > 1.2 * widths[0]


def hash_of(name: str) -> int:
    return int(name.rpartition("-")[2])


def test_a_parser_that_says_little_of_the_truth_weighs_little() -> None:
    noisy, generator = biased_run(2_000, seed=5), random.Random(6)
    for one in noisy.stored:
        noisy.truth[one["id"]] = generator.randrange(2)
    found = read_by_person(noisy, 400, seed=7)
    assert found.tuning < 0.3
    true = sum(meant == 0 for meant in noisy.truth.values()) / len(noisy.truth)
    assert found.ci95[0] < true < found.ci95[1]
    assert read_by_person(biased_run(2_000, seed=5), 400, seed=7).tuning > 0.5
