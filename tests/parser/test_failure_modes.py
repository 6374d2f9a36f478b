"""Every way in which parsers of this field are known to fail, each as a small example."""

from __future__ import annotations

import pytest

from mubench_gen.parser import default_labels, parse_answer

ORGANELLES = ("nucleus", "mitochondrion", "Golgi apparatus", "endoplasmic reticulum")
TECHNIQUES = ("electron microscopy", "cryo-electron microscopy", "light microscopy")
STAINS = ("H&E", "DAPI", "trichrome", "collagen IV")


def letter(reply: str, options: tuple[str, ...] = ORGANELLES) -> str | None:
    index = parse_answer(reply, options).index
    return None if index is None else default_labels(len(options))[index]


def status(reply: str, options: tuple[str, ...] = ORGANELLES) -> str:
    return parse_answer(reply, options).status


@pytest.mark.parametrize(
    "reply",
    [
        "B", "b", "(B)", "**B**", "$B$", "\\boxed{B}", "<answer>B</answer>", '{"answer": "B"}',
        "ANSWER: **B**", "B. mitochondrion", "mitochondrion", "答案：B", "Ｂ", "B<|im_end|>",
        "Final answer: \\textbf{(B)}", "$\\boxed{\\text{B}}$", "<b>B</b>", "[Correct: B]", "“B”",
    ],
)  # fmt: skip
def test_an_answer_in_any_dress_is_read(reply: str) -> None:
    assert letter(reply) == "B"


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("cryo-electron microscopy", TECHNIQUES, "B"),
        ("electron microscopy", TECHNIQUES, "A"),
        ("The technique is cryo-electron microscopy.", TECHNIQUES, "B"),
        ("abnormal", ("normal", "abnormal"), "B"),
        ("The tissue is abnormal.", ("normal", "abnormal"), "B"),
        ("collagen IV", STAINS, "D"),
        ("The stain is H&E.", STAINS, "A"),
        ("There are 12 cells.", ("1", "2", "12"), "C"),
    ],
)
def test_a_text_inside_another_is_not_mistaken_for_it(
    reply: str, options: tuple[str, ...], expected: str
) -> None:
    assert letter(reply, options) == expected


@pytest.mark.parametrize(
    "reply",
    [
        "A cell in metaphase", "As an AI, I cannot see the image.", "Based on the image, a cell.",
        "A good question!", "Cells are small.", "vitamin C and hepatitis B",
    ],
)  # fmt: skip
def test_articles_and_first_letters_are_no_labels(reply: str) -> None:
    assert letter(reply) is None


def test_the_pronoun_i_is_no_label() -> None:
    options = tuple(f"organ {k}" for k in range(10))
    assert letter("I think that it is hard to say.", options) is None
    assert letter("I", options) == "I"


def test_a_declared_article_leads_to_the_text() -> None:
    assert letter("The answer is a mitochondrion") == "B"


def test_of_several_declarations_the_last_stands() -> None:
    assert letter("The answer is A. Wait, there are cristae: the answer is B.") == "B"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("The answer is A. Wait, no, it is C.", "C"),
        ("The answer is B. No, it's C.", "C"),
        ("A. Actually, B.", "B"),
        ("I'd say B. On second thought, it's D.", "D"),
        ("Answer: B. Correction: C", "C"),
        ("答案是A。不对，应该是C。", "C"),
        ("The answer is B. Wait, A is wrong too.", "B"),
        ("Actually, A is wrong. The answer is C.", "C"),
        ("The answer is B. Actually I am sure.", "B"),
    ],
)
def test_an_answer_that_is_taken_back_gives_way_to_the_last(reply: str, expected: str) -> None:
    assert letter(reply) == expected


def test_a_question_that_the_model_goes_on_with_is_not_answered_for() -> None:
    assert letter("B\n\nQuestion: Which dye?\nA. eosin\nB. DAPI\nAnswer: A") == "B"


def test_letters_in_the_explanation_do_not_count() -> None:
    assert letter("B\n\nA and C have no cristae, and D is a network.") == "B"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("It is not A but D.", "D"),
        ("A and B are wrong, C is right.", "C"),
        ("The answer is C, not B.", "C"),
        ("not A", None),
        ("Option A is incorrect.", None),
    ],
)
def test_negation_is_heard(reply: str, expected: str | None) -> None:
    assert letter(reply) == expected


@pytest.mark.parametrize(
    "reply", ["A and B", "both A and B", "A, C", "ABD", "The answer is A and C.", "(A)(D)"]
)
def test_several_asserted_options_are_ambiguous(reply: str) -> None:
    assert status(reply) == "ambiguous"


def test_thinking_is_not_read() -> None:
    assert letter("<think>The answer is A.</think>B") == "B"
    assert letter("It may be A.</think>\n\n**B**") == "B"
    assert status("<think>The answer is B") == "truncated"
    assert letter("B<think>or is it") == "B"


def test_repeated_options_assert_none() -> None:
    listed = "A. nucleus\nB. mitochondrion\nC. Golgi apparatus\nD. endoplasmic reticulum"
    assert status(listed) == "none"
    assert letter(f"{listed}\n\nAnswer: C") == "C"
    assert status(f"The correct answer is:\n{listed}") == "none"


def test_none_of_the_above_is_an_option_where_it_is_offered() -> None:
    offered = ("eosin", "DAPI", "None of the above")
    assert letter("None of the above.", offered) == "C"
    assert letter("The answer is none of these.", offered) == "C"
    assert status("None of the above.") == "none"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("", "empty"),
        (" \n<|im_end|>", "empty"),
        ("I'm sorry, but I cannot view images.", "refused"),
        ("抱歉，我无法查看图片。", "refused"),
        ("The answer is F.", "out_of_range"),
        ("E", "out_of_range"),
        ("This is about cells.", "none"),
    ],
)
def test_a_reply_without_an_answer_says_why(reply: str, expected: str) -> None:
    answer = parse_answer(reply, ORGANELLES)
    assert (answer.status, answer.index, answer.rule, answer.span) == (expected, None, None, None)


def test_a_hedge_around_a_choice_does_not_undo_it() -> None:
    assert letter("I can't see it well, but the answer is most likely B.") == "B"


def test_a_refusal_that_names_options_is_a_refusal() -> None:
    assert status("It is not possible to select either option (A) or (B).") == "refused"


@pytest.mark.parametrize(
    ("style", "reply", "expected"),
    [
        ("a", "c. Golgi apparatus", 2), ("a", "The answer is a nucleus.", 0), ("1", "2", 1),
        ("1", "The answer is 4.", 3), ("i", "iii", 2), ("i", "(iv)", 3), ("A", "D", 3),
    ],
)  # fmt: skip
def test_other_label_styles_are_read(style: str, reply: str, expected: int) -> None:
    assert parse_answer(reply, ORGANELLES, default_labels(4, style)).index == expected


def test_circled_and_two_digit_labels_are_read() -> None:
    many = tuple(f"organ {chr(97 + k)}" for k in range(12))
    assert parse_answer("⑫", many, list("①②③④⑤⑥⑦⑧⑨⑩⑪⑫")).index == 11
    assert parse_answer("The answer is 11.", many, default_labels(12, "1")).index == 10
    assert parse_answer("1", many, default_labels(12, "1")).index == 0


def test_more_than_twenty_six_options_are_read() -> None:
    many = tuple(f"region {k}" for k in range(30))
    assert parse_answer("AB", many).index == 27
    assert parse_answer("The answer is AD.", many).index == 29


def test_a_label_decides_between_options_of_one_text() -> None:
    twice = ("neuron", "astrocyte", "neuron")
    assert parse_answer("C. neuron", twice).index == 2
    assert parse_answer("neuron", twice).status == "ambiguous"


@pytest.mark.parametrize(
    "reply",
    [
        "Die Antwort ist B.", "Réponse : B", "La respuesta correcta es la opción B.",
        "A resposta é B.", "正解はBです。", "正确答案是：B", "故选B。", "L'option B est correcte.",
    ],
)  # fmt: skip
def test_declarations_in_seven_languages_are_read(reply: str) -> None:
    assert letter(reply) == "B"


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("  答案：Ｂ。", "Ｂ"),
        ("**B**", "B"),
        ("The answer is (B).", "B"),
        ("İt's the mitochondrion.", "mitochondrion"),
        ("<think>A</think> ⓑ", "ⓑ"),
    ],
)
def test_the_span_is_in_code_points_of_the_reply_as_given(reply: str, found: str) -> None:
    answer = parse_answer(reply, ORGANELLES)
    assert answer.index == 1
    assert answer.span is not None
    assert reply[slice(*answer.span)] == found


@pytest.mark.parametrize(
    "reply",
    [
        "B\n\n#\n\nWho wrote it?\nA. Hooke\nB. Brown\nC. Virchow\nAnswer: C",
        "B\n\n12. 下列说法正确的是（ ）\nA. 甲\nB. 乙\nC. 丙\n答案：C",
        "The answer is B.\nThe unit of force is ____\nA) volt\nB) watt\nC) newton\nAnswer: C",
        "B\n\nThe unit of force is called the\nA. volt\nB. watt\nC. newton\nAnswer: C",
        "答案：B\n\n下列哪个不是操作系统\nA. Windows\nB. Linux\nC. Office\n答案：C",
    ],
)
def test_a_question_with_options_of_its_own_is_no_part_of_the_answer(reply: str) -> None:
    assert letter(reply) == "B"


def test_an_answer_may_be_taken_back_behind_the_options() -> None:
    again = "A. nucleus is round.\nB. mitochondrion has cristae."
    assert letter(f"The answer is A.\n\nAgain:\n{again}\nSorry, the answer is B.") == "B"


def test_options_listed_behind_a_question_are_read_where_nothing_stands_before() -> None:
    assert letter("Which organelle?\nA. nucleus\nB. mitochondrion\nThe answer is B.") == "B"


@pytest.mark.parametrize(
    "reply",
    [
        "Nucleus\nMitochondrion\nGolgi apparatus",
        "Nucleus. Mitochondrion. Golgi apparatus.",
        "(A) and (B) are both wrong.",
        "A is a possible answer, and so is B.",
        "The nucleus holds the DNA. The mitochondrion makes ATP. The Golgi apparatus sorts.",
    ],
)
def test_options_told_of_in_turn_are_no_answer(reply: str) -> None:
    assert letter(reply) is None


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("It is not nucleus (A), and not Golgi apparatus (C). That leaves B.", ORGANELLES, "B"),
        ("Not the nucleus and not the Golgi apparatus, but the mitochondrion.", ORGANELLES, "B"),
        ("Between A and B, B is better because of the cristae.", ORGANELLES, "B"),
        ("A... no, B.", ORGANELLES, "B"),
        ("mitochondri", ORGANELLES, "B"),
        ("collagen IV", ("Type I collagen", "Type IV collagen"), "B"),
        ("-1", ("0", "1", "2"), None),
        ("O(n^3)", ("O(n)", "O(n^2)"), None),
        ("A blood test is needed.", ("A", "B", "AB", "O"), None),
        ("The passage says that this isn't the case. No.", ("yes", "no"), "B"),
        ("Options: A. DAPI, B. H&E, C. Nile red", ("DAPI", "H&E", "Nile red"), None),
    ],
)
def test_signs_cuts_and_what_is_left(
    reply: str, options: tuple[str, ...], expected: str | None
) -> None:
    assert letter(reply, options) == expected
