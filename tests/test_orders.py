"""Orders of the options: permutations by seed, "none of the above" last, gold following."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from mubench_gen import SettingError, UsageError
from mubench_gen.prompts.orders import check_orders, item_orders

from .spine import OPTIONS, evaluate, make_row, write_data

FIVE = ("a", "b", "c", "d", "e")
KINDS = ["given", "reversed", "shuffled", "cyclic:2", "cyclic:9", "random:3", "random:500", "all"]


@pytest.mark.parametrize(
    "last",
    ["none of the above", "None of the above.", " NONE OF THESE ", "None of the above options",
     "None of the listed answers", "Neither of them", "None of the above is correct"],
)  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_none_of_the_above_stays_last(kind: str, last: str) -> None:
    options = ("a", "b", "c", "d", last)
    for item in map(str, range(20)):
        for order in item_orders(kind, options, seed=1, item=item):
            assert order[-1] == 4
            assert sorted(order) == [0, 1, 2, 3, 4]


def test_all_and_none_of_the_above_both_stay_behind_what_they_speak_of() -> None:
    options = ("a", "b", "All of the above", "None of the above")
    assert {order[2:] for order in item_orders("all", options, seed=0, item="x")} == {(2, 3)}


@pytest.mark.parametrize("last", ["nonenal", "none", "all of the nuclei", "both of them dividing"])
def test_an_option_that_only_sounds_like_it_moves(last: str) -> None:
    orders = item_orders("all", ("a", "b", last), seed=0, item="x")
    assert {order.index(2) for order in orders} == {0, 1, 2}


@pytest.mark.parametrize("spec", ["random:5041", "cyclic:999999999", "random:100000000000000000"])
def test_more_orders_of_an_item_than_anybody_asks_are_refused(spec: str) -> None:
    with pytest.raises(SettingError, match=r"at most 5,040"):
        check_orders(spec)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 3, 5, 6])
def test_every_order_is_a_permutation_and_comes_once(kind: str, n: int) -> None:
    options = tuple(f"option {i}" for i in range(n))
    orders = item_orders(kind, options, seed=3, item="x")
    assert len(set(orders)) == len(orders) >= 1
    assert all(sorted(order) == list(range(n)) for order in orders)


@pytest.mark.parametrize(
    ("kind", "count"),
    [("given", 1), ("reversed", 1), ("shuffled", 1), ("cyclic:2", 2), ("cyclic:9", 5),
     ("random:3", 3), ("random:119", 119), ("random:120", 120), ("random:999", 120), ("all", 120)],
)  # fmt: skip
def test_there_are_as_many_orders_as_asked_for_and_exist(kind: str, count: int) -> None:
    assert len(item_orders(kind, FIVE, seed=0, item="x")) == count


def test_cyclic_orders_show_each_option_at_each_place_once() -> None:
    orders = item_orders("cyclic:5", FIVE, seed=0, item="x")
    for place in range(5):
        assert {order[place] for order in orders} == {0, 1, 2, 3, 4}
    assert orders[0] == (0, 1, 2, 3, 4)


def test_random_orders_depend_on_seed_and_item_alone() -> None:
    def drawn(seed: int, item: str) -> list[tuple[int, ...]]:
        return item_orders("random:3", FIVE, seed=seed, item=item)

    assert drawn(1, "x") == drawn(1, "x")
    assert drawn(1, "x") != drawn(2, "x")
    assert drawn(1, "x") != drawn(1, "y")
    assert item_orders("random:2", FIVE, seed=1, item="x") == drawn(1, "x")[:2]


def test_shuffled_puts_each_option_at_each_place_equally_often() -> None:
    places = Counter(
        item_orders("shuffled", FIVE, seed=5, item=f"{i}")[0].index(0) for i in range(5_000)
    )
    assert set(places) == set(range(5))
    assert max(abs(n - 1_000) for n in places.values()) < 5 * math.sqrt(1_000 * 0.8)


@pytest.mark.parametrize(
    "spec", ["", "cyclic", "cyclic:", "cyclic:0", "cyclic:-1", "random:x", "all:2", "given:1", "²"]
)
def test_an_order_that_is_none_is_refused(spec: str) -> None:
    with pytest.raises(SettingError, match=r"cyclic:K"):
        check_orders(spec)


def test_all_orders_of_too_many_options_are_refused_with_the_number() -> None:
    with pytest.raises(UsageError, match="40,320 orders"):
        item_orders("all", tuple("abcdefgh"), seed=0, item="x")
    assert len(item_orders("all", (*"abcdefg", "none of the above"), seed=0, item="x")) == 5_040


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    return write_data(tmp_path / "cells", [make_row(i) for i in range(12)])


@pytest.mark.parametrize("orders", ["shuffled", "cyclic:3", "random:4", "reversed"])
def test_gold_and_options_follow_the_order_and_ids_stay_unique(
    cells: Path, tmp_path: Path, orders: str
) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells, prompt="plain", orders=orders)
    golds = {row["image_id"]: row["questions"] for row in (make_row(i) for i in range(12))}
    records = list(run.records())
    assert len({r["id"] for r in records}) == len(records) == run.manifest["planned"]
    assert len({r["key"] for r in records}) == len(records)
    for record in records:
        original = OPTIONS[record["task"]]
        assert record["options"] == [original[i] for i in record["order"]]
        question = golds[record["image_id"]][record["task"]]
        assert record["options"][record["gold"]] == question["answer"]
        text = record["messages"][0]["content"][1]["text"] + "\n"
        shown = zip(record["labels"], record["options"], strict=True)
        places = [text.index(f"{label}. {option}\n") for label, option in shown]
        assert places == sorted(places)


def test_the_order_of_a_prompt_file_holds_unless_the_run_gives_another(
    cells: Path, tmp_path: Path
) -> None:
    def orders(**settings: str) -> set[tuple[int, ...]]:
        run = evaluate(
            "echo",
            tmp_path / f"run {settings}",
            data=cells,
            tasks="domain",
            prompt_set={"order": "reversed"},
            **settings,
        )
        return {tuple(r["order"]) for r in run.records()}

    assert orders() == {(2, 1, 0)}
    assert orders(orders="given") == {(0, 1, 2)}


def test_an_option_that_was_made_to_take_for_ever_is_no_closing_one() -> None:
    option = "None of the " + "others" * 200 + "!"
    orders = item_orders("cyclic:2", ("a", "b", option), seed=0, item="x")
    assert len(orders) == 2
    assert item_orders("shuffled", ("a", "None of the others"), seed=0, item="x") == [(0, 1)]
