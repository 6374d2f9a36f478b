"""Marks behind labels, totals of counts, what brackets deny, initials, and a last yes or no."""

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


OPTICS = ("confocal microscopy", "transmission electron microscopy", "scanning electron microscopy",
          "differential interference contrast")  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("TEM", "transmission electron microscopy"),
        ("A SEM image.", "scanning electron microscopy"),
        ("DIC", "differential interference contrast"),
        ("EM", None),
        ("SEM or TEM?", None),
        ("Not SEM.", None),
    ],
)
def test_initials_alone_are_the_option_that_has_them(reply: str, option: str | None) -> None:
    assert named(reply, OPTICS) == option


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("Yes \u2014 there is a scale bar.", "yes"),
        ("Yes (scale bar at the lower right).", "yes"),
        ("There is no scale bar, so: no.", "no"),
        ("Not visible, no.", "no"),
        ("The options are yes, no.", None),
        ("Is it yes? Is it no?", None),
    ],
)
def test_yes_and_no_are_read_before_a_dash_and_at_the_end(reply: str, option: str | None) -> None:
    assert named(reply, ("yes", "no")) == option


def test_a_last_sentence_may_leave_out_the_noun_of_all() -> None:
    muscles = ("cardiac muscle", "smooth muscle", "skeletal muscle")
    assert named("No striations are seen. Smooth.", muscles) == "smooth muscle"
    assert named("Intercalated discs! Cardiac it is.", muscles) == "cardiac muscle"
    assert named("The fibres run in parallel. Skeletal?", muscles) is None


def test_an_adjective_of_a_process_is_the_process() -> None:
    fates = ("mitosis", "apoptosis", "necrosis", "interphase")
    assert named("The cell is mitotic.", fates) == "mitosis"
    assert named("apoptotic", fates) == "apoptosis"


def test_a_text_is_found_where_a_reply_writes_it_with_another_first_letter() -> None:
    assert parse_answer("Affirmative.", ["yes", "no"]).rule == "sole_text"
    assert parse_answer("% of cells", ["percent of cells", "no cells"]).rule == "sole_text"
