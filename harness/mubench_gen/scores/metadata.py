"""Looks up fields of records (their own, and the row's `meta`) and facts of models by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.storage.records import Record

ABSENT = "(not given)"
MODEL = "model."  # before the name of a fact
_GENERAL = frozenset({"general", "generalist", "web", "web images", "natural", "natural images"})
_MOST_GROUPS = 1_000
# Aliases of columns of μ-Bench's schema, for rows without a column of that name.
_ALSO = {
    "organism": "ncbitaxon_name",
    "licence": "license",
    "scale": "microns_per_pixel",
}


def split_fields(given: Iterable[str]) -> tuple[str, ...]:
    """Split names that are given one by one or with commas; each is returned once."""
    names = (name.strip() for text in given for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def facts_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The facts about a run's model, by name without "model.".

    The plugin's facts (family, domain, base, …), plugin, id and kind, and `scope`: generalist
    if the domain is general or web images, specialist for any other domain.
    """
    stated = manifest["model"].get("facts") or {}
    facts = {str(name): _text(value) for name, value in stated.items()}
    domain = facts.get("domain", "").strip().lower()
    scope = "generalist" if domain in _GENERAL else "specialist" if domain else ABSENT
    return {
        "plugin": _text(manifest["plugin"]["name"]),
        "id": _text(manifest["model"]["id"]),
        "kind": _text(manifest["plugin"].get("kind")),
        "scope": scope,
        **facts,
    }


def fact_of(manifest: Mapping[str, Any], name: str) -> str:
    """One fact, by its name with or without "model."; "(not given)" if it is missing."""
    return facts_of(manifest).get(name.removeprefix(MODEL), ABSENT)


def check_facts(names: Sequence[str], manifests: Sequence[Mapping[str, Any]]) -> None:
    """Raise SettingError for a fact that none of the models has."""
    known = {fact for manifest in manifests for fact in facts_of(manifest)}
    for name in names:
        if name.removeprefix(MODEL) not in known:
            near = did_you_mean(name, {MODEL + fact for fact in known})
            raise SettingError(f"No model of these runs has a fact {name!r}. {near}")


def value_of(record: Record, name: str) -> str:
    """A field's value as text: the record's own, else the row's, else "(not given)".

    A dot selects a nested field: "meta.stain", "usage.prompt_tokens". "organism", "licence"
    and "scale" are aliases of the schema's columns.
    """
    if name in record and name != "meta":
        return _text(record[name])
    meta: Mapping[str, Any] = record["meta"]
    if name in meta:
        return _text(meta[name])
    if name in _ALSO:
        return value_of(record, _ALSO[name])
    value: Any = record if name.partition(".")[0] in record else meta
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return ABSENT
        value = value[part]
    return _text(value)


def field_names(record: Record) -> set[str]:
    """The field names of this record that `value_of` accepts, without nested ones."""
    meta = record["meta"]
    return {*record, *meta, *(name for name, column in _ALSO.items() if column in meta)} - {"meta"}


def check_fields(names: Iterable[str], known: Iterable[str], counts: Mapping[str, int]) -> None:
    """Raise SettingError for a field that no record has, or one with too many values.

    `counts`: the number of distinct values of each field, 0 if no record has it.
    """
    for name in names:
        if not counts.get(name):
            raise SettingError(f"No record has a field {name!r}. {did_you_mean(name, known)}")
        if counts[name] > _MOST_GROUPS:
            raise SettingError(
                f"The field {name!r} has {counts[name]:,} values, too many for a table (at most "
                f"{_MOST_GROUPS:,}). Take a coarser field, or run.frame() in Python."
            )


def _text(value: Any) -> str:
    if value is None or value == "":
        return ABSENT
    if isinstance(value, str):
        return value
    return orjson.dumps(value, default=str).decode()
