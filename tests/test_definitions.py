"""TOML and JSON that users hand over: read, or refused by file and line, whatever stands there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mubench_gen.engines.server.options import read_server_options
from mubench_gen.errors import DefinitionError, RunFolderError, SettingError, UsageError
from mubench_gen.model import Checkpoint
from mubench_gen.plan.config_file import read_config
from mubench_gen.prompts.render import load_prompt
from mubench_gen.prompts.toml_files import read_definition, read_toml
from mubench_gen.storage.run_folder import read_manifest
from mubench_gen.storage.user_files import parse_json
from mubench_gen.tasks.task import load_task

from .helpers.command import Outcome

Here = Callable[..., Outcome]

TASK = 'title = "T"\ngroup = "fine"\nquestion = "modality"\n'
BAD = {
    "brackets in brackets": ("x = " + "[" * 5_000 + "]" * 5_000, "nested too deeply"),
    "tables in tables": ("x = " + "{a = " * 5_000 + "1" + "}" * 5_000, "nested too deeply"),
    "a key of very many parts": ("x." + "a." * 5_000 + "a = 1", "nested too deeply"),
    "lists deeper than anything needs": ("x = " + "[" * 70 + "]" * 70, "nested too deeply"),
    "5,000 digits": ("x = " + "9" * 5_000, "too many digits"),
    "5,000 digits of another base": ("x = 0x" + "f" * 5_000, "too many digits"),
    "a digit that isn't one": ("x = \u0661", "line 5"),
    "a NUL in a text": ('x = "\\u0000', "line 5"),
    "a lone surrogate": ('x = "\\ud800"', "line 5"),
}


def as_task(path: Path, text: str) -> object:
    path.write_text(TASK + "[fields]\n" + text, "utf-8")
    return load_task(str(path))


def as_prompt(path: Path, text: str) -> object:
    path.write_text(f'+++\ntitle = "t"\n\n\n{text}\n+++\nx', "utf-8")
    return load_prompt(str(path))


def as_config(path: Path, text: str) -> object:
    path.write_text(f"seed = 1\n\n\n\n{text}", "utf-8")
    return read_config(path)


@pytest.mark.parametrize("read", [as_task, as_prompt, as_config])
@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_toml_of_any_kind_is_refused_by_file_and_line(
    tmp_path: Path, read: Callable[[Path, str], object], text: str, message: str
) -> None:
    path = tmp_path / "mine.toml"
    with pytest.raises((DefinitionError, SettingError)) as refused:
        read(path, text)
    assert str(path) in str(refused.value)
    assert message in str(refused.value)
    assert "line 5" in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("prefix", ["", "\ufeff"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_byte_order_marks_and_line_ends_are_no_part_of_a_file(
    tmp_path: Path, prefix: str, ending: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes((prefix + TASK.replace("\n", ending)).encode())
    task = load_task(str(path))
    path.write_bytes(TASK.encode())
    assert task == load_task(str(path))
    path.write_bytes((prefix + "seed = 1" + ending).encode())
    assert read_config(path) == {"seed": 1}


@pytest.mark.parametrize("name", ["pipe", "zero"])
def test_only_regular_files_are_definitions(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.toml"
    if name == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(DefinitionError, match="not a regular file"):
        load_task(str(path))
    with pytest.raises(SettingError, match="not a regular file"):
        read_config(path)


@pytest.mark.parametrize(
    "name", ["a\0b.toml", "~a\0b/x.toml", "~nobody-of-that-name/x.toml", "x" * 5_000 + ".toml"]
)
def test_a_name_that_no_file_can_have_is_none(name: str) -> None:
    with pytest.raises(UsageError, match=r"no task file|no user '"):
        load_task(name)
    with pytest.raises(UsageError, match=r"no prompt|no user '"):
        load_prompt(name.replace(".toml", ".j2"))


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_a_prompt_that_is_no_file_is_told_what_it_is(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.j2"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    told = "Is a directory" if kind == "folder" else f"It is a {kind}, not a regular file"
    with pytest.raises(DefinitionError, match=f"mine.j2: cannot be read: {told}"):
        load_prompt(str(path))


def test_a_configuration_from_the_shells_pipe_is_refused_with_what_to_do(here: Here) -> None:
    reading, writing = os.pipe()  # as bash's <(…) gives one
    try:
        done = here("eval", "--config", f"/dev/fd/{reading}")
    finally:
        os.close(reading)
        os.close(writing)
    assert done.code == 2
    assert (
        "It is a pipe, not a regular file. Save what it holds in a file and name that" in done.err
    )


def test_dates_in_a_tasks_fields_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TASK + "[fields]\nday = 2024-05-06\ntimes = [{at = 07:08:09}]\n", "utf-8")
    assert load_task(str(path)).fields == {"day": "2024-05-06", "times": [{"at": "07:08:09"}]}


def test_a_value_that_is_refused_is_shown_in_part(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TASK + f"datasets = {{x = '{'y' * 5_000}'}}\n", "utf-8")
    with pytest.raises(DefinitionError) as refused:
        load_task(str(path))
    assert len(str(refused.value)) < 400


DEEP = ["[" * 100_000, "[" * 300 + "]" * 300, '{"a":' * 300 + "1" + "}" * 300, "9" * 5_000]


@pytest.mark.parametrize("text", DEEP)
def test_json_of_any_depth_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)
    with pytest.raises(ValueError):
        parse_json(text.encode())


@pytest.mark.parametrize("text", DEEP)
def test_a_manifest_of_any_depth_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(f'{{"format": 1, "x": {text}}}', "utf-8")
    with pytest.raises(RunFolderError, match=r"manifest\.json: cannot be read"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", DEEP)
def test_an_engines_body_of_any_depth_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="body"):
        read_server_options(Checkpoint("x", kind="generative"), {"body": f'{{"x": {text}}}'})


def test_a_definition_is_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\rc = 3\n")
    assert read_toml(read_definition(path), path) == {"a": 1, "b": 2, "c": 3}
