"""Checks each plugin and engine against this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from packaging.requirements import Requirement

from mubench_gen._version import __version__
from mubench_gen.console.progress import waiting
from mubench_gen.data import hub
from mubench_gen.doctor.finding import Finding, fine, lacking
from mubench_gen.doctor.fit import fit
from mubench_gen.doctor.machine import Gpu
from mubench_gen.engines import REMOTE
from mubench_gen.engines.footprint import GIB
from mubench_gen.engines.server.llama_cpp_program import INSTALL, PROGRAM, find_program, version_of
from mubench_gen.plugins.enabled import ALLOWED, REFUSED
from mubench_gen.plugins.import_trial import Registered, TrialImport, import_each
from mubench_gen.plugins.listing import UNNAMED, Listed
from mubench_gen.plugins.registry import Plugins
from mubench_gen.plugins.requirements import OWN, in_words, needs, unmet, vllm_needs_gpu

# The extra that brings what an engine needs.
_EXTRA = {"vllm-server": "vllm", "sglang-server": "sglang", "llama-server": "server"}
_NO_GPU = "this build of vLLM is for GPUs, and there is none here"
_ELSE = "mubench-gen eval … --engine transformers"


class Here(Protocol):
    """The facts of the machine that matter for a model."""

    offline: bool

    @property
    def gpus(self) -> list[Gpu]: ...


def fitness(
    here: Here, *, plugins: Sequence[str], model: str | None, engine: str | None
) -> Iterator[Finding]:
    """The plugins that were asked for in full, or every one; and the engine that was."""
    if engine is not None:
        yield _engine(engine, here)
    found = Plugins().list()
    listed: dict[str, Listed] = {}
    for plugin in found:  # the first of a name is the one that it means
        if plugin.name != UNNAMED:
            listed.setdefault(plugin.name, plugin)
    if plugins:
        listed = {name: listed[name] for name in plugins if name in listed}
        found = list(listed.values())
    opened = [name for name, plugin in listed.items() if plugin.state == "ok"]
    opened += [name for name in plugins if name not in listed]  # a path, or nothing
    with waiting("Importing the plugins, each in a process of its own"):
        told = import_each(opened)
    for damaged in (plugin for plugin in found if plugin.name == UNNAMED):
        to_do = f"pip install --force-reinstall {damaged.distribution}"
        yield Finding(f"plugins of {damaged.distribution}", "note", damaged.state, to_do)
    off = [name for name, plugin in listed.items() if plugin.state.startswith("off:")]
    if off:
        to_do = f"unset {ALLOWED} {REFUSED}"
        yield Finding("plugins", "note", f"switched off: {', '.join(off)}", to_do)
    for name in [*plugins, *(name for name in listed if name not in {*plugins, *off})]:
        asked = name in plugins
        fits = _plugin(name, listed.get(name), told.get(name), model, engine, here, asked=asked)
        yield fits
        wants = told[name].model(model) if name in told else None
        # A server's weights are its own: an endpoint has no path.
        if asked and fits.state == "ok" and wants is not None:
            if _has_weights_here(wants, engine):
                with waiting("Asking torch for its GPUs"):
                    gpus = here.gpus
                first = model is None or model == told[name].models[0].model
                yield fit(name, wants, gpus, default=first)
            if wants.path:
                yield _weights(wants, here)


def _has_weights_here(wants: Registered, engine: str | None) -> bool:
    """Whether this machine holds the model's weights: not of a server's, nor of one without any."""
    elsewhere = engine in REMOTE or (bool(wants.engines) and {*wants.engines} <= REMOTE)
    return not elsewhere and bool(wants.path or wants.parameters)


def _plugin(
    name: str,
    listed: Listed | None,
    told: TrialImport | None,
    model: str | None,
    engine: str | None,
    here: Here,
    *,
    asked: bool,
) -> Finding:
    title = f"plugin {name}"
    if listed is not None and listed.state != "ok":
        return lacking(title, listed.state, _way_out(listed), asked=asked)
    assert told is not None
    if told.error is not None:
        to_do = f"mubench-gen --no-plugin {name} …, until its author has fixed it"
        return lacking(title, told.error, to_do, asked=asked)
    if not told.models:
        return fine(title, told.kind)
    wants = told.model(model if asked else None)
    if wants is None:
        found = f"has no model {model!r}"
        return lacking(title, found, f"mubench-gen plugins show {name}", asked=True)
    return _model(title, wants, engine if asked else None, here, asked=asked)


def _way_out(listed: Listed) -> str:
    """What to type about a plugin whose state is not "ok"."""
    kind = listed.state.partition(":")[0]
    return {
        "incompatible": f"pip install -U {listed.distribution} mubench-gen",
        "shadowed": f"pip uninstall {listed.distribution}",
        "off": f"unset {ALLOWED} {REFUSED}",
    }.get(kind, f"pip install -U {listed.distribution}")


def _model(
    title: str, wants: Registered, engine: str | None, here: Here, *, asked: bool
) -> Finding:
    """Whether what the model runs on is installed."""
    if wants.path is None:
        extras = [module.split(".")[1] for module in wants.modules if module.count(".")]
        needed: Sequence[Requirement] = [
            need for e in dict.fromkeys(extras) for need in needs(OWN, e)
        ]
        missing = unmet(needed)
        if missing:
            extra = next(e for e in extras if unmet(needs(OWN, e)))
            to_do = f"pip install 'mubench-gen[{extra}]'"
            return lacking(title, f"lacks {', '.join(map(str, missing))}", to_do, asked=asked)
        return fine(title, f"{wants.model}{' on ' if needed else ''}{in_words(needed)}")
    engines = (engine,) if engine is not None else wants.engines
    for name in engines:
        needed = needs(OWN, _EXTRA.get(name, name))
        if needed and not unmet(needed):
            if _lacks_gpu(name, here):
                return lacking(title, f"{wants.model} on {name}: {_NO_GPU}", _ELSE, asked=asked)
            return fine(title, f"{wants.model} on {name}: {in_words(needed)}")
    first = _EXTRA.get(engines[0], engines[0])
    missing = unmet(needs(OWN, first))
    found = f"{wants.model} wants {' or '.join(engines)}: lacks {', '.join(map(str, missing))}"
    return lacking(title, found, f"pip install 'mubench-gen[{first}]'", asked=asked)


def _lacks_gpu(engine: str, here: Here) -> bool:
    return _EXTRA.get(engine, engine) == "vllm" and vllm_needs_gpu() and not here.gpus


def _engine(engine: str, here: Here) -> Finding:
    extra = _EXTRA.get(engine, engine)
    needed = needs(OWN, extra)
    if not needed:
        found = f"mubench-gen {__version__} as it is installed has no extra {extra!r}"
        return Finding(f"engine {engine}", "fault", found, f"pip install -U 'mubench-gen[{extra}]'")
    missing = unmet(needed)
    if not missing and _lacks_gpu(engine, here):
        return lacking(f"engine {engine}", _NO_GPU, _ELSE, asked=True)
    if not missing and engine == PROGRAM:
        return llama_server(asked=True)
    if not missing:
        return fine(f"engine {engine}", in_words(needed))
    to_do = f"pip install 'mubench-gen[{extra}]'"
    found = f"lacks {', '.join(map(str, missing))}"
    return lacking(f"engine {engine}", found, to_do, asked=True)


def llama_server(*, asked: bool) -> Finding:
    """Whether llama.cpp's program is here, for models in GGUF files."""
    title, program = f"engine {PROGRAM}", find_program()
    if program is None:
        found = f"{PROGRAM} is not in the PATH: no model in a GGUF file runs"
        return lacking(title, found, INSTALL, asked=asked)
    version = version_of(program)
    return fine(title, f"{PROGRAM} {version or 'of an unknown version'} ({program})")


def _weights(wants: Registered, here: Here) -> Finding:
    """Whether the checkpoint is at hand."""
    title = f"weights {wants.model}"
    assert wants.path is not None
    cached = hub.find_checkpoint(wants.path)
    if cached is None:
        to_do = f"hf download {wants.path}"
        if here.offline:
            found = "not in the hub's cache, and offline; fetch it on a machine with a network"
            return lacking(title, found, f"{to_do} (then copy the hub's cache)", asked=True)
        return lacking(title, "not in the cache: fetched on first use", to_do, asked=False)
    return fine(title, f"{cached.size / GIB:.1f} GiB in {cached.folder}")
