"""Benchmarks in the forms in which others publish them, read as data sets of μ-Bench's schema.

Each form is a way to find tables in a file or folder (`FORMS`); all tables are read in one way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mubench_gen.data.forms.reading import AskedTable
from mubench_gen.errors import SettingError

if TYPE_CHECKING:
    from mubench_gen.data.forms.dataset import FormDataset, TableReading
    from mubench_gen.images.policy import StandardPolicy

FORMS = ("vlmevalkit", "hf", "folders", "csv", "coco", "croissant")


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
    asked: AskedTable,
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


def _reader(form: str) -> Callable[[AskedTable, StandardPolicy], TableReading]:
    from mubench_gen.data.forms import coco, croissant, folders, found

    readers: dict[str, Callable[[AskedTable, StandardPolicy], TableReading]] = {
        "coco": coco.read,
        "croissant": croissant.read,
        "folders": folders.read,
    }
    return readers.get(form, found.read)
