"""Statements that are called right or wrong, definitions, ranges, and ends without a full stop."""

from __future__ import annotations

import pytest

from .reading import named

TRUTHS = ("True", "False")
YES_NO = ("Yes", "No")
STATES = ("apoptotic", "necrotic", "mitotic", "healthy")
FIELDS = ("histology", "cytology", "pathology")
PHASES = ("prophase", "metaphase", "anaphase", "telophase")
SIZES = ("10 µm", "50 µm", "100 µm")
COUNTS = ("1", "2", "3", "4")
ORGANS = ("breast tissue", "colon tissue", "kidney tissue", "liver tissue")
CLAIMS = ("The cells are round and small", "The cells are long and thin", "No cells are present")


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("Incorrect. The cells are round.", TRUTHS, "False"),
        ("Correct.", TRUTHS, "True"),
        ("Correct, all of them are infected.", YES_NO, "Yes"),
        ("Of course not.", YES_NO, "No"),
        ("Definitely, it is infected.", YES_NO, "Yes"),
        ("The nuclei are small. The statement is therefore wrong.", TRUTHS, "False"),
        ("There is a large one. The claim is thus correct.", TRUTHS, "True"),
        ("The statement doesn't hold.", TRUTHS, "False"),
    ],
)
def test_a_statement_is_called_true_or_false_in_other_words(
    reply: str, options: tuple[str, ...], expected: str
) -> None:
    assert named(reply, options) == expected


@pytest.mark.parametrize(
    "reply",
    [
        "The statement is correct if the cells are alive.",
        "Correct me if I'm wrong, but no image was attached.",
        "Incorrect labelling is a common problem.",
        "I can't say whether the statement is correct.",
    ],
)
def test_words_of_truth_about_something_else_call_nothing(reply: str) -> None:
    assert named(reply, TRUTHS) is None


@pytest.mark.parametrize(
    ("reply", "options"),
    [
        ("Cytology is the study of cells.", FIELDS),
        ("Metaphase is a stage of mitosis.", PHASES),
        ("Bacteria measure 1-10 µm in length.", SIZES),
        ("There are 3-4 nuclei.", COUNTS),
        ("They differ in size. Apoptotic", STATES),
        ("The cell is healthy. The cell is not healthy.", STATES),
        ("Certainly, I can help you with that.", YES_NO),
        ("CellProfiler 4 can count nuclei.", COUNTS),
    ],
)
def test_definitions_ranges_and_cut_ends_are_no_answer(
    reply: str, options: tuple[str, ...]
) -> None:
    assert named(reply, options) is None


@pytest.mark.parametrize(
    ("reply", "options", "expected"),
    [
        ("Blebs all around. The cell is apoptotic", STATES, "apoptotic"),
        ("It can't be apoptotic; it's mitotic", STATES, "mitotic"),
        ("You're looking at the kidney.", ORGANS, "kidney tissue"),
        ("Tubules, so not breast, not colon and not liver.", ORGANS, "kidney tissue"),
        ("The second statement describes it.", CLAIMS, CLAIMS[1]),
        ("Cytology is the best answer.", FIELDS, "cytology"),
        ("About 100 µm.", SIZES, "100 µm"),
        ("It's not healthy. Or is it? It is healthy.", STATES, "healthy"),
    ],
)
def test_whole_ends_parts_of_names_and_places_answer(
    reply: str, options: tuple[str, ...], expected: str
) -> None:
    assert named(reply, options) == expected
