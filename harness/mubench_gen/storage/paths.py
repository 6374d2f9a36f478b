"""Paths: of the shipped definitions, of the cache folder, and as a user writes them."""

from __future__ import annotations

import os
from pathlib import Path

from mubench_gen.errors import UsageError

CONFIG = "MUBENCH_GEN_CONFIG"
_PACKAGE = Path(__file__).resolve().parents[1]


def definitions(kind: str) -> Path:
    """The folder of the shipped `prompts` or `tasks`: inside the wheel, or of the checkout."""
    inside = _PACKAGE / "_data" / kind
    return inside if inside.is_dir() else _PACKAGE.parents[1] / kind


def cache_folder() -> Path:
    """Where generated data is kept: $MUBENCH_GEN_CACHE, else the user's cache folder."""
    own = os.environ.get("MUBENCH_GEN_CACHE")
    if own:
        return user_path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "mubench-gen"


def user_config_file() -> Path | None:
    """The user's defaults: $MUBENCH_GEN_CONFIG, else config.toml in the platform's folder.

    None where there is no such file. UsageError where the variable names one that isn't there.
    """
    own = os.environ.get(CONFIG)
    if own is not None and not own.strip():  # set, and empty: none
        return None
    if own is None:
        path = config_folder() / "config.toml"
        return path if is_file(path) else None
    if not is_file(user_path(own)):
        raise UsageError(f"{CONFIG}={own}: there is no such file.")
    return user_path(own)


def config_folder() -> Path:
    """~/.config/mubench-gen, or what takes its place on macOS and Windows, or XDG_CONFIG_HOME."""
    base = os.environ.get("XDG_CONFIG_HOME")
    if base:
        return Path(base) / "mubench-gen"
    import click

    return Path(click.get_app_dir("mubench-gen"))


def user_path(path: str | Path) -> Path:
    """A path as a user wrote it, with the home folder for ~ and ~NAME.

    UsageError where nobody has that name.
    """
    try:
        expanded = Path(os.path.expanduser(path))
    except ValueError:  # a NUL in the name: what opens it says so
        expanded = Path(path)
    home = expanded.parts[0] if expanded.parts else ""
    if home.startswith("~") and not os.path.lexists(home):
        whose = f"no user {home[1:]!r}" if home[1:] else "no home folder of yours"
        raise UsageError(f"{path}: there is {whose} on this machine. Write the whole path.")
    return expanded


def is_file(path: Path) -> bool:
    """Whether there is such a file. False for a text too long for a file's name."""
    try:
        return path.is_file()
    except OSError:
        return False
