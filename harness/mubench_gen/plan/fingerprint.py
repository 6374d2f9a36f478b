"""Digests of a run's model, taken before any request is made: they are part of every key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from mubench_gen.engines import REMOTE, digest_checkpoint
from mubench_gen.engines.gguf_checkpoint import digest_gguf
from mubench_gen.model import Checkpoint, Model, ModelSpec
from mubench_gen.plugins.isolation import Isolated
from mubench_gen.plugins.option_types import weights_fields
from mubench_gen.plugins.registry import Plugin
from mubench_gen.storage.digests import FileDigest, changed_since, watch, watched
from mubench_gen.storage.named_files import named_files


@dataclass(frozen=True, slots=True)
class Weights:
    """Digests of a model: of its weights (or of a plugin's code), and of its settings; of a judge
    those of its code.

    `files`: digests of the files that its options name, by option. `members`: what the answers of
    the models depend on that it opened by `open_model`. `read`: the files that were digested for
    all of this, by path.
    """

    weights: str | None
    settings: str | None
    files: Mapping[str, str] = field(default_factory=dict)
    members: Sequence[Mapping[str, Any]] = ()
    read: dict[str, FileDigest] = field(default_factory=dict, compare=False, repr=False)

    def differences(self, now: Weights) -> Iterator[str]:
        """What is another now, in words with both digests."""
        own = "weights" if self.settings is not None else "plugin's code"
        yield from _differing(f"the {own}", self.weights, now.weights)
        yield from _differing(
            "the plugin's code or the checkpoint's settings", self.settings, now.settings
        )
        for option in sorted(self.files.keys() | now.files.keys()):
            what = f"what the option {option!r} names"
            yield from _differing(what, self.files.get(option), now.files.get(option))
        if len(self.members) != len(now.members):
            yield f"it opens {len(self.members)} models there, {len(now.members)} now"
        for then, here in zip(self.members, now.members, strict=False):
            name = f"{then['plugin']}/{then['model']}"
            for part in sorted(then.keys() | here.keys()):
                what = f"the {part} of its member {name}"
                yield from _differing(what, then.get(part), here.get(part))

    def changed_files(self) -> list[str]:
        """The digested files that hold other bytes by now."""
        return list(changed_since(self.read))

    @classmethod
    def of_manifest(cls, content: Mapping[str, Any]) -> Weights:
        """The digests as the `content` of a manifest has them."""
        return cls(
            content.get("weights"),
            content.get("checkpoint"),
            content.get("files") or {},
            content.get("members") or (),
        )

    def beside(self) -> dict[str, Any]:
        """What only some models have, for a manifest."""
        files = {"files": dict(self.files)} if self.files else {}
        return {**files, **({"members": list(self.members)} if self.members else {})}


def _differing(what: str, then: Any, now: Any) -> Iterator[str]:
    if then != now:
        yield f"{what}: {_brief(then)} there, {_brief(now)} now"


def _brief(value: Any) -> str:
    return "nothing" if value is None else f"{value!s:.12}"


def isolated_model(plugin: Plugin, spec: ModelSpec) -> Isolated:
    """Turns what a model's own code raises into a PluginError."""
    return Isolated(f"The model {spec.name!r} of the plugin {plugin.name!r}")


def digest_model(
    plugin: Plugin,
    spec: ModelSpec,
    engine: str,
    model: Model,
    revision: str | None,
    options: Mapping[str, str],
) -> Weights:
    """The digests of the model that `engine` runs under these options.

    A checkpoint that is not on this machine is fetched first, by loading it. Of one behind a
    server only its name is known, which the server is asked for if the user gives none.
    """
    with watched() as read:
        for path, known in plugin.weights.items():
            watch(path, known)
        found = _digest_model(plugin, spec, engine, model, revision)
        named: dict[str, Any] = dict(options)
        weights: frozenset[str] = frozenset()
        if isinstance(spec.source, Checkpoint):
            named |= spec.source.engine_arguments.get(engine, {})
        else:
            with isolated_model(plugin, spec):
                named |= options_of(model)
            weights = weights_fields(spec.source.Options)
            if spec.any_id and found.settings is None:  # the model doesn't digest its weights
                named["model"] = spec.name
        members = [member.identity() for member in model.members]
        files = named_files(named, weights)
    return replace(found, files=files, members=members, read=read)


def options_of(made: Any) -> dict[str, Any]:
    """The options of a model or a judge with their defaults, which may name files too."""
    options = getattr(made, "options", None)  # a plugin's class may not keep them
    return options.model_dump() if isinstance(options, BaseModel) else {}


def _digest_model(
    plugin: Plugin, spec: ModelSpec, engine: str, model: Model, revision: str | None
) -> Weights:
    source = spec.source
    if not isinstance(source, Checkpoint):
        with isolated_model(plugin, spec):
            own = model.weights_digest()
        return Weights(weights=own or plugin.digest, settings=own and plugin.digest)
    digest = served = None
    if engine in REMOTE:
        with isolated_model(plugin, spec):
            served = model.weights_digest()
    elif (digest := digest_gguf(source)) is None:
        revision = revision or source.revision
        digest = digest_checkpoint(source.path, revision, source.base)
        if digest is None:
            with isolated_model(plugin, spec):
                model.load()
            digest = digest_checkpoint(source.path, revision, source.base)
    quirks: list[Any] = [source.chat_template, source.stop, digest and digest.settings]
    talk = [dict(source.template_arguments), source.system, source.images]
    if talk != [{}, "system", "anywhere"]:
        quirks += talk
    if served is not None:
        quirks.append(served)
    opened = {
        "fallback_templates": dict(source.fallback_templates),
        "engine_arguments": dict(source.engine_arguments.get(engine, {})),
    }
    if any(opened.values()):
        quirks.append(opened)
    return Weights(
        weights=digest.weights if digest is not None else None,
        settings=hashlib.sha256(json.dumps(quirks).encode()).hexdigest(),
    )
