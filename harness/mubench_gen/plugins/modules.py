"""Where the module of an entry point lies, and what it mentions: nothing is imported."""

from __future__ import annotations

import importlib.util
import re
from importlib.machinery import ModuleSpec
from pathlib import Path

from mubench_gen.errors import did_you_mean

# What a plugin may offer beside models: a kind's label → its hook.
BESIDE_MODELS = {
    "dataset": "mubench_gen_datasets",
    "transform": "mubench_gen_transforms",
    "metrics": "mubench_gen_metrics",
    "export": "mubench_gen_exports",
    "judge": "mubench_gen_judge",
    "scorer": "mubench_gen_score",
    "section": "mubench_gen_section",
}
# The names that a plugin of a kind needs: one that has none of them is of no kind that shows.
_SIGNS = {
    "generative": (
        "GenerativeModel",
        "StreamingModel",
        "AsyncModel",
        'kind="generative"',
        "kind='generative'",
        'kind="auto"',
    ),
    "contrastive": (
        "ContrastiveModel",
        'kind="contrastive"',
        "kind='contrastive'",
        'kind="auto"',
    ),
    **{kind: (f"def {hook}",) for kind, hook in BESIDE_MODELS.items()},
}
HOOKS = ("mubench_gen_models", *BESIDE_MODELS.values())
_HOOKIMPL = re.compile(r"^@(?:\w+\.)?hookimpl\b.*\n(?:@.*\n)*def (\w+)", re.MULTILINE)
_IMPORT = re.compile(r"^(?:import|from) ([A-Za-z_]\w*)", re.MULTILINE)  # not in a function or try
_MOST_FILES = 64  # of a package that are looked at


def find_top(module: str) -> ModuleSpec | None:
    """The top-level module of a dotted name; finding what lies below would import it."""
    try:
        return importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError, AttributeError):  # somebody's import hook, or no real module
        return None


def places_of(module: str) -> list[Path]:
    """Where a package, or a module of one, can lie: its path without a suffix."""
    return _places(find_top(module), module)


def _places(top: ModuleSpec | None, module: str) -> list[Path]:
    inner = module.split(".")[1:]
    return [Path(place, *inner) for place in (top and top.submodule_search_locations) or ()]


def kind_of(module: str) -> str:
    """What a plugin offers, by the names that its source mentions; "?" where none shows.

    It is a label in listings and decides nothing: what a plugin registers, importing it tells.
    """
    text, package = _text(module), re.escape(module.partition(".")[0])
    others = re.findall(rf"^(?:from|import) ({package}\.[\w.]+)", text, re.MULTILINE)
    text += "".join(map(_text, dict.fromkeys(others)))
    kinds = [kind for kind, signs in _SIGNS.items() if any(sign in text for sign in signs)]
    return ", ".join(kinds) or "?"


def faults_shown(module: str) -> list[str]:
    """Why a plugin will not work, where its source shows it: "imports einops, which …"."""
    text = _text(module)
    unknown = [name for name in _HOOKIMPL.findall(text) if name not in HOOKS]
    lacking = [top for top in dict.fromkeys(_IMPORT.findall(text)) if find_top(top) is None]
    return [
        *(f"has an unknown hook {name!r}. {did_you_mean(name, HOOKS)}" for name in unknown),
        *(f"imports {top}, which is not installed" for top in lacking),
    ]


def _text(module: str) -> str:
    return "\n".join(file.read_text("utf-8", "replace") for file in _files(module))


def _files(module: str) -> list[Path]:
    """The file of a module; those of a package, and of the packages in it."""
    top = find_top(module)
    alone = [Path(top.origin)] if top is not None and top.origin is not None else []
    for place in _places(top, module):
        alone = [place.with_name(f"{place.name}.py")]
        if place.is_dir():
            return [*sorted(place.glob("*.py")), *sorted(place.glob("*/*.py"))][:_MOST_FILES]
    return [file for file in alone if file.suffix == ".py" and file.is_file()]
