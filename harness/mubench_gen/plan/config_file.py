"""The file of --config, and the user's own: read, checked key by key, and joined with the flags."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.plan.settings import PAIRS, Settings, make_settings
from mubench_gen.prompts.toml_files import first_problem, line_of_key, read_definition, read_toml


def read_config(path: Path, own: type[BaseModel] | None = None) -> dict[str, Any]:
    """The keys of a --config file. An unknown key or a bad value is refused with its line.

    `own`: further keys, or other values of the same; each field of it has a default.
    """
    source = read_definition(path, SettingError)
    keys = read_toml(source, path, SettingError)
    for key, value in keys.items():
        problem = problem_of(key.replace("-", "_"), value, own)
        if problem is not None:
            raise SettingError(f"{path}:{line_of_key(source, key)}: {key}: {problem.rstrip('.')}.")
    return {key.replace("-", "_"): value for key, value in keys.items()}


def problem_of(name: str, value: Any, own: type[BaseModel] | None = None) -> str | None:
    """What is wrong with one setting, looked at by itself."""
    known = {**Settings.model_fields, **(own.model_fields if own is not None else {})}
    if name not in known:
        return f"no such key. {did_you_mean(name, known)}"
    names = value if name == "plugin" and isinstance(value, list) else [value]
    try:
        if own is not None and name in own.model_fields:
            own.model_validate({name: value})
            return None
        for one in names:
            Settings.model_validate({"plugin": "", name: one})
    except ValidationError as error:
        return first_problem(error, Settings).text
    except SettingError:  # it depends on other settings: judged with all of them
        return None
    return None


def joined(config: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of file and flags. Flags win, key by key if a setting is key=value pairs."""
    both = {**config, **flags}
    for name in PAIRS:
        if name in both:
            both[name] = {**_mapping(name, config), **_mapping(name, flags)}
    return both


def _mapping(name: str, given: Mapping[str, Any]) -> dict[str, str]:
    """A setting of key=value pairs, however it was given; empty where it was not."""
    if given.get(name) is None:
        return {}
    return dict(getattr(make_settings({"plugin": "", name: given[name]}), name))
