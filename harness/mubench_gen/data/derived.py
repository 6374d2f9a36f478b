"""A data set made of another: its name, place, revision and digest are the other's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Self

from mubench_gen.data.dataset import Dataset, forms_of, has_several_images
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.types import Form, Task


class Derived:
    """What data sets that choose or change the rows of another share."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.known: dict[Any, Any] = {}

    @property
    def name(self) -> str:
        return self._dataset.name

    @property
    def path(self) -> Path:
        return self._dataset.path

    @property
    def revision(self) -> str | None:
        return self._dataset.revision

    @property
    def digest(self) -> str:
        return self._dataset.digest

    @property
    def rows_digest(self) -> str:
        return self._dataset.rows_digest

    @property
    def has_several_images(self) -> bool:
        return has_several_images(self._dataset)

    @property
    def forms(self) -> Mapping[tuple[str, str], Form]:
        return forms_of(self._dataset)

    @property
    def image_folder(self) -> Path:
        return self._dataset.image_folder

    @property
    def image_files(self) -> Mapping[str, str] | None:
        return self._dataset.image_files

    @property
    def tasks(self) -> Sequence[Task]:
        return self._dataset.tasks

    @property
    def facts(self) -> Mapping[str, Any]:
        return self._dataset.facts

    def shown_by(self, policy: StandardPolicy) -> Self:
        shown = copy(self)
        shown._dataset = self._dataset.shown_by(policy)
        return shown
