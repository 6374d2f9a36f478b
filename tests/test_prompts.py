"""Prompts: what a model sees of a question, and what the author of a template is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.errors import DefinitionError, SettingError
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.prompts.files import prompt_names
from mubench_gen.prompts.render import load_prompt, render
from mubench_gen.tasks.matching import fits
from mubench_gen.types import Image, Message, Question, Row, Sample, Task, Text

from .helpers.command import Outcome
from .helpers.data import write_data

Here = Callable[..., Outcome]
GIVEN = (0, 1, 2)
OPTIONS = ("lymphocyte", "basophil", "none of the above")
CAPTIONS = (("a lymphocyte", "a basophil", "none"), ("L!", "B!", "N!"))


@pytest.fixture
def sample() -> Sample:
    asked = Question("classification", "Which cell is this?", OPTIONS, 1)
    fields = {"hint": "Look at the nucleus.", "name": "not this"}
    task = Task("blood", "Blood cells", "fine", "classification", (), "", "0" * 64, fields)
    image = open_image("1.png", lambda: b"bytes", StandardPolicy())
    row = Row(
        0, "blood/1", "1", "blood", image, {"classification": asked},
        {"classification": CAPTIONS}, {"stain": "Giemsa"},
    )  # fmt: skip
    return Sample("blood/1/blood", task, row, asked, image)


def texts(message: Message) -> list[str]:
    return [part.text for part in message.content if isinstance(part, Text)]


def shown(sample: Sample, name: str, **settings: str) -> str:
    return texts(render(load_prompt(name, settings), sample, GIVEN).messages[-1])[0]


def write_prompt(folder: Path, text: str) -> str:
    path = folder / "mine.j2"
    path.write_text(text, "utf-8")
    return str(path)


def test_the_paper_prompt_is_the_official_one_to_the_byte(sample: Sample) -> None:
    (message,) = render(load_prompt("paper"), sample, GIVEN).messages
    assert message.role == "user"
    image, text = message.content
    assert isinstance(image, Image)
    assert isinstance(text, Text)
    assert text.text == (
        "Answer with a single letter, no extra details.\n"
        "Question:Which cell is this?\n"
        "A) lymphocyte\n"
        "B) basophil\n"
        "C) none of the above"
    )


@pytest.mark.parametrize(
    ("style", "marks"),
    [
        ("A", ["A)", "B)", "C)"]),  # the paper's own punctuation stays
        ("a", ["a)", "b)", "c)"]),
        ("1", ["1)", "2)", "3)"]),
        ("i", ["i)", "ii)", "iii)"]),
        ("(A)", ["(A)", "(B)", "(C)"]),
        ("1.", ["1.", "2.", "3."]),
    ],
)
def test_a_label_style_is_a_setting(sample: Sample, style: str, marks: list[str]) -> None:
    lines = shown(sample, "paper", labels=style).splitlines()[2:]
    assert lines == [f"{mark} {option}" for mark, option in zip(marks, OPTIONS, strict=True)]
    labels = render(load_prompt("paper", {"labels": style}), sample, GIVEN).labels
    assert labels == tuple(mark.strip("().") for mark in marks)


def test_the_image_stands_where_the_setting_says(sample: Sample) -> None:
    for place, kinds in (("before", [Image, Text]), ("after", [Text, Image])):
        (message,) = render(load_prompt("paper", {"image": place}), sample, GIVEN).messages
        assert [type(part) for part in message.content] == kinds


def test_a_system_prompt_is_a_message_before_and_a_template_too(sample: Sample) -> None:
    prompt = load_prompt("paper", {"system": "You read {{ task.title|lower }}."})
    system, user = render(prompt, sample, GIVEN).messages
    assert (system.role, texts(system)) == ("system", ["You read blood cells."])
    assert user.role == "user"


def test_options_gold_and_order_follow_what_is_shown(sample: Sample) -> None:
    rendered = render(load_prompt("paper"), sample, (1, 0, 2))
    assert rendered.options == ("basophil", "lymphocyte", "none of the above")
    assert rendered.gold == 0
    assert "A) basophil\nB) lymphocyte" in texts(rendered.messages[0])[0]


def test_captions_follow_the_order_that_is_shown(sample: Sample) -> None:
    (message,) = render(load_prompt("caption"), sample, (1, 0, 2)).messages
    assert message.role == "caption"
    assert texts(message) == ["B!", "L!", "N!"]
    assert texts(render(load_prompt("caption-0"), sample, GIVEN).messages[0]) == list(CAPTIONS[0])


def test_caption_prompts_fail_with_words_where_the_data_has_no_captions(sample: Sample) -> None:
    row = sample.row
    bare = Row(0, row.key, "1", "blood", row.image, row.questions, {}, {})
    with pytest.raises(DefinitionError, match=r"caption_1.*--prompt caption-question makes them"):
        render(load_prompt("caption"), Sample("x", sample.task, bare, sample.question, None), GIVEN)


@pytest.mark.parametrize(
    "name", [n for n in sorted(prompt_names()) if fits(load_prompt(n), "option")]
)
def test_every_shipped_prompt_renders_and_shows_every_option(sample: Sample, name: str) -> None:
    rendered = render(load_prompt(name), sample, GIVEN)
    text = "\n".join(t for message in rendered.messages for t in texts(message))
    if load_prompt(name).settings.kind == "chat":
        assert all(option in text for option in OPTIONS) or name == "cloze"
        assert text.isprintable() or "\n" in text
        assert not text.endswith("\n") or name in ("microvqa-owner", "vlmevalkit")  # as theirs
    else:
        assert len(texts(rendered.messages[0])) == len(OPTIONS)


def test_the_cot_prompt_ends_in_a_line_that_asks_for_an_answer_to_parse(sample: Sample) -> None:
    assert "Answer: X" in shown(sample, "cot").splitlines()[-1]


@pytest.mark.parametrize(
    "name", [n for n in sorted(prompt_names()) if not fits(load_prompt(n), "number")]
)
def test_no_prompt_changes_with_the_gold_answer(sample: Sample, name: str) -> None:
    asked = sample.question
    renderings = []
    for gold in range(3):
        question = Question(asked.name, asked.text, asked.options, gold)
        row = Row(
            0, "blood/1", "1", "blood", sample.row.image, {"classification": question},
            sample.row.captions, {},
        )  # fmt: skip
        one = Sample(sample.id, sample.task, row, question, sample.image)
        rendered = render(load_prompt(name), one, GIVEN)
        renderings.append([texts(message) for message in rendered.messages])
    assert renderings[0] == renderings[1] == renderings[2]


def test_a_template_sees_the_tasks_own_fields_but_its_name_stays(
    sample: Sample, tmp_path: Path
) -> None:
    name = write_prompt(tmp_path, "{{ task.hint }} {{ task.name }} {{ task.group }}")
    assert shown(sample, name) == "Look at the nucleus. blood fine"


def test_jinja_in_a_question_or_an_option_is_text(sample: Sample) -> None:
    asked = Question("classification", "{{ 1/0 }} {% x %}", ("{{ gold }}", "<b>&", "%s"), 0)
    one = Sample(sample.id, sample.task, sample.row, asked, None)
    (text,) = texts(render(load_prompt("paper"), one, GIVEN).messages[0])
    assert "Question:{{ 1/0 }} {% x %}\nA) {{ gold }}\nB) <b>&\nC) %s" in text


def test_settings_are_part_of_the_digest_and_of_the_name(tmp_path: Path) -> None:
    plain, other = load_prompt("paper"), load_prompt("paper", {"image": "after"})
    assert plain.sha256 != other.sha256
    assert (plain.name, other.name) == ("paper", "paper[image=after]")


HEADER = '+++\ntitle = "mine"\nlabels = "A."\n+++\n'


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a\n{{ nothing }}\n", r"mine\.j2:2: 'nothing' is undefined.*sees question, options"),
        (HEADER + "a\nb {{ nothing }}", r"mine\.j2:6: 'nothing' is undefined"),
        (HEADER + "a\n{{ task.nothing }}", r"mine\.j2:6: .*no attribute 'nothing'"),
        (HEADER + "a\n{% if x %}", r"mine\.j2:6: "),
        (HEADER + "{{ question", r"mine\.j2:5: "),
        (HEADER + "\n\n{% endfor %}", r"mine\.j2:7: .*endfor"),
        (HEADER + "{{ question|shout }}", r"mine\.j2:5: No filter named 'shout'"),
        (HEADER + "{{ question is loud }}", r"mine\.j2:5: No test named 'loud'"),
        (HEADER + "{{ 1 / 0 }}", r"mine\.j2:5: division by zero"),
        (HEADER + "{{ question + 1 }}", r"mine\.j2:5: "),
        (HEADER + "{{ options[9].text }}", r"mine\.j2:5: "),
        (HEADER + "{% include 'x.j2' %}", r"mine\.j2:5: there is no file 'x\.j2' to include"),
        (HEADER + "{% import question as q %}", r"mine\.j2:5: a file's name .* in quotes"),
        ("+++\ntitle = \"x\"\n", r"mine\.j2:1: the header .* never closed"),
        ("+++\ntitle = \n+++\nx", r"mine\.j2: the header is no valid TOML.*line 2"),
        ("+++\ntitle = \"x\"\nlables = \"A\"\n+++\nx", r"mine\.j2:3: lables: .*'labels'"),
        ("+++\n\nmax_tokens = \"many\"\n+++\nx", r"mine\.j2:3: max_tokens: .*integer"),
        ("+++\nmax_tokens = 0\n+++\nx", r"mine\.j2:2: max_tokens: "),
        ("+++\nlabels = \"x\"\n+++\nx", r"mine\.j2:2: labels: .*not a label style"),
        ("+++\norder = \"cyclic\"\n+++\nx", r"mine\.j2:2: order: .*cyclic:K"),
        ("+++\nkind = \"chatty\"\n+++\nx", r"mine\.j2:2: kind: 'chatty' is not a valid value"),
        ("+++\ntitle = \"x\"\n[extra]\na = 1\n+++\nx", r"mine\.j2:3: extra: there is no such key"),
        ("+++\nsystem = \"{{ nothing }}\"\n+++\nx", r"mine\.j2: system: 'nothing' is undefined"),
        ("+++\nsystem = \"{% if %}\"\n+++\nx", r"mine\.j2: system: "),
    ],
)  # fmt: skip
def test_an_error_in_a_prompt_names_file_line_and_key(
    sample: Sample, tmp_path: Path, source: str, message: str
) -> None:
    path = write_prompt(tmp_path, source)
    with pytest.raises(DefinitionError, match=message):
        shown(sample, path)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_endings_of_the_file_are_not_the_models_business(
    sample: Sample, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / "mine.j2"
    source = HEADER + "{{ question }}\n{% for o in options %}\n{{ o.marker }}\n{% endfor %}\n"
    path.write_bytes(source.replace("\n", ending).encode())
    assert shown(sample, str(path)) == "Which cell is this?\nA.\nB.\nC."


def test_a_file_that_is_no_text_is_told_as_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.j2"
    path.write_bytes(b"caf\xe9 {{ question }}")
    with pytest.raises(DefinitionError, match=r"mine\.j2: .*UTF-8"):
        load_prompt(str(path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("papre", r"no prompt 'papre'. Did you mean 'paper'"),
        ("./papre.j2", r"no prompt file '\./papre\.j2'"),
        ("Which modality is shown in this image? " * 10, r"no prompt 'Which modality"),
        ("", r"no prompt ''"),
    ],
)
def test_an_unknown_prompt_is_told_with_near_names(name: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        load_prompt(name)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lable": "A"}, r"no setting 'lable'. Did you mean 'labels'"),
        ({"labels": "B"}, r"labels = 'B' is not a label style"),
        (
            {"image": "left"},
            r"^Prompt setting image: 'left' is not .*; choose before or after\.$",
        ),
        ({"max_tokens": "few"}, r"Prompt setting max_tokens: .*integer"),
        (
            {"order": "random"},
            r"^Prompt setting order: 'random' is not a valid value; use ",
        ),
        ({"system": "{{ nothing"}, r"system: "),
    ],
)
def test_a_bad_setting_is_told(settings: dict[str, str], message: str) -> None:
    with pytest.raises((SettingError, DefinitionError), match=message):
        load_prompt("paper", settings)


def show_command(*args: Any) -> tuple[Any, ...]:
    return ("prompts", "show", *args)


def test_prompts_show_prints_the_messages_as_a_model_sees_them(here: Here, cells: Path) -> None:
    args = show_command("paper", "--task", "modality", "--data", cells)
    outcome = here(*args, "--prompt-set", "system=Look.", "--prompt-set", "image=after")
    assert outcome.code == 0
    assert outcome.out == (
        "── system \nLook.\n── user \n"
        "Answer with a single letter, no extra details.\nQuestion:Which modality is this?\n"
        "A) fluorescence microscopy\nB) light microscopy\nC) electron microscopy\n[image cell-0]\n"
    )


def test_prompts_show_picks_the_item_and_prints_json(here: Here, cells: Path) -> None:
    outcome = here(
        *show_command("letter", "--task", "stain", "--data", cells, "--item", 2, "--json")
    )
    assert outcome.document["item"] == "cells/cell-2/stain"
    (message,) = outcome.document["messages"]
    assert [part["type"] for part in message["content"]] == ["image", "text"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("papre", "--task", "modality"), "Did you mean 'paper'"),
        (("paper", "--task", "modalty"), "Did you mean"),
        (("paper", "--task", "modality", "--item", "99"), "fewer questions"),
        (("paper", "--task", "modality", "--item", "-1"), "--item"),
        (("paper", "--task", "modality", "--prompt-set", "image"), "key=value"),
        (("paper",), "--task"),
    ],
)
def test_prompts_show_says_what_is_wrong(
    here: Here, cells: Path, args: tuple[str, ...], message: str
) -> None:
    outcome = here(*show_command(*args, "--data", cells))
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.out == ""


def test_two_prompts_of_one_name_are_refused(here: Here, tmp_path: Path, cells: Path) -> None:
    for folder, text in (("a", "one {{ question }}"), ("b", "two {{ question }}")):
        (tmp_path / folder).mkdir()
        write_prompt(tmp_path / folder, text)
    args = ("eval", "--plugin", "echo", "--data", cells, "--tasks", "modality")
    outcome = here(*args, "--prompt", "a/mine.j2,b/mine.j2")
    assert outcome.code == 2
    assert "named 'mine'" in outcome.err


def test_a_template_that_fails_in_a_run_says_where_and_keeps_what_was_finished(
    here: Here, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 3)
    path = write_prompt(tmp_path, "x\n{% if 'x-ray' in question %}{{ nothing }}{% endif %}")
    args = ("eval", "--plugin", "echo", "--data", data, "--tasks", "modality", "--prompt", path)
    assert here(*args, "--run-dir", "run").code == 0
    path = write_prompt(tmp_path, "x\n{{ nothing }}")
    outcome = here(*args, "--run-dir", "run2")
    assert outcome.code == 2
    assert "mine.j2:2: 'nothing' is undefined" in outcome.err
