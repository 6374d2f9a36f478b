"""A finished study as users have it: data frames, figures, a page and words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mubench_gen.ablation.analysis import Analysis
from mubench_gen.errors import RunFolderError
from mubench_gen.runs import studies
from mubench_gen.runs.studies import StoredStudy
from mubench_gen.scores.clusters import cluster_fields
from mubench_gen.scores.joint import Adjust

if TYPE_CHECKING:
    import pandas

    from mubench_gen.report.figures import Drawing


@dataclass(frozen=True)
class AblationStudy(StoredStudy):
    """A finished study of `ablate`: what it found, as data frames, figures, a page and words.

    All of it is computed from the stored records when it is first asked for. adjust: how p are
    adjusted for several tests; cluster: one field or two that items are clustered by; baseline:
    the model that corruption errors are over, the first by default.
    """

    adjust: Adjust = "maxt"
    cluster: tuple[str, ...] = ()
    baseline: str | None = None

    @cached_property
    def _analysis(self) -> Analysis:
        return Analysis(self.dir, self.adjust, self.cluster, self.baseline)

    @property
    def models(self) -> list[str]:
        """The names of the models, as in tables."""
        return self._analysis.models

    @property
    def seed(self) -> int:
        """The seed of the items that were drawn, and of the statistics."""
        return self._analysis.seed

    @property
    def budget(self) -> int | None:
        """How many (item, cell) pairs were asked of each model; None: all of them."""
        return self._analysis.budget

    @property
    def is_estimated(self) -> bool:
        """Whether a part of the grid was asked, and the whole of it estimated."""
        return self._analysis.is_estimated

    @property
    def cells(self) -> pandas.DataFrame:
        """A row for each model and cell: its levels, accuracy, interval, shares."""
        return self.frame("cells")

    @property
    def effects(self) -> pandas.DataFrame:
        """A row for each model, factor and level: its effect on the accuracy."""
        return self.frame("effects")

    @property
    def flips(self) -> pandas.DataFrame:
        """A row for each model, factor and level: the answers that change against the baseline."""
        return self.frame("flips")

    def frame(self, table: str = "cells") -> pandas.DataFrame:
        """A table: cells, effects, flips, stability, corruption, debiased or gains, shares between
        0 and 1. SettingError for another name."""
        return self._analysis.frame(table)

    @property
    def verdict(self) -> list[str]:
        """Of a base and its fine-tune: where the gain is real, lost, reversed, in sentences."""
        found = self._analysis.verdict
        return [] if found is None else found.sentences

    @property
    def methods(self) -> str:
        """A paragraph of methods that can stand in a paper."""
        return self._analysis.methods

    def as_dict(self) -> dict[str, Any]:
        """All findings as plain data, as `report STUDY --json` has them."""
        return {"results": self._analysis.findings.as_dict(), **self._analysis.as_dict()}

    def write_page(
        self, path: str | os.PathLike[str], *, images: bool = True, pictures: int = 8
    ) -> None:
        """Write the study's page, one HTML file; `images`: with a contact sheet of transforms,
        of that many `pictures`."""
        self._analysis.write_page(path, images=images, pictures=pictures)

    def plot(self, kind: str = "", **options: Any) -> Drawing:
        """A figure: effects, grid, flips or gains, or as `Run.plot`; `width` in inches."""
        return self._analysis.plot(kind, **options)


def load_study(
    path: str | os.PathLike[str],
    *,
    adjust: Adjust = "maxt",
    cluster: Sequence[str] = (),
    baseline: str | None = None,
) -> StoredStudy:
    """The study in that folder, an `AblationStudy`; of a sweep what is stored.

    The options are those of `AblationStudy`. RunFolderError if there is none, or if a study is
    not finished.
    """
    found = studies.load_study(path)
    if found.is_sweep:
        return found
    if not found.results.get("models"):
        raise RunFolderError(
            f"{found.dir}: the study is not finished: type its command again, which asks only "
            "what is missing."
        )
    fields = cluster_fields(cluster) if cluster else ()
    return AblationStudy(found.dir, adjust, fields, baseline)
