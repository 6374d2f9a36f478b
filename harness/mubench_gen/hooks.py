"""A plugin's module → its models and its judge, validated, and kept from everything else."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import EngineFault, PluginError, UsageError, describe
from mubench_gen.progress import log

if TYPE_CHECKING:
    import pluggy

    from mubench_gen.model import Judge, ModelSpec

GROUP = "mubench_gen"  # of the entry points, and pluggy's project name
_METHODS = {
    "StreamingModel": ("submit",),
    "GenerativeModel": ("generate",),
    "ContrastiveModel": ("embed_images", "embed_texts"),
}


def models_of(module: ModuleType, where: str) -> Sequence[ModelSpec]:
    from mubench_gen.model import ModelSpec

    manager = _registered(module, where)
    if not manager.hook.mubench_gen_models.get_hookimpls():
        if manager.hook.mubench_gen_judge.get_hookimpls():
            return []  # a judge needs no models
        raise PluginError(
            f"{where} has no hook mubench_gen_models: define it and mark it @mubench_gen.hookimpl."
        )
    with Isolated(where):
        answers = manager.hook.mubench_gen_models()
    models = list(answers[0]) if answers and isinstance(answers[0], (list, tuple)) else []
    if not models or not all(isinstance(m, ModelSpec) for m in models):
        raise PluginError(f"{where}: mubench_gen_models must return a list of ModelSpec.")
    names: set[str] = set()
    for spec in models:
        fault = f"it offers two models named {spec.name!r}" if spec.name in names else _fault(spec)
        if fault is not None:
            raise PluginError(f"{where}, model {spec.name!r}: {fault}.")
        names.add(spec.name)
    return models


def judge_of(module: ModuleType, where: str) -> type[Judge] | None:
    from mubench_gen.model import Judge

    hook = _registered(module, where).hook.mubench_gen_judge
    if not hook.get_hookimpls():
        return None
    with Isolated(where):
        judge: Any = hook()
    if not isinstance(judge, type) or not issubclass(judge, Judge) or judge.read is Judge.read:
        raise PluginError(f"{where}: mubench_gen_judge must return a Judge class that has `read`.")
    return judge


def _registered(module: ModuleType, where: str) -> pluggy.PluginManager:
    """The module's hooks, checked against the specifications."""
    import pluggy

    from mubench_gen.model import Hooks

    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    if os.environ.get("MUBENCH_GEN_TRACE"):
        manager.add_hookcall_monitoring(
            lambda name, implementations, arguments: None,
            lambda outcome, name, implementations, arguments: log(
                f"trace: {where}: {name}() → {_traced(outcome)}"
            ),
        )
    try:
        manager.register(module)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"{where} has a hook that mubench-gen doesn't know: {error}") from None
    return manager


def _traced(outcome: Any) -> str:
    """What a hook gave, in a line."""
    if outcome.exception is not None:
        return f"{type(outcome.exception).__name__}: {describe(outcome.exception)}"
    answer = outcome.get_result()
    answers = answer if isinstance(answer, list) else [answer]
    flat = [one for part in answers for one in (part if isinstance(part, list) else [part])]
    return ", ".join(getattr(one, "name", None) or repr(one) for one in flat) or "nothing"


def _fault(spec: ModelSpec) -> str | None:
    """What is wrong with a model as it is described, before anything of it runs."""
    from mubench_gen.model import (
        Checkpoint,
        ContrastiveModel,
        GenerativeModel,
        Options,
        StreamingModel,
    )

    if not isinstance(spec.name, str) or not spec.name:
        return "it needs a name, a text for --model"
    source: Any = spec.source
    if isinstance(source, Checkpoint):
        return None
    for family in (StreamingModel, GenerativeModel, ContrastiveModel):
        if isinstance(source, type) and issubclass(source, family):
            break
    else:
        return (
            "its source must be a subclass of GenerativeModel or ContrastiveModel (the class, "
            f"not an object of it) or a Checkpoint, found {source!r:.80}"
        )
    for method in _METHODS[family.__name__]:
        if getattr(source, method) is getattr(family, method):
            return f"the class {source.__name__} must define {method}"
    if not isinstance(source.Options, type) or not issubclass(source.Options, Options):
        return f"{source.__name__}.Options must be a subclass of mubench_gen.Options"
    return None


class Isolated(contextlib.AbstractContextManager[None]):
    """Turns whatever a plugin raises where it gets ready into a PluginError with its place."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, (Exception, SystemExit)):  # a signal is no fault of the plugin
            return
        if isinstance(error, (UsageError, EngineFault)):
            return
        frames = traceback.extract_tb(trace)
        place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        raise PluginError(
            f"{self._where} is broken: {type(error).__name__}: {describe(error)}{place}."
        ) from None
