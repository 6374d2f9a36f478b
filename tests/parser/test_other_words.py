"""Options in other words, and options that are named without being the answer."""

from __future__ import annotations

import pytest

from .reading import named

PHASES = ("Ferrite", "Pearlite", "Martensite", "Austenite")
CELLS = ("Neutrophil", "Eosinophil", "Basophil", "Lymphocyte")
ORGANELLES = ("Nucleus", "Nucleolus", "Golgi apparatus", "Mitochondrion")
VESSELS = ("xylem", "phloem", "pith")
TWO = ("xylem", "phloem")
TRUTH = ("True", "False")
YES_NO = ("Yes", "No")
TREND = ("Signal increases", "Signal decreases", "Signal does not change")
CILIA = ("Cilia are present", "Cilia are absent")
METALS = ("Gold", "Copper", "Iron", "Zinc")
SIZES = ("100 µm", "200 µm", "500 µm")
FATES = ("Alive", "Dead", "Insufficient information")
UNTOLD = ("Alive", "Dead", "Cannot be determined")
EPITHELIA = (
    "Squamous epithelium",
    "Stratified squamous epithelium",
    "Stratified squamous keratinized epithelium",
)


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("Neither a nucleus nor a nucleolus, and no obvious Golgi apparatus.", "Mitochondrion"),
        ("No stained nucleus is visible; the arrow marks the mitochondrion.", "Mitochondrion"),
    ],
)
def test_an_adjective_behind_no_denies_all_the_same(reply: str, option: str) -> None:
    assert named(reply, ORGANELLES) == option


@pytest.mark.parametrize("reply", ["There is no doubt: eosinophil.", "No mistaking an eosinophil."])
def test_no_doubt_denies_nothing(reply: str) -> None:
    assert named(reply, CELLS) == "Eosinophil"


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("Not H&E, not trichrome, and certainly not PAS.", "Congo red"),
        ("It isn't H&E, and it isn't trichrome.", None),
        ("The trichrome is out, and neither PAS nor H&E fits.", "Congo red"),
    ],
)
def test_the_last_word_of_a_text_denies_the_only_option_of_its_kind(
    reply: str, option: str | None
) -> None:
    assert named(reply, ("H&E", "Masson's trichrome", "PAS", "Congo red")) == option


def test_a_non_word_with_a_hyphen_denies_no_option() -> None:
    assert named("Skin: non-ciliated, keratinised.", ("Skin", "Trachea")) == "Skin"


@pytest.mark.parametrize(
    ("reply", "options", "option"),
    [
        (
            "Spleen has a similar look but white pulp. Given the ducts, liver gets my vote.",
            ("Spleen", "Liver", "Kidney"),
            "Liver",
        ),
        (
            '"All cells are round" is correct for blood, but here they are spindle-shaped, so pick'
            " the other one.",
            ("All cells are round", "All cells are spindle-shaped"),
            "All cells are spindle-shaped",
        ),
        (
            '"The wall is thick" holds for arteries, but this wall is thin.',
            ("The wall is thick", "The lumen is wide", "The wall has no muscle"),
            None,
        ),
    ],
)
def test_what_an_option_is_true_of_elsewhere_is_no_answer(
    reply: str, options: tuple[str, ...], option: str | None
) -> None:
    assert named(reply, options) == option


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("The scale bar is 20 µm, and the grain is twice as wide.", None),
        ("The scale bar is 20 µm.", "20 µm"),
        ("Each square is 20 µm; the cyst spans two times that length: 40 µm.", "40 µm"),
    ],
)
def test_a_scale_is_no_answer_where_it_measures_something(reply: str, option: str | None) -> None:
    assert named(reply, ("10 µm", "20 µm", "40 µm")) == option


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("The fit is equally good for A and B.", None),
        ("Plausible for A; just as plausible for C.", None),
        ("The nuclei are equally spaced, which is true for B.", "phloem"),
    ],
)
def test_what_holds_equally_for_two_singles_out_none(reply: str, option: str | None) -> None:
    assert named(reply, VESSELS) == option


def test_letters_that_cells_are_marked_with_are_no_labels() -> None:
    reply = (
        "The cells marked (B) are basophils, those marked (N) neutrophils. It is one marked (B)."
    )
    assert named(reply, CELLS) is None


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("Martensite (laths with retained austenite between them)", "Martensite"),
        ("Pearlite (alternating ferrite and carbide)", "Pearlite"),
        ("Ferrite (or maybe austenite)", None),
    ],
)
def test_brackets_behind_an_answer_tell_what_it_is_made_of(reply: str, option: str | None) -> None:
    assert named(reply, PHASES) == option


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("No, I can't tell from this image.", None),
        ("No, I'm unable to give such a verdict.", None),
        ("No, I could not detect a scale bar.", "No"),
        ("No. I cannot tell you why.", "No"),
    ],
)
def test_a_no_that_declines_is_none(reply: str, option: str | None) -> None:
    assert named(reply, YES_NO) == option


@pytest.mark.parametrize(
    ("reply", "options", "option"),
    [
        ("It is not the case that the cells divide.", TRUTH, "False"),
        ("It isn't true that the membrane is intact.", YES_NO, "No"),
        ("If it is not true that the cells divide, they are dead.", TRUTH, None),
    ],
)
def test_it_is_not_true_that_is_false(
    reply: str, options: tuple[str, ...], option: str | None
) -> None:
    assert named(reply, options) == option


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ('{"answer": "A"} {"answer": "C"}', None),
        ('```json\n{"answer": "A"}\n```\n```json\n{"answer": "B"}\n```', None),
        ('{"answer": "A"}\n{"answer": "A"}', "Ferrite"),
        ('{"answer": "A"}\nOn reflection:\n{"answer": "C"}', "Martensite"),
        ('{"answer": "A", "alternatives": [{"answer": "C"}]}', "Ferrite"),
        ('[{"id": 1, "answer": "A"}, {"id": 2, "answer": "C"}]', None),
        ("\\boxed{A}\n\n\\boxed{C}", None),
        ("\\boxed{A} or \\boxed{C}", None),
        ("\\boxed{A}, no wait: \\boxed{C}", "Martensite"),
        ("\\boxed{B}\n\\boxed{B}", "Pearlite"),
    ],
)
def test_two_answers_side_by_side_are_ambiguous(reply: str, option: str | None) -> None:
    assert named(reply, PHASES) == option


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("错误的是 A、C，正确的是 B。", "线粒体"),
        ("不正确的是 B。", None),
        ("下列说法正确的是: A. 细胞核 B. 线粒体 C. 溶酶体", None),
    ],
)
def test_the_right_one_is_declared_in_chinese(reply: str, option: str | None) -> None:
    assert named(reply, ("细胞核", "线粒体", "溶酶体")) == option


@pytest.mark.parametrize(
    ("reply", "options", "option"),
    [
        ("The third candidate fits but so does the fourth candidate.", PHASES, None),
        ("It comes down to B or D; I settled on the first of these.", PHASES, "Pearlite"),
        ("Between ferrite and austenite I'd pick the second of the two.", PHASES, "Austenite"),
        ("The first of these two, ferrite, is out.", PHASES, None),
        ("Three are excluded. That leaves the third.", PHASES, "Martensite"),
        ("What I see fits the third description best.", PHASES, "Martensite"),
        ("The first candidate is ruled out, as is the second candidate.", PHASES, None),
        ("Anything but A.", TWO, "phloem"),
        ("Anything but A.", VESSELS, None),
        (
            "It can't be the xylem because the walls are thin; hence the other option.",
            TWO,
            "phloem",
        ),
        ("I would not say it's the other one; it is xylem.", TWO, "xylem"),
        ("One cell is a xylem vessel, the other one a phloem tube.", TWO, None),
    ],
)
def test_an_option_is_told_by_its_place_among_others(
    reply: str, options: tuple[str, ...], option: str | None
) -> None:
    assert named(reply, options) == option


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("(A) xylem\n(B) phloem <= this\n(C) pith", "phloem"),
        ("A. xylem <- no\nB. phloem\nC. pith <- yes", "pith"),
        ("A. xylem <--\nB. phloem\nC. pith <--", None),
    ],
)
def test_an_arrow_at_its_end_points_to_an_item(reply: str, option: str | None) -> None:
    assert named(reply, VESSELS) == option


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("Stratified squamous epithelium (keratinised).", EPITHELIA[2]),
        ("The answer is squamous epithelium, stratified.", EPITHELIA[1]),
        ("Stratified squamous epithelium, non-keratinised.", EPITHELIA[1]),
        ("Stratified squamous epithelium, keratinised layers being absent.", EPITHELIA[1]),
    ],
)
def test_a_qualifier_behind_a_text_makes_it_the_longer_option(reply: str, option: str) -> None:
    assert named(reply, EPITHELIA) == option


@pytest.mark.parametrize(
    ("reply", "options", "option"),
    [
        ("There aren't any here.", ("0", "1", "2"), "0"),
        ("There isn't any visible in this crop.", ("None", "1", "2"), "None"),
        ("About 70-ish percent.", ("Below 50%", "50–75%", "Above 75%"), "50–75%"),
        ("more than 75% of them", ("Below 50%", "50–75%", "Above 75%"), "Above 75%"),
    ],
)
def test_none_and_rough_shares_are_counts(
    reply: str, options: tuple[str, ...], option: str
) -> None:
    assert named(reply, options) == option


@pytest.mark.parametrize(
    ("reply", "options", "option"),
    [
        ("The intensity rises over time.", TREND, TREND[0]),
        ("It gets dimmer with every frame.", TREND, TREND[1]),
        ("The signal does not go up; it stays flat.", TREND, TREND[2]),
        ("As the dose goes up, the signal vanishes.", TREND, None),
        ("One would expect that it rises.", TREND, None),
        ("No cilia.", CILIA, CILIA[1]),
        ("I can't find any.", ("Present", "Absent"), "Absent"),
        ("None seen.", ("Nucleolus present", "Nucleolus absent"), "Nucleolus absent"),
        ("The nucleus lacks granules.", ("Nucleolus present", "Nucleolus absent"), None),
        ("There aren't any cilia at all.", CILIA, CILIA[1]),
        ("There isn't any doubt about cilia being there.", CILIA, None),
        ("There are no cilia except at the left edge.", CILIA, None),
        ("If there are no cilia here, it is a squamous cell.", CILIA, None),
        ("Cilia are nowhere to be seen.", CILIA, CILIA[1]),
        ("Fe, judging by the EDS peak.", METALS, "Iron"),
        ("It is not Cu, it is Zn.", METALS, "Zinc"),
        ("Au microscope, on voit de l'argent.", METALS, None),
        ("0.2 mm", SIZES, "200 µm"),
        ("not 0.1 mm but 0.2 mm", SIZES, "200 µm"),
        ("0.3 mm", SIZES, None),
        ("2 hours", ("30 min", "60 min", "120 min"), "120 min"),
        ("There is not enough detail in the picture to say.", FATES, FATES[2]),
        ("Sorry, there is not enough information: no image was attached.", FATES, None),
        ("This can't be told from one frame.", UNTOLD, UNTOLD[2]),
        ("I can't tell which option is right.", UNTOLD, None),
        ("I can't tell you more, but the cell is dead.", UNTOLD, "Dead"),
        ("looks like a lymphocite to me, dense chromatine", CELLS, "Lymphocyte"),
        ("Deffinitely an eosinophill, with red granuls.", CELLS, "Eosinophil"),
        ("not a neutrofil, not a basophill", CELLS, None),
        ("a foraminiferan shell", ("Radiolaria", "Foraminifera", "Ostracods"), "Foraminifera"),
    ],
)
def test_an_option_is_told_in_other_words(
    reply: str, options: tuple[str, ...], option: str | None
) -> None:
    assert named(reply, options) == option


DIAMETERS = ("< 10 µm", "10-50 µm", "> 50 µm")
INDEX = ("Low (<5%)", "Intermediate (5-20%)", "High (>20%)")


@pytest.mark.parametrize(
    ("reply", "options", "option"),
    [
        ("It measures 35 µm.", DIAMETERS, DIAMETERS[1]),
        ("0.02 to 0.03 mm", DIAMETERS, DIAMETERS[1]),
        ("more than 50 µm", DIAMETERS, DIAMETERS[2]),
        ("about 8 µm across", DIAMETERS, DIAMETERS[0]),
        ("Ki-67: 22%", INDEX, INDEX[2]),
        ("At 37 °C it grows to 8 µm.", DIAMETERS, DIAMETERS[0]),
        ("smaller than 12 µm", DIAMETERS, None),
        ("not 8 µm, 80 µm", DIAMETERS, DIAMETERS[2]),
        ("between 5 and 15 µm", DIAMETERS, None),
        ("The scale bar is 35 µm.", DIAMETERS, None),
        ("It was excited at 488 nm.", DIAMETERS, None),
        ("A section of 5 µm was cut.", DIAMETERS, None),
        ("I cannot tell; hairs are 80 µm wide.", DIAMETERS, None),
        ("0.1-0.2 mm", SIZES, None),
        ("2 hours after fixation at 20x", ("30 min", "60 min", "120 min"), None),
    ],
)
def test_a_size_is_read_by_the_range_that_holds_it(
    reply: str, options: tuple[str, ...], option: str | None
) -> None:
    assert named(reply, options) == option


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("It does.", "Yes"),
        ("Indeed there is.", "Yes"),
        ("It doesn't.", "No"),
        ("There is none.", "No"),
        ("Not at all.", "No"),
        ("It doesn't matter.", None),
        ("There is none that I know.", None),
    ],
)
def test_a_verb_alone_says_yes_or_no(reply: str, option: str | None) -> None:
    assert named(reply, YES_NO) == option


def test_of_two_equations_none_is_a_result() -> None:
    assert named("Left = xylem, right = phloem", VESSELS) is None


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("They look like phloem but are actually xylem.", "xylem"),
        ("It looks like xylem but the phloem is seen, too.", None),
        ("Only the second makes sense.", "phloem"),
        ("Xylem, with pith inside.", "xylem"),
        ("The second one fits poorly.", None),
    ],
)
def test_what_something_looks_like_or_holds_is_no_rival(reply: str, option: str | None) -> None:
    assert named(reply, VESSELS) == option


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("There are many nuclei; the arrow points to one of them, a nucleolus.", "Nucleolus"),
        (
            "What the arrow shows, however, is the mitochondrion; the nucleus is to the left.",
            "Mitochondrion",
        ),
        ("What the question asks for is the nucleolus, inside the nucleus.", "Nucleolus"),
        ("The question asks about the nucleus.", None),
    ],
)
def test_what_the_question_asks_about_is_told(reply: str, option: str | None) -> None:
    assert named(reply, ORGANELLES) == option


def test_an_answer_that_the_reply_cannot_stand_by_is_taken_back() -> None:
    assert named("Answer: B\nThinking again, I cannot stand by that.", VESSELS) is None
    assert named("Answer: B. I can't stand by B, though; Answer: C", VESSELS) == "pith"


@pytest.mark.parametrize(
    "reply",
    ["The nucleus is 'C'-shaped.", "It is bent like the letter C.", "The lumen resembles a D."],
)
def test_a_letter_that_tells_a_shape_is_no_label(reply: str) -> None:
    assert named(reply, CELLS) is None


def test_an_answer_counts_beside_a_letter_that_tells_a_shape() -> None:
    assert named("A 'C' shaped nucleus, so B.", CELLS) == "Eosinophil"


@pytest.mark.parametrize(
    ("reply", "option"),
    [
        ("Several of the reviewers would argue that it is a basophil. I can't commit.", None),
        ("As a vision model, I would say this is a basophil.", "Basophil"),
        ("I said B before, but I must withdraw that.", None),
        ("B looks right at first, but D fits better.", None),
        ("A) is possible, B) is possible, D) is out.", None),
        ("I'll take C.", "Basophil"),
        ("I'd begin with A. Two lobes and orange granules, so B.", "Eosinophil"),
    ],
)
def test_what_others_say_or_came_first_is_no_answer(reply: str, option: str | None) -> None:
    assert named(reply, CELLS) == option


def test_a_size_behind_an_abbreviation_is_read_without_a_full_stop() -> None:
    assert named("approx. 100 microns", SIZES) == "100 µm"
