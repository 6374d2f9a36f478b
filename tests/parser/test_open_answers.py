"""Sets of options, numbers and short texts are read from replies as people would."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.parser.open import read_number, read_set, read_text
from mubench_gen.parser.open.texts import is_accepted
from mubench_gen.parser.open.units import physical

OPTIONS = ("nucleus", "mitochondria", "golgi apparatus", "cell wall", "chloroplast")
LINES = Path(__file__).with_name("open_replies.jsonl").read_text(encoding="utf-8").splitlines()
REPLIES: list[dict[str, Any]] = [json.loads(line) for line in LINES]


def read(one: dict[str, Any]) -> str | float:
    if one["form"] == "several":
        found = read_set(one["reply"], one.get("options", OPTIONS))
        letters = " ".join("ABCDE"[index] for index in found.indices)
        return letters if found.status == "answered" else found.status
    if one["form"] == "number":
        number = read_number(one["reply"], one["unit"])
        return number.status if number.value is None else number.value
    text = read_text(one["reply"])
    if text.text is None:
        return text.status
    return "right" if is_accepted(text.text, one["accepted"]) else "wrong"


@pytest.mark.parametrize("form", ["several", "number", "text"])
def test_every_reply_of_the_collection_is_read_as_it_is_meant(form: str) -> None:
    wrong = []
    for one in REPLIES:
        found, expected = read(one), one["expected"]
        same = found == expected
        if isinstance(expected, float) and isinstance(found, float):
            same = math.isclose(found, expected, rel_tol=1e-9)
        if one["form"] == form and not same:
            wrong.append((one["reply"], expected, found))
    assert not wrong


def test_spans_are_of_the_reply_as_given() -> None:
    reply = "**Answer:** “A” and **C**, as the Golgi is seen."
    found = read_set(reply, OPTIONS)
    assert found.span is not None
    assert (reply[slice(*found.span)], found.rule) == ("A” and **C", "declared")
    measured, named = "The length is **5.5 µm**.", "It is a *mitochondrion*."
    number, text = read_number(measured, "µm"), read_text(named)
    assert measured[slice(*(number.span or (0, 0)))] == "5.5 µm"
    assert named[slice(*(text.span or (0, 0)))] == "mitochondrion"


@pytest.mark.parametrize("reply", ["A, B", "The answer is A and", "Answer: A, C"])
def test_a_set_at_the_end_of_a_cut_reply_may_lack_options(reply: str) -> None:
    assert read_set(reply, OPTIONS, complete=False).status == "truncated"
    assert read_set("Answer: A, C.\nThe rest", OPTIONS, complete=False).indices == (0, 2)


def test_a_number_or_text_at_the_end_of_a_cut_reply_may_lack_its_end() -> None:
    assert read_number("There are 12", complete=False).status == "truncated"
    assert read_number("\\boxed{12}", complete=False).value == 12
    assert read_text("Answer: mito", complete=False).status == "truncated"


def test_all_and_none_of_the_above_are_options_where_they_are_offered() -> None:
    offered = ("nucleus", "wall", "all of the above", "none of the above")
    assert read_set("All of the above.", offered).indices == (2,)
    assert read_set("None of the above", offered).indices == (3,)
    assert read_set("None of the above", OPTIONS).status == "none"


def test_other_labels_and_aliases_are_read() -> None:
    assert read_set("1 and 3", OPTIONS, ("1", "2", "3", "4", "5")).indices == (0, 2)
    assert read_set("(ii), (iv)", OPTIONS, ("i", "ii", "iii", "iv", "v")).indices == (1, 3)
    aliases = (("karyon",), (), (), (), ("plastid",))
    assert read_set("karyon and plastid", OPTIONS, aliases=aliases).indices == (0, 4)


@pytest.mark.parametrize(
    ("unit", "kind", "size"),
    [("µm", "m", 1e-6), ("nm", "m", 1e-9), ("micrometers", "m", 1e-6), ("Å", "m", 1e-10),
     ("µm²", "m2", 1e-12), ("square millimeters", "m2", 1e-6), ("kV", "V", 1e3), ("%", "%", 1.0)],
)  # fmt: skip
def test_units_have_a_kind_and_a_size(unit: str, kind: str, size: float) -> None:
    found = physical(unit)
    assert found is not None
    assert (found.kind, math.isclose(found.size, size)) == (kind, True)


@pytest.mark.parametrize(
    "reply", ["\ud800", "\x00" * 50, "{" * 500, "1" * 5000, "9e999", "A" * 300]
)
def test_no_reply_raises(reply: str) -> None:
    assert read_set(reply, OPTIONS).status
    assert read_number(reply, "µm").status
    assert read_text(reply).status


@pytest.mark.parametrize(
    "part",
    ["A, ", "1 to ", "one hundred ", "the answer is ", "\\boxed{", "A: yes\n", "nucleus (A) "],
)
def test_a_reply_that_loops_is_read_in_time_that_grows_with_its_length(part: str) -> None:
    reply = part * (20_000 // len(part))
    assert read_set(reply, OPTIONS).status
    assert read_number(reply, "µm").status
    assert read_text(reply).status
