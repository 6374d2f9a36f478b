"""Recipes in files: our own TOML, and mergekit's YAML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mubench_gen.errors import DefinitionError, MissingExtraError
from mubench_gen.interpolation.merge.given import Said, amount
from mubench_gen.interpolation.merge.mergekit_file import said_by_mergekit
from mubench_gen.interpolation.merge.per_finetune import OfOne
from mubench_gen.interpolation.merge.recipe_file import RecipeFile
from mubench_gen.prompts.toml_files import first_problem, line_of_key, read_definition, read_toml
from mubench_gen.storage.user_files import check_plain

Amount = float | str | list[float]


class _Finetuned(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    model: str
    weight: Amount = 1.0
    density: Amount | None = None
    gamma: Amount | None = None
    epsilon: Amount | None = None
    statistics: str | None = None


class _Recipe(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    base: str | None = None
    finetuned: list[_Finetuned] = []
    method: str | None = None
    alpha: float | str | list[float | str] | None = None
    density: float | None = None
    gamma: float | None = None
    epsilon: float | None = None
    seed: int | None = None
    rescale: Literal["chance", "sum", "none"] | None = None
    include: list[str] | None = None
    exclude: list[str] | None = None
    missing: Literal["refuse", "keep-base"] | None = None
    carry_from: Literal["base", "finetuned"] | None = None
    accept_vocabulary: bool | None = None
    store: Literal["float32", "bfloat16", "float16"] | None = None


def read_recipe(path: Path) -> Said:
    """What the recipe in a file says: TOML of our own, or YAML of mergekit by its suffix.

    Raises DefinitionError or SettingError for what it cannot mean here, and MissingExtraError
    where YAML cannot be read because PyYAML is not installed.
    """
    text = read_definition(path)
    if path.suffix in (".yml", ".yaml"):
        return said_by_mergekit(_yaml(text, path), RecipeFile(str(path), text))
    content = read_toml(text, path)
    try:
        recipe = _Recipe.model_validate(content)
    except ValidationError as error:
        problem = first_problem(error, _Recipe)
        line = line_of_key(text, problem.key)
        raise DefinitionError(f"{path}:{line}: {problem.key}: {problem.text}.") from None
    return _said(recipe, RecipeFile(str(path), text))


def _said(recipe: _Recipe, file: RecipeFile) -> Said:
    given = recipe.model_dump(exclude={"finetuned", "alpha", "include", "exclude"})
    alpha = recipe.alpha
    alphas = alpha if isinstance(alpha, list) else [] if alpha is None else [alpha]
    each = tuple(_of_one(one, file) for one in recipe.finetuned)
    return Said(
        **given,
        alphas=tuple(map(str, alphas)) or None,
        finetuned=tuple(one.model for one in recipe.finetuned) or None,
        statistics=_statistics(recipe.finetuned, file),
        each=each if any(one != OfOne() for one in each) else None,
        include=None if recipe.include is None else tuple(recipe.include),
        exclude=None if recipe.exclude is None else tuple(recipe.exclude),
        file=file,
    )


def _statistics(finetuned: Sequence[_Finetuned], file: RecipeFile) -> tuple[str, ...] | None:
    """What was measured of each fine-tune; None where the file names nothing."""
    found = [one.statistics for one in finetuned if one.statistics is not None]
    if found and len(found) < len(finetuned):
        raise DefinitionError(
            f"{file.path}: statistics: give them for each fine-tune, or for none."
        )
    return tuple(found) or None


def _of_one(one: _Finetuned, file: RecipeFile) -> OfOne:
    given = one.model_dump(exclude={"model", "statistics"}, exclude_none=True)
    return OfOne(**{key: amount(value, f"{file.path}: {key}") for key, value in given.items()})


def _yaml(text: str, path: Path) -> Any:
    try:
        import yaml
    except ImportError:
        raise MissingExtraError(
            "PyYAML", "hub", "Reading mergekit's YAML", "A recipe in TOML needs nothing"
        ) from None
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise ValueError("it has an alias (*NAME): write out what it stands for")
        content = yaml.safe_load(text)
        check_plain(content)
    except RecursionError:
        problem = "it is nested too deeply"
    except (yaml.YAMLError, ValueError) as error:
        problem = " ".join(str(error).split())
    else:
        return content
    raise DefinitionError(f"{path}: no valid YAML: {problem}.")
