"""What leaves the program: no secret that is known, and nothing that a terminal would obey."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.spellings import SPELLINGS, traces

import mubench_gen
from mubench_gen.console.masking import MASK, blank, blank_body, blanked, forget, holds_secret, know
from mubench_gen.console.outlet import csv_cell, from_csv_cell, passed, printable, tell, visible

SECRET = 'sk-proj/5e1f+0c9d="7a'
ASCII = st.characters(min_codepoint=33, max_codepoint=126)


@pytest.mark.parametrize("spelled", SPELLINGS.values(), ids=SPELLINGS)
def test_a_secret_leaves_as_stars_however_it_is_spelled(spelled: Callable[[str], str]) -> None:
    know(SECRET)
    text = f"5 % of <it>: {spelled(SECRET)} & more"
    shown = blank(text)
    assert MASK in shown
    assert not traces(shown.encode(), SECRET)
    assert shown.startswith("5 % of <it>: ")
    assert shown.endswith(" & more")


@settings(max_examples=300, deadline=None)
@given(
    st.text(ASCII, min_size=8, max_size=40),
    st.sampled_from(sorted(SPELLINGS)),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_no_secret_leaves_in_any_spelling_between_any_texts(
    secret: str, spelling: str, before: str, behind: str
) -> None:
    forget()
    know(secret)
    text = f"{before} {SPELLINGS[spelling](secret)} {behind}"
    assert not traces(blank(text).encode("utf-8", "replace"), secret)
    assert holds_secret(orjson.dumps(text.encode("utf-8", "replace").decode()))


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_a_text_without_a_secret_stays_as_it_is(text: str) -> None:
    forget()
    know("a-secret-of-nobody's")
    assert blank(text) == text


def test_of_two_secrets_the_one_that_holds_the_other_goes_whole() -> None:
    know("12345678", "12345678-and-more")
    assert blank("it is 12345678-and-more") == f"it is {MASK}"


@pytest.mark.parametrize("length", [12, 15, 20])
def test_a_secret_that_a_message_cut_is_blanked_as_far_as_it_goes(length: int) -> None:
    know("tsh-proj-5e1f0c9d7a")
    assert blank(f"key {'tsh-proj-5e1f0c9d7a'[:length]}… refused") == f"key {MASK}… refused"
    assert blank("key tsh-proj-… refused") == "key tsh-proj-… refused"


def test_a_word_is_no_secret() -> None:
    know("empty", "")
    assert blank("empty") == "empty"


def test_names_and_texts_of_a_document_are_blanked_and_numbers_stay() -> None:
    know("12345678")
    found = {"a12345678": [12345678, "12345678", None, 1.12345678], "b": ("12345678",)}
    assert blanked(found) == {f"a{MASK}": [12345678, MASK, None, 1.12345678], "b": [MASK]}


def test_a_servers_body_stays_json() -> None:
    know(SECRET)
    body = json.dumps({"a": f'"{SECRET}"', "b": [SECRET], "c": 1}).encode()
    assert json.loads(blank_body(body)) == {"a": f'"{MASK}"', "b": [MASK], "c": 1}
    assert blank_body(b"\xff\x00 no text") == b"\xff\x00 no text"


HOSTILE = {
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "\x1b[31mred": r"\x1b[31mred",
    "\x9b31m": r"\x9b31m",
    "a\u202eb\u2066": r"a\u202eb\u2066",
    "over\rwritten": r"over\rwritten",
    "two\r\nlines\tof it": "two\nlines\tof it",
    "ünïcode 👩‍🔬": "ünïcode 👩‍🔬",
}


@pytest.mark.parametrize(("text", "shown"), HOSTILE.items())
def test_what_a_terminal_would_obey_is_seen(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_streams_net_lets_colours_through_where_it_shows_any() -> None:
    text = "\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x1b\\ \x1b[2J \x1b[2K\r"
    kept = "\x1b[1;31mred\x1b[0m \\x1b]8;;http://x\\x1b\\ \\x1b[2J \x1b[2K\r"
    assert passed(text, colours=True) == kept
    assert passed(text, colours=False) == "red \\x1b]8;;http://x\\x1b\\ \\x1b[2J \r"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=1+1", "'=1+1"), ("+x", "'+x"), ("-x", "'-x"), ("@x", "'@x"), ("\tx", "'\tx"),
        ("\rx", "'\\rx"), ("-2.6", "-2.6"), ("+1e3", "+1e3"), (-2.6, -2.6), (None, None),
        ("a=b", "a=b"), ("", ""), ("\x1bx", "\\x1bx"),
    ],
)  # fmt: skip
def test_a_cell_that_a_spreadsheet_would_calculate_is_quoted(value: object, shown: object) -> None:
    assert csv_cell(value) == shown


@pytest.mark.parametrize("text", ["=1+1", "-x", "-2.6", "'quoted'", "'", ""])
def test_a_cell_is_read_back_as_it_was(text: str) -> None:
    assert from_csv_cell(csv_cell(text)) == text


def test_on_one_line_there_is_no_other_line() -> None:
    know(SECRET)
    assert printable(f"a\n{SECRET}\x1b") == f"a {MASK}\\x1b"


class _Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "full")


def test_a_line_for_a_stderr_that_is_full_or_closed_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (_Full(), closed, None):
        monkeypatch.setattr("sys.stderr", stream)
        tell("lost")


def test_no_other_module_prints() -> None:
    folder = Path(mubench_gen.__file__).parent
    sources = {path.relative_to(folder): path.read_text("utf-8") for path in folder.rglob("*.py")}
    printing = ("print(", "click.echo", "click.secho", "sys.stdout.write", "sys.stdout.buffer")
    found = [
        f"{path}: {line.strip()}"
        for path, source in sources.items()
        if path.name not in ("outlet.py", "machine.py")  # machine.py: a program for a child
        for line in source.splitlines()
        if line.strip().startswith(printing)
    ]
    assert found == []
