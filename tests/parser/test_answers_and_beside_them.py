"""Sums, measures, two options, denials in other words, and what is said beside an answer."""

from __future__ import annotations

import pytest

from mubench_gen.parser import parse_answer
from mubench_gen.tasks.task import load_task

from .reading import named

CELLS = ("neutrophil", "eosinophil", "basophil", "lymphocyte", "monocyte", "platelet")
STAINS = ("H&E", "IHC(HDab)", "Giemsa", "no stain", "DAPI", "Congo red")
TISSUES = ("adipose tissue", "debris", "mucus", "smooth muscle", "background")
COUNTS = ("3", "4", "7", "12")
FAILURE = ("chronic heart failure", "not chronic heart failure")
MITOCHONDRIA = ("normal mitochondria", "abnormal mitochondria")


def status(reply: str, options: tuple[str, ...]) -> str:
    return parse_answer(reply, options).status


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("Answer: 3 + 4 = 7", "7"),
        ("The answer is 12 - 3 - 2 = 7.", "7"),
        ("Answer: m + n = 3 + 4 = 7", "7"),
        ("\\boxed{7 - 3 = 4}", "4"),
        ("Answer: 7 = 3 + 4", "7"),
        ("The correct answer is 7 (3 + 4).", "7"),
        ("Answer: 3 + 4 + 1 = 8", None),
    ],
)
def test_of_a_declared_calculation_the_result_counts(reply: str, option: str | None) -> None:
    assert named(reply, COUNTS) == option


def test_an_option_that_is_an_equation_is_read_whole() -> None:
    assert named("The answer is 2 + 3 = 5.", ("2 + 3 = 5", "2 + 3 = 6", "5")) == "2 + 3 = 5"


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("At 20x, with a scale of 3 µm, I get a count of 4 cells.", "4"),
        ("I count four of them in the 12 µm field.", "4"),
        ("Counting gives 4; the bar is 3 µm.", "4"),
        ("3 in the top half and 4 in the bottom half add up to 7 cells.", "7"),
        ("There are 7 nuclei.", "7"),
        ("There are about 3-4 nuclei.", None),
        ("There are 4 nuclei, 3 of them dividing.", "4"),
    ],
)
def test_a_measure_is_no_count_and_a_range_none(reply: str, option: str | None) -> None:
    assert named(reply, COUNTS) == option


def test_a_number_with_a_unit_counts_where_no_other_number_stands() -> None:
    assert named("It is 3 µm long.", COUNTS) == "3"


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("not benign", "malignant"),
        ("It isn't malignant.", "benign"),
        ("Not B.", "benign"),
        ("I do not know whether it is benign.", None),
        ("Not necessarily benign.", None),
        ("I can't say it's not malignant.", None),
    ],
)
def test_of_two_options_a_plain_denial_leaves_the_other(reply: str, option: str | None) -> None:
    assert named(reply, ("benign", "malignant")) == option


def test_of_more_options_one_denial_leaves_all_others() -> None:
    assert named("Not a monocyte.", CELLS) is None


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("D convient le mieux ; A et B sont à écarter.", "lymphocyte"),
        ("D ist zutreffend; A und B sind auszuschließen.", "lymphocyte"),
        ("La D encaja mejor; A y B se descartan.", "lymphocyte"),
        ("A et B sont à écarter.", None),
        ("Aではありません。Bです。", "eosinophil"),
        ("正解はAではありません。", None),
        ("Only D cannot be excluded.", "lymphocyte"),
        ("D is the only one that can't be eliminated.", "lymphocyte"),
        ("D cannot be excluded either.", None),
        ("Only A can be excluded.", None),
        ("Apart from B, no option is compatible with the granules.", "eosinophil"),
        ("D would be right, were it not for the lobed nucleus.", None),
        ("C would be the answer had the nucleus been rounder.", None),
        ("B would be right.", "eosinophil"),
        ("It would be an error to call this a monocyte; it is a lymphocyte.", "lymphocyte"),
        ("Is the nucleus folded? If so, it's a monocyte.", None),
        ("There is no evidence that this is a monocyte.", None),
    ],
)
def test_denials_are_read_in_other_words(reply: str, option: str | None) -> None:
    assert named(reply, CELLS) == option


@pytest.mark.parametrize(
    "reply",
    [
        "Option D (neutrophil) is correct.",
        "I'd go with option B (lymphocyte).",
        "The answer is A. This is a lymphocyte.",
        "Answer: E\n\nThe cell shown is a basophil.",
        "$\\boxed{\\text{C. neutrophil}}$",
        '{"label": "C", "answer": "monocyte"}',
        "正解はA、lymphocyteです。",
        "答案是A，monocyte。",
    ],
)
def test_a_label_that_is_given_another_options_text_contradicts_itself(reply: str) -> None:
    assert status(reply, CELLS) == "contradiction"


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("D. The cell is a lymphocyte.", "lymphocyte"),
        ("The answer is C. Platelets (F) are much smaller.", "basophil"),
        ("C. It is not a neutrophil, as the granules hide the nucleus.", "basophil"),
        ('{"label": "E", "answer": "monocyte"}', "monocyte"),
        ("B. Unlike a neutrophil, this cell has orange granules.", "eosinophil"),
    ],
)
def test_a_sentence_about_another_option_contradicts_nothing(reply: str, option: str) -> None:
    assert named(reply, CELLS) == option


def test_two_options_with_their_texts_are_no_answer() -> None:
    reply = "The answer is:\n(A) neutrophil: lobed nucleus\n(B) eosinophil: orange granules"
    assert status(reply, CELLS) == "ambiguous"
    assert named("The answer is:\n(B) eosinophil: orange granules", CELLS) == "eosinophil"


@pytest.mark.parametrize("reply", ["Is it a neutrophil or a monocyte?", "Is it a neutrophil?"])
def test_an_article_before_the_first_options_text_is_no_label(reply: str) -> None:
    assert named(reply, CELLS) is None
    assert named("It is a neutrophil.", CELLS) == "neutrophil"


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("The answer is C.\n\nThe right answer for a Gram stain would be A.", "basophil"),
        ("The best answer for an image like this would be C.", "basophil"),
        ("Ignore my earlier answer of basophil. It is a monocyte.", "monocyte"),
        ("I would choose option d", "lymphocyte"),
        ("A (neutrophil) - no. B (eosinophil) - no. C (basophil) - yes.", "basophil"),
    ],
)
def test_what_is_declared_for_this_image_and_last_counts(reply: str, option: str) -> None:
    assert named(reply, CELLS) == option


@pytest.mark.parametrize(
    ("reply", "options", "option"),
    [
        ("Purple nuclei on a white background.", TISSUES, None),
        ("The background appears pink.", TISSUES, None),
        ("The tile shows only background.", TISSUES, "background"),
        ("The next step would be to add DAPI.", STAINS, None),
        ("I'd suggest performing a Congo red stain.", STAINS, None),
        ("I suggest Congo red.", STAINS, "Congo red"),
        ("In patients with chronic heart failure, myocytes are enlarged.", FAILURE, None),
        ("This is from a patient with chronic heart failure.", FAILURE, "chronic heart failure"),
        ("The mitochondria look abnormal.", MITOCHONDRIA, "abnormal mitochondria"),
        ("The nuclei look abnormal.", MITOCHONDRIA, None),
    ],
)
def test_what_is_beside_the_question_is_no_answer(
    reply: str, options: tuple[str, ...], option: str | None
) -> None:
    assert named(reply, options) == option


def test_greek_letters_are_read_as_their_names() -> None:
    options = ("α-tubulin", "beta-actin", "amyloid beta")
    assert [named(text, options) for text in ("alpha tubulin", "β-actin", "amyloid-β")] == [
        *options
    ]
    assert named("β-tubulin", options) is None


@pytest.mark.parametrize(
    ("task", "words", "option"),
    [
        ("submodality", "crossed polars", "polarized light microscopy"),
        ("submodality", "a spinning disc", "confocal microscopy"),
        ("submodality", "widefield", "epifluorescence microscopy"),
        ("stain", "TBO", "toluidine blue"),
        ("subdomain", "colorectal pathology", "gastrointestinal pathology"),
        ("subdomain", "H&N pathology", "head and neck pathology"),
        ("opencell", "the nucleoplasm", "nucleus"),
    ],
)
def test_everyday_words_of_the_field_are_read(task: str, words: str, option: str) -> None:
    vocabulary = dict(load_task(task).aliases)
    options = [*vocabulary]
    answer = parse_answer(words, options, aliases=[*vocabulary.values()])
    assert (answer.status, options[answer.index or 0]) == ("answered", option)


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("Lymphocyte. Not a monocyte.", "lymphocyte"),
        ("Lymphocyte. It does not have granules.", "lymphocyte"),
        ("Lymphocyte: not likely. Monocyte: yes.", "monocyte"),
        ("D. Not visible. E. Yes, clearly.", "monocyte"),
    ],
)
def test_the_full_stop_behind_a_text_ends_what_is_said_of_it(reply: str, option: str) -> None:
    assert named(reply, CELLS) == option


@pytest.mark.parametrize("rest", ["is not dividing", "doesn't have a nucleus", "can't be a spore"])
@pytest.mark.parametrize("word", ["True", "False"])
def test_a_word_of_truth_is_the_answer_whatever_its_reason_denies(word: str, rest: str) -> None:
    assert named(f"{word}. The cell {rest}.", ("True", "False")) == word


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("I can't give a medical diagnosis. Of the options you listed, mucus fits best.", "mucus"),
        ("I can't see the image. Of the options, mucus is common in the colon.", None),
        ("I cannot tell which of the options it is: mucus or debris.", None),
    ],
)
def test_of_the_options_begins_an_answer_behind_a_refusal(reply: str, option: str | None) -> None:
    assert named(reply, TISSUES) == option


def test_either_of_two_options_is_neither_by_its_words() -> None:
    options = ("electron microscopy", "brightfield microscopy", "phase contrast microscopy")
    assert status("Either brightfield microscopy or phase contrast microscopy.", options) == (
        "ambiguous"
    )


@pytest.mark.parametrize(
    ("reply", "options", "option"),
    [
        ("Yes. I cannot tell what it stands for.", ("Yes", "No", "Cannot tell"), "Yes"),
        ("Lymphocyte. The nucleus is folded, so it is a monocyte.", CELLS, "monocyte"),
        ("Lymphocyte. Hmm, no. Monocyte.", CELLS, "monocyte"),
        ("Lymphocyte. Monocyte. Neutrophil.", CELLS, None),
    ],
)
def test_a_first_sentence_that_is_a_text_counts_where_no_other_is_chosen(
    reply: str, options: tuple[str, ...], option: str | None
) -> None:
    assert named(reply, options) == option


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        (">20", "More than 20"),
        ("> 20.", "More than 20"),
        ("20+", None),
        ("Exactly seven cells are dividing - all in metaphase.", "6-10"),
    ],
)
def test_a_range_or_a_count_alone_is_an_option_in_other_signs(
    reply: str, option: str | None
) -> None:
    assert named(reply, ("0-5", "6-10", "11-20", "More than 20")) == option


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("The round cell is a lymphocyte. The membrane can't be judged.", "lymphocyte"),
        ("The image shows a lymphocyte; its granules cannot be seen.", "lymphocyte"),
        ("The cell is a lymphocyte. However, it cannot be determined with certainty.", None),
        ("The nucleus is like a lymphocyte's, but the identity cannot be determined.", None),
        ("Lymphocytes have round nuclei. The nuclei cannot be seen here.", None),
    ],
)
def test_what_cannot_be_seen_of_a_part_takes_no_answer_away(reply: str, option: str | None) -> None:
    assert named(reply, CELLS) == option


@pytest.mark.parametrize(
    "end", ["Lymphocyte seems right to me.", "It is the lymphocyte that predominates."]
)
def test_more_words_say_that_an_option_fits(end: str) -> None:
    assert named(f"Neutrophils would have lobes and monocytes folds. {end}", CELLS) == "lymphocyte"
