"""What replies say beside their answer is none: examples, kinds, concessions, other pictures."""

from __future__ import annotations

import pytest

from mubench_gen.parser import parse_answer

CELLS = ("basophil", "eosinophil", "neutrophil", "lymphocyte", "monocyte")
STAINS = ("H&E", "PAS", "Masson's trichrome", "Congo red", "no stain", "amyloid beta")
ORGANELLES = ("nucleus", "mitochondrion", "Golgi apparatus", "endoplasmic reticulum", "lysosome")
PHASES = ("interphase", "prometaphase", "metaphase", "early anaphase", "late anaphase")
COUNTS = ("2", "3", "4", "6", "12")


def named(reply: str, options: tuple[str, ...] = CELLS) -> str | None:
    index = parse_answer(reply, options).index
    return None if index is None else options[index]


@pytest.mark.parametrize(
    "reply",
    [
        "Smears help in many diseases, and cells such as neutrophils play a role in defence.",
        "DDx: lymphocyte. Flow cytometry is recommended.",
        "Eosinophils are involved in allergic reactions.",
        "To confirm that this is a lymphocyte, immunophenotyping would be required.",
        "It is hard to distinguish a lymphocyte from a monocyte in this image.",
        "In allergic patients, the number of eosinophils is increased.",
        "A lymphocyte would have a round nucleus.",
        "The cell next to the neutrophil.",
        "r/o monocyte",
        "Your question mentions basophils.",
        "If it had orange granules, the answer would be eosinophil.",
    ],
)
def test_a_mention_in_passing_is_no_answer(reply: str) -> None:
    assert named(reply) is None


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("It could be a lymphocyte, but the kidney-shaped nucleus speaks for a monocyte.", CELLS,
         "monocyte"),
        ("Endoplasmic reticulum fits, though the Golgi apparatus can look similar.", ORGANELLES,
         "endoplasmic reticulum"),
        ("Most people would call this a lysosome, but it's really a mitochondrion.", ORGANELLES,
         "mitochondrion"),
        ("A cisterna. The nucleus would be larger. It's the Golgi apparatus.", ORGANELLES,
         "Golgi apparatus"),
        ("The sac outside of the endoplasmic reticulum is the lysosome.", ORGANELLES, "lysosome"),
        ("That's a monocyte. The cells next to it are neutrophils, and one is a lymphocyte.", CELLS,
         "monocyte"),
        ("I said eosinophil earlier; I take that back. It's a basophil.", CELLS, "basophil"),
        ("Chromosomes are congressing but not yet aligned: prometaphase, just before metaphase.",
         PHASES, "prometaphase"),
    ],
)  # fmt: skip
def test_what_is_only_conceded_does_not_stand_against_the_answer(
    reply: str, options: tuple[str, ...], expected: str
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("Either early anaphase or late anaphase. The plates are far apart, so the latter.", PHASES,
         "late anaphase"),
        ("H&E or PAS; magenta is absent, so the former.", STAINS, "H&E"),
        ("Lymphocyte, monocyte or basophil; I'd go for the latter.", CELLS, None),
        ("Early anaphase or late anaphase: the latter is more likely.", PHASES, "late anaphase"),
        ("Compare early anaphase and late anaphase: the latter is longer.", PHASES, None),
    ],
)  # fmt: skip
def test_the_latter_is_the_second_of_two(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('[{"option": "A", "p": 0.1}, {"option": "D", "p": 0.8}, {"option": "E", "p": 0.1}]',
         "lymphocyte"),
        ('{"A": "unlikely", "B": "very likely", "C": "likely"}', "eosinophil"),
        ('{"basophil": "no", "eosinophil": "yes"}', "eosinophil"),
        ("P(neutrophil) = 0.85, P(eosinophil) = 0.1", "neutrophil"),
        ("A: no. B: no. C: yes. D: no. E: no.", "neutrophil"),
        ("A: yes. B: yes. C: no. D: no. E: no.", None),
        ("A: no, B: no, C: no", None),
        ("See Fig. A.", None),
        ("A [ ] B [X] C [ ]", "eosinophil"),
        ('{"answer": "C", "second_choice": "B"}', "neutrophil"),
        ("Neutrophils make up 60 % of leukocytes, lymphocytes 30 %.", None),
    ],
)  # fmt: skip
def test_forms_that_weigh_options_are_read(reply: str, expected: str | None) -> None:
    assert named(reply) == expected


def test_a_field_with_another_options_text_is_a_contradiction() -> None:
    assert parse_answer('{"answer": "A", "text": "eosinophil"}', CELLS).status == "contradiction"
    assert parse_answer("Option B, the monocyte, is correct.", CELLS).status == "contradiction"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Options A through D are wrong.", "lysosome"),
        ("None of A, C, D, E is right.", "mitochondrion"),
        ("No other option than B comes into question.", "mitochondrion"),
        ("C is less likely than B.", "mitochondrion"),
        ("The absence of pores excludes A. B it is!", "mitochondrion"),
        ("The answer to the previous question was A. For this one, it's B.", "mitochondrion"),
        ("Niet A maar B.", "mitochondrion"),
        ("Nie A, lecz B.", "mitochondrion"),
        ("A가 아니라 B입니다.", "mitochondrion"),
        ("Ich schließe A aus, B passt am besten.", "mitochondrion"),
    ],
)
def test_denials_of_others_are_read(reply: str, expected: str) -> None:
    assert named(reply, ORGANELLES) == expected


def test_numbers_of_a_calculation_are_no_counts() -> None:
    assert named("2 + 3", COUNTS) is None
    assert named("First row: 3. Second row:", COUNTS) is None
    assert named("3 x 4 = 12", COUNTS) == "12"


def test_a_letter_of_a_word_in_another_script_is_no_label() -> None:
    assert named("Aβ", STAINS) is None
    answer = parse_answer("Aβ", STAINS, aliases=[(), (), (), (), (), ("Aβ", "A-beta")])
    assert (answer.index, answer.alias) == (5, "Aβ")


def test_a_part_of_a_text_must_keep_its_denial() -> None:
    assert named("stain", STAINS) is None


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("viruses", "virus"), ("virus", "viruses"), ("taxa", "taxon"), ("gyri", "gyrus"),
        ("stigmata", "stigma"), ("larynges", "larynx"), ("artefact", "artifact"), ("G₁", "G1"),
    ],
)  # fmt: skip
def test_irregular_plurals_and_small_digits_are_the_same_word(reply: str, option: str) -> None:
    assert named(reply, (option, "ribosome")) == option
