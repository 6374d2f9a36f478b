"""What `eval --plan` and `compare --plan` print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mubench_gen.console.numbers import duration, percent
from mubench_gen.console.outlet import say

if TYPE_CHECKING:
    from pathlib import Path

    from mubench_gen.runs.cost_estimate import RunEstimate
    from mubench_gen.runs.sample_plan import SamplePlan
    from mubench_gen.scores.sample_size import Need
    from mubench_gen.scores.variance_split import VarianceSplit

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def print_estimates(estimates: Sequence[RunEstimate]) -> None:
    """Print a table per model, and below it the assumptions."""
    from mubench_gen.cli.views.tables import print_table

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


def plan_of_pilot(
    pilot: Path, *, cluster: Sequence[str] = (), width: float | None = None, **assumed: float
) -> SamplePlan:
    """How many images the wanted interval needs. SettingError for what does not go together."""
    from mubench_gen.errors import SettingError
    from mubench_gen.runs.results import load_run
    from mubench_gen.runs.sample_plan import WIDTH, plan_from_pilot

    if assumed:
        raise SettingError(f"--{next(iter(assumed))} is assumed without --pilot: leave one out.")
    return plan_from_pilot(load_run(pilot, cluster=cluster), WIDTH if width is None else width)


def print_sample_plan(plan: SamplePlan) -> None:
    """Print how many images are needed, and where more repeats or prompts would help."""
    origin = (
        f"from the pilot {plan.pilot}"
        if plan.pilot is not None
        else f"assumed: accuracy {percent(plan.accuracy)}, correlation of two items of an image "
        f"{plan.correlation:g} (or --pilot RUN)"
    )
    print_needs(plan.needs, "95 % interval, end to end", origin, noun=plan.noun)
    if plan.split is not None:
        for line in _told(plan.split):
            say(line)


def print_needs(needs: Sequence[Need], what: str, origin: str, *, noun: str = "image") -> None:
    """Print the images, or what else is counted, that are needed, a row a mean."""
    from mubench_gen.cli.views.tables import print_table

    print_table(
        ["", f"{noun}s", "now", "wanted", f"{noun}s needed"],
        [
            [
                one.name,
                "" if one.images is None else f"{one.images:,}",
                "" if one.now is None else percent(one.now),
                percent(one.wanted),
                "no number is enough" if one.needed is None else f"{one.needed:,}",
            ]
            for one in needs
        ],
        title=f"{noun.capitalize()}s for a wanted {what}, in points",
        right=(1, 2, 3, 4),
        caption=origin,
    )


def _told(split: VarianceSplit) -> Iterator[str]:
    parts = [f"which items {percent(split.of_items)} %"]
    if split.of_prompts is not None:
        parts.append(f"which prompts {percent(split.of_prompts)} %")
        mixed = "items by prompts" if split.of_sampling is not None else "the rest, with sampling,"
        parts.append(f"{mixed} {percent(split.of_mixed)} %")
    if split.of_sampling is not None:
        parts.append(f"sampling of the replies {percent(split.of_sampling)} %")
    yield f"The variance of the mean is from {', '.join(parts)}."
    best = min(split.more_items, split.more_prompts, split.more_repeats)
    ways = {
        "items": split.more_items,
        **({"prompts": split.more_prompts} if split.prompts > 1 else {}),
        **({"repeats": split.more_repeats} if split.repeats > 1 else {}),
    }
    told = ", ".join(f"{name} {percent(1 - by)} %" for name, by in ways.items())
    only = " Only more items help." if best == split.more_items and _little(split) else ""
    yield f"Twice as many would narrow the interval by: {told}.{only}"


def _little(split: VarianceSplit) -> bool:
    """Whether neither prompts nor repeats would narrow the interval by a twentieth."""
    return min(split.more_prompts, split.more_repeats) > 0.95
