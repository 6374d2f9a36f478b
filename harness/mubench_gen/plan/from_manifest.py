"""manifest → settings: what a run was made with, to make it again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mubench_gen.console.masking import MASK
from mubench_gen.errors import SettingError
from mubench_gen.plan.config_file import read_config
from mubench_gen.plan.settings import PAIRS, Settings
from mubench_gen.scores.protocols.files import is_protocol_file
from mubench_gen.storage.paths import is_file, user_path
from mubench_gen.storage.run_folder import read_manifest
from mubench_gen.tasks.task import is_file_name

_OF_THE_MODEL = ("plugin", "model", "options", "engine", "base_url", "deterministic", "dtype",
                 "revision", "trust_remote_code", "thinking")  # fmt: skip


def named_files(settings: Settings) -> dict[str, Any]:
    """What a manifest says of tasks, prompts, protocols where files were named: their paths.

    A name that is not a file's stands there as it was given. Nothing where no file was named.
    """
    tasks = [_whole(name) if is_file_name(name) else name for name in settings.tasks]
    prompts = [_whole(name) if is_file(user_path(name)) else name for name in settings.prompt]
    protocols = [_whole(name) if is_protocol_file(name) else name for name in settings.protocol]
    named = {}
    if protocols != list(settings.protocol):
        named["protocol"] = protocols
    if tasks != list(settings.tasks):
        named["tasks"] = tasks
    if prompts != list(settings.prompt):
        named["prompt"] = prompts
    return {"named": named} if named else {}


def _whole(name: str) -> str:
    return os.path.abspath(user_path(name))


def read_settings(path: Path, own: type[BaseModel] | None = None) -> dict[str, Any]:
    """The settings in a --config file: TOML, or a run's manifest (a .json file).

    `own` as in `read_config`: further keys of a TOML file.
    """
    if path.suffix != ".json":
        return read_config(path, own)
    return settings_again(read_manifest(path.parent, path.name))


def settings_again(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the run of this manifest was made with, as `--config` has them.

    An option whose value is secret is "***" there, and has to be given anew (`check_secrets`).
    SettingError for a run that no settings of `eval` make: one that is imported, or part of a
    study.
    """
    if "imported" in manifest:
        raise SettingError("This run was imported from another program's log: ask that one again.")
    refuse_sweep(manifest)
    stored = dict(manifest["settings"])
    if "budget" in stored:
        raise SettingError(
            "This run is a part of a study with a budget: type the study's own command again."
        )
    known = {name: stored[name] for name in Settings.model_fields if name in stored}
    given = {name: value for name, value in known.items() if value not in (None, [], {})}
    given |= manifest.get("named") or {}
    if "prompt" in given:
        given["prompt"] = _without_overrides(given["prompt"], given.get("prompt_set", {}))
    return given


def settings_of_model(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that make the run's model."""
    refuse_sweep(manifest)
    stored = manifest["settings"]
    return {name: stored[name] for name in _OF_THE_MODEL if stored.get(name) not in (None, [], {})}


def refuse_sweep(manifest: Mapping[str, Any]) -> None:
    """SettingError for a run of a sweep: its weights lie between those that settings name."""
    if any("interpolation" in session.get("model", {}) for session in manifest["sessions"]):
        raise SettingError(
            "This run is a part of a sweep, whose weights no file holds: type the sweep's own "
            "command again."
        )


def check_secrets(settings: Mapping[str, Any], where: str) -> None:
    """SettingError for options that a manifest masks and nobody gave anew."""
    urls = [f"--base-url {url}" for url in settings.get("base_url") or () if MASK in url]
    masked = [
        name
        for part in PAIRS
        for name, value in dict(settings.get(part) or {}).items()
        if MASK in str(value)
    ]
    if masked or urls:
        flags = " ".join([*(f"-o {name}=…" for name in masked), *urls])
        raise SettingError(f"{where} keeps no secret: give {flags} too.")


def _without_overrides(names: list[str], overrides: Mapping[str, str]) -> list[str]:
    """Names of prompts without the settings that a manifest writes behind them."""
    plain = [name.partition("[")[0] for name in names]
    if len(set(plain)) < len(plain) or (not overrides and plain != names):
        raise SettingError(
            "This run asked one prompt under several settings of it, as a study does: type the "
            "study's own command again."
        )
    return plain
