"""Marks behind labels, totals of counts, and what brackets deny."""

from __future__ import annotations

import pytest

from mubench_gen.parser import parse_answer

ORGANELLES = ("nucleus", "mitochondrion", "Golgi apparatus", "endoplasmic reticulum")
COUNTS = ("2", "3", "4", "5")


def named(reply: str, options: tuple[str, ...] = ORGANELLES) -> str | None:
    index = parse_answer(reply, options).index
    return None if index is None else options[index]


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("A ❌ B ❌ C ✅ D ❌", "Golgi apparatus"),
        ("A) ✗ B) ✓ C) ✗ D) ✗", "mitochondrion"),
        ("(A) ✗, (B) ✗, (C) ✗, (D) ✓", "endoplasmic reticulum"),
        ("A ✅\nB ❌\nC ❌", "nucleus"),
        ("A ✅\nB ✅\nC ❌", None),
        ("❌ A ❌ B ✅ C ❌ D", "Golgi apparatus"),
        ("✅ B", "mitochondrion"),
    ],
)
def test_a_mark_stands_for_the_label_on_its_side(reply: str, option: str | None) -> None:
    assert named(reply) == option


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        ("There are 2 in the upper half and 3 in the lower half, 5 in total.", "5"),
        ("2 on the left and 3 on the right: 5 cells altogether.", "5"),
        ("In total, there are 4 cells: 2 dividing and 2 resting.", "4"),
        ("I count 3 nuclei, of which 2 are dividing.", "3"),
        ("There are 2 large and 3 small cells.", None),
    ],
)
def test_a_total_counts_and_parts_of_it_do_not(reply: str, count: str | None) -> None:
    assert named(reply, COUNTS) == count


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("Cristae are visible, hence a mitochondrion (not the nucleus).", "mitochondrion"),
        ("Hence a mitochondrion (not ER).", "mitochondrion"),
        ("The nucleus (not correct), so the mitochondrion.", "mitochondrion"),
        ("It is the nucleus (not the best match).", None),
    ],
)
def test_a_bracket_denies_what_it_names(reply: str, option: str | None) -> None:
    assert named(reply) == option
