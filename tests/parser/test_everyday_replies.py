"""How people and models write in passing: first thoughts, own questions, slips, short forms."""

from __future__ import annotations

import pytest

from mubench_gen.parser import parse_answer

ORGANELLES = ("nucleus", "mitochondrion", "Golgi apparatus", "endoplasmic reticulum")
CELLS = ("neutrophil", "eosinophil", "basophil", "lymphocyte", "monocyte")
STAINS = ("H&E", "Masson's trichrome", "PAS", "DAPI")
COUNTS = ("3", "5", "12", "15")
SIZES = ("10 µm", "100 µm", "1 mm", "5 nm")
MUSCLES = ("skeletal muscle", "cardiac muscle", "smooth muscle")


def named(reply: str, options: tuple[str, ...], complete: bool | None = None) -> str | None:
    index = parse_answer(reply, options, complete=complete).index
    return None if index is None else options[index]


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("I initially thought of PAS, yet the blue is decisive: it is Masson's trichrome.", STAINS,
         "Masson's trichrome"),
        ("Eosinophil was considered, but the granules argue for basophil.", CELLS, "basophil"),
        ("One might say neutrophil, but it is a monocyte.", CELLS, "monocyte"),
        ("It is a basophil, which is initially hard to tell.", CELLS, "basophil"),
    ],
)  # fmt: skip
def test_a_first_thought_is_not_the_answer(
    reply: str, options: tuple[str, ...], expected: str
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("It isn't a neutrophil, a basophil or a monocyte.", None),
        ("It isn't a neutrophil, a basophil or a monocyte, which leaves the lymphocyte.",
         "lymphocyte"),
        ("The size tells that monocyte is out.", None),
        ("It can't be anything other than a monocyte.", "monocyte"),
        ("Everything except C can be excluded.", "basophil"),
        ("All but C fit.", None),
        ("Neutrophil: no. Eosinophil: unlikely. Monocyte: likely.", "monocyte"),
        ("(A) is a distractor. That makes it (B).", "eosinophil"),
    ],
)  # fmt: skip
def test_what_is_ruled_out_is_not_the_answer(reply: str, expected: str | None) -> None:
    assert named(reply, CELLS) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Nucleus? No. Mitochondrion? Yes, there are cristae.", "mitochondrion"),
        ("Nucleus? Mitochondrion?", None),
        ("Is it the nucleus? Perhaps.", None),
    ],
)
def test_an_own_question_counts_if_it_is_answered(reply: str, expected: str | None) -> None:
    assert named(reply, ORGANELLES) == expected


@pytest.mark.parametrize(
    "reply",
    [
        "Lymphocytes are usually smaller than monocytes.",
        "Lymphocytes use receptors.",
        "This would be a lymphocyte if it were smaller.",
        "A lymphocyte would form a thin rim of cytoplasm.",
    ],
)
def test_what_is_said_in_general_or_in_case_is_no_answer(reply: str) -> None:
    assert named(reply, CELLS) is None


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("3 in the first row and 5 in the second. That gives 12 in total.", "12"),
        ("I count 3 cells on the left. The total is therefore 15.", "15"),
        ("There are 5 cells.", "5"),
    ],
)
def test_a_total_stands_against_the_counts_before_it(reply: str, expected: str) -> None:
    assert named(reply, COUNTS) == expected


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("H and E", STAINS, "H&E"), ("Masson trichrome", STAINS, "Masson's trichrome"),
        ("The nuclei are DAPI-stained.", STAINS, "DAPI"), ("Either H&E or PAS.", STAINS, None),
        ("about 10 microns", SIZES, "10 µm"), ("100 um", SIZES, "100 µm"),
        ("100 μm", SIZES, "100 µm"), ("5 nanometers", SIZES, "5 nm"),
        ("Striations and one nucleus, so cardiac.", MUSCLES, "cardiac muscle"),
        ("So it is not cardiac.", MUSCLES, None),
    ],
)  # fmt: skip
def test_spellings_and_short_forms_are_read(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("mitochondrian", ORGANELLES, "mitochondrion"),
        ("Flourescence microscopy", ("fluorescence microscopy", "light microscopy"),
         "fluorescence microscopy"),
        ("lymphocye", CELLS, "lymphocyte"), ("eosinophhil", CELLS, "eosinophil"),
        ("chromatid", ("chromatin", "histone"), None), ("meiosis", ("mitosis", "apoptosis"), None),
        ("type II", ("type III", "type IV"), None),
    ],
)  # fmt: skip
def test_a_slip_is_read_and_another_word_is_not(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    "reply",
    [
        "I'm leaning towards lymphocyte, but a monocyte is possible.", "I'd pick number 4.",
        "If I had to guess: lymphocyte.", "A or D, and I lean D.", "It must be a lymphocyte.",
        "Either a monocyte or a lymphocyte. The size tips it toward lymphocyte.",
        "A lymphocyte would be my pick over a monocyte.",
    ],
)  # fmt: skip
def test_a_choice_among_several_is_read(reply: str) -> None:
    assert named(reply, CELLS) == "lymphocyte"


def test_a_choice_counts_in_a_cut_reply() -> None:
    assert named("I'd go with monocyte because the", CELLS, complete=False) == "monocyte"


@pytest.mark.parametrize(
    "reply",
    ["Ranking: 1. basophil 2. lymphocyte 3. monocyte", "basophil > monocyte", "C > D >> E"],
)
def test_the_first_of_options_in_order_counts(reply: str) -> None:
    assert named(reply, CELLS) == "basophil"
