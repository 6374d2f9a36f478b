"""A table of questions, as a command names it, and its reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mubench_gen.data.forms.roles import Wishes, wishes_of
from mubench_gen.errors import DataError

if TYPE_CHECKING:
    from mubench_gen.data.forms.dataset import TableReading
    from mubench_gen.data.forms.tables import Table
    from mubench_gen.images.policy import StandardPolicy


@dataclass(frozen=True, slots=True)
class AskedTable:
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


def read_questions(
    form: str,
    table: Table,
    asked: AskedTable,
    policy: StandardPolicy,
    about: Sequence[str] | None = None,
) -> TableReading:
    """The reading of a table of questions. `about`: as `Questions` has it."""
    from mubench_gen.data.forms.dataset import TableReading
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
    return TableReading(
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
