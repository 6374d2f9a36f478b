"""A greedy soup: its folder, its runs, its weights.

SOUP/choosing holds a run of each fine-tune and of each mean that was tried, on one half of the
images; SOUP/held-out those of the soup, the best fine-tune and the base on the other;
SOUP/model the weights, and SOUP/soup.json settings and results.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mubench_gen.console.progress import Silent, bar
from mubench_gen.errors import MergeError, RunFolderError
from mubench_gen.interpolation.merge.files import read_object
from mubench_gen.interpolation.merge.merge import merge
from mubench_gen.interpolation.merge.model_files import REPORT
from mubench_gen.interpolation.soup.greedy import Trial, greedy, kept
from mubench_gen.interpolation.soup.halves import halved_by
from mubench_gen.interpolation.soup.held_out import HeldOutScores, held_out
from mubench_gen.interpolation.soup.soup import BASE, MODEL, Soup, masked
from mubench_gen.plan.opening import host_of, known_card
from mubench_gen.plan.plan import Plan, make_plan
from mubench_gen.run import run_plan
from mubench_gen.runs.documents import A_SOUP, locked_document
from mubench_gen.runs.results import Run, load_run
from mubench_gen.storage.json_files import write_json
from mubench_gen.storage.run_folder import MANIFEST, SOUP, run_name, settings_hash

_SCRATCH, _CHOOSING, _HELD_OUT = ".scratch", "choosing", "held-out"
_OPENER = "mubench_gen.interpolation.soup.opening:open_folder"


@dataclass(frozen=True, slots=True)
class SoupResult:
    """`trials`: from the best fine-tune down, on the half that chose, where `items` of `clusters`
    images (or slides, …) were asked; `kept`: those of the soup; `held_out`: what it is worth on the
    other half. `n_errors`: items that failed. `model`: the folder of its weights."""

    soup: Soup
    items: int
    clusters: int
    trials: tuple[Trial, ...]
    held_out: HeldOutScores
    n_errors: int
    model: Path

    @property
    def kept(self) -> tuple[str, ...]:
        return kept(self.trials)

    def as_dict(self) -> dict[str, Any]:
        return {
            "soup_dir": str(self.soup.folder),
            "model": str(self.model),
            "chosen_on": {"items": self.items, "clusters": self.clusters},
            "trials": [asdict(one) for one in self.trials],
            "kept": list(self.kept),
            "held_out": asdict(self.held_out),
            "n_errors": self.n_errors,
        }


def run_soup(soup: Soup, command: Sequence[str], *, progress: bool) -> SoupResult:
    """Ask what is not answered yet, choose, write the weights, and score them on the other half.

    Raises RunFolderError if the folder holds another soup, which is left unchanged.
    """
    asking = _Asking(soup, command, progress)
    fixed, told = soup.fixed_settings(), {"halves": _halves(soup)}
    with locked_document(A_SOUP, soup.folder, fixed, told, command) as document:
        try:
            alone = {name: asking.alone(name) for name in soup.finetuned}
            trials = greedy(_accuracies(alone), lambda names: _accuracy(asking.mean(names)))
            members = kept(trials)
            best = members[0]
            others = {BASE: asking.base(), best: asking.alone(best, choosing=False)}
            model = asking.model(members)
            whole = asking.soup(members, model) if len(members) > 1 else others[best]
        finally:
            shutil.rmtree(soup.folder / _SCRATCH, ignore_errors=True)
        result = SoupResult(
            soup,
            alone[best].scores.pooled.n,
            alone[best].scores.pooled.clusters,
            trials,
            held_out(whole, best=others[best], base=others[BASE], name=best),
            sum(run.scores.pooled.n_errors for run in asking.runs),
            model,
        )
        write_json(soup.folder / SOUP, {**document, "results": result.as_dict()})
    return result


@dataclass(slots=True)
class _Asking:
    """Asks the models of a soup. `runs`: those that were asked or read."""

    whole: Soup
    command: Sequence[str]
    progress: bool
    runs: list[Run] = field(default_factory=list)

    def alone(self, name: str, *, choosing: bool = True) -> Run:
        """A fine-tune's run on the half that chooses, or on the other."""
        halves, part = self.whole.halves, _CHOOSING if choosing else _HELD_OUT
        folder = self.whole.folder / part / run_name("finetuned", name)
        return self._asked(name, halves.choosing if choosing else halves.held_out, folder)

    def base(self) -> Run:
        folder = self.whole.folder / _HELD_OUT / BASE
        return self._asked(self.whole.settings.model, self.whole.halves.held_out, folder)

    def mean(self, names: Sequence[str]) -> Run:
        """The run of the mean of several fine-tunes, on the half that chooses."""
        folder = self.whole.folder / _CHOOSING / f"soup-{self._digest(names)}"
        stored = _finished(folder)
        if stored is not None:
            self.runs.append(stored)
            return stored
        weights = self.whole.folder / _SCRATCH / folder.name
        shutil.rmtree(weights, ignore_errors=True)
        merge(self.whole.merged(names, weights), Silent())
        try:
            return self._opened(names, weights, self.whole.halves.choosing, folder)
        finally:
            shutil.rmtree(weights, ignore_errors=True)

    def model(self, names: Sequence[str]) -> Path:
        """The folder of the soup's weights, written if it is not there."""
        folder = self.whole.folder / MODEL
        settings = self.whole.merged(names, folder)
        if folder.exists() and _members(folder) != list(settings.finetuned):
            shutil.rmtree(folder)  # items that had failed changed the choice
        if not folder.exists():
            with bar("merge", 0, shown=self.progress) as progress:
                merge(settings, progress)
        return folder

    def soup(self, names: Sequence[str], model: Path) -> Run:
        """The soup's run on the half that did not choose."""
        folder = self.whole.folder / _HELD_OUT / "soup"
        return self._opened(names, model, self.whole.halves.held_out, folder)

    def _digest(self, names: Sequence[str]) -> str:
        return settings_hash({name: self.whole.digests[name] for name in names})

    def _asked(self, name: str | None, rows: bytes, folder: Path) -> Run:
        """The run of one of the plugin's models, which is opened for it."""
        settings = self.whole.settings.model_copy(
            update={"model": name, "run_dir": folder, "fresh": False}
        )
        plan = make_plan(settings, self.whole.plugins, opened=self.whole.data)
        return self._run(masked(plan, rows))

    def _opened(self, names: Sequence[str], weights: Path, rows: bytes, folder: Path) -> Run:
        """The run of merged weights."""
        facts = {"soup": ", ".join(names)}
        name = f"soup of {len(names)}"
        settings = self.whole.settings.model_copy(update={"run_dir": folder, "fresh": False})
        model = host_of(
            settings, self.whole.plugins, opener=_OPENER,
            folder=weights.absolute(), name=name, facts=facts,
        )  # fmt: skip
        try:
            card = known_card(model, settings)
            plan = replace(
                self.whole.plan,
                settings=settings,
                spec=card.spec,
                model=model,
                weights=replace(model.digest(), read={}),
            )
        except BaseException:
            model.close()
            raise
        return self._run(masked(plan, rows))

    def _run(self, plan: Plan) -> Run:
        try:
            run = run_plan(plan, self.command, progress=self.progress)
        finally:
            plan.model.close()
        self.runs.append(run)
        return run


def _members(model: Path) -> Any:
    """The fine-tunes of which the weights in a folder were merged."""
    try:
        return read_object(model / REPORT)["finetuned"]
    except (MergeError, KeyError):
        return None


def _finished(folder: Path) -> Run | None:
    """The run in a folder, if all that it asks is answered: its weights are not needed again."""
    if not (folder / MANIFEST).exists():
        return None
    run = load_run(folder)
    return run if run.complete and not run.scores.pooled.n_errors else None


def _accuracies(runs: Mapping[str, Run]) -> dict[str, float]:
    return {name: _accuracy(run) for name, run in runs.items()}


def _accuracy(run: Run) -> float:
    found = run.scores.pooled.accuracy
    if found is None:
        raise RunFolderError(
            f"{run.dir}: no question with options was answered, so that no soup can be chosen: "
            "its records say why."
        )
    return found


def _halves(soup: Soup) -> dict[str, Any]:
    rows = {"choosing": soup.halves.choosing, "held_out": soup.halves.held_out}
    return {
        "seed": soup.settings.seed,
        "by": halved_by(soup.settings),
        "rows": {name: part.count(1) for name, part in rows.items()},
    }
