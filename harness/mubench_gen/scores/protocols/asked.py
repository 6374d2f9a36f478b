"""Why a run's numbers are not those of a protocol: what was asked in another way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mubench_gen.scores.protocols.definition import Asking
from mubench_gen.scores.protocols.files import Protocol
from mubench_gen.scores.protocols.tally import asking_of, prompts_of


def cannot_read(manifest: Mapping[str, Any], protocol: Protocol) -> str:
    """Why the protocol has no number for the run at all; empty if it has."""
    if asking_of(protocol, manifest) is None:
        kind = (manifest.get("plugin") or {}).get("kind", "generative")
        return f"{protocol.name} asks no {kind} models"
    return ""


def reservations(
    manifest: Mapping[str, Any], protocol: Protocol, *, asked: int, n_errors: int
) -> list[str]:
    """Why the run is not comparable with what others report by this protocol.

    `asked` counts its records so far. Empty if it is comparable.
    """
    asking = asking_of(protocol, manifest)
    return [
        *_data(manifest, protocol),
        *(() if asking is None else _asked(manifest["settings"], manifest, asking)),
        *protocol.file.deviations,
        *_extent(manifest, asked, n_errors),
    ]


def _data(manifest: Mapping[str, Any], protocol: Protocol) -> Iterator[str]:
    data, wanted = manifest["data"], protocol.file.data
    if wanted is None or (wanted.revision and data["revision"] == wanted.revision):
        return
    if data["name"] != wanted.name:
        which = " at its pinned revision" if wanted.revision else ""
        yield f"the data are {data['name']!r}, not {wanted.name}{which}"
    elif wanted.revision:
        yield f"{wanted.name} at revision {data['revision']}, not {wanted.revision[:12]}"


def _asked(
    settings: Mapping[str, Any], manifest: Mapping[str, Any], asking: Asking
) -> Iterator[str]:
    yield from _prompts(settings, manifest, asking)
    readouts = settings["readout"]
    if not set(asking.readout) <= set(readouts):
        yield f"the read-out is {', '.join(readouts)}, not {', '.join(asking.readout)}"
    if asking.orders is not None and (settings["orders"] or "given") != asking.orders:
        as_it = "as given" if asking.orders == "given" else asking.orders
        yield f"the options are shown in the orders {settings['orders'] or 'given'}, not {as_it}"
    if asking.temperature is not None and settings["temperature"] != asking.temperature:
        wanted = f"{asking.temperature:g}" if asking.temperature else "0 (greedy)"
        yield f"sampled at temperature {settings['temperature']:g}, not {wanted}"
    if asking.repeats is not None and settings["repeats"] != asking.repeats:
        yield f"each question is asked {settings['repeats']} times, not {asking.repeats}"
    if settings["control"] != "none":
        yield f"the control {settings['control']!r} does not show the item's own image"


def _prompts(
    settings: Mapping[str, Any], manifest: Mapping[str, Any], asking: Asking
) -> Iterator[str]:
    wanted = {prompt.name: prompt for prompt in prompts_of(asking)}
    stored: Mapping[str, str] = (manifest.get("content") or {}).get("prompts") or {}
    if not wanted.keys() <= set(settings["prompt"]):  # what else it asked is not counted
        yield f"the prompt is {', '.join(settings['prompt'])}, not {', '.join(wanted)}"
    else:
        for name, prompt in wanted.items():
            if stored.get(name, prompt.sha256) != prompt.sha256:
                yield f"the prompt {name} had another text or other settings"
    if asking.max_tokens is not None and settings.get("max_tokens") != asking.max_tokens:
        longest = settings.get("max_tokens") or _longest(settings, wanted)
        if longest != asking.max_tokens:
            told = f"at most {longest}" if longest else "another number of"
            yield f"replies have {told} tokens, not {asking.max_tokens:,}"
    if asking.seed is not None and settings.get("temperature") and settings["seed"] != asking.seed:
        yield f"sampled with the seed {settings['seed']}, not {asking.seed}"


def _longest(settings: Mapping[str, Any], wanted: Mapping[str, Any]) -> int | None:
    """The limit of the run's prompts, where they are the protocol's own."""
    each = {wanted[name].settings.max_tokens for name in settings["prompt"] if name in wanted}
    return each.pop() if len(each) == 1 else None


def _extent(manifest: Mapping[str, Any], asked: int, n_errors: int) -> Iterator[str]:
    if manifest["settings"]["limit"] is not None:
        yield f"--limit {manifest['settings']['limit']}: a sample of each task"
    shard = manifest.get("shard")
    if shard is not None:
        yield f"shard {shard['index']}/{shard['of']} of a run: some of the images"
    planned = int(manifest["planned"])
    if asked < planned:
        yield f"unfinished: {asked:,} of {planned:,} items"
    if n_errors:
        yield f"{n_errors:,} items failed and are in no score"
