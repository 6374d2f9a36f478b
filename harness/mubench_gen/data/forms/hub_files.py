"""Which files of a data set on the hub are meant by an id: by its card, else by their names."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mubench_gen.errors import DataError, SettingError, did_you_mean

_ID = re.compile(
    r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?::(?P<config>[\w.-]+))?(?:/(?P<split>[\w.-]+))?"
    r"(?:@(?P<revision>[\w./-]+))?"
)
_TABLES = (".parquet", ".jsonl", ".json", ".csv", ".tsv", ".arrow", ".xlsx")  # the first wins
_SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "testing", "eval"),
    "validation": ("validation", "valid", "val", "dev"),
}
_ABOUT = ("dataset_info.json", "dataset_infos.json", "croissant.json", "state.json")


@dataclass(frozen=True, slots=True)
class HubId:
    """What stands behind `hf:`."""

    repo: str
    config: str | None = None
    split: str | None = None
    revision: str | None = None


def hub_id(text: str) -> HubId:
    """The parts of an id. SettingError with the form of one."""
    found = _ID.fullmatch(text)
    if found is None:
        raise SettingError(
            f"{text!r} is no id of a data set on the hub: hf:OWNER/NAME[:CONFIG][/SPLIT]"
            "[@REVISION], like hf:owner/name, hf:owner/name:small/test@main."
        )
    return HubId(**found.groupdict())


def chosen_files(wanted: HubId, files: Sequence[str], card: Mapping[str, Any]) -> list[str]:
    """The files that hold the rows of the configuration and split."""
    configs = {str(one.get("config_name")): one for one in card.get("configs") or ()
               if isinstance(one, dict)}  # fmt: skip
    named = _by_card(wanted, files, configs) if configs else None
    if named is None:
        named = _by_names(wanted, files)
    splits = sorted(named)
    if wanted.split is not None:
        if wanted.split not in named:
            raise DataError(
                f"{wanted.repo}: there is no split {wanted.split!r}. "
                f"{did_you_mean(wanted.split, splits)} There are: {', '.join(splits)}."
            )
        return named[wanted.split]
    if len(named) > 1:
        ids = " or ".join(f"hf:{wanted.repo}{_colon(wanted.config)}/{split}" for split in splits)
        raise DataError(f"{wanted.repo}: has several splits. Say which one is asked: {ids}.")
    return next(iter(named.values()))


def _colon(config: str | None) -> str:
    return f":{config}" if config else ""


def _by_card(
    wanted: HubId, files: Sequence[str], configs: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[str]] | None:
    """Split → files, as the card says; None where it names no files."""
    default = next((n for n, one in configs.items() if one.get("default")), None)
    name = wanted.config or default or ("default" if "default" in configs else None)
    if name is None and len(configs) == 1:
        name = next(iter(configs))
    if name is None or name not in configs:
        ids = " or ".join(f"hf:{wanted.repo}:{config}" for config in sorted(configs))
        told = "has several configurations" if name is None else f"has no configuration {name!r}"
        raise DataError(f"{wanted.repo}: {told}. Say which one is asked: {ids}.")
    given = configs[name].get("data_files")
    if not given:
        return None
    entries = given if isinstance(given, list) else [given]
    found: dict[str, list[str]] = {}
    for entry in entries:
        split, paths = "train", entry
        if isinstance(entry, dict):
            split, paths = str(entry.get("split", "train")), entry.get("path")
        for pattern in paths if isinstance(paths, list) else [paths]:
            fitting = [file for file in files if _fits(file, str(pattern))]
            found.setdefault(split, []).extend(sorted(fitting))
    if not any(found.values()):
        raise DataError(f"{wanted.repo}: no file fits what its card says of {name!r}: {given!r}.")
    return {split: paths for split, paths in found.items() if paths}


def _fits(file: str, pattern: str) -> bool:
    return fnmatch.fnmatch(file, pattern) or fnmatch.fnmatch(file, pattern.replace("**/", ""))


def _by_names(wanted: HubId, files: Sequence[str]) -> dict[str, list[str]]:
    """Split → files, by the names of the files, where the card says nothing."""
    tables = [f for f in files if f.lower().endswith(_TABLES) and f.rpartition("/")[2] not in _ABOUT
              and not f.startswith(".")]  # fmt: skip
    if wanted.config is not None:
        tables = [f for f in tables if wanted.config in re.split(r"[/.]", f)]
    kind = next((end for end in _TABLES if any(f.lower().endswith(end) for f in tables)), None)
    if kind is None:
        raise DataError(
            f"{wanted.repo}: has no table{_of(wanted.config)} ({', '.join(_TABLES)}); its files: "
            f"{', '.join(files[:8])}. A data set that is made by a script has its tables at the "
            "revision refs/convert/parquet: type @refs/convert/parquet behind its id."
        )
    found: dict[str, list[str]] = {}
    for file in sorted(f for f in tables if f.lower().endswith(kind)):
        found.setdefault(_split_in(file), []).append(file)
    for split, paths in found.items():
        folders = sorted({path.rpartition("/")[0] for path in paths})
        apart = [path for path in paths if "-of-" not in path]
        if len(folders) > 1 or len(apart) > 1:
            raise DataError(
                f"{wanted.repo}: several tables may be the split {split!r} "
                f"({', '.join(paths[:4])}). Name the configuration: hf:{wanted.repo}:CONFIG, a "
                "folder's or file's name; or download it and name the file."
            )
    return found


def _of(config: str | None) -> str:
    return f" of the configuration {config!r}" if config else ""


def _split_in(file: str) -> str:
    words = re.split(r"[/._-]", file.lower())
    return next((name for name, known in _SPLITS.items() if set(known) & set(words)), "train")
