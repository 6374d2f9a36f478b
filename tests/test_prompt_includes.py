"""Prompts that are made of several files, and files that are none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mubench_gen.errors import DefinitionError
from mubench_gen.prompts import files as prompt_files
from mubench_gen.prompts.render import Prompt, load_prompt, render
from mubench_gen.types import Question, Row, Sample, Task, Text

Write = Callable[..., str]
OPTIONS = ("lymphocyte", "basophil")


@pytest.fixture
def sample() -> Sample:
    asked = Question("classification", "Which cell is this?", OPTIONS, 1)
    task = Task("blood", "Blood cells", "fine", "classification", (), "", "0" * 64, {})
    row = Row(0, "blood/1", "1", "blood", None, {"classification": asked}, {}, {})  # type: ignore[arg-type]
    return Sample("blood/1/blood", task, row, asked, None)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the prompt mine.j2, and further files beside it; its path."""

    def written(text: str | bytes, **others: str) -> str:
        for name, content in others.items():
            (tmp_path / f"{name}.j2").write_text(content, "utf-8")
        path = tmp_path / "mine.j2"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return written


def text_of(prompt: Prompt, sample: Sample) -> str:
    (message,) = render(prompt, sample, (0, 1)).messages
    (part,) = message.content
    assert isinstance(part, Text)
    return part.text


def test_a_prompt_includes_imports_and_extends_files_beside_it(
    write: Write, sample: Sample
) -> None:
    path = write(
        "{% extends 'base.j2' %}{% from 'macros.j2' import shout %}"
        "{% block body %}{{ shout(question) }} {% include 'end.j2' %}{% endblock %}",
        base='+++\ntitle = "a header of its own"\n+++\n<{% block body %}{% endblock %}>',
        macros="{% macro shout(text) %}{{ text|upper }}{% endmacro %}",
        end="{{ labels|join('/') }}",
    )
    assert text_of(load_prompt(path), sample) == "<WHICH CELL IS THIS? A/B>"


def test_a_shipped_prompt_can_be_included(write: Write, sample: Sample) -> None:
    text = text_of(load_prompt(write("Look.\n{% include 'paper.j2' %}")), sample)
    assert text == f"Look.\n{text_of(load_prompt('paper'), sample)}"


def test_a_file_of_the_prompts_own_folder_comes_before_a_shipped_one(
    write: Write, sample: Sample
) -> None:
    path = write("{% include 'paper.j2' %}", paper="my own")
    assert text_of(load_prompt(path), sample) == "my own"


def test_what_is_included_is_part_of_the_digest(write: Write) -> None:
    def digest(**others: str) -> str:
        return load_prompt(write("{% include 'a.j2' %}", **others)).sha256

    first = digest(a="{% include 'b.j2' %}", b="one")
    assert digest(b="two") != first
    assert digest(b="one") == first
    assert digest(a="{% include 'c.j2' %}", c="one") != first
    assert load_prompt(write("{% include 'c.j2' %}")).sha256 != load_prompt(write("one")).sha256


def test_an_included_file_that_may_be_missing_is_part_of_the_digest_once_it_is_there(
    write: Write, sample: Sample
) -> None:
    path = write("x{% include 'extra.j2' ignore missing %}")
    without = load_prompt(path)
    assert text_of(without, sample) == "x"
    path = write("x{% include 'extra.j2' ignore missing %}", extra="y")
    assert text_of(load_prompt(path), sample) == "xy"
    assert load_prompt(path).sha256 != without.sha256


def test_a_prompt_goes_on_as_it_was_read_when_its_files_change(
    write: Write, sample: Sample
) -> None:
    prompt = load_prompt(write("{% include 'a.j2' %}", a="before"))
    write("after", a="after")
    assert text_of(prompt, sample) == "before"


@pytest.mark.parametrize(
    "name", ["../secret.j2", "/etc/passwd", "link.j2", ".hidden.j2", "sub/../../secret.j2",
             "notes.txt", "", ".", "folder.j2", "nowhere.j2", "a\0b.j2", "\\ud800.j2", "loop.j2",
             "x" * 5_000 + ".j2"],
)  # fmt: skip
def test_only_prompt_files_of_the_folder_are_included(
    tmp_path: Path, write: Write, name: str
) -> None:
    (tmp_path.parent / "secret.j2").write_text("secret", "utf-8")
    (tmp_path / "link.j2").symlink_to(tmp_path.parent / "secret.j2")
    (tmp_path / "loop.j2").symlink_to("loop.j2")
    (tmp_path / "folder.j2").mkdir()
    (tmp_path / "sub").mkdir()
    for other in (".hidden.j2", "notes.txt"):
        (tmp_path / other).write_text("secret", "utf-8")
    quoted = name.replace("\0", "\\0")
    with pytest.raises(DefinitionError, match=r"mine\.j2:2: there is no file"):
        load_prompt(write(f"x\n{{% include '{quoted}' %}}"))


def test_an_error_names_the_included_file_and_its_line(write: Write, sample: Sample) -> None:
    path = write("{% include 'part.j2' %}", part='+++\ntitle = "x"\n+++\n\n{{ 1 / 0 }}')
    with pytest.raises(DefinitionError, match=r"part\.j2:5: division by zero"):
        text_of(load_prompt(path), sample)
    with pytest.raises(DefinitionError, match=r"part\.j2:2: .*endfor"):
        load_prompt(write("{% include 'part.j2' %}", part="\n{% endfor %}"))


def test_files_that_include_each_other_are_refused(write: Write, sample: Sample) -> None:
    path = write("{% include 'a.j2' %}", a="{% include 'b.j2' %}", b="{% include 'a.j2' %}")
    with pytest.raises(DefinitionError, match=r"without end|processor time"):
        text_of(load_prompt(path), sample)


def test_a_prompt_of_very_many_files_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_files, "_MOST_FILES", 2)
    parts = {f"part{n}": "x" for n in range(3)}
    text = "".join(f"{{% include '{name}.j2' %}}" for name in parts)
    with pytest.raises(DefinitionError, match="more than 2 files"):
        load_prompt(write(text, **parts))


def test_system_and_answer_include_files_too(write: Write, sample: Sample) -> None:
    path = write(
        "+++\nsystem = \"{% include 'role.j2' %}\"\n+++\nx", role="You are {{ task.name }}."
    )
    system, _ = render(load_prompt(path), sample, (0, 1)).messages
    assert system.content == (Text("You are blood."),)


def test_a_setting_that_a_user_gives_is_bounded_also_in_a_shipped_prompt(
    write: Write, sample: Sample
) -> None:
    assert type(load_prompt("paper").templates).__name__ == "Templates"
    for name in ("system", "answer"):
        given = load_prompt("paper", {name: "{{ question }}"})
        assert type(given.templates).__name__ == "ForeignTemplates"
    assert type(load_prompt(write("x")).templates).__name__ == "ForeignTemplates"


def test_a_shipped_template_renders_alike_in_both_places(sample: Sample, write: Write) -> None:
    for name in ("paper", "cot", "letter", "plain"):
        shipped = load_prompt(name)
        own = load_prompt(write(shipped.path.read_bytes()))
        assert text_of(own, sample) == text_of(shipped, sample)
        assert own.sha256 == shipped.sha256


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x\ny\0", r"mine\.j2:2: a NUL character"),
        ("x".encode("utf-16"), r"mine\.j2: cannot be read as UTF-8 text"),
        (b"caf\xe9", r"mine\.j2: cannot be read as UTF-8 text"),
        (b"\xed\xa0\x80", r"mine\.j2: cannot be read as UTF-8 text"),
        (b"x" * (2**20 + 1), r"mine\.j2: cannot be read: Larger than 1,048,576 bytes"),
    ],
)
def test_what_is_no_text_is_refused(write: Write, content: bytes, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        load_prompt(write(content))


def test_a_byte_order_mark_is_no_part_of_a_prompt(write: Write, sample: Sample) -> None:
    plain = load_prompt(write('+++\ntitle = "t"\n+++\nx'))
    marked = load_prompt(write(b'\xef\xbb\xbf+++\r\ntitle = "t"\r\n+++\r\nx'))
    assert marked.sha256 == plain.sha256
    assert text_of(marked, sample) == "x"
    assert text_of(load_prompt(write(b"\xef\xbb\xbfx")), sample) == "x"


def test_a_pipe_is_no_prompt_and_no_part_of_one(tmp_path: Path, write: Write) -> None:
    os.mkfifo(tmp_path / "pipe.j2")
    for path in (str(tmp_path / "pipe.j2"), "/dev/zero"):
        with pytest.raises(DefinitionError, match="not a regular file"):
            load_prompt(path)
    with pytest.raises(DefinitionError, match="there is no file"):
        load_prompt(write("{% include 'pipe.j2' %}"))
