"""The viewer's runs, kept current, and their page."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from mubench_gen.compare.groups import label_runs
from mubench_gen.console.outlet import printable, visible
from mubench_gen.console.progress import bar
from mubench_gen.errors import RunFolderError
from mubench_gen.report.html.document import packed, page_data, render_page
from mubench_gen.report.html.gallery import Gallery
from mubench_gen.report.html.sections import Sections
from mubench_gen.report.html.study import RunStatistics, study_run
from mubench_gen.report.viewer.index import RecordIndex
from mubench_gen.report.viewer.sources import find_runs
from mubench_gen.runs.results import Run, load_run

_REST = 4.0


class LiveSite:
    """Runs under paths, their index and their page. `refresh` takes up what was written since.

    `version` rises with every change. Refreshing takes at most one part in 1 + `rest` of the time.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        clock: Callable[[], float] = time.monotonic,
        rest: float = _REST,
    ) -> None:
        self.index = RecordIndex()
        self.version = 0
        self.studies: list[RunStatistics] = []
        self._paths = list(paths)
        self._clock = clock
        self.rest = rest
        self._lock = Lock()
        self._page: tuple[int, str] = (-1, "")
        self._not_before = 0.0
        runs = find_runs(self._paths)
        with bar("Reading runs", len(runs)) as progress:
            for number, run in enumerate(runs, start=1):
                self._add(run)
                progress.at(number, len(runs))
        self._label()

    @property
    def is_going(self) -> bool:
        """Whether a run is not finished: its records may still come."""
        return any(not study.finished for study in self.studies)

    def refresh(self) -> int:
        """Look for new runs and new records; the version."""
        with self._lock:
            begun = self._clock()
            if begun < self._not_before:
                return self.version
            changed = self._take_new_runs()
            for number, study in enumerate(self.studies):
                if self.index.refresh(number):
                    run = load_run(study.run.dir)
                    self.studies[number] = study_run(run, number=number, label=study.label)
                    changed = True
            if changed:
                self.version += 1
            took = self._clock() - begun
            self._not_before = begun + took * (1 + self.rest)
            return self.version

    def page(self) -> str:
        """The whole page as text."""
        with self._lock:
            if self._page[0] != self.version:
                self._page = self.version, self._render()
            return self._page[1]

    def _render(self) -> str:
        data = page_data(self.studies, Gallery(0), is_served=True)
        sections = Sections(self.studies, group=None, told={}, picture="/thumbnails/{}".format)
        content = {**data, "version": self.version, "going": self.is_going}
        return visible(render_page(sections, items=packed(content), is_served=True))

    def _take_new_runs(self) -> bool:
        known = {study.run.dir.resolve() for study in self.studies}
        try:
            found = [run for run in find_runs(self._paths) if run.dir.resolve() not in known]
        except RunFolderError:  # the folders were moved meanwhile: what was read stays
            return False
        for run in found:
            self._add(run)
        if found:
            self._label()
        return bool(found)

    def _add(self, run: Run) -> None:
        number = self.index.add_run(run)
        read = self.index.records(number)
        self.studies.append(study_run(run, number=number, label=run.dir.name, records=read))

    def _label(self) -> None:
        from dataclasses import replace

        labels = label_runs([study.run for study in self.studies])
        self.studies = [
            replace(study, label=printable(label))
            for study, label in zip(self.studies, labels, strict=True)
        ]

    def about(self) -> dict[str, Any]:
        """What a page asks to know whether it is current."""
        return {"version": self.version, "going": self.is_going}
