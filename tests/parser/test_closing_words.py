"""How long replies close: what they keep, take back, or cannot see, and their own numbers."""

from __future__ import annotations

import pytest
from tests.parser.reading import named

CELLS = ("neutrophil", "eosinophil", "basophil", "monocyte")
ORGANELLES = ("mitochondrion", "peroxisome", "lysosome", "Golgi apparatus")
LAYERS = ("simple columnar", "stratified squamous", "transitional", "pseudostratified columnar")


@pytest.mark.parametrize(
    "reply",
    [
        "The correct answer can't be 'eosinophil', for no granule is red.",
        "The answer cannot possibly be B.",
        "My final answer will never be B.",
        "The answer is B - wait, no. I'm no longer certain about any of them.",
        "I choose B. Hmm, wait, no.",
        "The answer is eosinophil. I'm no longer sure, though.",
        "Eosinophil was my first choice. Then I saw the blue granules.",
        "The cell beside it is an eosinophil. The one with the arrow is blurred.",
        "The atlas shows an eosinophil there. Your picture doesn't show enough detail.",
        "So eosinophil, it seems. The granules are blue. It is no eosinophil at all, I'd say: an "
        "eosinophil it is not.",
    ],
)
def test_an_option_that_is_ruled_out_or_taken_back_is_no_answer(reply: str) -> None:
    assert named(reply, CELLS) is None


def test_an_answer_that_cannot_be_one_option_may_be_another() -> None:
    assert named("The answer can't be B but D.", CELLS) == "monocyte"
    assert named("The answer must be A, since it cannot be D.", CELLS) == "neutrophil"


def test_what_it_only_looks_like_is_no_answer() -> None:
    reply = "All cells reach the base. There are cilia. It's not layered, even though it seems "

    assert named(reply + "stratified.", LAYERS) is None


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("I can't see any granules. The nucleus is folded. It's a monocyte.", "monocyte"),
        ("I cannot make out the borders. This is a basophil.", "basophil"),
        ("This is a neutrophil. I don't see any red granules.", "neutrophil"),
    ],
)
def test_that_a_part_cannot_be_seen_is_no_refusal(reply: str, option: str) -> None:
    assert named(reply, CELLS) == option


@pytest.mark.parametrize(
    "reply",
    [
        "I can't see the image. It's a monocyte, by the title.",
        "I can't see any distinguishing features. It's a monocyte in the title.",
        "I can't see a nucleus. I can't tell what it is. It's a monocyte for others.",
        "The nucleus is lobed. A neutrophil has lobes. I can't tell from this picture.",
    ],
)
def test_that_what_is_asked_for_cannot_be_seen_is_a_refusal(reply: str) -> None:
    assert named(reply, CELLS) is None


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        (
            "Neutrophils and monocytes are both phagocytes. The nucleus is folded. A monocyte is "
            "my pick, with some doubt.",
            "monocyte",
        ),
        ("Both A and C are possible. Eosinophil gets my vote.", "eosinophil"),
        ("I went through all four. The only one I haven't ruled out is the basophil.", "basophil"),
        ("A. no. B. no. C. no. That only leaves D.", "monocyte"),
        ("The nucleus is lobed. I can't see a granule. I end up with neutrophil.", "neutrophil"),
        ("I looked at each. The one that wasn't rejected is D.", "monocyte"),
        ("The granules are small. A is possible, C as well. A, then.", "neutrophil"),
        (
            "The candidates:\n1) monocyte, folded nucleus\n2) neutrophil, lobed nucleus\n"
            "3) basophil, dark granules\nDark granules hide the nucleus here. So it's number 3.",
            "basophil",
        ),
        (
            "Is it (1) a monocyte, (2) a basophil or (3) a neutrophil? Its nucleus has lobes. "
            "The granules are fine. → 3",
            "neutrophil",
        ),
    ],
)
def test_the_closing_words_choose(reply: str, option: str) -> None:
    assert named(reply, CELLS) == option


@pytest.mark.parametrize(
    "reply",
    [
        "1) monocyte, folded nucleus\n2) neutrophil, lobed nucleus\nDark granules hide the nucleus "
        "here. It is not number 2.",
        "1) monocyte, folded nucleus\n2) neutrophil, lobed nucleus\nDark granules hide the nucleus "
        "here. The number of lobes is 2.",
        "I went through all four. The one I didn't consider is C.",
    ],
)
def test_closing_words_that_choose_nothing_do_not_answer(reply: str) -> None:
    assert named(reply, CELLS) is None


def test_what_a_closing_sentence_denies_leaves_the_last_option() -> None:
    reply = (
        "Monocytes have folded nuclei. Granules are few and faint here. So not a neutrophil, not a "
    )

    assert named(reply + "basophil, and not an eosinophil.", CELLS) == "monocyte"
    assert named(reply + "basophil.", CELLS) is None


@pytest.mark.parametrize(
    "reply",
    [
        "The stain is weak. I can't exclude a neutrophil, an eosinophil or a basophil.",
        "There is not enough to call it a neutrophil, an eosinophil or a basophil.",
        "It might not be a neutrophil, an eosinophil or a basophil.",
        "I cannot rule out B.",
    ],
)
def test_what_cannot_be_excluded_or_called_so_is_not_denied(reply: str) -> None:
    assert named(reply, CELLS) is None


def test_the_earlier_of_two_is_the_first_where_the_options_have_that_order() -> None:
    stages = ("metaphase", "anaphase", "telophase")

    assert named("Anaphase or telophase? No furrow: the earlier of the two.", stages) == "anaphase"
    assert named("Telophase or anaphase? No furrow: the earlier of the two.", stages) is None


def test_a_subject_may_hold_the_place_of_its_parts() -> None:
    reply = (
        "Cristae are missing. Some sacs have no ribosomes. Lysosomes are round. So the stack with "
        "vesicles around its rims is the Golgi."
    )

    assert named(reply, ORGANELLES) == "Golgi apparatus"
