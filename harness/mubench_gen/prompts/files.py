"""The text of a prompt: its file, found and read, with the files that its template includes.

A prompt is one file in `prompts/` (or a path): a TOML header between lines of `+++`, then the
template. It may include, import and extend files of its own folder and of the shipped ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from mubench_gen.errors import DefinitionError, did_you_mean
from mubench_gen.plugins import task_packages as packages
from mubench_gen.prompts.sandbox import Reference, TemplateFault, Templates, references
from mubench_gen.prompts.template_process import ForeignTemplates, foreign_references
from mubench_gen.prompts.toml_files import known_files, read_definition
from mubench_gen.storage.paths import definitions, is_file, user_path

SUFFIX = ".j2"
OWN = "template"  # the name of the prompt's own template among those that it includes
_FENCE = "+++"
_MOST_FILES = 64


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A prompt file or one it includes: header, template, and the template's first line."""

    path: Path
    header: str
    body: str
    first_line: int

    def fault(self, fault: TemplateFault, note: str = "") -> DefinitionError:
        """The error for a fault in its template, or in a template of its header."""
        place, setting = str(self.path), ""
        if fault.name != OWN and not fault.name.endswith(SUFFIX):
            setting = f"{fault.name}: "
        elif fault.line is not None:
            place += f":{fault.line + self.first_line - 1}"
        return DefinitionError(f"{place}: {setting}{fault.message.rstrip('.')}{note}.")


class TemplateRenderer(Protocol):
    """A set of named templates, rendered in this process or in a separate one."""

    def check(self) -> None:
        """Compile all of them. TemplateFault if one cannot be compiled."""

    def render(self, name: str, variables: Mapping[str, object]) -> str:
        """The rendered text of one of them."""


def prompt_names() -> dict[str, Path]:
    """The shipped prompts, by name."""
    return known_files("prompts", SUFFIX)


def find(name: str) -> Path:
    """The file of the prompt of that name. DefinitionError where there is none."""
    known = prompt_names()
    if name in known:
        return known[name]
    path = user_path(name)
    if is_file(path):
        return path
    if path.suffix == SUFFIX or "/" in name:
        if os.path.exists(path):
            return path  # a folder, a pipe: reading it says what it is
        raise DefinitionError(f"There is no prompt file {name!r}.")
    packaged = packages.find("prompts", SUFFIX, name)
    if packaged is not None:
        return packaged
    near = did_you_mean(name, [*known, *packages.names("prompts", SUFFIX)])
    raise DefinitionError(
        f"There is no prompt {name!r}. {near} "
        "`mubench-gen prompts` lists them; a path to a .j2 file works too."
    )


def read_source(path: Path) -> TemplateFile:
    """The file, its header apart from its template."""
    source = read_definition(path)
    lines = source.split("\n")
    if lines[0].strip() != _FENCE:
        return TemplateFile(path, "", source.removesuffix("\n"), 1)
    for i, line in enumerate(lines[1:], start=1):
        if line.strip() == _FENCE:
            body = "\n".join(lines[i + 1 :]).removesuffix("\n")
            return TemplateFile(path, "\n".join(lines[1:i]), body, i + 2)
    raise DefinitionError(f"{path}:1: the header opens with {_FENCE} and is never closed.")


def included(
    own: TemplateFile, texts: Mapping[str, str], *, shipped: bool
) -> dict[str, TemplateFile]:
    """All files that these texts include, directly or not, by name; they are read now."""
    found: dict[str, TemplateFile] = {}
    waiting = [(own, name, text) for name, text in texts.items()]
    while waiting:
        source, name, text = waiting.pop()
        for reference in _references(source, name, text, shipped=shipped):
            if reference.name in found:
                continue
            other = _beside(own.path, source, reference, name)
            if other is not None:
                found[reference.name] = other
                waiting.append((other, reference.name, other.body))
            if len(found) > _MOST_FILES:
                raise DefinitionError(f"{own.path}: it includes more than {_MOST_FILES} files.")
    return found


@lru_cache(maxsize=512)  # the variants of a study share their templates
def compiled(texts: tuple[tuple[str, str], ...], *, shipped: bool) -> TemplateRenderer:
    """The templates, all compiled. TemplateFault if one cannot be compiled.

    The shipped ones are trusted to end; all others get a process of their own.
    """
    templates = Templates(dict(texts)) if shipped else ForeignTemplates(dict(texts))
    templates.check()
    return templates


def _references(source: TemplateFile, name: str, text: str, *, shipped: bool) -> list[Reference]:
    if not any(word in text for word in ("include", "import", "extends")):
        return []
    try:
        return references(text, name) if shipped else foreign_references(text, name)
    except TemplateFault as fault:
        raise source.fault(fault) from None


def _beside(
    prompt: Path, source: TemplateFile, reference: Reference, name: str
) -> TemplateFile | None:
    """The file that a template means: of the prompt's own folder, else of the shipped ones."""
    for path in _places(prompt.parent, reference.name):
        return read_source(path)
    if not reference.needed:
        return None
    what = (
        f"there is no file {reference.name!r} to include: it must be a {SUFFIX} file in the "
        "folder of the prompt, or a shipped prompt"
    )
    raise source.fault(TemplateFault(what, name, reference.line))


def _places(folder: Path, name: str) -> Iterator[Path]:
    parts = name.split("/")
    if not name.endswith(SUFFIX) or any(part.startswith(".") or not part for part in parts):
        return
    for home in (folder, definitions("prompts")):
        path = home.joinpath(*parts)
        # Links that lead elsewhere are refused.
        if is_file(path) and path.resolve().is_relative_to(home.resolve()):
            yield path
