"""Benchmarks in the forms in which others publish them, read as data sets of μ-Bench's schema.

Each form is a way to find tables in a file or folder (`FORMS`); all tables are read in one way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mubench_gen.data.forms.roles import Wishes, wishes_of
from mubench_gen.errors import DataError, SettingError

if TYPE_CHECKING:
    from mubench_gen.data.forms.dataset import FormDataset, Reading
    from mubench_gen.data.forms.tables import Table
    from mubench_gen.images.policy import StandardPolicy

FORMS = ("vlmevalkit", "hf", "folders", "csv", "coco", "croissant")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command says of a table: where it is, which form, and how it is read."""

    path: Path
    form: str | None = None
    mapping: Mapping[str, str] | None = None
    base: Path | None = None  # of the images, where it is not the table's folder
    name: str | None = None
    license_name: str | None = None
    outside: bool = False
    files: tuple[Path, ...] = ()  # of the tables, where they were chosen
    root: Path | None = None  # where all images lie, behind links too; else the table's folder

    @property
    def wishes(self) -> Wishes:
        return wishes_of(self.mapping or {})


def form_of(path: Path) -> str | None:
    """The form of a file or folder; None where it is none that is read here."""
    from mubench_gen.data.forms import coco, croissant, folders, found

    for name, recognises in (
        ("croissant", croissant.recognises),
        ("coco", coco.recognises),
        ("vlmevalkit", found.is_vlmevalkit),
        ("csv", found.is_sheet),
        ("hf", found.is_hf),
        ("folders", folders.recognises),
    ):
        if recognises(path):
            return name
    return None


def open_form(
    asked: Asked,
    policy: StandardPolicy,
    *,
    partial: bool = False,
    thorough: bool = False,
    faults: list[str] | None = None,
    without: Mapping[str, str] | None = None,
    revision: str | None = None,
    source: Mapping[str, object] | None = None,
) -> FormDataset:
    """The data set that a table of one of the forms makes. DataError says what is wrong.

    `without`: rows with one of these images are left out, and why.
    """
    from mubench_gen.data.forms.dataset import FormDataset

    form = asked.form or form_of(asked.path)
    if form is None or form not in FORMS:
        raise SettingError(
            f"{asked.path}: of none of the forms {', '.join(FORMS)} (docs/howto/any-benchmark.md)."
        )
    reading = _reader(form)(replace(asked, form=form), policy)
    reading.revision = revision
    reading.source = source or {}
    reading.mapping = asked.mapping or {}
    return FormDataset(
        reading, policy, partial=partial, thorough=thorough, faults=faults, without=without
    )


def _reader(form: str) -> Callable[[Asked, StandardPolicy], Reading]:
    from mubench_gen.data.forms import coco, croissant, folders, found

    readers: dict[str, Callable[[Asked, StandardPolicy], Reading]] = {
        "coco": coco.read,
        "croissant": croissant.read,
        "folders": folders.read,
    }
    return readers.get(form, found.read)


def read_questions(
    form: str,
    table: Table,
    asked: Asked,
    policy: StandardPolicy,
    about: Sequence[str] | None = None,
) -> Reading:
    """The reading of a table of questions. `about`: as `Questions` has it."""
    from mubench_gen.data.forms.dataset import Reading
    from mubench_gen.data.forms.pictures import Pictures
    from mubench_gen.data.forms.questions import Questions

    wishes = asked.wishes
    name = asked.name or wishes.choices.get("name") or data_name(asked.path)
    if asked.base is not None:
        table.base = asked.base
    pictures = Pictures(
        table, policy, folder=wishes.choices.get("folder"), outside=asked.outside, root=asked.root
    )
    questions = Questions(
        table, name, wishes, pictures, license_name=asked.license_name, about=about
    )
    return Reading(
        form,
        asked.path,
        name,
        questions.rows(),
        pictures,
        questions.tasks,
        questions.told,
        questions.warnings,
        questions.faults,
        questions.doubled,
        "+".join(questions.roles.images),
    )


def data_name(path: Path) -> str:
    """The name of a data set by its file or folder."""
    path = path.resolve()
    name = path.name if path.is_dir() else path.stem
    if not name:
        raise DataError(f"{path}: a folder with a name is needed.")
    return name
