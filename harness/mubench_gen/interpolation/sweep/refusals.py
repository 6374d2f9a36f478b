"""What a sweep cannot be made of, found before anything is asked."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.errors import SettingError
from mubench_gen.interpolation.merge.alphas import REST, parts_of
from mubench_gen.interpolation.merge.parts import PARTS
from mubench_gen.interpolation.merge.recipe import Recipe
from mubench_gen.model import Checkpoint, ModelSpec
from mubench_gen.plan.plan import Plan
from mubench_gen.plan.settings import Settings


def refuse_globs(recipes: Sequence[Recipe]) -> None:
    """Refuse α of tensors by name, since engines name them otherwise than files do."""
    parts = {part for recipe in recipes for alpha in recipe.alphas for part in parts_of(alpha)}
    named = sorted(parts - {*PARTS, REST})
    if named:
        raise SettingError(
            f"--alpha {named[0]}=…: a sweep moves {', '.join(PARTS)} and {REST}. For parts by name "
            "make the folders with mubench-gen merge and evaluate them one by one."
        )


def refuse_elsewhere(settings: Settings) -> None:
    """Refuse a server, whose weights don't move: every α would ask the base."""
    if settings.base_url:
        raise SettingError(
            "sweep moves the weights of a model that it opens, and --base-url asks another: leave "
            "it out, or make the folders with mubench-gen merge, serve and evaluate them one by "
            "one."
        )


def checkpoint_of(plan: Plan, spec: ModelSpec) -> Checkpoint:
    if not isinstance(spec.source, Checkpoint):
        raise SettingError(
            f"The model {spec.name!r} of the plugin {plan.plugin.name!r} is opened by the plugin's "
            "own code, into which a sweep cannot reach: make the folders with mubench-gen merge "
            "and evaluate them one by one."
        )
    return spec.source
