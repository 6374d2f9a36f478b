"""Image transforms: a plugin's function with its options, applied to every image.

Written `[NAME@]PLUGIN[:SEVERITY][:KEY=VALUE…]`: the transform of a plugin that has its name, or its
only one. A name that no plugin has is looked for among the shipped transforms.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError, create_model

from mubench_gen.console.secrets import secret_fields
from mubench_gen.errors import ImageError, PluginError, SettingError, describe, did_you_mean
from mubench_gen.model import Options
from mubench_gen.plugins.extension import Transform
from mubench_gen.plugins.isolation import Isolated
from mubench_gen.plugins.option_types import weights_fields
from mubench_gen.storage.named_files import named_files

if TYPE_CHECKING:
    from PIL import Image as PillowImage

    from mubench_gen.plugins.registry import Plugin, Plugins

NONE = "none"
_SEED = "seed"
_SHIPPED = "grayscale"  # the entry point of one of the shipped transforms, which brings all
_SEVERITIES = re.compile(r"([1-9][0-9]?)(?:-([1-9][0-9]?))?")


@dataclass(frozen=True, slots=True)
class ChosenTransform:
    """A transform of a plugin with all of its options.

    `source` is where it comes from: a distribution, or the digest of a file. `seed` is the run's;
    None if the transform draws nothing. `files`: the digests of what its options name.
    """

    transform: Transform
    plugin: str
    source: str
    options: Mapping[str, Any]
    values: Mapping[str, Any]
    seed: int | None
    files: Mapping[str, str] = field(default_factory=dict)

    def identity(self) -> dict[str, Any]:
        """The transform's part of every key and of the manifest."""
        drawn = {} if self.seed is None else {_SEED: self.seed}
        return {
            "name": self.transform.name,
            "version": self.transform.version,
            "source": self.source,
            "options": dict(self.values),
            **({"files": dict(self.files)} if self.files else {}),
            **drawn,
        }

    @property
    def words(self) -> str:
        """The transform in words, for notes: "transform blur (sigma 2.0)"."""
        options = ", ".join(f"{name} {value}" for name, value in self.values.items())
        return f"transform {self.transform.name}" + (f" ({options})" if options else "")

    def apply(self, picture: PillowImage.Image, content: bytes, name: str) -> PillowImage.Image:
        """The picture of the file `content` transformed. ImageError where that fails."""
        where = f"{name}: the transform {self.transform.name!r} of the plugin {self.plugin!r}"
        size, given = picture.size, dict(self.options)
        if self.seed is not None:
            digest = hashlib.sha256(f"{self.seed}\0".encode() + content).digest()
            given[_SEED] = int.from_bytes(digest[:8], "big")
        try:
            made: Any = _loaded(self.transform.function(picture, **given))
        except (Exception, SystemExit) as error:  # an edge of isolation: one plugin's own code
            raise ImageError(f"{where} raised {type(error).__name__}: {describe(error)}") from None
        fault = _fault(made, size, moves_pixels=self.transform.moves_pixels)
        if fault is not None:
            raise ImageError(f"{where} must return an 8-bit RGB image; {fault}")
        found: PillowImage.Image = made
        found.info = {}
        return found


def read_transform(text: str, plugins: Plugins, *, seed: int) -> ChosenTransform | None:
    """The transform that a setting names, None for "none". UsageError says what is wrong."""
    if text == NONE:
        return None
    source, *pairs = text.split(":")
    plugin, transform = _found(source, plugins)
    options = _validated(transform, pairs, text)
    draws = any(parameter.name == _SEED for parameter in transform.parameters)
    return ChosenTransform(
        transform=transform,
        plugin=plugin.name,
        source=plugin.distribution or plugin.digest or plugin.name,
        options={key: getattr(options, key) for key in type(options).model_fields},
        values=options.model_dump(mode="json"),
        seed=seed if draws else None,
        files=named_files(options.model_dump(), weights_fields(type(options))),
    )


def spread_out(text: str, plugins: Plugins) -> list[str]:
    """The transforms that a level of an axis stands for: jpeg:1-5 five, blurs:3 one of each of the
    family. Any other text, even a wrong one, stands for itself."""
    source, colon, rest = text.partition(":")
    if not source:
        raise SettingError(f"transform={text}: name a transform, such as blur:3, or none.")
    severities, more, options = rest.partition(":")
    levels = _SEVERITIES.fullmatch(severities)
    names = [source] if "@" in source else _family(source, plugins) or [source]
    if not colon or levels is None:
        members = f", of which each takes a severity: {source}:3, {source}:1-5"
        if names != [source]:
            raise SettingError(f"transform={text}: {source} is a family of transforms{members}.")
        return [text]
    first, last = int(levels[1]), int(levels[2] or levels[1])
    if first > last:
        raise SettingError(f"transform={text}: the lower severity comes first.")
    return [f"{name}:{level}{more}{options}" for name in names for level in range(first, last + 1)]


def _family(name: str, plugins: Plugins) -> list[str]:
    """The shipped transforms of that family which have severities."""
    if name == NONE or name in plugins.names() or _SHIPPED not in plugins.names():
        return []
    offered = plugins.load(_SHIPPED).offers.transforms
    return [one.name for one in offered if one.family == name and one.severities]


def _found(source: str, plugins: Plugins) -> tuple[Plugin, Transform]:
    """The transform of that name, and its plugin."""
    name, at, plugin_name = source.partition("@")
    if at:
        plugin = plugins.load(plugin_name)
        return plugin, _of(plugin, name)
    known = plugins.names()
    is_file = source.endswith(".py") or "/" in source
    if not is_file and source not in known and _SHIPPED in known:
        shipped = plugins.load(_SHIPPED)
        names = [one.name for one in shipped.offers.transforms]
        if source not in names:
            own = {one.name for one in plugins.list() if "transform" in one.kind}
            near = did_you_mean(source, {*names, *own - {_SHIPPED}})
            raise PluginError(f"There is no transform and no plugin {source!r}. {near}")
        return shipped, _of(shipped, source)
    plugin = plugins.load(source)
    return plugin, _of(plugin, "")


def _of(plugin: Plugin, name: str) -> Transform:
    offered = {one.name: one for one in plugin.offers.transforms}
    if not offered:
        raise PluginError(
            f"The plugin {plugin.name!r} has no image transform: it has no hook "
            "mubench_gen_transforms (docs/extending.md)."
        )
    if name and name not in offered:
        near = did_you_mean(name, offered)
        raise PluginError(f"The plugin {plugin.name!r} has no transform {name!r}. {near}")
    only = next(iter(offered)) if len(offered) == 1 else plugin.name
    wanted = name or only
    if wanted not in offered:
        named = " or ".join(f"{one}@{plugin.name}" for one in offered)
        raise PluginError(f"Which transform of the plugin {plugin.name!r}? Give {named}.")
    return offered[wanted]


def _validated(transform: Transform, pairs: list[str], text: str) -> Options:
    """The options of a transform, read by the annotations of its function."""
    given: dict[str, Any] = {}
    for pair in pairs:
        if _SEVERITIES.fullmatch(pair):
            given = {**_options_at(transform, pair, text), **given}
            continue
        key, equals, value = pair.partition("=")
        if not equals:
            raise SettingError(f"transform={text}: {pair!r} is not KEY=VALUE.")
        given[key.strip()] = value.strip()
    model = options_of(transform)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            near = did_you_mean(key, model.model_fields) if model.model_fields else "It has none."
            reason = f"the transform {transform.name!r} has no option {key!r}. {near}"
            raise SettingError(f"transform={text}: {reason}") from None
        raise SettingError(
            f"transform={text}: {key}: {first['msg']} (got {first['input']!r:.60})."
        ) from None


def _options_at(transform: Transform, severity: str, text: str) -> Mapping[str, Any]:
    """The options that a severity stands for."""
    there = len(transform.severities)
    if not there:
        raise SettingError(f"transform={text}: {transform.name!r} has no severities.")
    if not severity.isdecimal() or int(severity) > there:
        raise SettingError(
            f"transform={text}: a severity of {transform.name!r} is a number from 1 to {there}; "
            "several (1-5) are for an axis of `ablate`."
        )
    return transform.severities[int(severity) - 1]


def options_of(transform: Transform) -> type[Options]:
    """An options class with the annotated arguments of a transform's function."""
    fields: dict[str, Any] = {
        one.name: (Any if one.annotation is one.empty else one.annotation, one.default)
        for one in transform.parameters
        if one.name != _SEED
    }
    module = getattr(transform.function, "__module__", None) or __name__
    with Isolated(f"The transform {transform.name!r}"):
        model = create_model("Options", __base__=Options, __module__=module, **fields)
        model.model_rebuild()  # raises where an annotation means nothing
    if secret := sorted(secret_fields(model)):
        raise PluginError(
            f"The transform {transform.name!r} has the secret option {secret[0]!r}: options of a "
            "transform are part of every key, and a picture must depend on no secret."
        )
    return model


def _loaded(made: Any) -> Any:
    """The picture fully loaded, and of Pillow's plain class."""
    from PIL import Image as Pillow

    if isinstance(made, Pillow.Image):
        made.load()
        if type(made) is not Pillow.Image:
            return made.copy()
    return made


def _fault(made: Any, size: tuple[int, int], *, moves_pixels: bool) -> str | None:
    from PIL import Image as Pillow

    if not isinstance(made, Pillow.Image):
        return f"it returned {made!r:.60}"
    if made.mode != "RGB":
        return f"it returned one of mode {made.mode!r}"
    if min(made.size) < 1:
        return f"it returned one of {made.width} × {made.height} pixels"
    if made.size != size and not moves_pixels:
        return (
            f"it returned one of {made.width} × {made.height} pixels for {size[0]} × {size[1]}, "
            "without declaring moves_pixels"
        )
    return None
