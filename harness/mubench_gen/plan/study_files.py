"""Studies that are shipped as files, found by name: of `ablate` and of `sweep`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mubench_gen.errors import SettingError, did_you_mean


def study_names(folder: Path) -> list[str]:
    """The names of the studies in a folder of them."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def no_such_study(study: str, names: Sequence[str]) -> SettingError:
    """What is said of a study that is neither a file nor one of these names."""
    return SettingError(
        f"--study {study}: no such file, and no study of that name. {did_you_mean(study, names)}"
    )
