"""What task and prompt files share: finding them, and saying where one is wrong."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mubench_gen.errors import DefinitionError, UsageError, did_you_mean
from mubench_gen.storage.paths import definitions
from mubench_gen.storage.user_files import check_plain, read_regular

_MOST_BYTES = 2**20  # of a task, a prompt, a configuration
_BRACKETS, _DIGITS = re.compile(r"[\[{]"), re.compile("[0-9A-Fa-f]")
_LONG_KEY = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*\.[ \t]*){64}"""
)


@dataclass(frozen=True, slots=True)
class Problem:
    """The first thing wrong in a definition: the key and what is wrong with it."""

    key: str
    text: str


def known_files(kind: str, suffix: str) -> dict[str, Path]:
    """The shipped definitions of a kind ("prompts", "tasks"), by name."""
    return {path.stem: path for path in sorted(definitions(kind).glob(f"*{suffix}"))}


def read_definition(path: Path, error: type[UsageError] = DefinitionError) -> str:
    """The text of a file that a user wrote, with line ends as \\n and without a BOM."""
    try:
        text = read_regular(path, most=_MOST_BYTES).decode("utf-8-sig")
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError as problem:
        raise error(f"{path}: cannot be read as UTF-8 text: {problem}.") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise error(f"{path}:{line}: a NUL character stands here: this is no text file.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def as_toml(keys: Mapping[str, Any]) -> str:
    """A definition of these keys: JSON texts, numbers and lists of texts are valid TOML; mappings
    are its tables."""
    plain = {key: value for key, value in keys.items() if not isinstance(value, Mapping)}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in plain.items()]
    for table in (key for key in keys if key not in plain):
        lines.append(f"\n[{table}]")
        lines += [
            f"{json.dumps(key, ensure_ascii=False)} = {json.dumps(value, ensure_ascii=False)}"
            for key, value in keys[table].items()
        ]
    return "\n".join(lines) + "\n"


def read_toml(
    source: str,
    path: Path,
    error: type[UsageError] = DefinitionError,
    what: str = "no valid TOML",
) -> dict[str, Any]:
    """The content of a TOML text. The error names the file and the line, even the last one."""
    wrong = _monstrous(source)
    try:
        content = {} if wrong else tomllib.loads(source + "\n")
        check_plain(content)
    except tomllib.TOMLDecodeError as problem:
        wrong = str(problem)
    except RecursionError:
        wrong = f"it is nested too deeply (at line {_fullest_line(source, _BRACKETS)})"
    except ValueError:  # Python's own: digits that it would take minutes to read
        wrong = f"a number has too many digits (at line {_fullest_line(source, _DIGITS)})"
    if wrong:
        raise error(f"{path}: {what}: {wrong}.") from None
    return content


def _monstrous(source: str) -> str:
    """What is wrong with a text that tomllib would take hours to read."""
    found = _LONG_KEY.search(source)
    if found is None:
        return ""
    line = source.count("\n", 0, found.start()) + 1
    return f"a key of so many parts is nested too deeply (at line {line})"


def _fullest_line(source: str, characters: re.Pattern[str]) -> int:
    """The line with most of these characters: what is too deep or too long stands there."""
    lines = source.split("\n")
    return max(range(len(lines)), key=lambda n: len(characters.findall(lines[n]))) + 1


def first_problem(error: Exception, model: type[BaseModel]) -> Problem:
    """The first error of a validation, in terms of the file's keys."""
    if isinstance(error, UsageError):
        key, _, rest = str(error).partition(" = ")
        return Problem(key, rest)
    assert isinstance(error, ValidationError)
    first = error.errors()[0]
    key = ".".join(part for part in first["loc"] if isinstance(part, str))
    if first["type"] == "extra_forbidden":
        return Problem(key, f"there is no such key. {did_you_mean(key, model.model_fields)}")
    if first["type"] == "missing":
        return Problem(key, "this key is required")
    if first["type"] == "literal_error":
        known = first["ctx"]["expected"].replace("'", "")
        return Problem(key, f"{first['input']!r:.100} is not a valid value; choose {known}")
    if first["type"] == "value_error":
        return Problem(key, str(first["ctx"]["error"]))
    return Problem(key, f"{first['msg']} (got {first['input']!r:.100})")


def line_of_key(source: str, key: str) -> int:
    """The line on which a TOML key or table stands; 1 where it stands nowhere."""
    name = re.escape(key.split(".")[0])
    found = re.search(
        rf"^[ \t]*(?:[\"']?{name}[\"']?[ \t]*[=.]|\[+[ \t]*[\"']?{name}\b)", source, re.MULTILINE
    )
    return source.count("\n", 0, found.start()) + 1 if found else 1
