"""A greedy soup that is opened and checked, before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mubench_gen.console.progress import log
from mubench_gen.errors import SettingError
from mubench_gen.interpolation.merge.inputs import MergeSettings, open_inputs
from mubench_gen.interpolation.merge.recipe import make_recipe
from mubench_gen.interpolation.soup.halves import RowHalves, halve, halved_by
from mubench_gen.interpolation.sweep.weights.ends import digest_of, name_of
from mubench_gen.model import Checkpoint
from mubench_gen.plan.items import planned
from mubench_gen.plan.plan import OpenedData, Plan, make_plan
from mubench_gen.plan.settings import Settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.storage.run_folder import folder_of, run_name

BASE = "base"
MODEL = "model"


@dataclass(frozen=True, slots=True)
class Soup:
    """Several fine-tunes of one base, opened and checked before anything is asked.

    `finetuned`: by their names; `digests`: of the base's and of all of their weights, by name.
    `plan`: of the base, on all rows. `keep_base`: as in `Recipe`.
    """

    folder: Path
    base: Checkpoint
    finetuned: Mapping[str, Checkpoint]
    digests: Mapping[str, str | None]
    halves: RowHalves
    plan: Plan
    plugins: Plugins
    accept_vocabulary: bool
    keep_base: bool
    data: OpenedData = field(repr=False)

    @property
    def settings(self) -> Settings:
        return self.plan.settings

    def fixed_settings(self) -> dict[str, Any]:
        """The settings that must be equal for the same soup to be continued."""
        identity = {**self.settings.identity(), "cluster": list(self.settings.cluster)}
        return {"settings": identity, "soup": dict(self.digests)}

    def items(self) -> dict[str, int]:
        """How many items a model is asked on each half."""
        parts = {"choosing": self.halves.choosing, "held out": self.halves.held_out}
        return {name: planned(masked(self.plan, rows)) for name, rows in parts.items()}

    def merged(self, names: Sequence[str], out: Path) -> MergeSettings:
        """What merges the mean of these fine-tunes."""
        return MergeSettings(
            name_of(self.base, self.settings.revision),
            tuple(name_of(self.finetuned[name]) for name in names),
            make_recipe(["1"], keep_base=self.keep_base),
            out,
            accept_vocabulary=self.accept_vocabulary,
        )


def open_soup(
    settings: Settings,
    *,
    base: str | None,
    finetuned: Sequence[str],
    plugins: Plugins,
    accept_vocabulary: bool = False,
    keep_base: bool = False,
) -> Soup:
    """Open and check all that a soup needs. Raises UsageError if something is wrong.

    `settings`: those of `eval`; `base` and `finetuned` are models of its plugin. The halves are
    drawn by the settings' seed, by the first field of `cluster`. `keep_base`: what a fine-tune
    lacks stays as the base has it, which is otherwise refused.
    """
    if settings.base_url:
        raise SettingError(
            "A soup is opened by this machine, and --base-url asks a server: leave it out."
        )
    _check_names(finetuned)
    data: OpenedData = {}
    chosen = settings.model_copy(update={"model": base, "run_dir": None})
    plan = make_plan(chosen, plugins, opened=data)
    try:
        start = _checkpoint(plan, plan.spec.name, plan.spec.source)
        sides = {name: _checkpoint(plan, name, plan.model.spec(name).source) for name in finetuned}
    finally:
        plan.model.close()
    found = Soup(
        folder=Path(),
        base=start,
        finetuned=sides,
        digests={
            BASE: plan.weights.weights,
            **{name: digest_of(side) for name, side in sides.items()},
        },
        halves=halve(plan.dataset, field=halved_by(settings), seed=settings.seed),
        plan=plan,
        plugins=plugins,
        accept_vocabulary=accept_vocabulary,
        keep_base=keep_base,
        data=data,
    )
    name, fixed = run_name(plan.plugin.name, "soup"), found.fixed_settings()
    folder = folder_of(settings.run_dir, "soups", name, fixed, fresh=settings.fresh)
    found = replace(found, folder=folder)
    _check_fit(found)
    empty = [name for name, count in found.items().items() if not count]
    if empty:
        raise SettingError(
            f"The half of the images that is {empty[0]} has no question: raise --limit, or give "
            "another --seed."
        )
    return found


def _check_names(names: Sequence[str]) -> None:
    if len(names) < 2:
        raise SettingError(
            "A soup is made of two fine-tunes or more: --finetuned ONE --finetuned TWO."
        )
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise SettingError(f"--finetuned {twice[0]} is given twice: a soup counts each once.")
    folders: dict[str, str] = {}
    for name in names:
        other = folders.setdefault(run_name("finetuned", name), name)
        if other != name:
            raise SettingError(f"{other} and {name} would share a run folder: rename one of them.")


def _checkpoint(plan: Plan, name: str, source: Any) -> Checkpoint:
    if not isinstance(source, Checkpoint):
        raise SettingError(
            f"The model {name!r} of the plugin {plan.plugin.name!r} is opened by the plugin's own "
            "code, and no folder of weights: a soup cannot be made of it."
        )
    return source


def _check_fit(soup: Soup) -> None:
    """Check that all can be merged. Raises MergeError if they don't match."""
    with ExitStack() as files:
        wanted = soup.merged(list(soup.finetuned), soup.folder / MODEL)
        for text in open_inputs(wanted, files).warnings:
            log(f"Warning: {text}.")


def masked(plan: Plan, rows: bytes) -> Plan:
    """The plan of these rows of the data alone."""
    if plan.row_mask is not None:
        rows = bytes(one and other for one, other in zip(rows, plan.row_mask, strict=True))
    return replace(plan, row_mask=rows)
