"""How people and models write in passing: first thoughts, own questions, slips, short forms."""

from __future__ import annotations

import pytest

from .reading import named

ORGANELLES = ("nucleus", "mitochondrion", "Golgi apparatus", "endoplasmic reticulum")
CELLS = ("neutrophil", "eosinophil", "basophil", "lymphocyte", "monocyte")
STAINS = ("H&E", "Masson's trichrome", "PAS", "DAPI")
COUNTS = ("3", "5", "12", "15")
SIZES = ("10 µm", "100 µm", "1 mm", "5 nm")
LUNG = ("normal lung tissue", "lung adenocarcinoma", "lung squamous cell carcinoma")
MUSCLES = ("skeletal muscle", "cardiac muscle", "smooth muscle")


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


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("I'm not 100% sure, but I think it might be a monocyte.", "monocyte"),
        ("Not entirely certain, but this could be a basophil.", "basophil"),
        ("It's hard to tell, but my best guess is that it may be a monocyte.", "monocyte"),
        ("I believe this may be a monocyte, although I cannot be sure.", "monocyte"),
        ("I am not sure. It might be a monocyte.", None),
        ("I think it might be a monocyte or a lymphocyte.", None),
        ("I think it could be a monocyte, but it could also be a lymphocyte.", None),
        ("I'm not sure whether it might be a monocyte.", None),
        ("I don't think it might be a monocyte.", None),
        ("I first thought it might be a monocyte.", None),
        ("I think it might be a monocyte if it were larger.", None),
    ],
)
def test_a_guess_behind_a_hedge_is_an_answer(reply: str, expected: str | None) -> None:
    assert named(reply, CELLS) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Some features favour a monocyte. I would not commit to either.", None),
        ("Monocyte features are present. I'd rather not commit to a diagnosis.", None),
        ("The nucleus of a monocyte, perhaps. I do not want to pick one.", None),
        ("The monocyte looks likely, and I won't commit to an answer.", None),
        ("I do not want to pick one, but if I must: monocyte.", "monocyte"),
        ("I would not commit to basophil; monocyte it is.", "monocyte"),
        ("I don't have to guess. It's a monocyte.", "monocyte"),
        ("The shape alone does not decide. It is a monocyte.", "monocyte"),
        ("The monocyte is likely. Not that I know: I was wrong before, I can't tell.", None),
        ("It is a monocyte. If I was wrong, it is hard to say why.", "monocyte"),
        ("I would not hesitate to pick one: monocyte.", "monocyte"),
        ("Answer: E. Actually no, I take that back. I can't tell from this image.", None),
        ("I'd say monocyte. Actually, no, I withdraw that.", None),
        ("Answer: E. Scratch that, I don't know.", None),
        ("Answer: E. Scratch that. Answer: C.", "basophil"),
        ("The answer is E. I take that back, it is C.", "basophil"),
        ("Answer: E. I don't know the magnification.", "monocyte"),
        ("I can't tell the stain. Answer: E.", "monocyte"),
    ],
)
def test_who_will_not_choose_or_takes_all_back_has_no_answer(
    reply: str, expected: str | None
) -> None:
    assert named(reply, CELLS) == expected


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("The scale bar says 10 µm. There are no cells in the field.", ("0", "1", "10"), "0"),
        ("I see no cells here, only a 10 µm scale bar.", ("0", "1", "10"), "0"),
        ("With the 10 µm bar for scale, the field is wide.", ("0", "1", "10"), None),
        ("It was taken with a 40x objective.", ("10", "40", "100"), None),
        ("It was taken with a 40x objective.", ("10x", "40x", "100x"), "40x"),
        ("I counted 10 cells at 40x.", ("0", "1", "10"), "10"),
        ("10 µm", ("0", "1", "10"), "10"),
        ("The scale bar says 10 µm.", SIZES, "10 µm"),
    ],
)
def test_a_length_or_a_magnification_is_no_bare_number(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("A, C and D can all be ruled out, so it has to be the remaining one.",
         "Masson's trichrome"),
        ("A, B and D are all excluded.", "PAS"),
        ("B, C and D all fail.", "H&E"),
        ("A and C can be ruled out. It is the remaining one.", None),
        ("A, C and D could all be right.", None),
        ("A, C and D cannot all be ruled out.", None),
        ("A, B, C and D can all be ruled out.", None),
    ],
)  # fmt: skip
def test_of_labels_ruled_out_together_the_one_left_counts(reply: str, expected: str | None) -> None:
    assert named(reply, STAINS) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Ich dachte erst an PAS, aber das Blau spricht dagegen, also DAPI.", "DAPI"),
        ("Zuerst hielt ich es für PAS, aber es ist DAPI.", "DAPI"),
        ("Auf den ersten Blick sieht es nach PAS aus, aber es ist DAPI.", "DAPI"),
        ("Je pensais d'abord au PAS, mais c'est du DAPI.", "DAPI"),
        ("J'ai d'abord cru à du PAS, mais il s'agit de DAPI.", "DAPI"),
        ("Ich dachte erst an PAS.", None),
        ("Ich denke an PAS.", "PAS"),
        ("Je pense au PAS.", "PAS"),
    ],
)
def test_a_first_thought_is_known_in_german_and_french(reply: str, expected: str | None) -> None:
    assert named(reply, STAINS) == expected


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("carcinoma", LUNG, None),
        ("It is a carcinoma.", LUNG, None),
        ("Adenocarcinoma.", LUNG, "lung adenocarcinoma"),
        ("Squamous.", LUNG, "lung squamous cell carcinoma"),
        ("normal", LUNG, "normal lung tissue"),
        ("normal", ("normal cell", "abnormal cell"), "normal cell"),
        ("carcinoma", ("basal cell carcinoma", "melanoma"), "basal cell carcinoma"),
        ("carcinoma", ("carcinoma", "adenocarcinoma"), "carcinoma"),
        ("a trypanosome", ("Plasmodium", "Trypanosoma"), "Trypanosoma"),
        ("Trypanosomes are visible.", ("Plasmodium", "Trypanosoma"), "Trypanosoma"),
        ("a trypanosome", ("Trypanosoma brucei", "Trypanosoma cruzi"), None),
        ("a nematode", ("Treponema", "nematode"), "nematode"),
    ],
)
def test_the_last_part_of_a_compound_and_the_common_name_of_a_genus(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert named(reply, options) == expected
