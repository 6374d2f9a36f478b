"""`plugins new`: a repository of a plugin that runs, is tested, and can be published at once."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from mubench_gen._version import __version__
from mubench_gen.errors import PluginError, did_you_mean

_WORDS = {
    "generative": "A generative model",
    "contrastive": "A contrastive model",
    "endpoint": "An endpoint model",
    "dataset": "A data set",
    "metric": "A metric",
    "export": "An export format",
    "transform": "An image transform",
    "judge": "A judge",
    "scorer": "A scorer",
    "section": "A section of the report",
}
KINDS = tuple(_WORDS)
_ALSO = {"exporter": "export", "metrics": "metric"}  # other names of kinds
_EVAL = "mubench-gen eval --plugin"
_USES = {
    "dataset": ("mubench-gen data info {name}", f"{_EVAL} tiny --data {{name}} --limit 20"),
    "metric": (f"{_EVAL} tiny --limit 20 --metric {{name}}",),
    "export": ("mubench-gen report RUN --format {name} --out FILE",),
    "transform": (f"{_EVAL} tiny --limit 20 --image-set transform={{name}}:strength=2",),
    "judge": (f"{_EVAL} tiny --limit 20 --judge {{name}} -o judge.least=2",),
    "scorer": ("mubench-gen score RUN --scorer {name}",),
    "section": ("mubench-gen report RUN --section {name}",),
}  # commands, by kinds; those of models stand below
_NEEDS = {"contrastive": ', "numpy"', "dataset": ', "pillow"', "transform": ', "pillow"'}
LICENCES = {"Apache-2.0": "apache-2.0.txt", "MIT": "mit.txt", "BSD-3-Clause": "bsd-3-clause.txt"}
_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True)
class Scaffold:
    """A plugin that is to be: `name` is what `--plugin`, `--data`, `--metric`, … takes."""

    name: str
    kind: str = "generative"
    licence: str = "Apache-2.0"
    author: str = "the authors"

    @property
    def distribution(self) -> str:
        return f"mubench-gen-{self.name.replace('_', '-')}"

    @property
    def module(self) -> str:
        return self.distribution.replace("-", "_")


def write_scaffold(scaffold: Scaffold, folder: Path) -> list[Path]:
    """Write the repository into a folder that is new or empty; returns the files.

    Raises PluginError for a name that is not valid, an unknown kind or licence, and a folder that
    is not empty.
    """
    scaffold = replace(scaffold, kind=_ALSO.get(scaffold.kind, scaffold.kind))
    _check(scaffold)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PluginError(f"{folder} is there already. Give another folder by --to.")
    written = []
    for path, content in _files(scaffold):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
        written.append(target)
    return written


def _check(scaffold: Scaffold) -> None:
    if not _NAME.match(scaffold.name) or keyword.iskeyword(scaffold.name):
        raise PluginError(
            f"{scaffold.name!r} is not a valid name of a plugin: lower-case letters, digits and "
            "single hyphens, a letter first (my-model)."
        )
    if scaffold.name.startswith(("mubench-gen-", "mubench_gen_")):
        raise PluginError(
            f"The name is the part behind mubench-gen-: {scaffold.name[len('mubench-gen-') :]!r}."
        )
    for given, known in ((scaffold.kind, KINDS), (scaffold.licence, LICENCES)):
        if given not in known:
            raise PluginError(f"No {given!r}. {did_you_mean(given, known)}")


def _files(scaffold: Scaffold) -> Iterator[tuple[str, str]]:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=False,  # Python, TOML and Markdown, no HTML
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=False,
    )
    facts = _facts(scaffold)

    def rendered(name: str) -> str:
        source = files(__name__).joinpath("files", name).read_text(encoding="utf-8")
        return environment.from_string(source).render(facts)

    yield "pyproject.toml", rendered("pyproject.toml.j2")
    yield "README.md", rendered("README.md.j2")
    yield "LICENSE", rendered(LICENCES[scaffold.licence])
    yield ".gitignore", rendered("gitignore.j2")
    yield f"src/{scaffold.module}/__init__.py", rendered(f"{scaffold.kind}.py.j2")
    yield f"tests/test_{scaffold.module.removeprefix('mubench_gen_')}.py", rendered("test.py.j2")
    yield ".github/workflows/test.yml", rendered("test.yml.j2")
    yield ".github/workflows/publish.yml", rendered("publish.yml.j2")


def _facts(scaffold: Scaffold) -> dict[str, Any]:
    major, minor = (int(part) for part in __version__.split(".")[:2])
    words = re.split(r"[-_]", scaffold.name)
    return {
        "name": scaffold.name,
        "kind": scaffold.kind,
        "licence": scaffold.licence,
        "author": scaffold.author,
        "distribution": scaffold.distribution,
        "module": scaffold.module,
        "class_name": "".join(word.capitalize() for word in words),
        "variable": f"{'_'.join(words).upper()}_KEY",
        "description": f"{_WORDS[scaffold.kind]} for mubench-gen.",
        "needs": _NEEDS.get(scaffold.kind, ""),
        "uses": "\n".join(_USES.get(scaffold.kind, (f"{_EVAL} {{name}} --limit 20",))).format(
            name=scaffold.name
        ),
        "is_model": scaffold.kind in ("generative", "contrastive", "endpoint"),
        "version": __version__,
        # A minor version may drop what the one before it warned of, until there is a 1.0.
        "next_version": f"{major + 1}" if major else f"0.{minor + 2}",
        "year": str(date.today().year),
    }
