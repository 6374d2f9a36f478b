"""An axis is a key of the settings with its values: `--axis temperature=0,0.7`.

Axes of prompts (their files, their settings, the read-out) are varied within one run. Each value
of any other setting needs its own run: a `Condition` is one combination of such values.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from mubench_gen.ablation import seen
from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.images.choices import AUTO
from mubench_gen.images.microscope import make_policy
from mubench_gen.images.transform import NONE, spread_out
from mubench_gen.plan.config_file import joined
from mubench_gen.plan.settings import NOT_IDENTITY, Settings, make_settings, validated
from mubench_gen.plugins.registry import Plugins
from mubench_gen.prompts.families import expanded
from mubench_gen.prompts.settings import PromptSettings

# Axes with a flag of their own, in the order of tables.
NAMED = ("prompt", "labels", "orders", "system", "image", "readout", "shots")
_OTHER_NAMES = {
    "few_shot": "shots", "prompt.shots": "shots", "prompt.labels": "labels",
    "prompt.order": "orders", "prompt.orders": "orders", "prompt.system": "system",
    "prompt.image": "image", "image.transform": "transform",
}  # fmt: skip
_GROUPS = {
    "prompt": ("prompt_set", ""), "image": ("image_set", ""),
    "engine": ("options", "engine."), "options": ("options", ""),
}  # fmt: skip
_ITEMS = "it decides which items are asked, and cells are compared on the same items"
_REFUSED = {
    "plugin": "give --plugin and --model several (sweep: --base and --finetuned), all are compared",
    "model": "give --model several (sweep: --base and --finetuned), all are compared",
    "options": "name one option: options.KEY of the plugin, engine.KEY of the engine",
    "prompt_set": "name one setting of the prompts: prompt.KEY",
    "image_set": "name one setting of the images: image.KEY",
    "map": "it says how the data are read, not what is asked of them",
    **dict.fromkeys(("data", "tasks", "licenses", "partial", "allow_outside", "limit"), _ITEMS),
    "seed": f"{_ITEMS}; to ask the same again, give --repeats",
    "shard": "a study cannot be split into shards",
    "repeats": "it only repeats the same questions",
    "base_url": "it says where a model is, not what is asked of it",
    "trust_remote_code": "it says what may be run, not what is asked",
}  # fmt: skip
# Of a prompt file: these describe it and change no request.
_OF_A_FILE = ("title", "source", "kind", "boxes")


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting with its values; `levels` names them in tables.

    `field` is the setting, `key` one of its keys if it is a mapping; the value None leaves the
    setting at its default.
    """

    name: str
    field: str
    key: str
    values: tuple[Any, ...]

    @property
    def levels(self) -> tuple[str, ...]:
        return tuple(map(_words, self.values))

    @property
    def varied(self) -> tuple[tuple[str, str], ...]:
        """The settings that it varies, each a field and, of a mapping, a key."""
        return ((self.field, self.key), *([(seen.CONTROL, "")] if self.name == seen.SEEN else []))

    def settings(self, value: Any) -> dict[str, Any]:
        """The settings of `eval` that one of the values stands for."""
        own = {self.field: {self.key: value} if self.key else value}
        return seen.settings_of(value) if self.name == seen.SEEN else own

    @property
    def flag(self) -> str:
        """The flag that gives the setting one value."""
        flag = f"--{self.field.replace('_', '-')}"
        return f"{'-o' if self.field == 'options' else flag} {self.key}=…" if self.key else flag


@dataclass(frozen=True, slots=True)
class Condition:
    """One value of each axis whose values need separate runs."""

    axes: tuple[Axis, ...]
    values: tuple[Any, ...]

    @property
    def levels(self) -> tuple[str, ...]:
        return tuple(map(_words, self.values))

    @property
    def name(self) -> str:
        """The name of its run's folder; empty if nothing is varied."""
        return "+".join(
            f"{axis.name}={_in_a_path(level)}"
            for axis, level in zip(self.axes, self.levels, strict=True)
        )

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The settings `given` for the study, with the values of this condition."""
        found = dict(given)
        for axis, value in zip(self.axes, self.values, strict=True):
            if value is not None:
                found = joined(found, axis.settings(value))
        return found


def conditions_of(axes: Sequence[Axis]) -> list[Condition]:
    """All combinations, the last axis varying fastest; without an axis, one empty condition."""
    return [Condition(tuple(axes), values) for values in product(*(a.values for a in axes))]


def read_axes(given: Mapping[str, Any] | Iterable[str] | None) -> list[Axis]:
    """The axes of `--axis KEY=V1,V2` texts, or of a table of lists, each checked separately.

    Values of axes in NAMED remain text, which the study's settings check.
    """
    table = given if isinstance(given, Mapping) else table_of(given or ())
    found: dict[str, Axis] = {}
    for key, values in table.items():
        axis = _axis(key, list(values) if isinstance(values, (list, tuple)) else [values])
        if axis.name in found:
            raise SettingError(f"--axis {key}: the axis {axis.name} is given twice.")
        found[axis.name] = axis
    seen.check_apart(found)
    return list(found.values())


def table_of(texts: Iterable[str]) -> dict[str, list[Any]]:
    """Values by key. Commas separate values, unless the key repeats or has a JSON list."""
    given: dict[str, list[str]] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if not equals or not key.strip():
            raise SettingError(f"--axis {text}: KEY=VALUE,VALUE is needed.")
        head, dot, inner = key.strip().partition(".")
        given.setdefault(head.replace("-", "_") + dot + inner, []).append(values.strip())
    return {
        key: _split(key, texts[0]) if len(texts) == 1 else list(texts)
        for key, texts in given.items()
    }


def _split(key: str, text: str) -> list[Any]:
    if not text.startswith("["):
        return [part.strip() for part in text.split(",")]
    try:
        values: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingError(f"--axis {key}={text}: is not a JSON list: {error}.") from None
    if any(isinstance(value, (list, dict)) for value in values):
        raise SettingError(
            f"--axis {key}={text}: a value is a text, a number, true, false or null."
        )
    return list(values)


def _axis(given: str, texts: list[Any]) -> Axis:
    field, key, name = _setting(given)
    if name in (seen.TRANSFORM, seen.SEEN):
        plugins = Plugins()
        texts = [
            one
            for text in texts
            for one in (spread_out(text, plugins) if isinstance(text, str) else [text])
        ]
    if name == "prompt":
        texts = expanded(map(str, texts))
    if name in NAMED:
        values = [_words(text) if isinstance(text, (bool, float)) else text for text in texts]
        senses: list[Any] = list(map(str, values))
    else:
        checked = [seen.level_of(name, one, partial(_checked, field, key)) for one in texts]
        values, senses = [value for value, _ in checked], [sense for _, sense in checked]
    for place, value in enumerate(senses):
        if value in senses[:place]:
            earlier = texts[senses.index(value)]
            raise SettingError(
                f"--axis {given}: {texts[place]} is given twice"
                + (f" (as {earlier} too)." if earlier != texts[place] else ".")
            )
    if len(values) < 2:
        how = f" To give a setting one value, use {Axis(name, field, key, ()).flag}."
        raise SettingError(f"--axis {given}: an axis has two values or more.{how}")
    return Axis(name, field, key, tuple(_sorted(values)))


def _setting(given: str) -> tuple[str, str, str]:
    """Field of the settings, key in it, name of the axis. Raises SettingError for a bad axis."""
    head, dot, key = given.partition(".")
    head = head.replace("-", "_")
    name = _OTHER_NAMES.get(head + dot + key, head + dot + key)
    if name in NAMED:
        return name, "", name
    if name in (seen.TRANSFORM, seen.SEEN):
        return "image_set", seen.TRANSFORM, name
    if key and head in _GROUPS:
        if head == "prompt":
            _check_prompt_setting(given, key)
        field, before = _GROUPS[head]
        return field, before + key, name
    reason = _REFUSED.get(name)
    if reason is None and name in NOT_IDENTITY:
        reason = "it changes how a run is carried out, not its result"
    if reason is not None:
        raise SettingError(f"--axis {given}: this cannot be an axis: {reason}.")
    if name not in Settings.model_fields:
        raise SettingError(f"--axis {given}: there is no such setting. {did_you_mean(name, KEYS)}")
    return name, "", name


def _check_prompt_setting(given: str, key: str) -> None:
    known = sorted(PromptSettings.model_fields.keys() - _OF_A_FILE)
    if key not in known:
        raise SettingError(
            f"--axis {given}: a prompt has no such setting to vary. {did_you_mean(key, known)}"
        )


def _checked(field: str, key: str, text: Any) -> tuple[Any, Any]:
    """The value for the settings, and its canonical form, equal for two ways to write it.

    No value (null, "none") leaves a setting at its default.
    """
    if not key:
        if Settings.model_fields[field].default is None and text in (None, NONE):
            return None, None
        value: Any = getattr(make_settings({"plugin": "", field: text}), field)
        return value, value
    value = None if text is None else _words(text)
    if field == "image_set":
        value = None if (key, value) == (seen.TRANSFORM, NONE) else value
        return value, make_policy({} if value is None else {key: value}, default=AUTO).as_dict()
    if field == "prompt_set":
        if value is None:
            raise SettingError(
                f"--axis prompt.{key}: null is not a valid value of a prompt's setting."
            )
        return value, getattr(validated(PromptSettings, {key: value}), key)
    return value, value


def _sorted(values: list[Any]) -> list[Any]:
    """Sort numbers by size, after None; other values keep their order."""
    numbers = [None if value is None else _number(value) for value in values]
    if any(
        number is None and value is not None for number, value in zip(numbers, values, strict=True)
    ):
        return values
    order = [-math.inf if number is None else number for number in numbers]
    return [value for _, value in sorted(zip(order, values, strict=True), key=lambda pair: pair[0])]


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _words(value: Any) -> str:
    """A value as text for tables and folders: 0.0 is "0", None "none", True "true"."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _in_a_path(level: str) -> str:
    """A level as part of a folder's name, with a hash if the level is too long or unsafe."""
    if re.fullmatch(r"[\w.=-]{1,32}", level):
        return level
    short = re.sub(r"[^\w.=-]+", "-", level)[:24].strip("-")
    return f"{short}-{hashlib.sha256(level.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


KEYS = tuple(
    sorted(
        {*NAMED, *_OTHER_NAMES, seen.TRANSFORM, seen.SEEN, *Settings.model_fields}
        - {*_REFUSED, *NOT_IDENTITY}
    )
)
