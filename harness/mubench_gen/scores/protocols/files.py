"""Protocols by name: TOML files in `protocols/`, of installed packages, or of any folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mubench_gen.errors import DefinitionError, did_you_mean
from mubench_gen.plugins import task_packages as packages
from mubench_gen.prompts.toml_files import (
    first_problem,
    known_files,
    line_of_key,
    read_definition,
    read_toml,
)
from mubench_gen.scores.protocols.definition import ProtocolFile
from mubench_gen.storage.paths import is_file, user_path

File = TypeVar("File", bound=BaseModel)
KIND, SUFFIX = "protocols", ".toml"
OURS = "ours"


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol, with the digest of its file."""

    name: str
    path: Path
    sha256: str
    file: ProtocolFile


def protocol_names() -> dict[str, Path]:
    """The shipped protocols, by name."""
    return known_files(KIND, SUFFIX)


def is_protocol_file(name: str) -> bool:
    """Whether a name means a file."""
    return name.endswith(SUFFIX) or "/" in name


def load_protocol(name: str) -> Protocol:
    """The protocol of that name, or in that file. DefinitionError says what is wrong with it."""
    if is_protocol_file(name):
        path = user_path(name)
        if not is_file(path):
            raise DefinitionError(f"There is no protocol file {name!r}.")
        return read_protocol(path)
    if name in (shipped := protocol_names()):
        return _shipped(shipped[name])
    packaged = packages.find(KIND, SUFFIX, name)
    if packaged is None:
        near = did_you_mean(name, [*shipped, *packages.names(KIND, SUFFIX)])
        raise DefinitionError(
            f"There is no protocol {name!r}. {near} "
            "`mubench-gen prompts protocols` lists them; a path to a .toml file works too."
        )
    return read_protocol(packaged)


def load_protocols(names: Sequence[str]) -> list[Protocol]:
    """The protocols of these names, each once; a name may hold several, by commas."""
    each = [one.strip() for name in names for one in name.split(",") if one.strip()]
    found: dict[str, Protocol] = {}
    for name in each:
        protocol = load_protocol(name)
        earlier = found.setdefault(protocol.name, protocol)
        if earlier.sha256 != protocol.sha256:
            raise DefinitionError(
                f"Two protocols are named {protocol.name!r}: {earlier.path} and {protocol.path}. "
                "Rename one of the files."
            )
    return list(found.values())


@lru_cache(maxsize=64)
def _shipped(path: Path) -> Protocol:
    return read_protocol(path)


def read_protocol(path: Path) -> Protocol:
    """The protocol in that file."""
    source, file = read_file(path, ProtocolFile)
    beside = {
        kind: asking.model_copy(update={"prompt": tuple(_beside(path, p) for p in asking.prompt)})
        for kind in ("generative", "contrastive")
        if (asking := getattr(file, kind)) is not None
    }
    file = file.model_copy(update=beside)
    return Protocol(path.stem, path, hashlib.sha256(source.encode()).hexdigest(), file)


def _beside(path: Path, prompt: str) -> str:
    """A prompt as the protocol in that file names it: a file's name is one beside it."""
    file = path.parent / prompt
    return str(file.resolve()) if prompt.endswith(".j2") and is_file(file) else prompt


def read_file(path: Path, model: type[File]) -> tuple[str, File]:
    """The text of a TOML file, and its content. DefinitionError names the line of what is wrong."""
    source = read_definition(path)
    content = read_toml(source, path)
    try:
        return source, model.model_validate(content)
    except ValidationError as error:
        problem = first_problem(error, model)
        place = _place(error.errors()[0]["loc"])
        key = ".".join(place)
        raise DefinitionError(
            f"{path}:{_line(source, place)}: {key}{': ' * bool(key)}{problem.text.rstrip('.')}."
        ) from None


def _place(location: tuple[Any, ...]) -> list[str]:
    """The keys of a fault, without the rule that pydantic puts behind `parser`."""
    keys = [part for part in location if isinstance(part, str)]
    return [keys[0], *keys[2:]] if len(keys) > 1 and keys[0] == "parser" else keys


def _line(source: str, keys: list[str]) -> int:
    """The line of the innermost of these keys that stands in the file."""
    if not keys:
        return 1
    line = line_of_key(source, keys[0])
    rest = source.split("\n")
    for depth in range(len(keys), 1, -1):
        header = re.escape(".".join(keys[: depth - 1]))
        inside = False
        for number, text in enumerate(rest, start=1):
            if text.lstrip().startswith("["):
                inside = re.match(rf"\s*\[+\s*{header}\s*\]", text) is not None
                if re.match(rf"\s*\[+\s*{re.escape('.'.join(keys[:depth]))}\s*\]", text):
                    return number
            elif inside and re.match(rf"\s*[\"']?{re.escape(keys[depth - 1])}[\"']?\s*=", text):
                return number
    return line
