"""What the shell completes on Tab: names of plugins, models, data, tasks, prompts and runs.

Each function is called by click with what was typed so far. None imports more than it must: a
plugin is imported only for the names of its own models and data sets.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def plugins(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    """The plugins that are installed; or a file, where a path was begun."""
    from mubench_gen.plugins.registry import Plugins

    if _is_path(typed):
        return [CompletionItem(typed, type="file")]
    return _items(Plugins().names(), typed)


def models(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    """The models of the plugins on the line; where those take any, the hub's cached ones too."""
    from mubench_gen.plugins.registry import Plugins

    given = ctx.params.get("plugin") or ctx.params.get("plugins") or ()
    named = [given] if isinstance(given, str) else given
    found: list[str] = []
    for name in ",".join(named).split(",") if named else ():
        with contextlib.suppress(Exception):  # a plugin that is broken has no models
            specs = Plugins().load(name.strip()).models
            found += [spec.name for spec in specs]
            if any(spec.any_id for spec in specs):
                from mubench_gen.data.hub import cached_models

                found += cached_models()
    return _items(found, typed)


def tasks(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    """The shipped tasks with their groups and tags, or those files that a path begins."""
    import tomllib

    from mubench_gen.storage.paths import definitions

    if _is_path(typed):
        return [CompletionItem(typed, type="file")]
    names = []
    for path in definitions("tasks").glob("*.toml"):
        written = tomllib.loads(path.read_text("utf-8"))
        names += [path.stem, written.get("group", ""), *written.get("tags", ())]
    return _items(filter(None, names), typed)


def prompts(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    """The prompts, or those files that a path begins."""
    from mubench_gen.prompts.files import prompt_names

    if _is_path(typed):
        return [CompletionItem(typed, type="file")]
    return _items(prompt_names(), typed)


def protocols(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    """The protocols, or those files that a path begins."""
    from mubench_gen.storage.paths import definitions

    if _is_path(typed):
        return [CompletionItem(typed, type="file")]
    return _items((path.stem for path in definitions("protocols").glob("*.toml")), typed)


def data(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    """The data sets with a name, else a file or folder."""
    return named_data(ctx, param, typed) or [CompletionItem(typed, type="file")]


def named_data(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    """The data sets with a name: built in, and of packages."""
    from mubench_gen.data.packaged import by_name, packaged

    found = ["demo", "ubench"]
    with contextlib.suppress(Exception):  # what is broken is told by `mubench-gen data`
        found += by_name(packaged())
    return _items(found, typed)


def engines(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    from mubench_gen.engines import ENGINES

    return _items([*ENGINES, "ray"], typed)


def choice(*names: str) -> Complete:
    """The completion of an option that takes one of these."""

    def complete(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
        return _items(names, typed)

    return complete


def runs(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    """Folders of runs, studies and sweeps; any folder where none of those is begun by that."""
    from mubench_gen.storage.run_folder import MANIFEST, STUDY, SWEEP, USUAL

    places = [Path(name) for name in USUAL] if "/" not in typed else [Path(typed).parent]
    if typed.endswith("/"):
        places = [Path(typed)]
    found = [
        path.as_posix()
        for place in places
        if place.is_dir()
        for path in place.iterdir()
        if any((path / name).is_file() for name in (MANIFEST, STUDY, SWEEP))
    ]
    return _items(found, typed, lists=False) or [CompletionItem(typed, type="dir")]


def _items(names: Iterable[str], typed: str, *, lists: bool = True) -> list[CompletionItem]:
    """The names that begin as typed; behind the last comma, where lists are taken."""
    before, comma, begun = typed.rpartition(",") if lists else ("", "", typed)
    return [
        CompletionItem(f"{before}{comma}{name}")
        for name in sorted(set(names))
        if name.startswith(begun)
    ]


def _is_path(typed: str) -> bool:
    return typed.startswith((".", "/", "~"))


SETTINGS: dict[str, Complete] = {
    "plugin": plugins,
    "model": models,
    "data": data,
    "tasks": tasks,
    "prompt": prompts,
    "protocol": protocols,
    "engine": engines,
    "judge": plugins,
    "readout": choice("parse", "choice", "logprob", "cloze"),
    "control": choice("none", "blind", "shuffled", "mean", "noise"),
    "dtype": choice("auto", "float32", "bfloat16", "float16"),
    "device": choice("auto", "cpu", "cuda", "mps"),
    "orders": choice("given", "reversed", "shuffled", "cyclic:", "random:", "all"),
}
