"""Studies of sweeps by name: tasks, parts of the items, pairs of models, published points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mubench_gen.compare.published.table import load_published
from mubench_gen.errors import DefinitionError, SettingError, did_you_mean
from mubench_gen.interpolation.sweep.parts import ItemPart, PublishedPoints, check_names
from mubench_gen.plan.plan import Plan
from mubench_gen.plan.settings import Settings, make_settings
from mubench_gen.plan.study_files import no_such_study, study_names
from mubench_gen.scores.protocols.files import read_file
from mubench_gen.storage.paths import is_file, user_path
from mubench_gen.tasks.task import matches

FOLDER = Path(__file__).parent / "studies"
USUAL_ALPHAS = ("0:1:0.1",)
Axis = Literal["", "fine_he", "fine_all", "coarse_he", "coarse_all"]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartKeys(_Keys):
    """A part of the items; its name may hold {domain}, the pair's word for its domain."""

    tasks: tuple[str, ...] = Field(min_length=1, description="as in --tasks")
    where: Literal["all", "in-domain", "rest"] = Field(
        "all", description="in which data sets: those of the in-domain tasks, the rest, or all"
    )
    mean: Literal["items", "datasets"] = Field("items", description="what counts the same")
    published: Axis = Field("", description="the axis of the published figure")


class PairKeys(_Keys):
    """A base and its fine-tune, of one plugin."""

    plugin: str
    base: str
    finetuned: str
    in_domain: tuple[str, ...] = Field(min_length=1, description="as in --in-domain")
    data: str = Field("", description="as in --data")
    domain: str = Field("in-domain", description="what the domain is called in names of parts")
    published: tuple[str, ...] = Field(
        (), description="models of the published figure: base, fine-tune, merged"
    )
    stands_in: bool = Field(False, description="whether the published models are others")
    note: str = ""


class StudyKeys(_Keys):
    """The keys of a study's file."""

    title: str = ""
    alpha: tuple[str, ...] = Field((), description="as in --alpha")
    tasks: tuple[str, ...] = Field((), description="as in --tasks")
    prompt: tuple[str, ...] = Field((), description="as in --prompt")
    published: str = Field("", description="a table of published numbers: a name or a file")
    parts: dict[str, PartKeys] = Field(default_factory=dict)
    pairs: dict[str, PairKeys] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SweepStudy:
    """A study, and the pair of it that is asked; None for two models of one's own."""

    keys: StudyKeys
    pair: PairKeys | None

    def settings(self) -> dict[str, Any]:
        """The settings of `eval` that it names; the user's win over them."""
        named: dict[str, Any] = {"tasks": self.keys.tasks, "prompt": self.keys.prompt}
        if self.pair is not None:
            named |= {"data": self.pair.data}
        return {name: value for name, value in named.items() if value}

    def parts(self, plan: Plan) -> tuple[ItemPart, ...]:
        """Its parts, with the tasks of the plan that each means. SettingError for a name that
        another part, a half or a task has."""
        named = self._named()
        check_names(list(named), [task.name for task in plan.tasks])
        return tuple(
            ItemPart(
                name=name,
                tasks=tuple(
                    task.name
                    for task in plan.tasks
                    if any(matches(pattern, task) for pattern in keys.tasks)
                ),
                where=keys.where,
                mean=keys.mean,
            )
            for name, keys in named.items()
        )

    def _named(self) -> dict[str, PartKeys]:
        """The keys of the parts by their whole names."""
        word = "in-domain" if self.pair is None else self.pair.domain
        return {name.replace("{domain}", word): keys for name, keys in self.keys.parts.items()}

    def beside(self, settings: Settings, in_domain: Sequence[str]) -> PublishedPoints | None:
        """The published points of the pair, and why they can't be compared; None without any.

        `in_domain`: as it was given. DefinitionError for models that the table lacks.
        """
        pair = self.pair
        if pair is None or not pair.published or not self.keys.published:
            return None
        table = load_published(self.keys.published)
        known = {} if table.merging is None else table.merging.models
        unknown = [model for model in pair.published if model not in known]
        if table.merging is None or unknown:
            raise DefinitionError(
                f"The published table {table.name} has no merging of {unknown[0]}; it has "
                f"{', '.join(known) or 'none'}."
            )
        axes = {name: keys.published for name, keys in self._named().items() if keys.published}
        return PublishedPoints(
            source=table.source,
            read_off=table.merging.read_off,
            models={
                model: {part: known[model][axis] for part, axis in axes.items()}
                for model in pair.published
            },
            differs=tuple(_differences(self.keys, pair, settings, in_domain)),
            notes=(
                "The α of the merged model was not published",
                f"Fine is there the {table.merging.fine_axis}",
            ),
        )


def _differences(
    keys: StudyKeys, pair: PairKeys, now: Settings, in_domain: Sequence[str]
) -> list[str]:
    """In what the sweep differs from what was published."""
    less = now.limit or now.shard or now.licenses or now.partial
    found = {
        "other models": pair.stands_in,
        "other data": pair.stands_in or now.data != pair.data or less,
        "other tasks": now.tasks != keys.tasks or tuple(in_domain) != pair.in_domain,
        "other prompts": now.prompt != keys.prompt or now.prompt_set,
        "other images": now.control != "none" or now.image_set,
    }
    return [what for what, differs in found.items() if differs]


def names() -> list[str]:
    """The names of the shipped studies of sweeps."""
    return study_names(FOLDER)


@dataclass(frozen=True, slots=True)
class AskedSweep:
    """What a sweep is of, by what the user gave and, where that is silent, by a study."""

    settings: Settings
    base: str | None
    finetuned: Sequence[str]
    alphas: Sequence[str]
    in_domain: Sequence[str]
    study: SweepStudy | None


def asked(
    given: Mapping[str, Any],
    *,
    study: str | None,
    pair: str | None,
    base: str | None,
    finetuned: Sequence[str],
    in_domain: Sequence[str],
    alphas: Sequence[str],
) -> AskedSweep:
    """Settings, models, α and tasks of a sweep. `given`: settings of `eval`, which win over those
    of the study; the pair names its plugin too. SettingError says what is missing."""
    found, values = None, dict(given)
    if study is not None:
        found = _load(study, pair, own=base is not None or bool(finetuned))
        values = {**found.settings(), **values}
    elif pair is not None:
        raise SettingError("--pair belongs to a study: give --study paper-interpolation.")
    if found is not None and found.pair is not None:
        base, finetuned = found.pair.base, (found.pair.finetuned,)
        values["plugin"] = found.pair.plugin
        in_domain = in_domain or found.pair.in_domain
    if not values.get("plugin"):
        raise SettingError("Which model? Give --plugin NAME; `mubench-gen plugins` lists them.")
    if not finetuned:
        raise SettingError("Which fine-tune? Give --finetuned MODEL, a model of the plugin.")
    twice = [name for name in finetuned if list(finetuned).count(name) > 1]
    if twice:
        raise SettingError(f"--finetuned {twice[0]} is given twice. Its share is set by --weights.")
    of_study = () if found is None else found.keys.alpha
    return AskedSweep(
        settings=make_settings(values),
        base=base,
        finetuned=finetuned,
        alphas=alphas or of_study or USUAL_ALPHAS,
        in_domain=in_domain,
        study=found,
    )


def _load(study: str, pair: str | None, *, own: bool) -> SweepStudy:
    """A study by name or from a file, and its pair of that name; `own`: of the user's models."""
    path = FOLDER / f"{study}.toml" if study in names() else user_path(study)
    if not is_file(path):
        raise no_such_study(study, names())
    _, keys = read_file(path, StudyKeys)
    if pair is not None and own:
        raise SettingError("--pair names both models: leave --base and --finetuned out.")
    if own:
        return SweepStudy(keys, None)
    if pair is None:
        by_name = f", or a pair by name: --pair {', '.join(keys.pairs)}" if keys.pairs else ""
        raise SettingError(
            f"--study {study}: which two models? Give --plugin, --base, --finetuned and "
            f"--in-domain{by_name}."
        )
    if pair not in keys.pairs:
        near = did_you_mean(pair, list(keys.pairs))
        known = ", ".join(keys.pairs) or "none"
        raise SettingError(f"--pair {pair}: the study has no such pair. {near} It has: {known}.")
    return SweepStudy(keys, keys.pairs[pair])
