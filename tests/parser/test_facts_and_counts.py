"""Facts, rough counts, everyday words and short forms answer; what is only spoken of does not."""

from __future__ import annotations

import pytest

from .reading import named

ACTS = ("The Stamp Act", "The Coercive Acts", "The Tea Act")
ORGANELLES = ("nucleus", "mitochondrion", "Golgi apparatus", "lysosome")
METHODS = ("FIFO", "LIFO", "Net present value", "Internal rate of return")
DISEASES = ("Measles", "Diabetes mellitus", "Tuberculosis", "Malaria")
GASES = ("Oxygen", "Nitrogen", "Carbon dioxide")
PHASES = ("prophase", "metaphase", "anaphase", "telophase")
CELLS = ("basophil", "eosinophil", "neutrophil", "lymphocyte", "monocyte")
STAINS = ("H&E", "PAS", "Giemsa")
MODES = ("bright-field microscopy", "dark-field microscopy", "fluorescence microscopy")
COUNTS = ("1", "2", "3", "4")
LESIONS = ("benign", "malignant")
TRUTHS = ("true", "false")


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("The Coercive Acts were passed in response to the Tea Party.", ACTS, "The Coercive Acts"),
        ("Mitochondria produce ATP.", ORGANELLES, "mitochondrion"),
        ("Nitrogen makes up 78% of air.", GASES, "Nitrogen"),
        ("Malaria is transmitted by mosquitoes.", DISEASES, "Malaria"),
        ("BCG is a vaccine against tuberculosis.", DISEASES, "Tuberculosis"),
        ("Insulin is the treatment for diabetes mellitus.", DISEASES, "Diabetes mellitus"),
        ("A lack of oxygen kills the cell.", GASES, "Oxygen"),
        ("The firm should use the LIFO method.", METHODS, "LIFO"),
        ("IRR.", METHODS, "Internal rate of return"),
        ("Telophase comes next.", PHASES, "telophase"),
    ],
)
def test_a_fact_is_an_answer_where_questions_ask_for_facts(
    reply: str, options: tuple[str, ...], expected: str
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("There are around 4 cells.", "4"),
        ("Around three.", "3"),
        ("Three of them are visible.", "3"),
        ("There are 4 nuclei, 2 of them dividing.", "4"),
        ("There is 1 nucleus in each of the 4 cells, so 4.", "4"),
    ],
)
def test_a_rough_count_is_a_count(reply: str, expected: str) -> None:
    assert named(reply, COUNTS) == expected


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("An otherwise unremarkable lymphocyte.", CELLS, "lymphocyte"),
        ("Cells like this one are neutrophils.", CELLS, "neutrophil"),
        ("For reference, this is a neutrophil.", CELLS, "neutrophil"),
        ("A lymphocyte, which is often mistaken for a monocyte.", CELLS, "lymphocyte"),
        ("It looks malignant, as if it invaded the stroma.", LESIONS, "malignant"),
        ("You should use PAS here.", STAINS, "PAS"),
        ("Check for mitoses: it's malignant.", LESIONS, "malignant"),
        ("It's the Golgi, I think.", ORGANELLES, "Golgi apparatus"),
        ("Stacked sacs. Probably the Golgi.", ORGANELLES, "Golgi apparatus"),
        ("That's not true, because it has no nucleus.", TRUTHS, "false"),
        ("A no B yes C no D no", ORGANELLES, "mitochondrion"),
    ],
)
def test_what_is_said_of_this_image_is_no_aside(
    reply: str, options: tuple[str, ...], expected: str
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "options"),
    [
        ("A monocyte can leave the blood.", CELLS),
        ("One could also try Giemsa.", STAINS),
        ("It would help to have a PAS stain as well.", STAINS),
        ("That's a bright image.", MODES),
        ("This is a dark field of view.", MODES),
        ("It's benign. I take that back.", LESIONS),
        ("A typical answer would be nucleus.", ORGANELLES),
        ("It would be malignant if it invaded.", LESIONS),
        ("Size: monocyte > neutrophil > lymphocyte", CELLS),
        ("Ranked by size: 1. monocyte 2. neutrophil", CELLS),
        ("nucleus -> mitochondrion -> lysosome", ORGANELLES),
        ("After anaphase comes telophase.", PHASES),
    ],
)
def test_what_is_said_beside_an_image_answers_nothing(reply: str, options: tuple[str, ...]) -> None:
    assert named(reply, options) is None


YES_NO = ("Yes, the cells are confluent", "No, the cells are sparse")
SHORT = (
    "Electron microscopy (EM)",
    "Light microscopy (LM)",
    "Atomic force microscopy (AFM)",
)
PEOPLE = ("Rosalind Franklin", "Louis Pasteur", "Robert Hooke")
NUMBERS = ("6", "9", "12")
SHARES = ("10%", "90%")


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("No.", YES_NO, YES_NO[1]),
        ("No, the cells do not cover the dish.", YES_NO, YES_NO[1]),
        ("The cells are sparse.", YES_NO, YES_NO[1]),
        ("No, I cannot tell from this image.", YES_NO, None),
        ("Yes, I can help with that! Please upload the image.", YES_NO, None),
        ("EM", SHORT, SHORT[0]),
        ("AFM was used.", SHORT, SHORT[2]),
        ("It was Pasteur.", PEOPLE, "Louis Pasteur"),
        ("It has 6 protons and 6 neutrons, so the mass number is 12.", NUMBERS, "12"),
        ("I'm 90% sure.", SHARES, None),
        ("I'm 90% sure that it's 10%.", SHARES, "10%"),
        ("The statement is incorrect, because light has the longer waves.", TRUTHS, "false"),
        ("The statement is correct.", TRUTHS, "true"),
        ("The statement is partly correct.", TRUTHS, None),
        ("True – the pinhole rejects light that is out of focus.", TRUTHS, "true"),
    ],
)
def test_short_answers_mean_the_option_that_holds_them(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("Not a basophil: the granules make it an eosinophil.", CELLS, "eosinophil"),
        ("It looks like a basophil, but it isn't.", CELLS, None),
        ("It looks like a basophil, but it isn't. It's a monocyte.", CELLS, "monocyte"),
        ("A monocyte it is. Basophils would be smaller.", CELLS, "monocyte"),
        ("It has three lobes, so a neutrophil. Monocytes would be larger.", CELLS, "neutrophil"),
        ("It could be H&E or PAS, but the lack of blue makes PAS more likely.", STAINS, "PAS"),
        ("Ruled out: H&E by the lack of blue.", STAINS, None),
        ("It tells us it's from a monocyte rather than a basophil.", CELLS, "monocyte"),
        ("This does not tell benign from malignant.", LESIONS, None),
        ("The options are A) basophil B) eosinophil C) neutrophil.", CELLS, None),
        (
            "The options are A) nuclei B) mitochondria C) lysosomes.",
            ("nuclei", *ORGANELLES[1:]),
            None,
        ),
        ("Of basophil, eosinophil and monocyte, the best fit is monocyte.", CELLS, "monocyte"),
        (
            "That would be the nucleus, which holds what is made by the lysosome.",
            ORGANELLES,
            "nucleus",
        ),
        ("The large round body is the nucleus, which is near a lysosome.", ORGANELLES, "nucleus"),
        ("The large body is the nucleus, the small one is a lysosome.", ORGANELLES, None),
        ("It would be a basophil if it had granules.", CELLS, None),
        ("It was called a basophil in the previous image.", CELLS, None),
        ("You may want to use a PAS stain.", STAINS, None),
        ("I would need a Giemsa stain to be certain.", STAINS, None),
        ("I look at each in turn. First, the basophil: these cells", CELLS, None),
    ],
)
def test_what_is_denied_supposed_or_listed_is_no_answer(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "options"),
    [
        ("Doctors worry when an eosinophil count is high.", CELLS),
        ("Histamine is released by the basophil.", CELLS),
        ("Colchicine arrests cells in metaphase.", PHASES),
        ("DNA condensation takes place during prophase.", PHASES),
        ("Pathologists around the world use H&E every day.", STAINS),
        ("Every hospital in the world can do a Giemsa stain.", STAINS),
        ("In contrast to a lymphocyte, a monocyte shows an indented nucleus.", CELLS),
        ("The lymphocyte count is raised.", CELLS),
        ("The monocyte next to it is full of vacuoles.", CELLS),
        ("The particle sits on top of a monocyte.", CELLS),
        ("Malignant lesions are more frequent in old age.", LESIONS),
        ("Dark-field microscopy needs a special condenser.", MODES),
        ("A mast cell is part of the immune system.", ("mast cell", "goblet cell", "macrophage")),
        ("When it is lobed, the cell is called a neutrophil.", CELLS),
        ("DAPI is a dye that binds to DNA.", ("DAPI", "phalloidin", "MitoTracker")),
        ("Phalloidin binds actin.", ("DAPI", "phalloidin", "MitoTracker")),
        ("Phalloidin is a toxin that binds actin.", ("DAPI", "phalloidin", "MitoTracker")),
        ("The image shows a cell with a nucleus.", ORGANELLES),
        ("The cells were cultured for 4 hours.", COUNTS),
        ("Sample no. 4 of the series.", COUNTS),
    ],
)
def test_what_no_picture_shows_is_no_answer_whatever_its_subject(
    reply: str, options: tuple[str, ...]
) -> None:
    assert named(reply, options) is None


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("Smear of a patient with worms: eosinophil.", CELLS, "eosinophil"),
        ("Cells arrested in metaphase.", PHASES, "metaphase"),
        ("As the chromatids are apart, anaphase.", PHASES, "anaphase"),
        ("Prophase or metaphase. As they are lined up, metaphase.", PHASES, "metaphase"),
        ("neutrophil vs. eosinophil: the latter, given the colour.", CELLS, "eosinophil"),
        ("That's how PAS looks.", STAINS, "PAS"),
        ("The monocyte shows an indented nucleus.", CELLS, "monocyte"),
        ("It lies next to a capillary: monocyte.", CELLS, "monocyte"),
        ("Eosinophil. Its number goes up in allergies.", CELLS, "eosinophil"),
        ("A monocyte, which develops into a macrophage.", CELLS, "monocyte"),
        ("The cell has a lobed nucleus and is a neutrophil.", CELLS, "neutrophil"),
        ("The cell enters anaphase.", PHASES, "anaphase"),
        ("Metaphase, where the checkpoint acts.", PHASES, "metaphase"),
        ("H&E. Pathologists use it every day.", STAINS, "H&E"),
        ("PAS has coloured the glycogen magenta.", STAINS, "PAS"),
        ("Malignant lesion, treatment is needed.", LESIONS, "malignant"),
        ("2 on the left and 1 on the right. Total 3.", COUNTS, "3"),
        ("A lesion, malignant, with many mitoses.", LESIONS, "malignant"),
        ("It can't be determined.", (*LESIONS, "Cannot be determined"), "Cannot be determined"),
        ("Is it a monocyte? Indented nucleus, vacuoles, so yes.", CELLS, "monocyte"),
        ("It is lobed. This one is a neutrophil rather than a monocyte", CELLS, "neutrophil"),
        ("Stress fibres, hence phalloidin", ("DAPI", "phalloidin"), "phalloidin"),
        ("The arrow points to the nucleus in the center of the cell.", ORGANELLES, "nucleus"),
        ("It divided twice, giving four cells.", COUNTS, "4"),
        ("Just a single cell is visible", COUNTS, "1"),
        ("There is only one cell in the field.", COUNTS, "1"),
        ("2D image with 4 nuclei", COUNTS, "4"),
    ],
)
def test_the_same_is_an_answer_where_a_picture_is_described(
    reply: str, options: tuple[str, ...], expected: str
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "options"),
    [
        ("1. Describe the image.\n2. List the cells.\n3. Give the count.", COUNTS),
        ("The scale bar is 2 µm.", COUNTS),
        ("It's the phase that follows metaphase.", PHASES),
        ("lymphocyte vs. monocyte", CELLS),
        ("Not lobed as it would be in a neutrophil.", CELLS),
        ("Solution of pH 4 was used.", COUNTS),
        ("Good question! Let me look.", ("good", "poor")),
        (
            ">95 % is well and <50 % poorly differentiated.",
            ("well differentiated", "poorly differentiated"),
        ),
    ],
)
def test_marks_scales_and_comparisons_are_no_answer(reply: str, options: tuple[str, ...]) -> None:
    assert named(reply, options) is None
