"""The hooks of a plugin's module, checked against their specifications."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mubench_gen.console.progress import log
from mubench_gen.errors import PluginError, describe, similar
from mubench_gen.plugins.entry_points import GROUP
from mubench_gen.plugins.isolation import Isolated

if TYPE_CHECKING:
    import pluggy

    from mubench_gen.plugins.extension import Measures, Section

    Score = Callable[[Iterable[Mapping[str, Any]], Mapping[str, Any]], Measures]
    Sectioned = Callable[[Sequence[Any]], Section]


def registered(module: ModuleType, where: str) -> pluggy.PluginManager:
    """The module's hooks, checked against the specifications."""
    import pluggy

    from mubench_gen.plugins.extension import Hooks

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
        with Isolated(where):  # a module may do anything where its attributes are looked at
            manager.register(module)
            manager.check_pending()
    except PluginError:
        if (odd := _odd_arguments(manager, module)) is not None:
            raise PluginError(f"{where}: {odd}") from None
        unknown = [name for name in dir(module) if _is_unknown_hook(manager, module, name)]
        if not unknown:
            raise
        known = [name for name in dir(Hooks) if name.startswith(f"{GROUP}_")]
        near = similar(unknown[0], known)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}."
        raise PluginError(
            f"{where} has a hook that mubench-gen doesn't know: {unknown[0]!r}. {hint}"
        ) from None
    return manager


def _odd_arguments(manager: pluggy.PluginManager, module: ModuleType) -> str | None:
    """The hook that takes an argument which its specification has not, with those that it has."""
    from mubench_gen.plugins.extension import Hooks

    for name in dir(Hooks):
        own = vars(module).get(name)
        if not callable(own) or manager.parse_hookimpl_opts(module, name) is None:
            continue
        known = list(inspect.signature(getattr(Hooks, name)).parameters)[1:]
        odd = [one for one in inspect.signature(own).parameters if one not in known]
        if odd:
            takes = " and ".join(known) or "nothing"
            return f"the hook {name} takes {takes}, by these names, and not {', '.join(odd)}."
    return None


def _is_unknown_hook(manager: pluggy.PluginManager, module: ModuleType, name: str) -> bool:
    marked = manager.parse_hookimpl_opts(module, name) is not None
    known = getattr(manager.hook, name, None)
    return marked and (known is None or not known.has_spec())


def _traced(outcome: Any) -> str:
    """What a hook gave, in a line."""
    if outcome.exception is not None:
        return f"{type(outcome.exception).__name__}: {describe(outcome.exception)}"
    answer = outcome.get_result()
    answers = answer if isinstance(answer, list) else [answer]
    flat = [one for part in answers for one in (part if isinstance(part, list) else [part])]
    return ", ".join(getattr(one, "name", None) or repr(one) for one in flat) or "nothing"
