"""What identifies a plan: the model's part of every key, the run's settings and its ID."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mubench_gen.console.secrets import without_secrets
from mubench_gen.model import Checkpoint
from mubench_gen.plan.plan import Plan
from mubench_gen.storage.run_folder import settings_hash


def model_identity(plan: Plan) -> str:
    """A digest of all that determines a reply beside the request's own content."""
    settings = plan.settings
    blind = settings.control == "blind"  # a transform changes no picture where none is shown
    policy = plan.policy.untransformed() if blind else plan.policy
    parts = {
        "plugin": plan.plugin.name,
        "model": plan.spec.name,
        "revision": settings.revision,
        "weights": plan.weights.weights,
        "checkpoint": plan.weights.settings,
        "options": without_secrets(settings.model_options, plan.secret),
        "engine": plan.engine if isinstance(plan.spec.source, Checkpoint) else None,
        "dtype": settings.dtype,
        "policy": policy.identity(),
        **({"files": dict(plan.weights.files)} if plan.weights.files else {}),
        **({"members": list(plan.weights.members)} if plan.weights.members else {}),
        **({"deterministic": True} if settings.deterministic else {}),
        **({"thinking": settings.thinking} if settings.thinking else {}),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def run_identity(plan: Plan) -> dict[str, Any]:
    """The settings with defaults filled in that depend on plugin, model and data."""
    identity = plan.settings.identity(plan.secret)
    data = Path(plan.settings.data)
    plugin = plan.plugin.path
    return {
        **identity,
        "plugin": str(plugin) if plugin else identity["plugin"],
        "model": plan.spec.name,
        "engine": plan.engine,
        "data": str(data.resolve()) if data.exists() else plan.settings.data,
        "tasks": [task.name for task in plan.tasks],
        "prompt": [prompt.name for prompt in plan.prompts],
        "readout": list(plan.readouts),
        **({"budget": plan.selection.budget} if plan.selection is not None else {}),
    }


def run_id(plan: Plan, identity: Mapping[str, Any]) -> str:
    """PLUGIN-MODEL-HASH; of a shard the whole run's with -I-of-N behind it."""
    whole = {name: value for name, value in identity.items() if name != "shard"}
    part = "" if plan.shard is None else f"-{plan.shard.index}-of-{plan.shard.of}"
    return f"{plan.name}-{settings_hash(whole)}{part}"
