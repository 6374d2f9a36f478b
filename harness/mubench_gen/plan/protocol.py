"""settings → settings: those that a protocol sets, for `eval --protocol`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mubench_gen.errors import SettingError
from mubench_gen.plan.settings import Settings
from mubench_gen.scores.protocols.definition import Asking
from mubench_gen.scores.protocols.files import Protocol, load_protocols
from mubench_gen.types import Kind


def by_protocol(settings: Settings, kind: Kind | None) -> Settings:
    """The settings with what their protocols set for models of this kind.

    kind None: the model is not known yet; then only protocols count that ask one kind alone.
    SettingError for a setting that was given otherwise, by the protocol's name and the flag.
    """
    for protocol in load_protocols(settings.protocol):
        asking = _asking(protocol, kind, settings)
        if asking is not None:
            settings = _under(settings, protocol, asking)
    return settings


def _asking(protocol: Protocol, kind: Kind | None, settings: Settings) -> Asking | None:
    file = protocol.file
    if kind is None:
        return None if file.generative and file.contrastive else file.generative or file.contrastive
    asking = file.contrastive if kind == "contrastive" else file.generative
    if asking is None:
        raise SettingError(
            f"--protocol {protocol.name} asks no {kind} models, and the model of --plugin "
            f"{settings.plugin} is one. `mubench-gen prompts protocols` says what each asks."
        )
    return asking


def _under(settings: Settings, protocol: Protocol, asking: Asking) -> Settings:
    """The settings with those of the protocol; what was given may say the same, or nothing."""
    found: dict[str, Any] = {}
    for name, value in _wanted(asking):
        now = getattr(settings, name)
        given = name in settings.model_fields_set and now not in (None, (), {})
        if given and _plain(now) != _plain(value):
            raise SettingError(
                f"--{name.replace('_', '-')} {_told(now)} contradicts --protocol {protocol.name}, "
                f"which has {_told(value) or 'none'}. Leave it out; or leave --protocol out, and "
                f"`score RUN --protocol {protocol.name}` says what differs."
            )
        found[name] = value
    return settings.model_copy(update=found)


def _wanted(asking: Asking) -> Iterator[tuple[str, Any]]:
    """The settings that the protocol has, in the types that settings have."""
    if asking.prompt:
        yield "prompt", asking.prompt
        yield "prompt_set", dict(asking.prompt_set)
    if asking.readout:
        yield "readout", asking.readout
    for name in ("orders", "temperature", "max_tokens", "repeats", "seed"):
        value = getattr(asking, name)
        if value is not None:
            yield name, value


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, tuple) else value


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={one}" for key, one in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
