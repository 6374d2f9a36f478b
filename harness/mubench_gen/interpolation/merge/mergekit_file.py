"""mergekit's YAML, read where it means the same here; refused with a sentence where it doesn't.

Checked against mergekit 0.1.4, whose methods the results agree with (docs/interpolation.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from mubench_gen.errors import DefinitionError
from mubench_gen.interpolation.merge.alphas import Alpha
from mubench_gen.interpolation.merge.given import STORED, Said
from mubench_gen.interpolation.merge.mergekit_parameters import Level, Parameters
from mubench_gen.interpolation.merge.mergekit_words import (
    KEYS,
    MEAN,
    NOTHING,
    PARAMETERS,
    READ,
    SUM,
    UNSUPPORTED,
    Method,
)
from mubench_gen.interpolation.merge.methods import METHODS, Rescale, listed_methods
from mubench_gen.interpolation.merge.per_finetune import OfOne
from mubench_gen.interpolation.merge.recipe_file import RecipeFile


@dataclass(frozen=True, slots=True)
class _Model:
    name: str
    parameters: Level


def said_by_mergekit(content: Any, file: RecipeFile) -> Said:
    """The merge that a configuration of mergekit describes. DefinitionError if it is another."""
    return _Reader(content, file, Parameters(file.path)).read()


@dataclass(frozen=True, slots=True)
class _Reader:
    content: Any
    file: RecipeFile
    parameters: Parameters

    def read(self) -> Said:
        self._check_keys()
        method = self._method()
        shared, models, layers = self._models()
        base, finetuned = self._sides(method, models)
        facts, notes = READ[method], list(self._notes(method, base, models, shared))
        levels = [[one.parameters, *shared] for one in finetuned]
        each = [self._of_one(facts, one) for one in levels]
        base_weight: Alpha = Decimal(0)
        if method == "linear":
            base_weight = self.parameters.amount("weight", [base.parameters, *shared], None)
        self._check_meaning(method, shared, [base_weight, *(one.weight for one in each)])
        # A passthrough's scale is its model's own; the others' factor is the whole merge's.
        name, usual = facts.alpha
        alpha = self.parameters.amount(name, levels[0] if name == "scale" else shared, usual)
        if method == "karcher":
            alpha = Decimal(len(finetuned)) / (len(finetuned) + 1)
        return Said(
            base=base.name,
            finetuned=tuple(one.name for one in finetuned),
            alphas=(alpha,),
            method=method,
            each=tuple(each) if facts.own else (),
            base_weight=base_weight,
            rescale=self._rescale(method, shared),
            carry_from="base" if self.content.get("tokenizer_source") else None,
            file=replace(self.file, notes=tuple(notes), layers=layers),
            store=self._dtype(),
        )

    def _refuse(self, key: str, why: str) -> DefinitionError:
        return self.parameters.refuse(key, why)

    def _check_keys(self) -> None:
        if not isinstance(self.content, dict) or "merge_method" not in self.content:
            raise DefinitionError(
                f"{self.file.path}: a configuration of mergekit has a merge_method. (A recipe of "
                "mubench-gen itself is a .toml file.)"
            )
        for key, why in UNSUPPORTED.items():
            if self.content.get(key):
                raise self._refuse(key, why)
        for key in self.content.keys() - KEYS - UNSUPPORTED.keys():
            raise self._refuse(str(key), f"no such key. Known are {', '.join(sorted(KEYS))}.")

    def _method(self) -> str:
        method = str(self.content["merge_method"]).replace("_", "-")
        if method not in READ:
            raise self._refuse(
                "merge_method",
                f"{method} is none that both have. Methods here: {listed_methods()}.",
            )
        return method

    def _models(self) -> tuple[list[Level], list[_Model], int | None]:
        """The levels of parameters behind a model's, the models, and the number of layers."""
        whole = self._level(self.content)
        models, slices = self.content.get("models"), self.content.get("slices")
        if bool(models) == bool(slices):
            raise self._refuse("models", "one of `models` and `slices` lists what is merged.")
        if models:
            return [whole], self._listed("models", models), None
        if not isinstance(slices, list) or len(slices) != 1 or not isinstance(slices[0], dict):
            raise self._refuse(
                "slices", "layers are not stacked into another model. Merge whole models: `models`."
            )
        (one,) = slices
        if one.get("residual_weight") is not None or one.get("base_model"):
            raise self._refuse(
                "slices", "residual_weight and a base_model of a slice are not read."
            )
        sources = self._listed("sources", one.get("sources"))
        ranges = [source.get("layer_range") for source in one["sources"]]
        first = ranges[0]
        if not isinstance(first, list) or len(first) != 2 or first[0] != 0:
            raise self._refuse("layer_range", "only whole models are merged: [0, all layers].")
        if any(one != first for one in ranges) or type(first[1]) is not int:
            raise self._refuse("layer_range", "all models have the same whole range of layers.")
        return [self._level(one), whole], sources, first[1]

    def _listed(self, key: str, models: Any) -> list[_Model]:
        if not isinstance(models, list) or not models:
            raise self._refuse(key, "a list of models is needed.")
        found = []
        for one in models:
            if not isinstance(one, dict) or one.keys() - {"model", "parameters", "layer_range"}:
                raise self._refuse(key, f"{one!r:.80} is no model with its parameters.")
            found.append(_Model(self._name(one.get("model")), self._level(one)))
        names = [one.name for one in found]
        for name in names:
            if names.count(name) > 1:
                raise self._refuse(key, f"{name} stands there twice. Add up its weights.")
        return found

    def _name(self, model: Any) -> str:
        if isinstance(model, dict) and isinstance(model.get("model"), dict):
            inner = model["model"]
            adapter = model.get("lora") or model.get("override_architecture")
            revision = f"@{inner['revision']}" if inner.get("revision") else ""
            model = None if adapter else f"{inner.get('path', '')}{revision}"
        if not isinstance(model, str) or not model:
            raise self._refuse("model", "a folder or a hub id (OWNER/NAME@REVISION) is needed.")
        if "+" in model and not Path(model).exists():
            raise self._refuse(
                "model", f"{model}: an adapter on its base is not merged here. Merge it into its "
                "base first: mubench-gen merge BASE ADAPTER --alpha 1 --out FOLDER."
            )  # fmt: skip
        return model

    def _level(self, holder: Mapping[str, Any]) -> Level:
        level = holder.get("parameters") or {}
        if not isinstance(level, dict):
            raise self._refuse("parameters", f"{level!r:.80} is no table of parameters.")
        for name in level.keys() - PARAMETERS:
            raise self._refuse(
                str(name), f"no such parameter. Known are {', '.join(sorted(PARAMETERS))}."
            )
        return level

    def _sides(self, method: str, models: list[_Model]) -> tuple[_Model, list[_Model]]:
        """The base and the fine-tunes. Without a base_model the first is the base."""
        wanted = self.content.get("base_model")
        name = None if wanted is None else self._name(wanted)
        listed = {one.name: one for one in models}
        if method == "passthrough":
            if len(models) > 1 or name not in (None, *listed):
                raise self._refuse("models", "passthrough takes one model, and no other base.")
            return models[0], models
        if name is None and method not in ("linear", "karcher"):
            raise self._refuse("base_model", f"{method} needs one.")
        if method == "linear" and name is not None and name not in listed:
            raise self._refuse(
                "base_model", f"{name} has no weight: list it under `models`, or leave it out."
            )
        base = models[0] if name is None else listed.get(name, _Model(name, {}))
        others = [one for one in models if one.name != base.name]
        if not others:
            raise self._refuse("models", "none of them is a fine-tune of the base.")
        return base, others

    def _of_one(self, facts: Method, levels: list[Level]) -> OfOne:
        return OfOne(
            **{
                ours: self.parameters.amount(name, levels if name != "select_topk" else levels[1:],
                                             usual)
                for name, ours, usual in facts.own
            }
        )  # fmt: skip

    def _check_meaning(self, method: str, shared: list[Level], weights: list[Alpha]) -> None:
        """Refuse switches that make another method of it."""
        level, reads, flag = _merged(shared), READ[method].other, self.parameters.flag
        mean = method == "linear" or METHODS[method].consensus == "elected"
        usual = method in ("linear", "ties", "della")
        if "normalize" in reads and flag("normalize", level, usual) != mean:
            numbers = [one for one in weights if isinstance(one, Decimal)]
            if not (method == "linear" and len(numbers) == len(weights) and sum(numbers) == 1):
                raise self._refuse("normalize", MEAN if mean else SUM.format(method))
        scales = method == "task-arithmetic" or _draws(method)
        if "rescale" in reads and not scales and flag("rescale", level, False):
            raise self._refuse(
                "rescale", f"{method} does not scale what it keeps. Raise lambda, and leave it out."
            )
        if "filter_wise" in reads and flag("filter_wise", level, False):
            raise self._refuse(
                "filter_wise", "the angles are those of whole tensors. Leave it out for that."
            )

    def _notes(
        self, method: str, base: _Model, models: list[_Model], shared: list[Level]
    ) -> Iterator[str]:
        """Notes on what changes nothing here."""
        facts = READ[method]
        own = {name for name, *_ in facts.own if name != "select_topk"} | (
            {"scale"} & {facts.alpha[0]}
        )
        read = {name for name, *_ in facts.own} | {facts.alpha[0], *facts.other}
        unread = {name for level in shared for name in level if name not in read}
        for one in models:
            kept = own if one is not base or method in ("linear", "passthrough") else set()
            unread |= {name for name in one.parameters if name not in kept}
        for name in sorted(unread):
            yield f"{name} in {self.file.path} is not read by {method}, and changes nothing"
        for name, why in NOTHING.items():
            heeded = name == "rescale" and _draws(method)
            if any(name in level for level in shared) and name in facts.other and not heeded:
                yield f"{name} in {self.file.path} changes nothing: {why}"
        if _draws(method):
            yield (
                f"{method} draws by --seed here, and by torch's generator in mergekit: other "
                "elements, by the same chances"
            )
        if self.content.get("dtype"):
            yield f"dtype in {self.file.path}: weights are computed in float32, and rounded once"

    def _rescale(self, method: str, shared: list[Level]) -> Rescale | None:
        """By what mergekit makes up for what it drops at random."""
        if not _draws(method):
            return None
        return "sum" if self.parameters.flag("rescale", _merged(shared), True) else "none"

    def _dtype(self) -> str | None:
        self._check_tokenizer()
        found = None
        for key in ("dtype", "out_dtype"):
            value = self.content.get(key)
            if value is not None and str(value) not in STORED:
                raise self._refuse(key, f"{value!r:.40} is none of {', '.join(STORED)}.")
            found = str(value) if value else found
        return found

    def _check_tokenizer(self) -> None:
        source = self.content.get("tokenizer_source")
        if source not in (None, "base", self.content.get("base_model")):
            raise self._refuse(
                "tokenizer_source", f"{source!r:.80}: vocabularies are not joined, and the base's "
                "tokenizer is copied. Leave it out, or say base."
            )  # fmt: skip


def _draws(method: str) -> bool:
    return METHODS[method].settings.rescale is not None


def _merged(levels: list[Level]) -> dict[str, Any]:
    """The parameters of the whole merge: the first level that has one says it."""
    return {key: value for one in reversed(levels) for key, value in one.items()}
