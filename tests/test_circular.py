"""One item under several orders, and by several read-outs: what hangs on the place and the way."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.scores.score import score
from mubench_gen.storage.records import Record

from .spine import command, evaluate, make_row, plain_record, write_data

OPTIONS = ("a cat", "a dog", "a cow")


def asked(
    item: int, order: tuple[int, ...], choice: int | None, *, readout: str = "parse", **more: Any
) -> Record:
    """Item `item`, whose right option is the first of OPTIONS, as shown in that order."""
    shown = ".".join(map(str, order))
    gold = order.index(0)
    fields = {
        "id": f"d/{item}/modality/letter/{readout}/{shown}/0",
        "item": f"d/{item}/modality",
        "image_sha256": f"image{item}",
        "readout": readout,
        "order": list(order),
        "options": [OPTIONS[i] for i in order],
        "gold": gold,
        "status": "none" if choice is None else "answered",
        "choice": choice,
        "correct": choice == gold,
    }
    return plain_record(item, **{**fields, **more})


ORDERS = ((0, 1, 2), (1, 2, 0), (2, 0, 1))


def test_an_item_is_consistent_only_where_it_is_right_under_every_order() -> None:
    always = [asked(0, order, order.index(0)) for order in ORDERS]
    first_place = [asked(1, order, 0) for order in ORDERS]
    always_the_dog = [asked(2, order, order.index(1)) for order in ORDERS]
    found = score([*always, *first_place, *always_the_dog]).circular["pooled"]
    assert (found.items, found.incomplete, found.orders) == (3, 0, 3.0)
    assert found.accuracy == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert found.consistent == pytest.approx(1 / 3)
    assert found.unmoved == pytest.approx(2 / 3)


def test_a_model_that_always_names_one_place_shows_in_the_places() -> None:
    found = score(asked(i, order, 0) for i in range(20) for order in ORDERS).circular["pooled"]
    assert [place.recall for place in found.places] == [1.0, 0.0, 0.0]
    assert [place.answered for place in found.places] == [1.0, 0.0, 0.0]
    assert [place.expected for place in found.places] == pytest.approx([1 / 3] * 3)
    assert found.place_bias == pytest.approx((2 / 9) ** 0.5)
    assert found.place_noise is not None
    assert found.place_bias > 3 * found.place_noise


def test_a_reply_without_an_answer_is_neither_right_nor_the_same_option() -> None:
    records = [asked(0, ORDERS[0], 0), asked(0, ORDERS[1], None), asked(0, ORDERS[2], None)]
    found = score(records).circular["pooled"]
    assert (found.consistent, found.unmoved) == (0.0, 0.0)


def test_an_item_with_an_error_under_one_order_is_left_out_and_counted() -> None:
    failed = asked(1, ORDERS[1], None, status="error", correct=None)
    records = [asked(0, o, o.index(0)) for o in ORDERS] + [asked(1, ORDERS[0], 0), failed]
    found = score(records).circular["pooled"]
    assert (found.items, found.incomplete, found.consistent) == (1, 1, 1.0)


def test_an_item_that_was_not_yet_asked_under_all_its_orders_is_left_out_and_counted() -> None:
    """As where a run was interrupted: right so far is not right under every order."""
    records = [asked(0, o, o.index(0)) for o in ORDERS] + [asked(1, ORDERS[0], 0)]
    found = score(records).circular["pooled"]
    assert (found.items, found.incomplete, found.consistent) == (1, 1, 1.0)


def test_items_of_other_numbers_of_options_have_other_numbers_of_orders() -> None:
    records = [asked(0, o, o.index(0)) for o in ORDERS]
    records.append(asked(1, (0, 1), 0, options=["a cat", "none of the above"]))
    found = score(records).circular["pooled"]
    assert (found.items, found.incomplete) == (2, 0)


def test_records_in_any_order_give_the_same() -> None:
    records = [asked(i, order, i % 3) for i in range(30) for order in ORDERS]
    mixed = sorted(records, key=lambda record: str(hash(record["id"]) % 97))
    assert score(mixed).circular == score(records).circular


def test_a_run_of_one_order_and_one_read_out_has_neither_part() -> None:
    scores = score(asked(i, ORDERS[0], 0) for i in range(5))
    assert (scores.circular, scores.agreement) == ({}, {})
    assert "circular" not in scores.as_dict()
    assert "agreement" not in scores.as_dict()


def test_read_outs_agree_where_they_choose_the_same_option_of_the_same_question() -> None:
    choices = [(0, 0), (0, 1), (None, None), (1, None)]
    records = [
        asked(i, ORDERS[0], choice, readout=readout)
        for i, pair in enumerate(choices)
        for choice, readout in zip(pair, ("parse", "logprob"), strict=True)
    ]
    found = score(records).agreement["logprob and parse"]
    assert (found.n, found.same, found.answered, found.same_answered) == (4, 0.5, 2, 0.5)
    assert found.right == (0.25, 0.5)
    chance = (1 * 2 + 1 * 1 + 2 * 1) / 16  # places 0, 1 and none
    assert found.kappa == pytest.approx((0.5 - chance) / (1 - chance))


def test_a_question_that_failed_by_one_read_out_is_not_compared() -> None:
    records = [
        asked(0, ORDERS[0], 0),
        asked(0, ORDERS[0], None, readout="logprob", status="error", correct=None),
        asked(1, ORDERS[0], 0),
        asked(1, ORDERS[0], 0, readout="logprob"),
    ]
    assert score(records).agreement["logprob and parse"].n == 1


def test_both_are_printed_and_stored_by_a_run(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", [make_row(n) for n in range(4)])
    run = evaluate(
        "echo",
        tmp_path / "run",
        data=data,
        tasks="modality",
        orders="cyclic:2",
        readout="parse,logprob",
    )
    scores = run.summary()["scores"]
    assert scores["circular"]["pooled"]["orders"] == 2.0
    assert scores["agreement"]["logprob and parse"]["n"] > 0
    outcome = command("report", str(tmp_path / "run"))
    assert "Right under every order:" in outcome.stdout
    assert "Read-outs logprob and parse:" in outcome.stdout


def test_an_item_counts_once_however_many_readouts_it_was_asked_by() -> None:
    records = [
        asked(item, order, order.index(0), readout=readout)
        for item in range(5)
        for readout in ("parse", "choice")
        for order in ORDERS
    ]
    found = score(records).circular["pooled"]
    assert (found.items, found.series, found.incomplete) == (5, 10, 0)


@pytest.mark.exhaustive
def test_the_bias_towards_a_place_has_an_interval_and_a_test() -> None:
    """Of 150 items a part is always answered with the first place; the others at random."""
    held = rejected = 0
    for seed in range(30):
        drawn = random.Random(seed)
        fair = [asked(i, order, drawn.randrange(3)) for i in range(100) for order in ORDERS]
        found = score(fair).circular["pooled"]
        rejected += (found.place_p or 0) < 0.05
        swayed = [
            asked(i, order, 0 if drawn.random() < 0.4 else drawn.randrange(3))
            for i in range(100)
            for order in ORDERS
        ]
        low, high = score(swayed).circular["pooled"].place_ci95 or (0, 0)
        held += low <= 0.4 * (2 / 9) ** 0.5 <= high
    assert rejected <= 4
    assert held >= 26
