"""Long replies that reason: interim answers, cases, and what the closing sentence says."""

from __future__ import annotations

import pytest
from tests.parser.reading import named

CELLS = ("neutrophil", "eosinophil", "basophil", "monocyte")
ORGANELLES = ("mitochondrion", "peroxisome", "lysosome", "Golgi apparatus")
MICROSCOPY = (
    "transmission electron microscopy",
    "scanning electron microscopy",
    "light microscopy",
)
PHASES = ("prophase", "metaphase", "anaphase", "telophase")
WORDS = ("Yes", "No")


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        (
            "Two lobes, so the answer is B. Hold on, let me count the lobes again. Three or four, "
            "and the granules are tiny. That makes it a neutrophil.",
            "neutrophil",
        ),
        (
            "I'd say basophil. Hang on, though: the granules are orange. This is an eosinophil.",
            "eosinophil",
        ),
        ("Answer: C\n\nHmm, wait. Orange granules, two lobes. So eosinophil.", "eosinophil"),
        ("The answer is A. Actually, no: the nucleus is folded, so D.", "monocyte"),
    ],
)
def test_what_a_reply_concludes_when_it_thinks_again_counts(reply: str, option: str) -> None:
    assert named(reply, CELLS) == option


@pytest.mark.parametrize(
    "reply",
    [
        "The answer is D. Wait, let me double-check. The nucleus is kidney-shaped. Yes, that fits.",
        "I choose D. Hold on, the bar says 10 µm. But that doesn't change anything.",
        "The answer is D. On second look the cytoplasm is grey-blue, which agrees.",
    ],
)
def test_an_answer_that_nothing_speaks_against_stands_when_a_reply_thinks_again(reply: str) -> None:
    assert named(reply, CELLS) == "monocyte"


@pytest.mark.parametrize(
    "reply",
    [
        "My answer is C. But wait, the granules are orange; so C is wrong, and I can't tell which "
        "of the others is right.",
        "Answer: C\n\nOn second look, that can't be right. I'd have to start over:",
        "The answer is C. Hmm, hold on: a basophil this can't be, with so few granules.",
    ],
)
def test_an_answer_that_is_spoken_against_counts_no_more(reply: str) -> None:
    assert named(reply, CELLS) is None


@pytest.mark.parametrize(
    "reply",
    [
        "If the bar is 10 µm, then the answer is A; otherwise, B. The bar isn't labelled.",
        "Imagine that the stain were Giemsa. Then the answer would be C. We don't know the stain.",
        "Your last line must look like this: Answer: C",
        "The answer should be given in the form: Answer: C",
    ],
)
def test_a_declaration_for_a_case_or_as_a_form_is_none(reply: str) -> None:
    assert named(reply, CELLS) is None


@pytest.mark.parametrize(
    "reply",
    [
        'Anyone who trusts the colour might say "the answer is A". But the granules are orange. '
        "The answer is B.",
        "A hasty reader would conclude that the answer is A. The granules are orange. This is an "
        "eosinophil.",
        "If I had to choose, then the answer is B.",
        "As requested, in the format you asked for: Answer: B",
    ],
)
def test_what_somebody_else_would_declare_does_not_count(reply: str) -> None:
    assert named(reply, CELLS) == "eosinophil"


@pytest.mark.parametrize(
    ("reply", "options", "option"),
    [
        (
            "In prophase the chromosomes condense. In anaphase they move apart. Here they lie in "
            "one plane, in the middle of the spindle. The cell is in metaphase.",
            PHASES,
            "metaphase",
        ),
        (
            "A thin section would show organelles inside; here we see only surfaces. Light "
            "microscopy doesn't have that depth of focus. Surfaces in great depth → SEM.",
            MICROSCOPY,
            "scanning electron microscopy",
        ),
        (
            "One sees ribosomes. Scanning electron microscopy shows surfaces. Here we look at a "
            "section of the cell. TEM it is.",
            MICROSCOPY,
            "transmission electron microscopy",
        ),
        (
            "It has a segmented nucleus. The cell is a neutrophil. A monocyte would have an "
            "indented nucleus. Had it shown blue granules, I'd have said basophil.",
            CELLS,
            "neutrophil",
        ),
        (
            "Stacked sacs without ribosomes. Vesicles bud from the rims. Lysosomes and peroxisomes "
            "are round. So what we have here is the Golgi.",
            ORGANELLES,
            "Golgi apparatus",
        ),
        (
            "The first says there's a double membrane; I see a single line. The second says there "
            "are cristae, and there are. The only true statement is the second one.",
            ("There is a double membrane", "There are cristae", "There is a core"),
            "There are cristae",
        ),
        (
            "Is there a nucleolus? Chromatin is pale. A dark dot sits in its middle. It has no "
            "membrane. So yes, there is a nucleolus.",
            WORDS,
            "Yes",
        ),
        (
            "Are there any bacteria? I see red cells and platelets. The dots at the edge are stain "
            "precipitate. Therefore no, there aren't any bacteria.",
            WORDS,
            "No",
        ),
    ],
)
def test_the_closing_sentence_of_a_long_reply_answers(
    reply: str, options: tuple[str, ...], option: str
) -> None:
    assert named(reply, options) == option


@pytest.mark.parametrize(
    ("reply", "options"),
    [
        (
            "What to look for:\n- a double membrane suggests a mitochondrion\n- a crystalline core "
            "suggests a peroxisome\n- acid hydrolases suggest a lysosome",
            ORGANELLES,
        ),
        (
            "The cell in the centre is a neutrophil. It has four lobes. Next to it lies another "
            "one. The other cell is an eosinophil and it is larger.",
            CELLS[1:],
        ),
        ("Let me begin. The slide is old. It has faded. If it had granules, it would be a "
         "basophil.", CELLS),
    ],
)  # fmt: skip
def test_a_closing_sentence_about_something_else_does_not_answer(
    reply: str, options: tuple[str, ...]
) -> None:
    assert named(reply, options) is None


@pytest.mark.parametrize(
    "reply",
    [
        "The field is full of round cells. There's a monocyte at the upper left. I also notice "
        "debris. The stain is weak. The scale bar is missing, too.",
        "The cells are large. Some divide. Under other conditions one could confuse them with a "
        "monocyte. No marker is shown.",
        "The cell is small. Granules are sparse. A colleague wrote monocyte on the report. I "
        "disagree with that. Its nucleus is round.",
    ],
)
def test_a_lone_mention_in_the_middle_of_a_long_reply_is_no_answer(reply: str) -> None:
    assert named(reply, CELLS) is None


@pytest.mark.parametrize(
    "reply",
    [
        "The image is in grey. There's a round cell in the centre. I'd call that a monocyte. Its "
        "diameter is 15 µm. Vacuoles can be seen.",
        "Is it large? Yes. Is the nucleus folded? Yes. Monocyte? Yes. All of that fits together.",
        "A blood smear. The cell corresponds to **a monocyte**. Its nucleus is folded. The rest of "
        "the smear is not remarkable.",
    ],
)
def test_a_mention_in_the_middle_that_is_framed_as_what_is_shown_counts(reply: str) -> None:
    assert named(reply, CELLS) == "monocyte"


@pytest.mark.parametrize(
    "reply",
    [
        "It may be a peroxisome or a lysosome. For the former, the core; for the latter, the "
        "size. Both stay possible, and I can't choose between them.",
        "The cells on the left fit the lysosome. I therefore prefer not to assign this to any of "
        "the groups.",
        "It might be a peroxisome. I refrain from classifying this as one or the other.",
    ],
)
def test_a_reply_that_assigns_no_option_names_none(reply: str) -> None:
    assert named(reply, ORGANELLES) is None


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        (
            "Is the membrane ruptured? The contour is smooth. No gap can be found. Clearly, the "
            "membrane is not ruptured.",
            "No",
        ),
        (
            "The question is whether the tissue is inflamed. There are neutrophils. Vessels are "
            "dilated. So the tissue is inflamed.",
            "Yes",
        ),
        (
            "Is the cell dividing? The spindle is in place. The nucleus is gone. Since there is no "
            "envelope, the cell is dividing.",
            "Yes",
        ),
        (
            "Is the nucleus fragmented? There are five bodies inside. They are all round and dark. "
            "There's no doubt: the nucleus is fragmented.",
            "Yes",
        ),
        (
            "Is there more than one nucleus? It has a single one. Around it lie vesicles. They are "
            "small. There's only one nucleus.",
            None,
        ),
        (
            "Is the cell dividing? The chromosomes may be aligned. The focus is off. It's blurred. "
            "The cell might be dividing.",
            None,
        ),
        (
            "Is the layer stratified? There are many rows of nuclei. Each cell touches the base. "
            "The layer looks stratified, but it isn't.",
            None,
        ),
    ],
)
def test_a_closing_sentence_that_restates_the_question_says_yes_or_no(
    reply: str, option: str | None
) -> None:
    assert named(reply, WORDS) == option


def test_that_it_cannot_be_told_closes_a_reply_where_it_is_an_option() -> None:
    options = ("tropical", "arctic", "cannot be inferred")
    reply = (
        "Faint rings are typical of tropical trees. But others show that as well. With no scale I "
        "can't tell narrow from wide. From this picture the climate zone cannot be inferred."
    )
    assert named(reply, options) == "cannot be inferred"
