"""Families of prompts: one template with parts, each of which has several texts.

A family is a TOML file in `prompts/` (or a path). Its prompts are all combinations of its parts'
values, named FAMILY.VALUE-VALUE (of a path: PATH:VALUE-VALUE).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from mubench_gen.errors import DefinitionError, did_you_mean
from mubench_gen.prompts.files import TemplateFile
from mubench_gen.prompts.toml_files import known_files, read_definition, read_toml
from mubench_gen.storage.paths import user_path

SUFFIX = ".toml"
_PLACE = re.compile(r"<<([a-z_]+)>>")
_NAME = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
_KEYS = ("title", "source", "made", "settings", "template", "parts")
_MOST = 1_000
_DEEP = 4  # a part's text may have places itself


@dataclass(frozen=True, slots=True)
class PromptFamily:
    """A family's file. `parts`: the values of each part by name; of each value its texts by place,
    and its settings under "settings". `made`: by whom its texts are, "human" or "machine"."""

    path: Path
    title: str
    made: str
    settings: Mapping[str, Any]
    template: str
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]]

    @property
    def members(self) -> list[str]:
        """The names of its prompts, without the family's."""
        return ["-".join(names) for names in product(*self.parts.values())]

    def file(self, member: str) -> TemplateFile:
        """The prompt file that a member would be."""
        known = self.members
        if member not in known:
            near = did_you_mean(member, known)
            raise DefinitionError(f"The family {self.path.stem!r} has no {member!r}. {near}")
        texts: dict[str, str] = {}
        settings = {"title": f"{self.title}: {member}", **self.settings}
        for (_, values), name in zip(self.parts.items(), member.split("-"), strict=True):
            settings |= values[name].get("settings", {})
            texts |= {place: text for place, text in values[name].items() if place != "settings"}
        body = self.template
        for _ in range(_DEEP):
            body = _PLACE.sub(lambda found: self._text(texts, found[1]), body)
        header = "\n".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
        path = self.path.with_name(f"{self.path.stem}.{member}.j2")
        return TemplateFile(path, header, body.removesuffix("\n"), 1)

    def _text(self, texts: Mapping[str, str], place: str) -> str:
        if place not in texts:
            near = did_you_mean(place, texts)
            raise DefinitionError(f"{self.path}: no part has a text for <<{place}>>. {near}")
        return texts[place]


def family_names() -> dict[str, Path]:
    """The shipped families, by name."""
    return known_files("prompts", SUFFIX)


def expanded(names: Iterable[str]) -> list[str]:
    """Each name of a family as the names of its prompts; FAMILY:N as N of them, which a fixed seed
    draws. Other names stay."""
    found: list[str] = []
    for name in names:
        head, count = name, ""
        if (parts := re.fullmatch(r"(.+):([1-9][0-9]{0,3})", name)) is not None:
            head, count = parts[1], parts[2]
        path = _path_of(head)
        if path is None:
            found.append(name)
            continue
        members = read_family(path).members
        if count:
            drawn = set(sorted(members, key=_rank)[: int(count)])
            members = [one for one in members if one in drawn]
        between = ":" if head.endswith(SUFFIX) else "."
        found += [f"{head}{between}{member}" for member in members]
    return found


def member_file(name: str) -> TemplateFile | None:
    """The prompt file that a family's member stands for; None for a name of another kind."""
    head, colon, member = name.rpartition(f"{SUFFIX}:")
    if colon:
        return read_family(user_path(head + SUFFIX)).file(member)
    head, dot, member = name.partition(".")
    path = family_names().get(head)
    if path is None:
        return None
    family = read_family(path)
    if not dot:
        raise DefinitionError(
            f"{name!r} is a family of {len(family.members)} prompts, of which one is needed here: "
            f"{name}.{family.members[0]}, …; `mubench-gen prompts` lists families."
        )
    return family.file(member)


def is_shipped(name: str) -> bool:
    """Whether the name is of a member of a shipped family."""
    return name.partition(".")[0] in family_names()


def _path_of(name: str) -> Path | None:
    return user_path(name) if name.endswith(SUFFIX) else family_names().get(name)


def _rank(member: str) -> bytes:
    return hashlib.sha256(f"0\0{member}".encode()).digest()


@lru_cache(maxsize=64)
def read_family(path: Path) -> PromptFamily:
    """The family in a file. DefinitionError says what is wrong with it."""
    content = read_toml(read_definition(path), path)
    for key in content:
        if key not in _KEYS:
            raise DefinitionError(f"{path}: {key}: no such key. {did_you_mean(key, _KEYS)}")
    if not isinstance(content.get("template"), str):
        raise DefinitionError(f"{path}: template: a text is needed.")
    if content.get("made", "human") not in ("human", "machine"):
        raise DefinitionError(f"{path}: made: human or machine is needed.")
    given = content.get("parts")
    if not isinstance(given, dict) or not given:
        raise DefinitionError(f"{path}: parts: a table of parts is needed, [parts.NAME].")
    parts = {part: _values(path, part, values) for part, values in given.items()}
    members = math.prod(map(len, parts.values()))
    if members > _MOST:
        raise DefinitionError(f"{path}: {members:,} combinations of parts; at most {_MOST:,}.")
    return PromptFamily(
        path=path,
        title=str(content.get("title", path.stem)),
        made=str(content.get("made", "human")),
        settings={
            **({"source": str(content["source"])} if "source" in content else {}),
            **content.get("settings", {}),
        },
        template=content["template"],
        parts=parts,
    )


def _values(path: Path, part: str, given: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(given, dict) or not given:
        raise DefinitionError(f"{path}: parts.{part}: values by name are needed.")
    found = {}
    for name, value in given.items():
        where = f"{path}: parts.{part}.{name}"
        if not _NAME.fullmatch(name):
            raise DefinitionError(f"{where}: a name has a-z, 0-9 and _ alone.")
        texts = {part: value} if isinstance(value, str) else value
        if not isinstance(texts, dict):
            raise DefinitionError(f"{where}: a text, or a table of texts is needed.")
        for place, text in texts.items():
            if not isinstance(text, dict if place == "settings" else str):
                raise DefinitionError(f"{where}.{place}: a text is needed, or [….settings].")
        found[name] = texts
    return found
