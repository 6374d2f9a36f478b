"""What a merge is told, by the command line or by a recipe's file, and both together."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from mubench_gen.errors import SettingError
from mubench_gen.interpolation.merge.alphas import Alpha, parse_alphas, spelled
from mubench_gen.interpolation.merge.inputs import MergeSettings, Side
from mubench_gen.interpolation.merge.methods import Rescale, Sparse
from mubench_gen.interpolation.merge.per_finetune import OfOne
from mubench_gen.interpolation.merge.recipe import make_recipe
from mubench_gen.interpolation.merge.recipe_file import RecipeFile
from mubench_gen.interpolation.merge.tensors import NAMED
from mubench_gen.storage.paths import user_path

STORED = ("float32", "bfloat16", "float16")  # the types of --store
_FLAGS = {"base": "BASE", "finetuned": "FINETUNED", "each": "--weights", "alphas": "--alpha"}


@dataclass(frozen=True, slots=True)
class Said:
    """The settings of a merge that somebody gave; None for the others."""

    base: str | None = None
    finetuned: tuple[str, ...] | None = None
    alphas: tuple[str | Alpha, ...] | None = None
    method: str | None = None
    each: tuple[OfOne, ...] | None = None
    base_weight: Alpha | None = None
    density: float | None = None
    gamma: float | None = None
    epsilon: float | None = None
    seed: int | None = None
    rescale: Rescale | None = None
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None
    missing: Literal["refuse", "keep-base"] | None = None
    carry_from: Side | None = None
    accept_vocabulary: bool | None = None
    statistics: tuple[str, ...] | None = None
    store: str | None = None
    file: RecipeFile | None = field(default=None, compare=False)

    def settings(self, out: Path) -> MergeSettings:
        """The settings of the merge. Raises SettingError for what is missing or invalid."""
        if self.base is None or not self.finetuned:
            raise SettingError("Which models? Give BASE and FINETUNED, or --recipe FILE.")
        return MergeSettings(
            base=self.base,
            finetuned=self.finetuned,
            recipe=make_recipe(
                self.alphas or (),
                method=self.method or "linear",
                include=self.include or (),
                exclude=self.exclude or (),
                sparse=Sparse(self.density, self.gamma, self.epsilon, self.seed, self.rescale),
                keep_base=self.missing == "keep-base",
                each=self.each or (),
                base_weight=self.base_weight or Decimal(0),
            ),
            out=out,
            carried_from=self.carry_from or "base",
            accept_vocabulary=bool(self.accept_vocabulary),
            file=self.file,
            store=stored_type(self.store),
            statistics=tuple(map(user_path, self.statistics or ())),
        )


def stored_type(name: str | None) -> str | None:
    """The type as safetensors names it."""
    return None if name is None else NAMED[name]


def together(written: Said, given: Said) -> Said:
    """What a file says, and what the command line adds. SettingError where they contradict."""
    found: dict[str, Any] = {}
    for name in (one.name for one in fields(Said)):
        one, other = getattr(written, name), getattr(given, name)
        own = {key for each in written.each or () for key in each.own}
        if other is not None and (name in own or (one is not None and not _alike(one, other))):
            flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
            path = written.file.path if written.file else "the recipe"
            raise SettingError(
                f"{flag} contradicts {path}, which says it otherwise. Leave {flag} out, or change "
                "the file."
            )
        found[name] = other if one is None else one
    return Said(**found)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.replace("_", "-") == other.replace("_", "-")
    if isinstance(one, tuple) and one and not isinstance(one[0], OfOne):
        return _spellings(one) == _spellings(other)
    return bool(one == other)


def _spellings(values: tuple[str | Alpha, ...]) -> list[str]:
    return [value if isinstance(value, str) else spelled(value) for value in values]


def weights_of(text: str) -> tuple[OfOne, ...]:
    """Weights of fine-tunes from a text: numbers with commas, in the fine-tunes' order."""
    return tuple(OfOne(amount(part, f"--weights {text}")) for part in text.split(","))


def amount(value: object, where: str) -> Alpha:
    """A number, a list by depth, or a text by part. SettingError says `where` it is none."""
    text = f"rest=[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)
    try:
        (found,) = parse_alphas((text,))
    except (SettingError, ValueError):
        raise SettingError(
            f"{where}: {value!r:.80} is no number from -100 to 100 (or a list of numbers by "
            "depth, or a text by part: 'text=1,vision=0.5')."
        ) from None
    return found
