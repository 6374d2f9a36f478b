"""Imports plugins, each in a process of its own: what that does, and what they register."""

from __future__ import annotations

import io
import json
import locale
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from mubench_gen.plugins.subprocess import Ended, run_each

if TYPE_CHECKING:
    from mubench_gen.model import ModelSpec
    from mubench_gen.plugins.hooks import Offers

PATIENCE = 120.0  # seconds; a plugin that imports torch from a slow disk takes some tens
_AT_ONCE = min(8, os.cpu_count() or 1)
_PROGRAM = "import sys; from mubench_gen.plugins.import_trial import report; report(sys.argv[1])"
# Packages that take seconds to import.
_HEAVY = frozenset(
    {
        "cv2", "jax", "open_clip", "pandas", "scipy", "sklearn", "tensorflow", "timm", "torch",
        "torchvision", "transformers", "vllm",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Registered:
    """A model that a plugin registers, and what it runs on.

    `engines` and `path` are those of a checkpoint, empty for a class of the plugin's own;
    `modules` are those of its class and of what that derives from; `parameters` how many it has,
    as its plugin states ("7.06B").
    """

    model: str
    kind: str
    any_id: bool = False
    engines: tuple[str, ...] = ()
    path: str | None = None
    modules: tuple[str, ...] = ()
    parameters: str = ""


@dataclass(frozen=True, slots=True)
class TrialImport:
    """What the import did, and what it registered.

    `heavy` are the packages it brought in that take seconds; `kind` says what the plugin
    offers: kinds of models, and those of BESIDE_MODELS.
    """

    error: str | None = None
    printed: str = ""
    changed: tuple[str, ...] = ()
    heavy: tuple[str, ...] = ()
    seconds: float = 0.0
    kind: str = "?"
    models: tuple[Registered, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        """Each in words, empty where there is none."""
        found = [] if self.error is None else [self.error]
        found += [f"imports {', '.join(self.heavy)} ({self.seconds:.1f} s)"] if self.heavy else []
        found += [f"prints {self.printed.strip()[:60]!r}"] if self.printed else []
        found += [f"changes {', '.join(self.changed)}"] if self.changed else []
        return tuple(found)

    def model(self, name: str | None) -> Registered | None:
        """The model of that name, the first for None; else one that takes any id."""
        if name is None:
            return next(iter(self.models), None)
        for one in self.models:
            if one.model == name:
                return one
        for one in self.models:
            if one.any_id:
                path = None if one.path is None else name
                return Registered(name, one.kind, True, one.engines, path, one.modules)
        return None


def try_import(plugin: str, *, patience: float = PATIENCE) -> TrialImport:
    """Import the plugin of that name, or in that file, and all that it lists, out of process."""
    return import_each([plugin], patience=patience)[plugin]


def import_each(plugins: Sequence[str], *, patience: float = PATIENCE) -> dict[str, TrialImport]:
    """`try_import` of several plugins at once, with `patience` seconds each."""
    calls = [(plugin,) for plugin in plugins]
    ended = dict(run_each(_PROGRAM, calls, patience=patience, at_once=_AT_ONCE))
    return {plugin: _read(ended[number], patience) for number, plugin in enumerate(plugins)}


def _read(ended: Ended, patience: float) -> TrialImport:
    if ended.code is None:
        return TrialImport(f"it did not end within {patience:.0f} s")
    try:
        found: dict[str, Any] = json.loads(ended.out)
    except ValueError:
        return TrialImport(str(ended))
    models = tuple(
        Registered(**{**one, "engines": tuple(one["engines"]), "modules": tuple(one["modules"])})
        for one in found.pop("models")
    )
    changed, heavy = tuple(found.pop("changed")), tuple(found.pop("heavy"))
    return TrialImport(**found, changed=changed, heavy=heavy, models=models)


def report(plugin: str) -> NoReturn:
    """Import the plugin in this process, tell about it on stdout, and end the process.

    The report is all that goes to stdout: what a plugin writes there is caught in a file.
    """
    import mubench_gen.model  # whose import is not the plugin's time
    import mubench_gen.plugins.extension  # noqa: F401
    from mubench_gen.plugins.registry import Plugins

    write, leave, dumps = os.write, os._exit, json.dumps  # which a plugin may replace
    before = _state()
    with tempfile.TemporaryFile() as caught:
        kept = os.dup(1)
        os.dup2(caught.fileno(), 1)
        began, error, offers = time.perf_counter(), None, None
        sys.stderr = written = io.StringIO()  # where what is printed goes
        try:
            offers = Plugins().load(plugin).offers
        except BaseException as problem:
            error = str(problem) or repr(problem)
        seconds = time.perf_counter() - began
        caught.seek(0)
        printed = written.getvalue() + caught.read().decode("utf-8", "replace")
    after = _state()
    changed = tuple(name for name, state in before.items() if after[name] != state)
    heavy = tuple(sorted(_HEAVY & set(sys.modules)))
    models = () if offers is None else tuple(map(_registered, offers.models))
    kind = "?" if offers is None else _kind(offers, models)
    imported = TrialImport(error, printed, changed, heavy, seconds, kind, models)
    write(kept, dumps(asdict(imported)).encode())
    leave(0)


def _state() -> dict[str, Any]:
    """What of a process a plugin should leave as it is, by name."""
    signals = [one for one in signal.valid_signals() if isinstance(one, signal.Signals)]
    umask = os.umask(0o077)  # it can only be read by setting it
    os.umask(umask)
    root, main = logging.getLogger(), threading.main_thread()
    return {
        "the handlers of signals": [signal.getsignal(one) for one in sorted(signals)],
        "the working directory": os.getcwd(),
        "the umask": umask,
        "the locale": locale.setlocale(locale.LC_ALL),
        "the environment": dict(os.environ),
        "the root logger": (root.level, root.handlers[:], root.manager.disable),
        "sys.stdout": sys.stdout,
        "sys.excepthook": sys.excepthook,
        "what runs (a thread that keeps the process alive)": [
            one.name for one in threading.enumerate() if not one.daemon and one is not main
        ],
    }


def _registered(spec: ModelSpec) -> Registered:
    from mubench_gen.model import Checkpoint

    source, stated = spec.source, str(spec.facts.get("parameters", ""))
    if isinstance(source, Checkpoint):
        engines, path = tuple(source.engines), str(source.path)
        return Registered(spec.name, spec.kind, spec.any_id, engines, path, parameters=stated)
    modules = [c.__module__ for c in source.__mro__ if c.__module__.startswith("mubench_gen_")]
    return Registered(spec.name, spec.kind, spec.any_id, modules=tuple(modules), parameters=stated)


def _kind(offers: Offers, models: Sequence[Registered]) -> str:
    return ", ".join([*dict.fromkeys(one.kind for one in models), *offers.beside_models])
