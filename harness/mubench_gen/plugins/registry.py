"""Finding plugins without importing them, and loading the one that is asked for.

Listing reads entry-point metadata alone. Loading imports one module, validates its hooks
and isolates its errors from everything else.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.machinery
import importlib.metadata
import importlib.util
import io
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from mubench_gen.console.secrets import know_typed, secret_fields
from mubench_gen.errors import PluginError, SettingError, did_you_mean
from mubench_gen.plugins.entry_points import GROUP, Installed, find_entry_points, origin_of
from mubench_gen.plugins.listing import Listed, full_name, is_own, list_plugins, state_of
from mubench_gen.storage.paths import is_file, user_path

if TYPE_CHECKING:
    from mubench_gen.model import ModelSpec
    from mubench_gen.plugins.extension import Judge
    from mubench_gen.plugins.hooks import Offers
    from mubench_gen.storage.digests import FileDigest


@dataclass(frozen=True, slots=True)
class Plugin:
    """A loaded plugin. `digest` is of its code: its file, or all of its package; `weights` are the
    files of weights that count as parts of it, by path; `module` is its module's name."""

    name: str
    distribution: str | None
    version: str | None
    offers: Offers
    digest: str | None = None
    path: Path | None = None
    weights: Mapping[str, Any] = field(default_factory=dict)
    module: str = ""

    @property
    def models(self) -> Sequence[ModelSpec]:
        """Its models, the default first."""
        return self.offers.models

    @property
    def judge(self) -> type[Judge] | None:
        """Its judge, if it has one."""
        return self.offers.judge

    def spec(self, model: str | None) -> ModelSpec:
        """The model of that name, the first for None, or any id where one is open to them."""
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

    The environment variable MUBENCH_GEN_PLUGINS, where it is set, allows only those that it
    names, and MUBENCH_GEN_NO_PLUGINS (`--no-plugin`) leaves some out.
    """

    entry_points: Iterable[importlib.metadata.EntryPoint] | None = field(default=None)

    def list(self) -> list[Listed]:
        """Every plugin by name; none is imported."""
        return list(list_plugins(self._installed()))

    def names(self) -> Sequence[str]:
        """Their names alone, DIST:NAME where several have one: no file of a plugin is looked at."""
        entries = self._installed().entries
        names = Counter(entry.name for entry in entries)
        return [*names, *(full_name(entry) for entry in entries if names[entry.name] > 1)]

    def load(self, name: str) -> Plugin:
        """The plugin of that name, or in that file. PluginError says what is wrong with it.

        DIST:NAME means that of a distribution; NAME, where several have it, that of the harness.
        """
        if name.endswith(".py") or "/" in name:
            return _load_path(user_path(name))
        installed = self._installed()
        entry, rivals = _entry(name, installed.entries)
        if entry is None:
            raise _unknown(name, installed)
        state = state_of(entry, rivals)
        # What looks broken is tried nevertheless, so that Python's own error is shown.
        if not state.startswith(("ok", "broken")):
            raise PluginError(f"The plugin {name!r} cannot be used: {state}.")
        origin = origin_of(entry)
        where = f"The plugin {name!r} ({origin.name} {origin.version})"
        module, offers = _opened(entry.load, where)
        digest, weights = _digest(sys.modules.get(entry.module, module))
        called = entry.name if is_own(entry) or rivals else full_name(entry)
        return Plugin(
            called,
            origin.name,
            origin.version,
            offers,
            digest,
            weights=weights,
            module=entry.module,
        )

    def _installed(self) -> Installed:
        if self.entry_points is not None:
            return Installed(tuple(self.entry_points))
        return find_entry_points(GROUP)


def check_options(
    name: str,
    model: Any,
    given: dict[str, str],
    *,
    kind: str = "plugin",
    useless: Collection[str] = (),
) -> Any:
    """The validated options of a model or another class with `Options`; SettingError names a bad
    one, and those there are but the `useless` ones."""
    from pydantic import ValidationError

    from mubench_gen.plugins.option_types import SecretMissing, variable_of

    try:
        options = model.Options.model_validate(given)
    except SecretMissing as error:
        fields = model.Options.model_fields.items()
        option = next(name for name, field in fields if variable_of(field) == error.variable)
        typed = f"judge.{option}" if kind == "judge" else option
        raise SecretMissing(error.variable, typed, f"the {kind} {name!r}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        known = [option for option in model.Options.model_fields if option not in useless]
        if first["type"] == "extra_forbidden":
            near = did_you_mean(key, known) if known else "It has none."
            raise SettingError(f"The {kind} {name!r} has no option {key!r}. {near}") from None
        said = first["msg"].removeprefix("Value error, ")
        got = "***" if first["loc"][0] in secret_fields(model.Options) else repr(first["input"])
        raise SettingError(f"Option {key} of the {kind} {name!r}: {said} (got {got}).") from None
    know_typed(options)
    return options


def _entry(
    name: str, entries: Sequence[importlib.metadata.EntryPoint]
) -> tuple[importlib.metadata.EntryPoint | None, Sequence[importlib.metadata.EntryPoint]]:
    """The entry point that NAME or DIST:NAME means, and all that NAME could mean."""
    from mubench_gen.plugins.requirements import same

    named = [entry for entry in entries if entry.name == name]
    if named:
        return min(named, key=lambda entry: not is_own(entry)), named
    distribution, _, plain = name.rpartition(":")
    wanted = (e for e in entries if e.name == plain and same(origin_of(e).name, distribution))
    return next(wanted, None), ()


def _unknown(name: str, installed: Installed) -> PluginError:
    _, colon, plain = name.rpartition(":")
    same = [entry for entry in installed.entries if colon and entry.name == plain]
    known = map(full_name, same) if same else (entry.name for entry in installed.entries)
    near = did_you_mean(name, known)
    damaged = [one.origin.name for one in installed.damaged]
    unread = f" The plugins of {', '.join(damaged)} cannot be read." if damaged else ""
    return PluginError(
        f"There is no plugin {name!r}. {near}{unread} `mubench-gen plugins` lists them; "
        "a path to a .py file works too."
    )


def _opened(load: Callable[[], Any], where: str) -> tuple[Any, Offers]:
    """What `load` imports, and what that offers; PluginError says what is wrong with it."""
    from mubench_gen.plugins.deprecation import told
    from mubench_gen.plugins.hooks import offers_of
    from mubench_gen.plugins.isolation import Isolated

    with Isolated(where), told(where), contextlib.redirect_stdout(_Prints()):
        module = load()
        offers = offers_of(module, where)
    return module, offers


class _Prints(io.TextIOBase):
    """What a plugin prints when it is imported, for stderr: stdout carries results alone."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def close(self) -> None:
        """Does nothing: a plugin must not close the run's stderr."""


def _digest(module: ModuleType) -> tuple[str | None, Mapping[str, FileDigest]]:
    """The digest of a plugin's code, and the files of weights in it."""
    from mubench_gen.plugins.code_digest import code_digest
    from mubench_gen.storage.digests import watched
    from mubench_gen.storage.named_files import WEIGHTS

    with watched() as read:
        digest = code_digest(module)
    return digest, {name: one for name, one in read.items() if Path(name).suffix in WEIGHTS}


class _AsItStands(importlib.machinery.SourceFileLoader):
    """Compiles a file anew: Python's cache takes one of the same second and size for the same."""

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _load_path(path: Path) -> Plugin:
    if is_file(path / "__init__.py"):
        path = path / "__init__.py"
    name = path.parent.name if path.name == "__init__.py" else path.stem
    where = f"The plugin {path}"
    if not is_file(path):
        raise PluginError(f"There is no plugin file {str(path)!r}.")
    if path.suffix != ".py":
        raise PluginError(f"{where} is no Python file.")
    # A unique name, which collides neither with `json` nor with another folder's `my_model.py`.
    place = hashlib.sha256(bytes(path.resolve())).hexdigest()[:8]
    module_name = f"mubench_gen_file_{place}_{name}"
    loader = _AsItStands(module_name, str(path))
    spec = importlib.util.spec_from_file_location(module_name, path, loader=loader)
    assert spec is not None  # there is a loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # annotations, pickles and relative imports look it up
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # so that it can import the files beside it

    def execute() -> ModuleType:
        loader.exec_module(module)
        return module

    _, offers = _opened(execute, where)
    digest, weights = _digest(module)
    return Plugin(name, None, None, offers, digest, path.resolve(), weights, module_name)
