"""Options named in another form, by a part of their text, together, or by a count or a verdict."""

from __future__ import annotations

import pytest

from .reading import named

BLURS = ("blur", "contrast reduction", "brightness increase", "no perturbation")
STAINS = ("hematoxylin and eosin", "PAS", "Giemsa", "silver stain")
MODES = ("SEM", "TEM", "confocal microscopy", "differential interference contrast microscopy")
PARTS = ("nucleoli", "nuclear envelope", "nuclear pore complex", "cilium axoneme")
PLACES = ("top left", "top right", "bottom left", "center")
TWO = ("nucleus", "mitochondrion", "nucleus and mitochondrion", "neither")
COUNTS = ("1", "2", "3", "5 or more")
SHARES = ("less than 10%", "10-50%", "more than 50%")
TRUTH = ("True", "False")


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("Contrast was strongly reduced.", BLURS, "contrast reduction"),
        ("This one shows increased brightness.", BLURS, "brightness increase"),
        ("The contrast is good; the resolution was not reduced.", BLURS, None),
        ("H&E", STAINS, "hematoxylin and eosin"),
        ("Magenta membranes: periodic acid-Schiff.", STAINS, "PAS"),
        ("This was acquired by scanning electron microscopy.", MODES, "SEM"),
        ("The electron micrograph is beautiful.", MODES, None),
        ("That is the axoneme of a cilium.", PARTS, "cilium axoneme"),
        ("The cell is in the lower left corner.", PLACES, "bottom left"),
        ("The lower magnification shows more.", PLACES, None),
    ],
)
def test_a_text_with_all_its_words_in_another_form_names_its_option(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("The protein is nucleolar.", PARTS, "nucleoli"),
        ("The arrow marks the envelope.", ("nuclear envelope", "nuclear pore"), "nuclear envelope"),
        ("A ring with eightfold symmetry. It's a nuclear pore.", PARTS, "nuclear pore complex"),
        ("It looks like DIC to me.", MODES, "differential interference contrast microscopy"),
        ("Optical sections with little blur point to confocal.", MODES, "confocal microscopy"),
        ("The DIC prism was cleaned before use.", MODES, None),
        ("Cells were imaged to visualise the envelope.", PARTS, None),
        ("The cell is surrounded by an envelope.", PARTS, None),
    ],
)
def test_a_part_or_a_derived_word_names_an_option_where_it_says_what_is_shown(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("The nucleus (blue) as well as the mitochondrion (red).", "nucleus and mitochondrion"),
        ("Both.", "nucleus and mitochondrion"),
        ("Neither a nucleus nor a mitochondrion can be seen.", "neither"),
        ("The nucleus; both of its membranes are visible.", "nucleus"),
        ("The nucleus is labelled, the mitochondrion is not.", "nucleus"),
        ("It is the nucleus or the mitochondrion.", None),
    ],
)
def test_an_option_may_stand_for_two_others_or_for_none_of_them(
    reply: str, expected: str | None
) -> None:
    assert named(reply, TWO) == expected


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("There is only one nucleus.", COUNTS, "1"),
        ("A single nucleus is visible.", COUNTS, "1"),
        ("One of them is dividing.", COUNTS, None),
        ("One can see nuclei everywhere.", COUNTS, None),
        ("There is one on the left and one on the right.", COUNTS, None),
        ("There's at least a dozen cells here.", COUNTS, "5 or more"),
        ("Two at the top, one below. Total: 3.", COUNTS, "3"),
        ("Two are obvious. A third one is hidden. So three.", COUNTS, "3"),
        ("About 80 % of the nuclei are positive.", SHARES, "more than 50%"),
        ("I'm 90 % sure that it is low.", SHARES, None),
        ("Between 5 % and 80 %.", SHARES, None),
    ],
)
def test_a_number_is_the_option_in_whose_range_it_lies(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Yes, there are.", "True"),
        ("No. It says that none are there, but they are visible.", "False"),
        ("Incorrect, the cell is in metaphase.", "False"),
        ("So that statement holds.", "True"),
        ("The statement does not hold.", "False"),
        ("The statement is partly correct.", None),
        ("The statement says that the cell is in mitosis.", None),
        ("No nuclei are visible.", None),
    ],
)
def test_what_a_statement_is_called_is_true_or_false(reply: str, expected: str | None) -> None:
    assert named(reply, TRUTH) == expected


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        (
            "It resembles a nucleus, but it's only a vacuole next to a mitochondrion.",
            ("nucleus", "mitochondrion"),
            None,
        ),
        ("Nucleus first, mitochondrion second.", ("nucleus", "mitochondrion"), "nucleus"),
        (
            "The right image is brighter, but the cell is in the left one.",
            ("Left image", "Right image"),
            None,
        ),
        ("The stained nucleus is negative for tumor.", ("tumor", "non-tumor"), "non-tumor"),
    ],
)
def test_what_is_only_like_an_option_or_comes_second_is_none(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert named(reply, options) == expected
