"""Options by a part of their text, and statements that are true of any image."""

from __future__ import annotations

import pytest

from mubench_gen.parser import parse_answer

from .reading import named

ORGANELLES = ("nucleus", "Golgi apparatus", "rough endoplasmic reticulum", "lysosome")
MODES = ("widefield microscopy", "scanning electron microscopy", "TIRF microscopy")
MUSCLES = ("smooth muscle", "cardiac muscle", "skeletal muscle", "none of the above")


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("Stacked cisternae: that's the Golgi, not ER.", ORGANELLES, "Golgi apparatus"),
        ("It's the rough ER - look at the ribosomes.", ORGANELLES, "rough endoplasmic reticulum"),
        ("Only the coverslip lights up, the hallmark of TIRF.", MODES, "TIRF microscopy"),
        ("No optical sectioning → widefield.", MODES, "widefield microscopy"),
        ("This is an SEM image.", MODES, "scanning electron microscopy"),
        ("Discs between the cells. Cardiac.", MUSCLES, "cardiac muscle"),
        ("No striations. Smooth.", MUSCLES, "smooth muscle"),
    ],
)
def test_a_part_of_a_text_that_no_other_option_has_names_it(
    reply: str, options: tuple[str, ...], expected: str
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "options"),
    [
        ("The surface is smooth.", ("smooth muscle", "adipose tissue")),
        ("Golgi described it in 1898.", ORGANELLES),
        ("It is a colon tissue patch.", ("normal colon mucosa", "debris")),
    ],
)
def test_a_word_of_an_option_that_names_nothing_is_no_answer(
    reply: str, options: tuple[str, ...]
) -> None:
    assert named(reply, options) is None


def test_statements_and_numbers_have_no_short_names() -> None:
    options = ("10 to 20", "the cells are about to divide soon", "neither of these two things here")
    assert named("That's about it.", options) is None


@pytest.mark.parametrize(
    "reply",
    [
        "Lysosomes contain hydrolases.",
        "The Golgi apparatus was named after Camillo Golgi.",
        "In the previous image, the arrow was on the nucleus.",
        "The answer to the last question was A.",
        "A student might answer lysosome.",
        "The distance to the nucleus is 2 µm.",
        "Nucleus or lysosome would both be plausible.",
        "It could be the nucleus, but the lysosome is equally possible.",
    ],
)
def test_what_is_said_in_general_or_of_another_image_is_no_answer(reply: str) -> None:
    assert named(reply, ORGANELLES) is None


@pytest.mark.parametrize(
    "reply",
    [
        "| Organelle | Match |\n|---|---|\n| nucleus | ✗ |\n| lysosome | ✓ |",
        "nucleus: no\nGolgi apparatus: no\nlysosome: yes",
        "<result><organelle>lysosome</organelle><not>nucleus</not></result>",
        "None of the nucleus, the Golgi apparatus and the rough ER; it is a lysosome.",
        "I'd be surprised if this weren't a lysosome.",
        "While I can't read the scale bar, this was clearly a lysosome.",
        "This is most consistent with a **lysosome**. The nucleus is far away.",
    ],
)
def test_what_is_said_of_this_image_is_read(reply: str) -> None:
    assert named(reply, ORGANELLES) == "lysosome"


def test_numbered_answers_are_ambiguous() -> None:
    answer = parse_answer("Answer 1: nucleus\nAnswer 2: lysosome", ORGANELLES)
    assert answer.status == "ambiguous"
