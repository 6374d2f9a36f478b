"""What of a plugin is checked: the plugin itself, and each thing that it offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mubench_gen.errors import SettingError, UsageError, did_you_mean
from mubench_gen.plan.opening import spec_of
from mubench_gen.plugins.registry import Plugin, Plugins
from mubench_gen.testing.subject import MODELS, Subject

_JUDGE = "judge."  # before the options of a judge, as `eval` has them


def find_subjects(
    plugin: str,
    folder: Path,
    name: str | None,
    options: Mapping[str, str],
    device: str,
    engine: str | None,
) -> list[Subject]:
    """The plugin, and all that it offers, or what of it is called `name`.

    UsageError if the plugin cannot be loaded, or has nothing of that name.
    """
    loaded = Plugins().load(plugin)
    base = Subject(plugin, folder, device=device, wish=engine, is_wanted=name is not None)
    known = [replace(base, kind=kind, name=one) for kind, one in _offered(loaded)]
    chosen = known if name is None else [one for one in known if one.name == name]
    if not chosen:
        assert name is not None
        chosen = [replace(base, kind="generative", name=_any_model(loaded, name, known))]
    only = len(known) == 1
    found = (replace(one, options=_options(one, options, only=only)) for one in chosen)
    return [base, *(replace(one, kind=_kind(one)) for one in found)]


def _offered(plugin: Plugin) -> list[tuple[str, str]]:
    """The kind and the name of each thing that a plugin offers."""
    offers = plugin.offers
    listed: dict[str, Sequence[Any]] = {
        "generative": offers.models,  # or contrastive, which its weights may have to tell
        "dataset": offers.datasets,
        "transform": offers.transforms,
        "metric": offers.metrics,
        "export": offers.exports,
    }
    found = [(kind, one.name) for kind, things in listed.items() for one in things]
    alone = {"judge": offers.judge, "scorer": offers.score, "section": offers.section}
    return found + [(kind, plugin.name) for kind, thing in alone.items() if thing is not None]


def _any_model(plugin: Plugin, name: str, known: list[Subject]) -> str:
    """The name, where it is that of a model that is not listed."""
    if any(spec.any_id for spec in plugin.models):
        return name
    words = {"generative": "model", "dataset": "data set"}
    kinds = dict.fromkeys(words.get(one.kind, one.kind) for one in known)
    near = did_you_mean(name, [str(one.name) for one in known])
    raise SettingError(f"The plugin {plugin.name!r} has no {' or '.join(kinds)} {name!r}. {near}")


def _options(subject: Subject, given: Mapping[str, str], *, only: bool) -> dict[str, str]:
    """The options that concern it: a judge's begin with `judge.`, where there are models too."""
    of_judge = {k.removeprefix(_JUDGE): v for k, v in given.items() if k.startswith(_JUDGE)}
    if subject.kind == "judge":
        return {**given, **of_judge} if only else of_judge
    if subject.kind == "export":
        return dict(given) if only else {}
    return {name: value for name, value in given.items() if not name.startswith(_JUDGE)}


def _kind(subject: Subject) -> str:
    """The kind of a model; of one that cannot be opened, as far as it is known."""
    if subject.kind not in MODELS:
        return subject.kind
    try:
        return spec_of(subject.loaded_plugin, subject.settings).kind
    except UsageError:
        return subject.spec.kind
