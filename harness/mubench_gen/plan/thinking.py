"""Who heeds `--thinking`: checkpoints, classes that say so, and models whose members do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mubench_gen.errors import SettingError
from mubench_gen.model import Checkpoint, ModelSpec
from mubench_gen.plan.settings import Settings


def heeds_thinking(spec: ModelSpec) -> bool:
    """Whether a model does as `--thinking` says, as far as is known before it is opened."""
    if spec.kind == "contrastive":
        return False
    own = isinstance(spec.source, Checkpoint)
    return own or bool(getattr(spec.source, "takes_thinking", False))


def check_thinking(spec: ModelSpec, settings: Settings, members: Sequence[Any]) -> None:
    """SettingError for `--thinking` where nothing would heed it."""
    if settings.thinking is None or heeds_thinking(spec):
        return
    if spec.kind == "contrastive":
        raise SettingError(
            f"--thinking {settings.thinking}: {spec.name} is a contrastive model, which writes "
            "nothing and does not think. Leave it out."
        )
    if not any(member.thinking for member in members):
        raise SettingError(
            f"--thinking {settings.thinking}: the plugin {settings.plugin!r} runs its model itself "
            "and does not say that it heeds it (takes_thinking, docs/plugins.md). Leave it out."
        )
