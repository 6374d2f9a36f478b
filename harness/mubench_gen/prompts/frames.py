"""What a prompt's settings say around its template: that there is an image, and a hint.

Both are manipulations of an ablation: does the mere mention of an image raise the score, and does
a model follow a hint against what it sees?
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from mubench_gen.prompts.settings import PromptSettings
from mubench_gen.types import Sample

_MENTIONS = {
    "image": "An image is attached to this question.",
    "no-image": "No image is attached to this question.",
}


def framed_text(
    text: str, settings: PromptSettings, sample: Sample, options: Sequence[Sequence[Any]]
) -> str:
    """The template's text with the mention before it and the hint behind it, a line each.

    `options`: as the template sees them: label, marker, text, and original index of each.
    """
    lines = [text]
    if settings.mention != "as-is":
        lines.insert(0, _MENTIONS[settings.mention])
    named = hinted(settings, sample)
    if named is not None:
        label = next(label for label, _, _, original in options if original == named)
        lines.append(f"Hint: the answer is {label}.")
    return "\n".join(lines)


def hinted(settings: PromptSettings, sample: Sample) -> int | None:
    """The original index of the option that the hint names; None for no hint.

    By the seed and the item, whatever the order: "random" is right for half of the items. An item
    with one option has no wrong one, and gets no hint in its place.
    """
    if settings.hint == "none":
        return None
    gold, count = sample.question.gold, len(sample.question.options)
    digest = hashlib.sha256(f"hint\0{settings.hint_seed}\0{sample.id}".encode()).digest()
    wrong = settings.hint == "wrong" or (settings.hint == "random" and digest[0] % 2 == 1)
    if not count or (wrong and count < 2):
        return None
    away = 1 + int.from_bytes(digest[8:16], "big") % (count - 1) if wrong else 0
    return (gold + away) % count
