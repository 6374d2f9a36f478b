"""The recipes of a sweep: one for each method, from settings that are given once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace

from mubench_gen.console.notes import note
from mubench_gen.errors import SettingError
from mubench_gen.interpolation.merge.methods import METHODS, USUAL, Sparse, method_named
from mubench_gen.interpolation.merge.per_finetune import OfOne
from mubench_gen.interpolation.merge.recipe import Recipe, make_recipe


def make_recipes(
    alphas: Sequence[str],
    *,
    methods: Iterable[str] = ("linear",),
    sparse: Sparse = USUAL,
    each: Sequence[OfOne] = (),
    seed: int = 0,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    keep_base: bool = False,
) -> tuple[Recipe, ...]:
    """The checked recipe of each method, in their order. `seed`: of the methods that draw.

    Of several methods each takes the settings that it has, and a note names those that have not.
    SettingError for an unknown method, for a setting that none has, or a value out of its range.
    """
    names = tuple(dict.fromkeys(method_named(name) for name in methods))
    if not names:
        raise SettingError("Which method? Give --method linear, or several: linear,ties,della.")
    measured = [name for name in names if METHODS[name].measured]
    if measured:
        raise SettingError(
            f"--method {measured[0]} needs what mubench-gen measure finds of each fine-tune, and a "
            "sweep knows weights alone: make the folders with mubench-gen merge and evaluate them "
            "one by one."
        )
    found = []
    for name in names:
        own = _own(name, sparse) if len(names) > 1 else sparse
        if METHODS[name].settings.seed is not None:
            own = replace(own, seed=seed)
        weighs = METHODS[name].weights or len(names) == 1
        found.append(
            make_recipe(alphas, method=name, sparse=own, each=each if weighs else (),
                        include=include, exclude=exclude, keep_base=keep_base)
        )  # fmt: skip
    if len(names) > 1:
        _tell(names, sparse, weighed=bool(each))
    return tuple(found)


def _own(method: str, given: Sparse) -> Sparse:
    """The settings that the method has."""
    lacked = [one.name for one in fields(Sparse)
              if getattr(METHODS[method].settings, one.name) is None]  # fmt: skip
    return replace(given, **dict.fromkeys(lacked))


def _tell(methods: Sequence[str], given: Sparse, *, weighed: bool) -> None:
    """Say which methods a setting is of, where some have it; SettingError where none has."""
    has = {
        one.name: [name for name in methods
                   if getattr(METHODS[name].settings, one.name) is not None]
        for one in fields(Sparse) if getattr(given, one.name) is not None
    }  # fmt: skip
    if weighed:
        has["weights"] = [name for name in methods if METHODS[name].weights]
    for setting, users in has.items():
        others = [name for name in methods if name not in users]
        if not users:
            raise SettingError(f"--{setting}: none of {', '.join(methods)} has it. Leave it out.")
        if others:
            note(f"--{setting} is of {', '.join(users)}; {', '.join(others)} has none.")
