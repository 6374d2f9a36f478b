"""A plugin's module → what it offers, validated, its errors isolated."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from mubench_gen.errors import PluginError
from mubench_gen.plugins.hook_checks import registered
from mubench_gen.plugins.isolation import Isolated
from mubench_gen.plugins.modules import BESIDE_MODELS

if TYPE_CHECKING:
    import pluggy

    from mubench_gen.model import ModelSpec
    from mubench_gen.plugins.data_set import DataSet
    from mubench_gen.plugins.extension import Export, Judge, Measures, Metric, Section, Transform

    Score = Callable[[Iterable[Mapping[str, Any]], Mapping[str, Any]], Measures]
    Sectioned = Callable[[Sequence[Any]], Section]

Named = TypeVar("Named", "DataSet", "Transform", "Metric", "Export")

_METHODS = {
    "AsyncModel": ("ask",),
    "StreamingModel": ("submit",),
    "GenerativeModel": ("generate",),
    "ContrastiveModel": ("embed_images", "embed_texts"),
}
_ASYNC = {
    True: "must be `async def`",
    False: "is `async def`, and must not be: `mubench_gen.AsyncModel` has an `async def ask`",
}
_WORDS = {
    "dataset": "data sets",
    "transform": "an image transform",
    "judge": "a judge",
    "scorer": "a scorer",
    "section": "a section",
    "metrics": "metrics",
    "export": "an export format",
}  # of each of BESIDE_MODELS


@dataclass(frozen=True, slots=True)
class Offers:
    """What a plugin offers. `score` and `section` call its hooks and check what they return."""

    models: Sequence[ModelSpec]
    judge: type[Judge] | None = None
    score: Score | None = None
    section: Sectioned | None = None
    transforms: Sequence[Transform] = ()
    metrics: Sequence[Metric] = ()
    exports: Sequence[Export] = ()
    datasets: Sequence[DataSet] = ()

    @property
    def beside_models(self) -> list[str]:
        """The kinds of what it offers beside models, those of BESIDE_MODELS in their order."""
        offered = {
            "dataset": self.datasets,
            "transform": self.transforms,
            "metrics": self.metrics,
            "export": self.exports,
            "judge": self.judge,
            "scorer": self.score,
            "section": self.section,
        }
        return [kind for kind in BESIDE_MODELS if offered[kind]]

    @property
    def kinds(self) -> str:
        """What it offers beside models, in words: "a judge and a scorer"."""
        found = self.beside_models
        return " and ".join(words for kind, words in _WORDS.items() if kind in found)


def offers_of(module: ModuleType, where: str) -> Offers:
    """Ask a module's hooks for its models and its judge; PluginError says what is wrong."""
    from mubench_gen.plugins.data_set import DataSet
    from mubench_gen.plugins.extension import Export, Metric, Transform

    manager = registered(module, where)
    return Offers(
        _models(manager, where),
        _judge(manager, where),
        _score(manager, where) if manager.hook.mubench_gen_score.get_hookimpls() else None,
        _section(manager, where) if manager.hook.mubench_gen_section.get_hookimpls() else None,
        _named(manager, "mubench_gen_transforms", Transform, where),
        _named(manager, "mubench_gen_metrics", Metric, where),
        _named(manager, "mubench_gen_exports", Export, where),
        _named(manager, "mubench_gen_datasets", DataSet, where),
    )


def _models(manager: pluggy.PluginManager, where: str) -> Sequence[ModelSpec]:
    from mubench_gen.model import ModelSpec

    if not manager.hook.mubench_gen_models.get_hookimpls():
        if any(getattr(manager.hook, name).get_hookimpls() for name in BESIDE_MODELS.values()):
            return []  # a judge or a scorer needs no models
        raise PluginError(
            f"{where} has no hook mubench_gen_models: define it and mark it @mubench_gen.hookimpl."
        )
    with Isolated(where):
        answers = manager.hook.mubench_gen_models()
    models = list(answers[0]) if answers and isinstance(answers[0], (list, tuple)) else []
    if not models or not all(isinstance(m, ModelSpec) for m in models):
        found = f"{answers[0]!r:.60}" if answers else "None"
        raise PluginError(
            f"{where}: mubench_gen_models must return a list of ModelSpec, found {found}."
        )
    names: set[str] = set()
    for spec in models:
        fault = f"it offers two models named {spec.name!r}" if spec.name in names else _fault(spec)
        if fault is not None:
            raise PluginError(f"{where}, model {spec.name!r}: {fault}.")
        names.add(spec.name)
    return models


def _judge(manager: pluggy.PluginManager, where: str) -> type[Judge] | None:
    from mubench_gen.plugins.extension import Judge

    hook = manager.hook.mubench_gen_judge
    if not hook.get_hookimpls():
        return None
    with Isolated(where):
        judge: Any = hook()
    if not isinstance(judge, type) or not issubclass(judge, Judge) or judge.read is Judge.read:
        raise PluginError(f"{where}: mubench_gen_judge must return a Judge class that has `read`.")
    if inspect.iscoroutinefunction(judge.read):
        raise PluginError(f"{where}: {judge.__name__}.read is `async def`, and must not be.")
    return judge


def _named(
    manager: pluggy.PluginManager, name: str, kind: type[Named], where: str
) -> Sequence[Named]:
    """What a hook lists: objects of one class, each with a name of its own."""
    hook = getattr(manager.hook, name)
    if not hook.get_hookimpls():
        return ()
    with Isolated(where):
        given = hook()
    found = list(given) if isinstance(given, (list, tuple)) else []
    if not found or not all(isinstance(one, kind) for one in found):
        raise PluginError(
            f"{where}: {name} must return a list of mubench_gen.{kind.__name__}, "
            f"found {given!r:.60}."
        )
    names = [one.name for one in found]
    if twice := sorted({one for one in names if names.count(one) > 1}):
        raise PluginError(f"{where}: {name} lists two named {twice[0]!r}.")
    return found


def _score(manager: pluggy.PluginManager, where: str) -> Score:
    def score(records: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any]) -> Measures:
        with Isolated(where):
            given = manager.hook.mubench_gen_score(records=records, manifest=manifest)
        fault = _fault_of_measures(given)
        if fault is not None:
            raise PluginError(f"{where}: mubench_gen_score must return {{group: {{measure: "
                              f"number or None}}}}, {fault}.")  # fmt: skip
        measures: Measures = given
        return measures

    return score


def _fault_of_measures(given: Any) -> str | None:
    if not isinstance(given, Mapping) or not given:
        return f"found {given!r:.60}"
    for group, measures in given.items():
        if not isinstance(measures, Mapping):
            return f"found {measures!r:.60} for {group!r}"
        for name, value in measures.items():
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if value is not None and not (number and math.isfinite(value)):
                return f"found {value!r:.60} for {name!r} of {group!r}"
    return None


def _section(manager: pluggy.PluginManager, where: str) -> Sectioned:
    def section(runs: Sequence[Any]) -> Section:
        from mubench_gen.plugins.extension import Section

        with Isolated(where):
            given: Any = manager.hook.mubench_gen_section(runs=runs)
        sound = isinstance(given, Section) and isinstance(given.text, str)
        if not sound or not isinstance(given.title, str):
            raise PluginError(
                f"{where}: mubench_gen_section must return a mubench_gen.Section(title, text), "
                f"found {given!r:.60}."
            )
        found: Section = given
        return found

    return section


def _fault(spec: ModelSpec) -> str | None:
    """What is wrong with a model as it is described, before anything of it runs."""
    from mubench_gen.model import (
        Checkpoint,
        ContrastiveModel,
        GenerativeModel,
        Options,
        StreamingModel,
    )
    from mubench_gen.plugins.async_model import AsyncModel

    if not isinstance(spec.name, str) or not spec.name:
        return "it needs a name, a text for --model"
    source: Any = spec.source
    if isinstance(source, Checkpoint):
        return None
    for family in (AsyncModel, StreamingModel, GenerativeModel, ContrastiveModel):
        if isinstance(source, type) and issubclass(source, family):
            break
    else:
        return (
            "its source must be a subclass of GenerativeModel or ContrastiveModel (the class, "
            f"not an object of it) or a Checkpoint, found {source!r:.80}"
        )
    for method in _METHODS[family.__name__]:
        own = getattr(source, method)
        if own is getattr(family, method):
            return f"the class {source.__name__} must define {method}"
        if inspect.iscoroutinefunction(own) != (family is AsyncModel):
            return f"{source.__name__}.{method} {_ASYNC[family is AsyncModel]}"
    if not isinstance(source.Options, type) or not issubclass(source.Options, Options):
        return f"{source.__name__}.Options must be a subclass of mubench_gen.Options"
    return None
