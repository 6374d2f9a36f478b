"""Words and numbers of an option that say something else, and the same ones where they answer."""

from __future__ import annotations

import pytest

from mubench_gen.parser import parse_answer

from .reading import named

COUNTS = ("0", "1", "2", "3", "4", "8")
PLACES = ("left", "right", "above", "below")
ORGANELLES = ("nucleus", "mitochondria", "microtubules", "Golgi apparatus")
TISSUES = ("adipose tissue", "lymphocytes", "mucus", "smooth muscle")
SPECIES = ("Plasmodium falciparum", "Plasmodium vivax", "Trypanosoma brucei")
FUNGI = ("Rhizopus", "Mucor", "Aspergillus", "Candida")
LESIONS = ("benign", "malignant")
TRUTHS = ("true", "false")


@pytest.mark.parametrize(
    ("reply", "options"),
    [
        ("Step 2 of the protocol is the staining.", COUNTS),
        ("Figure 4 shows the embryo at an early stage.", COUNTS),
        ("It was taken with a 3-channel camera at 4 frames per second.", COUNTS),
        ("Figure 3 shows the same field at 2 time points.", COUNTS),
        ("The picture was taken 4 days after fertilization.", COUNTS),
        ("There is no scale bar in the image.", COUNTS),
        ("I don't see any cells. Please upload the image again.", COUNTS),
        ("The right answer depends on the orientation.", PLACES),
        ("As noted above, the image can't be opened.", PLACES),
        ("See below.", PLACES),
        ("The nucleus is stained blue with DAPI, and there is a green signal.", ORGANELLES),
        ("Microtubules are shown in red and the protein in green.", ORGANELLES),
        ("A few lymphocytes can be seen at the edge of the field.", TISSUES),
        ("Some mucus is visible in the corner.", TISSUES),
        ("Malaria has many forms. Plasmodium falciparum is the deadliest species.", SPECIES),
        ("Trypanosoma brucei is the smallest and the closest relative of Leishmania.", SPECIES),
        ("Malignant at first sight. But I can't determine it from this picture.", LESIONS),
        ("This is benign. No, malignant fits, too. I can't choose.", LESIONS),
    ],
)
def test_what_stands_for_something_else_is_no_answer(reply: str, options: tuple[str, ...]) -> None:
    assert named(reply, options) is None


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("Step 1: find them. Step 2: there are 4.", COUNTS, "4"),
        ("The embryo in Figure 4 has 8 cells.", COUNTS, "8"),
        ("An 8-cell embryo.", COUNTS, "8"),
        ("8 blastomeres after 2 days", COUNTS, "8"),
        ("There aren't any nuclei in this patch.", COUNTS, "0"),
        ("I don't see any cells here.", COUNTS, "0"),
        ("As mentioned above, the vacuole is on the left.", PLACES, "left"),
        ("The nucleus is above the vacuole.", PLACES, "above"),
        ("On the right side.", PLACES, "right"),
        (
            "The green signal coincides with the blue one: it is in the nucleus.",
            ORGANELLES,
            "nucleus",
        ),
        ("A few lymphocytes lie at the edge; it is smooth muscle.", TISSUES, "smooth muscle"),
        ("Densely packed lymphocytes are seen.", TISSUES, "lymphocytes"),
        ("Plasmodium vivax is the closest match.", SPECIES, "Plasmodium vivax"),
        ("There are not many septa - Rhizopus.", FUNGI, "Rhizopus"),
        ("This is not benign.", LESIONS, "malignant"),
        ("It isn't malignant.", LESIONS, "benign"),
        ("That's not the case: the borders are rounded.", TRUTHS, "false"),
        ("The statement holds.", TRUTHS, "true"),
        ("Between Mucor and Rhizopus I go with the former.", FUNGI, "Mucor"),
        ("A - ruled out, B - matches, C - ruled out, D - ruled out", FUNGI, "Mucor"),
    ],
)
def test_the_same_words_answer_where_they_say_what_is_shown(
    reply: str, options: tuple[str, ...], expected: str
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    "reply",
    [
        "This is not benign, nor is it malignant.",
        "I'm not sure it is benign.",
        "Not benign-looking",
    ],
)
def test_a_denial_that_is_not_plain_leaves_no_option(reply: str) -> None:
    assert named(reply, LESIONS) is None


def test_several_items_that_match_are_ambiguous() -> None:
    assert parse_answer("A - matches, B - matches, C - ruled out", FUNGI).status == "ambiguous"


def test_a_name_that_ends_with_a_number_marks_no_item() -> None:
    assert (
        parse_answer("N 3. o, it's not a basophil.", ("basophil", "eosinophil", "monocyte")).index
        is None
    )
