"""A folder of images and a table of questions → a data set of μ-Bench's schema."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mubench_gen.console.progress import bar
from mubench_gen.data.alike import Alike
from mubench_gen.data.examine import Examined, duplicates, examine
from mubench_gen.data.table import SEPARATOR, SUFFIXES, Entry, image_of, read_entry, read_table
from mubench_gen.errors import DataError
from mubench_gen.images.choices import AUTO
from mubench_gen.images.formats.ome_zarr import is_zarr_folder, packed
from mubench_gen.images.microscope import make_policy
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.storage.scratch import Scratch, sweep
from mubench_gen.types import Task

_SECONDS = 600.0  # for one image, as `eval --timeout` has it where nothing else is said


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """How many rows and questions were written. `warnings`: pictures to look at."""

    rows: int
    questions: int
    warnings: tuple[str, ...] = ()


def import_folder(
    folder: Path,
    out: Path,
    *,
    known: Sequence[Task],
    table: Path | None = None,
    name: str | None = None,
    license_name: str | None = None,
    image_set: Mapping[str, str] | None = None,
) -> ImportCounts:
    """Write the data set to `out`, a new folder: all of it or nothing.

    Questions about the same images become one row; a second question of one task, another row of
    them. A task that is not among the `known` ones gets a definition beside the rows.
    Every image is decoded as a run would show it, or one with this `image_set`. DataError lists
    the rows of the table that are wrong, and those whose images cannot be shown.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {str(folder)!r}.")
    if out.exists():
        raise DataError(f"{out}: exists already; give a folder that doesn't.")
    table = table or find_table(folder)
    chosen = name or folder.resolve().name
    policy = make_policy(image_set or {}, seconds=_SECONDS, default=AUTO)
    entries, warnings = _read(table, folder, chosen, policy)
    rows = _rows(folder, entries, chosen, license_name)
    try:
        _write(folder, out, entries, rows, _new_tasks(entries, rows, chosen, known))
    except OSError as error:
        raise DataError(f"{out}: cannot be written: {error.strerror}.") from None
    return ImportCounts(len(rows), len(entries), tuple(warnings))


def find_table(folder: Path) -> Path:
    """The one table in the folder. DataError if there is none, or several."""
    found = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise DataError(f"{folder}: holds several tables ({names}); give one with --table.")
    raise DataError(f"{folder}: holds no .csv and no .jsonl with the questions; give --table.")


def _read(
    table: Path, folder: Path, name: str, policy: StandardPolicy
) -> tuple[list[Entry], list[str]]:
    """The entries of the table, and what to look at in their pictures."""
    entries: list[Entry] = []
    problems: list[str] = []
    first_rows: dict[str, int] = {}  # by image
    alike = Alike(table)
    for number, columns in read_table(table):
        try:
            entry = read_entry(columns, folder, name, f"{table}, row {number}")
        except DataError as error:
            problems.append(str(error))
            continue
        entries.append(entry)
        alike.note_options(number, [entry.cell["options"]])
        for name in entry.images:
            first_rows.setdefault(name, number)
    images = (
        (f"{table}, row {number}, column image", image_of(name, folder, policy))
        for name, number in first_rows.items()
    )
    seen = list(examine(images, len(first_rows)))
    problems += [f"{one.where}: {one.fault}." for one in seen if one.fault is not None]
    if problems:
        raise DataError("\n".join(problems))
    if not entries:
        raise DataError(f"{table}: holds no question.")
    alike.tell()
    return entries, list(_warnings(seen))


def _warnings(seen: Sequence[Examined]) -> Iterator[str]:
    for one in seen:
        for told in one.looks.warnings() if one.looks else ():
            yield f"{one.image}: {told}"
    for first, later in duplicates(seen):
        yield f"{later.image}: the same picture as {first.image}"


def _file_name(folder: Path, image: str) -> str:
    """The name in the data set: a folder of OME-Zarr becomes one file."""
    return f"{image}.ozx" if is_zarr_folder(folder / image) else image


def _rows(
    folder: Path, entries: Sequence[Entry], name: str, license_name: str | None
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    of_images: dict[tuple[str, tuple[str, ...]], list[dict[str, Any]]] = {}
    for entry in entries:
        dataset = str(entry.facts.get("dataset", name))
        same = of_images.setdefault((dataset, entry.images), [])
        row = next((r for r in same if entry.task not in r["questions"]), None)
        if row is None:
            files = [
                {"bytes": None, "path": f"images/{_file_name(folder, name)}"}
                for name in entry.images
            ]
            row = {
                "image_id": SEPARATOR.join(entry.images),
                "image": files[0] if len(files) == 1 else files,
                "dataset": dataset,
                "license": license_name,
                "questions": {},
                "captions": {},
            }
            same.append(row)
            rows.append(row)
        row |= entry.facts
        row["questions"][entry.task] = entry.cell
        row["captions"] |= entry.captions or {}
    return rows


def _write(
    folder: Path,
    out: Path,
    entries: Sequence[Entry],
    rows: Sequence[dict[str, Any]],
    tasks: Mapping[str, str],
) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    sweep(out.parent, [out.name])
    images = sorted({name for entry in entries for name in entry.images})
    with Scratch(out, is_folder=True) as scratch:
        with bar("copying images", len(images)) as shown:
            for done, image in enumerate(images, 1):
                target = scratch.path / "images" / _file_name(folder, image)
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.name == Path(image).name:
                    shutil.copyfile(folder / image, target)
                else:
                    target.write_bytes(packed(folder / image))
                shown.at(done, len(images))
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (scratch.path / "rows.jsonl").write_text(lines, "utf-8")
        for task, definition in tasks.items():
            (scratch.path / "tasks").mkdir(exist_ok=True)
            (scratch.path / "tasks" / f"{task}.toml").write_text(definition, "utf-8")
        scratch.become(out)


def _new_tasks(
    entries: Sequence[Entry], rows: Sequence[dict[str, Any]], name: str, known: Sequence[Task]
) -> dict[str, str]:
    """Task → its definition in TOML, for each task that is not known."""
    datasets = sorted({str(row["dataset"]) for row in rows})
    there = {
        task.name
        for task in known
        if task.question == task.name and all(task.asks(dataset) for dataset in datasets)
    }
    return {
        task: _definition(task, datasets, name)
        for task in sorted({entry.task for entry in entries} - there)
    }


def _definition(task: str, datasets: Sequence[str], name: str) -> str:
    keys = {
        "title": f"{name}: {task}",
        "group": "own",
        "question": task,
        "datasets": datasets,
        "source": name,
    }
    # JSON texts and lists of texts are valid TOML.
    return "".join(f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in keys.items())
