"""Cut replies, contradictions, names, negation, numbers and marks, and everyday spellings."""

from __future__ import annotations

import pytest

from mubench_gen.parser import parse_answer
from mubench_gen.types import Answer

ORGANELLES = ("nucleus", "mitochondrion", "Golgi apparatus", "endoplasmic reticulum")
CELLS = ("basophil", "eosinophil", "lymphocyte", "monocyte")
STAINS = ("H&E", "DAPI", "Masson's trichrome", "PAS", "Giemsa")
SPECIES = ("Escherichia coli", "Bacillus subtilis", "Arabidopsis thaliana", "Danio rerio")


def read(reply: str, options: tuple[str, ...] = ORGANELLES, **known: bool) -> Answer:
    return parse_answer(reply, options, **known)


def named(reply: str, options: tuple[str, ...] = ORGANELLES) -> str | None:
    index = read(reply, options).index
    return None if index is None else options[index]


@pytest.mark.parametrize(
    "reply",
    [
        "Basophils are dark. Eosinophils are orange. Lymphocytes are small and round. Monocytes",
        "Basophils are dark and the cell is",
        "The cell has a kidney-shaped nucleus. It could be a monocyte because of",
        "Looking at the options, lymphocytes are small, and",
    ],
)
def test_a_reply_that_ends_within_a_sentence_names_no_option_by_its_end(reply: str) -> None:
    assert named(reply, CELLS) is None
    assert read(reply, CELLS, complete=False).status == "truncated"


def test_working_that_is_cut_has_no_result() -> None:
    reply = "Each row has 3 × 4 = 12"
    assert read(reply, ("12", "18", "36"), complete=False).status == "truncated"
    assert read(reply, ("12", "18", "36"), complete=True).index == 0


@pytest.mark.parametrize(
    "reply", ["B", "Answer: B, because the cris", "B. mitochondrion\n\nThe inner"]
)
def test_what_a_cut_reply_declared_counts(reply: str) -> None:
    assert read(reply, complete=False).index == 1


def test_a_cut_reply_without_text_is_truncated() -> None:
    assert read("", complete=False).status == "truncated"
    assert read("").status == "empty"


def test_a_reply_that_is_known_to_be_whole_needs_no_end_mark() -> None:
    reply = "The cristae are visible. So it is a mitochondrion"
    assert read(reply, complete=True).index == 1


@pytest.mark.parametrize(
    "reply",
    [
        "C. mitochondrion", "(D) nucleus", "The answer is C. mitochondrion",
        "**A: Golgi apparatus**",
        "A (mitochondrion)", "I choose C, the nucleus.", "The answer is mitochondrion (C).",
        "<answer>A. mitochondrion</answer>", "C. Mitochondrion. It has cristae.",
        "答案：C. nucleus",
        "\\boxed{A. mitochondrion}", "C\nmitochondrion",
    ],
)  # fmt: skip
def test_a_label_with_another_options_text_is_a_contradiction(reply: str) -> None:
    answer = read(reply)
    assert (answer.status, answer.index) == ("contradiction", None)


def test_a_text_of_several_words_contradicts_as_well() -> None:
    options = ("false, true", "true, false", "true, true")
    assert read("C. False, true. The first claim fails.", options).status == "contradiction"


@pytest.mark.parametrize(
    "reply",
    [
        "B. The nucleus is visible, too.", "B. mitochondrion (not the nucleus)",
        "The answer is B. The nucleus lies next to it.", "B, since the nucleus is elsewhere.",
    ],
)  # fmt: skip
def test_a_sentence_about_another_option_contradicts_nothing(reply: str) -> None:
    assert read(reply).index == 1


def test_a_letter_that_is_an_options_text_does_not_contradict_itself() -> None:
    assert read("Answer: (C) C", ("B", "C", "A")).index == 2


def test_a_later_answer_replaces_a_contradiction() -> None:
    assert read("The answer is C. mitochondrion. Sorry, the answer is B.").index == 1


@pytest.mark.parametrize(
    "reply",
    [
        "The answer is:\nC. Golgi apparatus (left)\nB. mitochondrion (right)",
        "Answer:\n- A. nucleus\n- D. endoplasmic reticulum",
    ],
)
def test_a_list_of_several_declared_options_is_ambiguous(reply: str) -> None:
    assert read(reply).status == "ambiguous"


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("E. coli was stained with DAPI here.", STAINS, "DAPI"),
        ("D. melanogaster wing discs, Giemsa.", STAINS, "Giemsa"),
        ("C. albicans was stained with PAS.", STAINS, "PAS"),
        ("A. thaliana root in cross-section", SPECIES, "Arabidopsis thaliana"),
        ("I think it is B. subtilis because of the spores.", SPECIES, "Bacillus subtilis"),
        ("It shows D. rerio, as the notochord tells.", SPECIES, "Danio rerio"),
        ("The answer is E. coli.", SPECIES[::-1], "Escherichia coli"),
        ("EDX shows carbon (C) and oxygen (O) peaks.", ORGANELLES, None),
        ("The pale region is cytoplasm (C).", ORGANELLES, None),
        ("The ratio of [A-] relative to [HA] is fixed.", ORGANELLES, None),
        ("The scale bars are: (A) 10 µm and (B) 50 µm.", ORGANELLES, None),
        ("Panel (A) is the overview; the marked organelle is a mitochondrion.", ORGANELLES,
         "mitochondrion"),
        ("B cells have a large nucleus.", ORGANELLES, "nucleus"),
        ("The best option is (B).", ORGANELLES, "mitochondrion"),
        ("Best (B)", ORGANELLES, "mitochondrion"),
    ],
)  # fmt: skip
def test_a_letter_in_a_name_is_no_label(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    "reply",
    [
        "Therefore, option C, Golgi apparatus, cannot be the correct answer.",
        "Hence (B), with its cristae, is not a good match.",
        "None of the options (A, B, C) is correct.",
        'The option "D. endoplasmic reticulum" is not the structure',
        "C - although tempting - is not right.",
        "Thus answer B, in spite of the cristae, is wrong.",
        "(B) is out of the question.", "No mitochondrion can be seen here.",
        "Option B (mitochondrion) isn't correct.", "It can't be B, and it isn't C either.",
    ],
)  # fmt: skip
def test_a_denied_option_is_not_the_answer(reply: str) -> None:
    assert read(reply).index is None


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("D fits best; A and B can be ruled out.", 3),
        ("A convient le mieux ; B est exclu.", 0),
        ("I would rule out A, B and D.", 2),
        ("There is no nucleus, so it must be a mitochondrion.", 1),
        ("Although the nucleus is larger, the arrow marks a mitochondrion.", 1),
        ("ni A ni C, donc B", 1), ("AではなくBです。", 1), ("Weder A noch B, sondern C.", 2),
        ("Thus (B), not A, is correct.", 1),
    ],
)  # fmt: skip
def test_elimination_never_overrules_what_is_asserted(reply: str, expected: int) -> None:
    assert read(reply).index == expected


def test_denying_an_option_asserts_its_opposite() -> None:
    options = ("not chronic heart failure", "chronic heart failure")
    assert read("The patient does not have chronic heart failure.", options).index == 0


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("The correct answer is D. endoplasmic reticulum.\n\nOption B is correct for energy "
         "metabolism, but not here.", ORGANELLES, 3),
        ("Answer: A. nucleus\n\nOption C would be the right choice only for vesicles.",
         ORGANELLES, 0),
        ("The answer is A. On reflection, however, option B is correct.", ORGANELLES, 1),
        ("My initial answer was H&E, but I change it to Masson's trichrome.", STAINS, 2),
        ("I first said DAPI, but now I say Giemsa.", STAINS, 4),
        ("As an AI model, I believe this is H&E.", STAINS, 0),
        ("I'm sorry for the confusion. The image shows a monocyte.", CELLS, 3),
        ("Between A and D, I prefer D because ribosomes are visible.", ORGANELLES, 3),
        ("Some experts say A, others B.", ORGANELLES, None),
        ("Eosinophil? Basophil? I can't tell.", CELLS, None),
    ],
)  # fmt: skip
def test_what_is_declared_beats_what_is_remarked(
    reply: str, options: tuple[str, ...], expected: int | None
) -> None:
    assert read(reply, options).index == expected


@pytest.mark.parametrize(
    "reply",
    [
        "No image was provided. Please share the image of the lymphocyte.",
        "I don't see an image. Could you upload the picture of the monocyte again?",
    ],
)
def test_a_request_for_the_image_is_a_refusal(reply: str) -> None:
    assert read(reply, CELLS).status == "refused"


@pytest.mark.parametrize(
    "reply",
    [
        '{"A": 0.02, "B": 0.91, "C": 0.07}', "70 % B, 20 % A", "A: 10%, B: 80%, C: 10%",
        "I am 80% sure that it is B and 20% that it is C.", "- [ ] A\n- [x] B\n- [ ] C",
        "☐ A ☑ B ☐ C", "A ✗\nB ✓\nC ✗", "A. nucleus\nB. mitochondrion ✓\nC. Golgi apparatus",
        '{"class": "mitochondrion", "why": "no nucleus"}', '{"organelle": "mitochondrion"}',
        '{"nucleus": 0.2, "mitochondrion": 0.7}',
    ],
)  # fmt: skip
def test_numbers_marks_and_fields_choose(reply: str) -> None:
    assert read(reply).index == 1


def test_equal_shares_are_ambiguous() -> None:
    assert read("A: 50%, B: 50%").status == "ambiguous"


@pytest.mark.parametrize(
    "reply",
    [
        "Правильный ответ: B", "La risposta corretta è B.", "Het juiste antwoord is B.",
        "정답은 B입니다.", "सही उत्तर B है।", "Đáp án đúng là B.", "Ответ: mitochondrion",
    ],
)  # fmt: skip
def test_declarations_in_further_languages_are_read(reply: str) -> None:
    assert read(reply).index == 1


def test_a_denied_declaration_in_another_language_is_none() -> None:
    assert read("Ответ не B").index is None


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("The arrows mark mitochondria.", ORGANELLES, 1), ("nuclei", ORGANELLES, 0),
        ("Bacteria in clusters", ("fungus", "bacterium"), 1), ("fungi", ("fungus", "bacterium"), 0),
        ("cilia", ("flagellum", "cilium"), 1), ("flagella", ("flagellum", "cilium"), 0),
        ("hyphae", ("spore", "hypha"), 1), ("metastases", ("metastasis", "fibrosis"), 0),
        ("2 nuclei", ("two nuclei", "three nuclei"), 0),
        ("three", ("(3)", "(4)"), 0),
        ("ova", ("ovum", "spermatozoon"), 0), ("biopsies", ("biopsy", "smear"), 0),
        ("bright-field microscopy", ("brightfield microscopy", "darkfield microscopy"), 0),
        ("dark field microscopy", ("brightfield microscopy", "darkfield microscopy"), 1),
        ("brightfield", ("bright-field", "dark field"), 0),
        ("epi-fluorescence", ("epifluorescence", "confocal"), 0),
        ("tumor", ("tumour", "oedema"), 0), ("edema", ("tumour", "oedema"), 1),
        ("grey matter", ("white matter", "gray matter"), 1),
        ("haemorrhage", ("fibrosis", "hemorrhage"), 1), ("fibre", ("fiber", "membrane"), 0),
    ],
)  # fmt: skip
def test_plurals_and_spellings_do_not_matter(
    reply: str, options: tuple[str, ...], expected: int
) -> None:
    assert read(reply, options).index == expected


def test_an_alias_names_its_option_and_the_answer_says_so() -> None:
    aliases = (("bright field",), ("EDX mapping", "EM"))
    options = ("light microscopy", "electron microscopy")
    answer = parse_answer("It was taken by EM.", options, aliases=aliases)
    assert (answer.index, answer.alias) == (1, "EM")
    assert parse_answer("Electron microscopy.", options, aliases=aliases).alias is None
    mapped = "It was taken by EDX mapping."
    assert parse_answer(mapped, options, aliases=aliases).index == 1
    assert parse_answer(mapped, options).index is None


def test_an_acronym_counts_in_capitals_alone() -> None:
    aliases = (("IF",), ("EM",))
    options = ("immunofluorescence", "electron microscopy")
    assert parse_answer("We see what if we look closer.", options, aliases=aliases).index is None
    assert parse_answer("The image was made by IF.", options, aliases=aliases).index == 0


def test_an_alias_of_two_options_or_of_another_ones_text_means_none() -> None:
    options = ("confocal microscopy", "light microscopy")
    aliases = (("LM", "light microscopy"), ("LM",))
    assert parse_answer("LM", options, aliases=aliases).index is None
    assert parse_answer("light microscopy", options, aliases=aliases).index == 1


def test_a_label_with_another_options_alias_is_a_contradiction() -> None:
    aliases = (("hematoxylin and eosin",), ())
    answer = parse_answer("B. hematoxylin and eosin", ("H&E", "PAS"), aliases=aliases)
    assert answer.status == "contradiction"


def test_aliases_for_another_number_of_options_are_told() -> None:
    with pytest.raises(ValueError, match="aliases for 1 of 2 options"):
        parse_answer("A", ("x", "y"), aliases=[["z"]])
