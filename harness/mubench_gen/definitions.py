"""What task and prompt files share: finding them, and saying where one is wrong."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mubench_gen.errors import UsageError, did_you_mean
from mubench_gen.places import definitions


@dataclass(frozen=True, slots=True)
class Problem:
    """The first thing wrong in a definition: the key and what is wrong with it."""

    key: str
    text: str


def known_files(kind: str, suffix: str) -> dict[str, Path]:
    """The shipped definitions of a kind ("prompts", "tasks"), by name."""
    return {path.stem: path for path in sorted(definitions(kind).glob(f"*{suffix}"))}


def read_toml(source: str) -> dict[str, Any]:
    """The content of a TOML text. TOMLDecodeError names a line, the last one too."""
    return tomllib.loads(source + "\n")


def first_problem(error: Exception, model: type[BaseModel]) -> Problem:
    """The first finding of a validation, in the words of the file."""
    if isinstance(error, UsageError):
        key, _, rest = str(error).partition(" = ")
        return Problem(key, "= " + rest)
    assert isinstance(error, ValidationError)
    first = error.errors()[0]
    key = ".".join(part for part in first["loc"] if isinstance(part, str))
    if first["type"] == "extra_forbidden":
        return Problem(key, f"there is no such key. {did_you_mean(key, model.model_fields)}")
    if first["type"] == "missing":
        return Problem(key, "this key is required")
    if first["type"] == "literal_error":
        known = re.findall(r"'([^']+)'", first["ctx"]["expected"])
        return Problem(
            key, f"{first['input']!r} is none. {did_you_mean(str(first['input']), known)}"
        )
    if first["type"] == "value_error":
        return Problem(key, str(first["ctx"]["error"]))
    return Problem(key, f"{first['msg']} (got {first['input']!r})")


def line_of_key(source: str, key: str) -> int:
    """The line on which a TOML key or table stands; 1 where it stands nowhere."""
    name = re.escape(key.split(".")[0])
    found = re.search(
        rf"^[ \t]*(?:[\"']?{name}[\"']?[ \t]*[=.]|\[+[ \t]*[\"']?{name}\b)", source, re.MULTILINE
    )
    return source.count("\n", 0, found.start()) + 1 if found else 1
