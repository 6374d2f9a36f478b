"""Studies by name: a file of axes, and pairs of a base and its fine-tune to ask."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mubench_gen.ablation.grid import StudySettings
from mubench_gen.ablation.seen import CONTROL, CONTROLS, SEEN, TRANSFORM
from mubench_gen.console.notes import note
from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.images.transform import NONE
from mubench_gen.plan.from_manifest import read_settings
from mubench_gen.plan.opening import known_card, shared_model
from mubench_gen.plan.settings import Settings, make_settings
from mubench_gen.plan.study_files import no_such_study, study_names
from mubench_gen.plugins.registry import Plugins

FOLDER = Path(__file__).parent / "studies"
_PAIR = ("plugin", "model")  # of settings, which two named models replace
_CHAT, _CAPTION = "chat", "caption"
Pair = tuple[str, str]  # base and fine-tune, each PLUGIN=MODEL, or a plugin for its first model


def names() -> list[str]:
    """The names of the shipped studies."""
    return study_names(FOLDER)


def with_study(
    given: Mapping[str, Any],
    study: str | None,
    base: str | None,
    finetuned: str | None,
    plugins: Plugins,
    pair: str | None = None,
) -> dict[str, Any]:
    """The settings `given`, which win, with those of a study by name or from a file.

    Its two models are `base` and `finetuned`, if they are given, or the study's `pair` of that
    name, which `finetuned` may name too. SettingError for what is not there, or does not go
    together.
    """
    if study is None:
        if pair is not None:
            raise SettingError("--pair belongs to a study: give --study verdict.")
        if base is not None or finetuned is not None:
            raise SettingError("--base and --finetuned belong to a study: give --study verdict.")
        return dict(given)
    if pair is not None and (base is not None or finetuned is not None):
        raise SettingError("--pair names both models: leave --base and --finetuned out.")
    if pair is not None:
        finetuned, given = pair, {name: v for name, v in given.items() if name != "plugin"}
    if given.get("model") and finetuned is not None:
        raise SettingError("--model and a pair: leave --model out, the pair names both.")
    named = _study_axes(study, base, finetuned, given, plugins)
    own = {name: value for name, value in given.items() if name not in _PAIR or finetuned is None}
    return {**named, **own, "axis": _axes(named.get("axis", {}), given.get("axis") or {})}


def _axes(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A study's axes with those `given`; controls, or transforms, take the place of those that the
    study's `seen` has."""
    found = {**stored, **given}
    if SEEN not in stored or SEEN in given:
        return found
    own = {
        CONTROL: [level for level in stored[SEEN] if level in CONTROLS],
        TRANSFORM: [level for level in stored[SEEN] if level not in CONTROLS],
    }
    for name in own.keys() & given.keys():
        own[name] = found.pop(name)
    levels = (level for listed in own.values() for level in _listed(listed))
    return {**found, SEEN: [NONE, *(level for level in levels if level not in (None, NONE))]}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _study_axes(
    study: str,
    base: str | None,
    finetuned: str | None,
    given: Mapping[str, Any],
    plugins: Plugins,
) -> dict[str, Any]:
    path = FOLDER / f"{study}.toml"
    if study in names():
        stored = tomllib.loads(path.read_text(encoding="utf-8"))
        pair, kind = _pair(study, stored["pairs"], base, finetuned, given)
        kind = kind or _kind_of(pair[1], given, plugins)
        return {**stored[kind], **_models(pair)}
    if not Path(study).is_file():
        raise no_such_study(study, names())
    axes = read_settings(Path(study), StudySettings)
    if base is None and finetuned is None:
        return axes
    pair, _ = _pair(study, {}, base, finetuned, given)
    return {**axes, **_models(pair)}


def _pair(
    study: str,
    pairs: Mapping[str, Mapping[str, str]],
    base: str | None,
    finetuned: str | None,
    given: Mapping[str, Any],
) -> tuple[Pair, str | None]:
    """The pair, and its kind where that is known."""
    if base is None and finetuned is not None and finetuned in pairs:
        named = pairs[finetuned]
        note(f"Pair {finetuned}: {named['note']}.")
        return (named["base"], named["finetuned"]), named["kind"]
    if pairs and base is None and finetuned is not None and not given.get("plugin"):
        near = did_you_mean(finetuned, pairs)
        raise SettingError(f"--study {study}: there is no pair {finetuned!r}. {near}")
    if base is None or finetuned is None:
        known = f", or a pair by name: --pair {', '.join(pairs)}" if pairs else ""
        raise SettingError(
            f"--study {study}: which two models? Give --base PLUGIN=MODEL and --finetuned "
            f"PLUGIN=MODEL{known}."
        )
    return (_whole(base, "--base", given), _whole(finetuned, "--finetuned", given)), None


def _whole(model: str, flag: str, given: Mapping[str, Any]) -> str:
    """The model as PLUGIN=MODEL, of the one plugin that is given where it names none."""
    plugins = given.get("plugin") or ()
    several = (plugins,) if isinstance(plugins, str) else tuple(plugins)
    if "=" in model:
        return model
    if len(several) != 1:
        raise SettingError(f"{flag} {model}: of which plugin? Give PLUGIN={model}, or --plugin.")
    return f"{several[0]}={model}"


def _models(pair: Pair) -> dict[str, Any]:
    """The pair as settings of a study: the plugins, and the models in this order."""
    if pair[0] == pair[1]:
        raise SettingError(f"{pair[0]} is both the base and the fine-tune: name two models.")
    plugins = tuple(dict.fromkeys(name.partition("=")[0] for name in pair))
    return {"plugin": list(plugins), "model": [name for name in pair if "=" in name]}


def _kind_of(model: str, given: Mapping[str, Any], plugins: Plugins) -> str:
    """Whether a model is asked with chats or with captions."""
    plugin, _, name = model.partition("=")
    shared = {key: value for key, value in given.items() if key in Settings.model_fields}
    settings = make_settings({**shared, "plugin": plugin, "model": name or None, "prompt": ()})
    opened = shared_model(settings, plugins, (), {})
    try:
        kind = known_card(opened, settings).spec.kind
    finally:
        opened.close()
    return _CAPTION if kind == "contrastive" else _CHAT
