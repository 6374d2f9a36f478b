"""What `eval --plan` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mubench_gen.console.numbers import duration

if TYPE_CHECKING:
    from mubench_gen.runs.estimate import RunEstimate

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def print_estimates(estimates: Sequence[RunEstimate]) -> None:
    """Print a table per model, and below it the assumptions."""
    from mubench_gen.cli.tables import print_table

    for one in estimates:
        print_table(
            ["quantity", "estimate"],
            list(_rows(one)),
            title=f"{one.plugin} {one.model}: estimate, no request was sent",
            right=[1],
            caption=_caption(one),
        )


def _rows(one: RunEstimate) -> Iterator[tuple[str, str]]:
    yield "items (records)", f"{one.items:,}"
    yield "requests (equal ones counted once)", f"{one.requests:,}"
    if one.unreadable:
        yield "items with an unreadable image", f"{one.unreadable:,}"
    yield "distinct images", f"{one.images:,} ({_bytes(one.image_bytes)})"
    if one.captions is not None:
        yield "distinct captions", f"{one.captions:,}"
    if one.prefill_tokens is not None:
        yield "prefill tokens, any order", f"{one.prefill_tokens.any_order:,}"
        yield "prefill tokens, image-major, prefix cache", f"{one.prefill_tokens.image_major:,}"
    yield "over the network to servers", _bytes(one.network_bytes.server)
    yield "over the network with Ray", _bytes(one.network_bytes.ray)
    yield "run folder", _bytes(one.run_folder_bytes)
    if one.hours is not None and one.rate is not None:
        at = f"time at {one.rate:g} requests/s per GPU, {one.gpus} GPU"
        yield at, duration(3_600 * one.hours)
    if one.records_a_second is not None:
        yield "records per second to write", f"{one.records_a_second:,.1f}"


def _caption(one: RunEstimate) -> str:
    assumed = one.assumed
    origin = {"given": "given", "config": "its config.json", "default": "assumed: --image-tokens"}
    reply = (
        "a reply takes an eighth of its limit (--reply-tokens)"
        if assumed.reply_tokens is None
        else f"{assumed.reply_tokens} tokens per reply"
    )
    parts = [
        f"{assumed.image_tokens:,} tokens per image ({origin[assumed.image_tokens_from]})",
        f"{assumed.letters_a_token} letters per token",
        reply,
    ]
    if assumed.looked_at < one.items:
        parts.append(f"from {assumed.looked_at:,} items on a sample of the images")
    if one.hours is None:
        parts.append("for the time give --rate N --gpus N")
    return " · ".join(parts)


def _bytes(number: float) -> str:
    for unit in _UNITS:
        if number < 1_000 or unit == _UNITS[-1]:
            break
        number /= 1_000
    return f"{number:,.0f} {unit}" if unit == "B" else f"{number:,.1f} {unit}"
