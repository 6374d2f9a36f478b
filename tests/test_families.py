"""Families of prompts: one template, parts with several texts; and what is said around a prompt."""

from __future__ import annotations

from pathlib import Path

import pytest

from mubench_gen.ablation.axes import read_axes
from mubench_gen.ablation.grid import make_study_settings
from mubench_gen.errors import DefinitionError, SettingError
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.parser.parse import parse_answer
from mubench_gen.plan.settings import make_settings
from mubench_gen.prompts.families import expanded, family_names, read_family
from mubench_gen.prompts.render import load_prompt, render
from mubench_gen.types import Question, RenderedPrompt, Row, Sample, Task, Text

from .conftest import Here
from .spine import make_row, write_data

OPTIONS = ("lymphocyte", "basophil", "neutrophil")
MINE = """
template = "<<greeting>> {{ question }} <<end>>"
[settings]
labels = "1."
[parts.greeting]
hello = "Hello,"
none = ""
[parts.end]
please = {end = "Please <<polite>>.", polite = "answer", settings = {system = "Be brief."}}
"""


def sample(number: int = 0) -> Sample:
    question = Question("cell", "Which cell is this?", OPTIONS, 1)
    task = Task("blood", "Blood", "fine", "cell", (), "", "0" * 64, {})
    image = open_image("1.png", lambda: b"bytes", StandardPolicy())
    row = Row(number, f"blood/{number}", str(number), "blood", image, {"cell": question}, {}, {})
    return Sample(f"blood/{number}/blood", task, row, question, image)


def rendered(name: str, number: int = 0, **settings: str) -> RenderedPrompt:
    return render(load_prompt(name, settings), sample(number), (0, 1, 2))


def said(name: str, number: int = 0, **settings: str) -> str:
    (text,) = (
        part.text
        for part in rendered(name, number, **settings).messages[-1].content
        if isinstance(part, Text)
    )
    return text


def test_each_member_of_each_family_is_a_prompt_of_its_own() -> None:
    counts = {name: len(expanded([name])) for name in family_names()}
    assert (counts["formats"], counts["rephrasings"], counts["answers"]) == (48, 12, 6)
    for name in family_names():
        whole = {
            tuple(
                part.text if isinstance(part, Text) else "image"
                for message in rendered(member).messages
                for part in message.content
            )
            for member in expanded([name])
        }
        assert len(whole) == counts[name]
        assert not any("<<" in text for texts in whole for text in texts)


def test_a_format_has_its_separator_case_layout_and_label() -> None:
    assert said("formats.dash-upper-lines-after").splitlines() == [
        "QUESTION - Which cell is this?", "OPTIONS - ", "lymphocyte (A)", "basophil (B)",
        "neutrophil (C)", "ANSWER WITH A LABEL - ",
    ]  # fmt: skip
    assert "options: A) lymphocyte; B) basophil; C)" in said("formats.colon-lower-inline-before")


@pytest.mark.parametrize(
    ("member", "reply"),
    [
        ("letter", "B"),
        ("text", "basophil"),
        ("json", '{"answer": "B"}'),
        ("json", '```json\n{"answer": "B"}\n```'),
        ("boxed", r"\boxed{B}"),
        ("xml", "<answer>B</answer>"),
        ("sentence", "The correct answer is B."),
    ],
)
def test_the_parser_reads_each_form_of_answer(member: str, reply: str) -> None:
    prompt = rendered(f"answers.{member}")
    assert parse_answer(reply, prompt.options, prompt.labels).index == 1


def test_a_family_is_an_axis_and_a_value_of_prompt() -> None:
    (axis,) = read_axes(["prompt=answers,letter"])
    assert len(axis.levels) == 7
    assert len(make_study_settings({"prompt": ["formats:8"]}).prompt) == 8
    assert make_settings({"plugin": "", "prompt": "answers"}).prompt == tuple(expanded(["answers"]))
    assert set(expanded(["formats:8"])) < set(expanded(["formats:9"]))


def test_a_family_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    first, second = expanded([str(path)])
    assert (first, second) == (f"{path}:hello-please", f"{path}:none-please")
    assert said(first) == "Hello, Which cell is this? Please answer."
    prompt = rendered(first)
    assert (prompt.prompt, prompt.labels) == ("mine.hello-please", ("1", "2", "3"))
    assert len(prompt.messages) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('polite = "answer"', 'polte = "answer"', "no part has a text for <<polite>>"),
        ("hello =", "Hello =", "a name has a-z"),
        ("[settings]", "[setings]", "setings: no such key"),
        ('hello = "Hello,"', "hello = 3", "a text, or a table of texts"),
        ("template =", "title =", "template: a text is needed"),
    ],
)
def test_a_wrong_family_says_what_and_where(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE.replace(old, new))
    with pytest.raises(DefinitionError, match=message):
        load_prompt(f"{path}:hello-please")


def test_a_name_of_a_family_is_not_one_prompt_and_a_wrong_member_is_named() -> None:
    with pytest.raises(DefinitionError, match="a family of 48 prompts, of which one"):
        load_prompt("formats")
    with pytest.raises(DefinitionError, match=r"has no 'jsn'. Did you mean 'json'"):
        load_prompt("answers.jsn")
    assert read_family(family_names()["languages"]).made == "machine"


def test_a_mention_comes_first_and_a_hint_last() -> None:
    lines = said("letter", mention="no-image", hint="right").splitlines()
    assert lines[0] == "No image is attached to this question."
    assert lines[-1] == "Hint: the answer is B."
    assert lines[1:-1] == said("letter").splitlines()


def test_a_hint_is_of_the_item_and_its_seed_and_half_right_where_that_is_drawn() -> None:
    wrong = [said("letter", n, hint="wrong")[-2] for n in range(60)]
    assert set(wrong) == {"A", "C"}
    assert wrong == [said("letter", n, hint="wrong")[-2] for n in range(60)]
    assert wrong != [said("letter", n, hint="wrong", hint_seed="1")[-2] for n in range(60)]
    drawn = [said("letter", n, hint="random")[-2] for n in range(60)]
    assert 15 < drawn.count("B") < 45


def test_without_them_a_prompt_has_the_digest_that_it_had() -> None:
    assert load_prompt("letter", {"mention": "as-is", "hint": "none"}).sha256 == (
        load_prompt("letter").sha256
    )
    assert load_prompt("letter", {"hint": "wrong"}).sha256 != load_prompt("letter").sha256
    with pytest.raises(SettingError, match="captions say nothing"):
        load_prompt("caption", {"hint": "right"})


def test_a_study_varies_families_hints_and_mentions(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "d", [make_row(i, questions=("stain",)) for i in range(3)])
    done = here(
        "ablate", "--plugin", "echo", "--data", data, "--axis", "prompt=answers", "--axis",
        "prompt.hint=none,right,wrong", "--axis", "prompt.mention=as-is,image", "--json",
        "--run-dir", tmp_path / "s",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.document["cells"] == 36
