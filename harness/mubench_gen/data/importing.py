"""A benchmark in any of the forms → a folder of μ-Bench's schema: rows.jsonl, images, tasks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial as partial_call
from pathlib import Path

from mubench_gen.console.progress import bar
from mubench_gen.data import HUB
from mubench_gen.data.examine import Examined, duplicates, examine
from mubench_gen.data.forms import FORMS, form_of, open_form
from mubench_gen.data.forms.dataset import FormDataset, definition
from mubench_gen.data.forms.found import find_table
from mubench_gen.data.forms.hub import open_on_hub
from mubench_gen.data.forms.reading import AskedTable
from mubench_gen.errors import DataError, SettingError
from mubench_gen.images.choices import AUTO
from mubench_gen.images.microscope import make_policy
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.storage.scratch import Scratch, sweep
from mubench_gen.types import Image

_SECONDS = 600.0  # for one image, as `eval --timeout` has it where nothing else is said


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """How many rows and questions were written. `warnings`: pictures to look at."""

    rows: int
    questions: int
    warnings: tuple[str, ...] = ()


def import_data(
    path: Path,
    out: Path,
    *,
    form: str | None = None,
    mapping: Mapping[str, str] | None = None,
    table: Path | None = None,
    name: str | None = None,
    license_name: str | None = None,
    image_set: Mapping[str, str] | None = None,
    partial: bool = False,
) -> ImportCounts:
    """Write the data set to `out`, a new folder: all of it or nothing.

    `form`: one of `FORMS`, or found out. `table`: the questions, where they do not stand in the
    folder. A task that is not among the shipped ones gets a definition beside the rows.
    Every image is decoded as a run would show it, or one with this `image_set`. DataError lists
    the rows that are wrong, and those whose images cannot be shown; with `partial` they are left
    out and named.
    """
    if form is not None and form not in FORMS:
        raise SettingError(f"--from {form}: the forms are {', '.join(FORMS)}.")
    if out.exists():
        raise DataError(f"{out}: exists already; give a folder that doesn't.")
    policy = make_policy(image_set or {}, seconds=_SECONDS, default=AUTO)
    open_again = _opener(path, policy, form, mapping or {}, table, name, license_name)
    faults: list[str] = []
    dataset = open_again(faults=faults)
    seen = list(examine(_pictures(dataset), len(dataset.image_names)))
    told = [f"{one.where}: {_said(one, dataset)}." for one in seen if one.fault is not None]
    if (faults or told) and not partial:
        raise DataError("\n".join([*faults, *told]))
    if faults or told:
        broken = {one.image: str(one.fault) for one in seen if one.fault is not None}
        dataset = open_again(partial=True, without=broken)
    try:
        _write(dataset, out)
    except OSError as error:
        raise DataError(f"{out}: cannot be written: {error.strerror}.") from None
    questions = sum(dataset.questions.values())
    return ImportCounts(len(dataset), questions, (*dataset.warnings, *_warnings(seen, dataset)))


def _opener(
    path: Path,
    policy: StandardPolicy,
    form: str | None,
    mapping: Mapping[str, str],
    table: Path | None,
    name: str | None,
    license_name: str | None,
) -> Callable[..., FormDataset]:
    """What opens the data set, as `open_form` does; DataError where there is none."""
    if str(path).startswith(HUB):
        return partial_call(
            open_on_hub, str(path), policy, mapping, name=name, license_name=license_name
        )
    if not path.exists():
        raise DataError(f"There is no file or folder {str(path)!r}.")
    if form is None and table is None and form_of(path) is None:
        find_table(path)  # says what is missing
    asked = AskedTable(
        table or path,
        form or (None if table is None else form_of(table)),
        mapping,
        base=path if path.is_dir() and table is not None else None,
        name=name or (path.resolve().name if table is not None else None),
        license_name=license_name,
    )
    return partial_call(open_form, asked, policy)


def _pictures(dataset: FormDataset) -> Iterator[tuple[str, Image]]:
    """Each image once, with the first row that has it."""
    names: set[str] = set()
    for row in dataset:
        for image in row.images:
            if image.name not in names:
                names.add(image.name)
                yield f"{dataset.place(row.index)}, column {dataset.image_column}", image


def _warnings(seen: Sequence[Examined], dataset: FormDataset) -> Iterator[str]:
    names = dataset.pictures.paths
    for one in seen:
        for told in one.looks.warnings() if one.looks else ():
            yield f"{names.get(one.image, one.image)}: {told}"
    for first, later in duplicates(seen):
        here, there = (names.get(picture.image, picture.image) for picture in (first, later))
        yield f"{there}: the same picture as {here}"


def _said(one: Examined, dataset: FormDataset) -> str:
    """What is wrong with a picture, by the name of its own file."""
    path = dataset.pictures.paths.get(one.image, one.image)
    return str(one.fault).replace(f"{one.image}:", f"{path}:", 1)


def _write(dataset: FormDataset, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    sweep(out.parent, [out.name])
    names = sorted(dataset.image_names)
    with Scratch(out, is_folder=True) as scratch:
        with bar("copying images", len(names)) as shown:
            for done, image in enumerate(names, 1):
                target = scratch.path / image
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(dataset.pictures.read(image))
                shown.at(done, len(names))
        shutil.copyfile(dataset.lines, scratch.path / "rows.jsonl")
        for task in dataset.tasks:
            (scratch.path / "tasks").mkdir(exist_ok=True)
            text = definition(task.name, task.question, task.datasets, dataset.name)
            (scratch.path / "tasks" / f"{task.name}.toml").write_text(text, "utf-8")
        scratch.become(out)
