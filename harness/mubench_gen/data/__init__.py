"""Data sets in μ-Bench's schema: `--data demo | ubench | PATH | NAME`, one type for all of them.

NAME is a data set that an installed package brings (`packaged.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mubench_gen.data.dataset import Dataset
from mubench_gen.errors import DataError, SettingError
from mubench_gen.images.choices import AUTO, STANDARD
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.storage.paths import user_path

NAMES = ("demo", "ubench")
HUB = "hf:"  # begins the id of a data set on the hub


def default_policy(name: str) -> str:
    """The image policy of a data set, where `--image-set` names none: `auto` for one's own."""
    return STANDARD if name in NAMES else AUTO


def open_dataset(
    name: str,
    policy: StandardPolicy | None = None,
    *,
    partial: bool = False,
    licenses: Sequence[str] = (),
    checked: bool = False,
    outside: bool = False,
    faults: list[str] | None = None,
    mapping: Mapping[str, str] | None = None,
) -> Dataset:
    """The data set of that name, or in that folder or file. DataError says what is wrong.

    Nothing is fetched but what the id of a data set on the hub (`hf:…`) names: another one that is
    not on this machine is an error with what to type.
    `policy`: how images are shown; by default as a run without `--image-set` shows them.
    `partial`: files of it that are missing or damaged are left out, and named. `licenses`: only
    rows under these, by name or glob, or "commercial" for all that allow commercial use.
    `checked`: check every row now, so that none stops a run halfway; with `partial`, faulty
    rows of Arrow and Parquet files are left out too. `outside`: images may lie outside of
    the data's folder. `faults`: takes what is wrong with each row of a rows.jsonl, of which
    otherwise the first fault is raised. `mapping`: how a table of another form is read (`--map`).
    """
    from mubench_gen.data.jsonl import JsonlDataset

    if policy is None:
        from mubench_gen.images.microscope import make_policy

        policy = make_policy({}, default=default_policy(name))
    dataset = _opened_form(
        name, policy, partial=partial, outside=outside, faults=faults, mapping=mapping,
        thorough=checked,
    ) or _open(name, policy, partial=partial, outside=outside, faults=faults)  # fmt: skip
    if checked and not isinstance(dataset, JsonlDataset):  # opening one checks it
        from mubench_gen.data.subset import sound_rows

        dataset = sound_rows(dataset, partial=partial)
    if not licenses:
        return dataset
    from mubench_gen.data.licenses import with_licenses

    return with_licenses(dataset, licenses)


def is_form(name: str, mapping: Mapping[str, str] | None = None) -> bool:
    """Whether it is a benchmark in a form of others: on the hub, or a file or folder here."""
    from mubench_gen.data.forms import form_of

    if name.startswith(HUB):
        return True
    return _may_be_form(name) and (bool(mapping) or form_of(user_path(name)) is not None)


def _may_be_form(name: str) -> bool:
    """Whether it is a file or folder that is not of μ-Bench's schema."""
    if not name or name in NAMES:
        return False
    path = user_path(name)
    if not os.path.exists(path) or (path.is_dir() and (path / "rows.jsonl").is_file()):
        return False
    return not _is_own_schema(path)


def _opened_form(
    name: str,
    policy: StandardPolicy,
    *,
    partial: bool,
    outside: bool,
    faults: list[str] | None,
    mapping: Mapping[str, str] | None,
    thorough: bool,
) -> Dataset | None:
    """The data set of another form than μ-Bench's schema; None where it is none."""
    if name.startswith(HUB):
        from mubench_gen.data.forms.hub import open_on_hub

        return open_on_hub(
            name, policy, mapping or {}, partial=partial, thorough=thorough, faults=faults
        )
    if not _may_be_form(name):
        if mapping:
            raise SettingError(f"--map is for tables of other forms; {name!r} is none of these.")
        return None
    from mubench_gen.data import forms

    path = user_path(name)
    form = forms.form_of(path)
    if form is None and not mapping:
        return None
    from mubench_gen.data.forms.reading import AskedTable

    asked = AskedTable(path, form, mapping, outside=outside)
    return forms.open_form(asked, policy, partial=partial, thorough=thorough, faults=faults)


def _is_own_schema(path: Path) -> bool:
    """Whether a file or folder holds rows of μ-Bench's schema, as far as its beginning shows."""
    from mubench_gen.data.shards import find_shards

    if path.is_file() and path.suffix == ".jsonl":
        from mubench_gen.data.json_lines import is_row

        return is_row(path)
    shards = [shard.path for shard in find_shards(path, checked=False) if shard.path.exists()]
    if not shards:
        return False
    from mubench_gen.data.columns import is_release

    return is_release(shards[0])


def _open(
    name: str, policy: StandardPolicy, *, partial: bool, outside: bool, faults: list[str] | None
) -> Dataset:
    from mubench_gen.data.jsonl import JsonlDataset

    if name == "demo":
        from mubench_gen.data.cache import demo_folder

        return JsonlDataset("demo", demo_folder() / "rows.jsonl", policy)
    if name == "ubench":
        from mubench_gen.data.ubench import open_ubench

        return open_ubench(policy, partial=partial)
    path = user_path(name)
    # unlike Path.exists, False for a name of any length
    if path.suffix == ".py" or not os.path.exists(path):
        from mubench_gen.data.packaged_dataset import open_packaged

        return open_packaged(name, policy)
    if path.is_dir() and (path / "rows.jsonl").is_file():
        return JsonlDataset(path.name, path / "rows.jsonl", policy, outside=outside, faults=faults)
    if path.is_file() and path.suffix == ".jsonl":
        return JsonlDataset(path.stem, path, policy, outside=outside, faults=faults)
    from mubench_gen.data.shards import find_shards, open_shards

    shards = find_shards(path)
    if not shards:
        raise DataError(_why_not(name, path))
    return open_shards(path.resolve().stem, path, shards, policy, partial=partial)


def _why_not(name: str, path: Path) -> str:
    if path.is_dir():
        return (
            f"The folder {name!r} holds no rows.jsonl, and no Arrow or Parquet file: it is no data "
            "set of μ-Bench's schema. `mubench-gen data import` makes one of images and a table."
        )
    if not path.is_file():
        return f"{name!r} is neither a folder nor a regular file: save what it holds in a file."
    return f"{name!r} is no file that can be read as a data set: .jsonl, .arrow and .parquet are."
