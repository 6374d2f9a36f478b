"""Why a run's numbers cannot be compared with the published ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mubench_gen.compare.published.table import Column, Protocol, load_published


def reservations(manifest: Mapping[str, Any], *, asked: int, n_errors: int) -> list[str]:
    """Why the whole run is not comparable; `asked` counts its records so far."""
    protocol = load_published().protocol
    return [
        *_data(manifest, protocol),
        *_protocol(manifest, protocol),
        *_extent(manifest, asked, n_errors),
    ]


def column_reservations(column: Column, n: int) -> list[str]:
    """Why one column is not comparable: its number of questions."""
    if n == column.n:
        return []
    for name, size in column.variants.items():
        if n == size:
            return [f"N is {n:,}: the variant {name}; the paper's N is {column.n:,}"]
    return [f"N is {n:,}, the paper's {column.n:,}"]


def _data(manifest: Mapping[str, Any], protocol: Protocol) -> Iterator[str]:
    data = manifest["data"]
    if data["revision"] == protocol.revision:
        return
    if data["name"] == "ubench":
        yield f"ubench at revision {data['revision']}, not {protocol.revision[:12]}"
    else:
        yield f"the data are {data['name']!r}, not ubench at its pinned revision"


def _protocol(manifest: Mapping[str, Any], protocol: Protocol) -> Iterator[str]:
    settings, contrastive = manifest["settings"], manifest["plugin"]["kind"] == "contrastive"
    prompt = protocol.contrastive_prompt if contrastive else protocol.generative_prompt
    if settings["prompt"] != [prompt]:
        yield f"the prompt is {', '.join(settings['prompt'])}, the paper's {prompt}"
    readout = "similarity" if contrastive else "parse"
    if settings["readout"] != [readout]:
        yield f"the read-out is {', '.join(settings['readout'])}, the paper's {readout}"
    if settings["orders"] not in (None, "given"):
        yield f"the options are shown in the orders {settings['orders']}, not as given"
    if settings["temperature"]:
        yield f"sampled at temperature {settings['temperature']:g}; the paper's is greedy"
    if settings["repeats"] > 1:
        yield f"each question is asked {settings['repeats']} times"
    if settings["control"] != "none":
        yield f"the control {settings['control']!r} does not show the item's own image"


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
