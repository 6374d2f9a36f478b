"""Which models are adapters of one base, so that one can go on where the other was loaded."""

from __future__ import annotations

from typing import Any

from mubench_gen.engines.adapters import find_adapter
from mubench_gen.model import Checkpoint
from mubench_gen.plan.plan import Plan


def shares_base(one: Plan, other: Plan) -> bool:
    """Whether the models of two plans are adapters of one base that are run in one way."""
    if one.model is other.model or one.cluster is not None or other.cluster is not None:
        return False
    base = _base(one)
    return base is not None and base == _base(other) and _way(one) == _way(other)


def _base(plan: Plan) -> str | None:
    source = plan.spec.source
    if not isinstance(source, Checkpoint):
        return None
    adapter = find_adapter(source.path, plan.settings.revision or source.revision, source.base)
    return None if adapter is None else adapter.base_name


def _way(plan: Plan) -> Any:
    """What makes the model, except which adapter it is."""
    setup = plan.model.setup
    given = {name: one for name, one in setup.arguments["given"].items() if name != "model"}
    options = {name: one for name, one in (given["options"] or {}).items() if name != "base"}
    return setup.opener, {**setup.arguments, "given": {**given, "options": options}}
