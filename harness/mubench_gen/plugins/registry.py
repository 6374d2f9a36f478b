"""Finding plugins without importing them, and loading the one that is asked for.

Listing reads entry-point metadata alone. Loading imports one module, validates its hooks
and keeps whatever it does wrong from everything else.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mubench_gen._version import __version__
from mubench_gen.console.secrets import know_typed, secret_fields
from mubench_gen.errors import (
    PluginError,
    SettingError,
    did_you_mean,
)
from mubench_gen.plugins.enabled import switched_off
from mubench_gen.plugins.entry_points import Damaged, Found, find_entry_points, origin_of
from mubench_gen.plugins.hooks import GROUP, Isolated, Offers, offers_of
from mubench_gen.plugins.import_effects import kept_as_it_was
from mubench_gen.plugins.source import Source, read_source
from mubench_gen.storage.digests import sha256_of
from mubench_gen.storage.paths import is_file

if TYPE_CHECKING:
    from mubench_gen.model import ModelSpec
    from mubench_gen.plugins.extension import Judge

_OWN = "mubench-gen"
UNNAMED = "?"  # the name of a plugin whose name cannot be read
ASKED_FOR = re.compile(r"(?!.*\.py$)[^\s,/\\]+")  # by --plugin, where the rest means something else
# Files of a package that it may read; where one of the others lies, a program has written.
_READ = frozenset(
    {".py", ".json", ".toml", ".yaml", ".yml", ".txt", ".jinja", ".j2", ".model", ".safetensors",
     ".bin", ".pt", ".pth", ".npz", ".npy", ".onnx", ".so"}
)  # fmt: skip
_MADE = frozenset({"manifest.json", "study.json", "sweep.json", "rows.jsonl"})
UNREADABLE = "has metadata that cannot be read: whether it fits this mubench-gen is not known"


@dataclass(frozen=True, slots=True)
class Listed:
    """A plugin as its metadata tells, nothing imported.

    `kind` is what it offers, as far as its source shows ("?" where it doesn't). `state` is
    "ok", "incompatible: …" (have and need), "broken: …", "shadowed: …" (two distributions offer
    the name) or "off: …" (left out by the user). `notes` are faults that don't keep it from
    working: what it does to others when it is imported.
    """

    name: str
    kind: str
    distribution: str
    version: str
    module: str
    state: str = "ok"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plugin:
    """A loaded plugin. `digest` is of its code: its file, or all of its package."""

    name: str
    distribution: str | None
    version: str | None
    offers: Offers
    digest: str | None = None
    path: Path | None = None

    @property
    def models(self) -> Sequence[ModelSpec]:
        return self.offers.models

    @property
    def judge(self) -> type[Judge] | None:
        return self.offers.judge

    def spec(self, model: str | None) -> ModelSpec:
        """The model of that name, the first for None, or any id where one is open to them."""
        from dataclasses import replace

        from mubench_gen.model import Checkpoint

        if not self.models:
            raise PluginError(
                f"The plugin {self.name!r} is {self.offers.kinds}: it has no model to evaluate."
            )
        if model is None:
            return self.models[0]
        for spec in self.models:
            if spec.name == model:
                return spec
        for spec in self.models:
            if spec.any_id:  # of another checkpoint nothing is known
                source = spec.source
                if isinstance(source, Checkpoint):
                    source = replace(source, path=model)
                return replace(spec, name=model, source=source, description="", facts={})
        near = did_you_mean(model, [spec.name for spec in self.models])
        raise PluginError(f"The plugin {self.name!r} has no model {model!r}. {near}")


@dataclass(frozen=True, slots=True)
class Plugins:
    """The plugins that are installed; tests give their own entry points.

    Of these the environment variable MUBENCH_GEN_PLUGINS, where it is set, allows only those
    that it names, and MUBENCH_GEN_NO_PLUGINS (`--no-plugin`) leaves some out.
    """

    entry_points: Iterable[importlib.metadata.EntryPoint] | None = field(default=None)

    def list(self) -> list[Listed]:
        """Every plugin by name, imported none."""
        installed = self._installed()
        found: dict[str, list[importlib.metadata.EntryPoint]] = {}
        for entry in installed.entries:
            found.setdefault(entry.name, []).append(entry)
        return [
            *(_listed(entry, found[name]) for name in sorted(found) for entry in found[name]),
            *map(_unlisted, installed.damaged),
        ]

    def load(self, name: str) -> Plugin:
        """The plugin of that name, or in that file. PluginError says what is wrong with it."""
        if name.endswith(".py") or "/" in name:
            return _load_path(Path(name).expanduser())
        everything = self.list()
        listed = [plugin for plugin in everything if plugin.name == name]
        if not listed:
            near = did_you_mean(name, [plugin.name for plugin in everything])
            damaged = [one.distribution for one in everything if one.name == UNNAMED]
            unread = f" The plugins of {', '.join(damaged)} cannot be read." if damaged else ""
            raise PluginError(
                f"There is no plugin {name!r}. {near}{unread} `mubench-gen plugins` lists them; "
                "a path to a .py file works too."
            )
        # What only looks broken is tried, so that Python's own words are heard.
        if not listed[0].state.startswith(("ok", "broken")):
            raise PluginError(f"The plugin {name!r} cannot be used: {listed[0].state}.")
        return self._load(listed[0])

    def _load(self, listed: Listed) -> Plugin:
        where = f"The plugin {listed.name!r} ({listed.distribution} {listed.version})"
        entry = next(e for e in self._installed().entries if e.name == listed.name)
        with Isolated(where), kept_as_it_was(where):
            module = entry.load()
            offers = offers_of(module, where)
        digest = _code_digest(sys.modules.get(entry.module, module))
        return Plugin(listed.name, listed.distribution, listed.version, offers, digest)

    def _installed(self) -> Found:
        if self.entry_points is not None:
            return Found(tuple(self.entry_points))
        return find_entry_points(GROUP)


def check_options(name: str, model: Any, given: dict[str, str], *, kind: str = "plugin") -> Any:
    """The options of what has a class `Options`, validated; a wrong one is refused by name."""
    from pydantic import ValidationError

    try:
        options = model.Options.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        known = model.Options.model_fields
        if first["type"] == "extra_forbidden":
            near = did_you_mean(key, known) if known else "It has none."
            raise SettingError(f"The {kind} {name!r} has no option {key!r}. {near}") from None
        got = "***" if first["loc"][0] in secret_fields(model.Options) else repr(first["input"])
        raise SettingError(
            f"Option {key} of the {kind} {name!r}: {first['msg']} (got {got})."
        ) from None
    know_typed(options)
    return options


def _listed(
    entry: importlib.metadata.EntryPoint, rivals: Sequence[importlib.metadata.EntryPoint]
) -> Listed:
    origin = origin_of(entry)
    state, source = _unusable(entry) or _compatibility(entry), Source()
    if entry.pattern.match(entry.value):
        source = read_source(entry.module, entry.attr)
    if state == "ok" and source.broken is not None:
        state = f"broken: {source.broken}"
    origins = sorted({f"{o.name} {o.version}" for o in map(origin_of, rivals)})
    if len(rivals) > 1:
        state = f"shadowed: {' and '.join(origins)} both offer it; uninstall one"
    state = switched_off(entry.name) or state
    notes = source.notes if origin.readable else (*source.notes, UNREADABLE)
    return Listed(entry.name, source.kind, origin.name, origin.version, entry.value, state, notes)


def _unlisted(damaged: Damaged) -> Listed:
    """A distribution of which not even the plugins' names can be read."""
    origin, state = damaged.origin, f"broken: its entry_points.txt cannot be read: {damaged.reason}"
    return Listed(UNNAMED, UNNAMED, origin.name, origin.version, "", state)


def _unusable(entry: importlib.metadata.EntryPoint) -> str | None:
    """Why an entry point names no plugin that could be asked for."""
    if not ASKED_FOR.fullmatch(entry.name) or not entry.name.isprintable():
        return f"broken: no --plugin can be called {entry.name!r} (letters, digits, hyphens)"
    if not entry.pattern.match(entry.value):
        return f"broken: its entry point {entry.value!r} names no module"
    return None


def _requirements(entry: importlib.metadata.EntryPoint) -> Sequence[str]:
    try:
        return (entry.dist.requires if entry.dist is not None else None) or ()
    except (AttributeError, KeyError, TypeError, ValueError):  # metadata that are no text
        return ()


def _compatibility(entry: importlib.metadata.EntryPoint) -> str:
    if origin_of(entry).name == _OWN:
        return "ok"
    from packaging.requirements import InvalidRequirement, Requirement

    for line in _requirements(entry):
        try:
            need = Requirement(line)
        except InvalidRequirement:
            continue
        if need.name.replace("_", "-").lower() != _OWN or (
            need.marker and not need.marker.evaluate()
        ):
            continue
        if not need.specifier.contains(__version__, prereleases=True):
            return f"incompatible: it needs mubench-gen{need.specifier}, this is {__version__}"
    return "ok"


def _load_path(path: Path) -> Plugin:
    if is_file(path / "__init__.py"):
        path = path / "__init__.py"
    name = path.parent.name if path.name == "__init__.py" else path.stem
    where = f"The plugin {path}"
    if not is_file(path):
        raise PluginError(f"There is no plugin file {str(path)!r}.")
    # A name of its own: neither `json.py` nor another folder's `my_model.py` is in its way.
    module_name = f"mubench_gen_file_{hashlib.sha256(bytes(path.resolve())).hexdigest()[:8]}_{name}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{where} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # annotations, pickles and relative imports look it up
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # so that it can import the files beside it
    with Isolated(where), kept_as_it_was(where):
        spec.loader.exec_module(module)
        offers = offers_of(module, where)
    return Plugin(name, None, None, offers, _code_digest(module), path.resolve())


def _code_digest(module: ModuleType) -> str | None:
    """Of the module's file and those beside it that it uses; of a package, all that it holds."""
    if getattr(module, "__file__", None) is None:
        return None
    file = Path(str(module.__file__)).resolve()
    package = hasattr(module, "__path__") or file.name == "__init__.py"
    files = set(_held(file.parent)) if package else _with_imported(file)
    digest = hashlib.sha256()
    for path in sorted(files):
        content = path.read_bytes() if path.suffix == ".py" else sha256_of(path).encode()
        digest.update(f"{path.relative_to(file.parent)}\0".encode() + content)
    return digest.hexdigest()


def _held(folder: Path) -> Iterator[Path]:
    """A package's code, and the files that it may read; not the runs and data that lie in it."""
    for place, folders, names in os.walk(folder):
        if not _MADE.isdisjoint(names):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        yield from (Path(place, name) for name in names if Path(name).suffix in _READ)


def _with_imported(file: Path) -> set[Path]:
    """The file with the files of its folder that it imports, and those that they import."""
    found, left = set[Path](), [file]
    while left:
        path = left.pop()
        if path in found or not is_file(path):
            continue
        found.add(path)
        if path.suffix != ".py":
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):  # of a file that only has an imported module's name
            continue
        for node in ast.walk(tree):
            left += _used(node, file.parent)
    return found


def _used(node: ast.AST, folder: Path) -> Iterator[Path]:
    """What of the folder a piece of code may mean: a module that it imports, a file by its name."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if Path(node.value).suffix in _READ and "/" not in node.value:
            yield folder / node.value
        return
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module or "", *(alias.name for alias in node.names if not node.module)]
    else:
        return
    for name in filter(None, (name.split(".")[0] for name in names)):
        yield folder / f"{name}.py"
        if is_file(folder / name / "__init__.py"):
            yield from _held(folder / name)
