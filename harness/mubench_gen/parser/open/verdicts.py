"""What a reply says of each option by itself: verdicts, ticks, and claims in running text."""

from __future__ import annotations

import re
from itertools import pairwise

from mubench_gen.parser.claims import answering_claims
from mubench_gen.parser.open.named import Named, item_at
from mubench_gen.parser.reply_text import ReplyText

_YES = re.compile(
    r"[)\]\"'.\s]*(?:[:=\-–>]|\bis\b|\bare\b)?[\s\"'(*]*(?:yes|true|correct|right|visible|present"
    r"|selected|applies|apply|shown|included|clearly|✓|✔|☑|✅|1(?!\d))(?![^\W\d_])"
)
DENIES = re.compile(
    r"[)\]\"'.\s]*(?:[:=\-–>]|\bis\b|\bare\b|\bdoes\b)?[\s\"'(*]*(?:no|false|incorrect|wrong|absent"
    r"|not|cannot|n't|excluded|missing|invisible|unlikely|✗|✘|❌|☐|0(?!\d))(?![^\W\d_])"
)
_BOX = re.compile(r"\n?[ \t*•-]*(?:\[(?P<mark>[ x✓✔*]?)\]|(?P<sign>[☐☑☒✓✔✗✘✅❌]))\s*")
_LINE = re.compile(r"(?:^|\n|(?<=[.;,])\s)[ \t*•(\[-]*(?:(?:option|choice)\s+)?[(\[]?")
_TICKED = "x✓✔*☑☒✅"
_MARKS = re.compile(r"[ \t*_\"'(\[]*")
_REST = re.compile(r"[^\n.;]{0,80}")
_OR = re.compile(r"[)\]\"',\s]*(?:or|oder|ou)\s[\s(\[\"'a-z]{0,16}")
_LEAST = 2  # verdicts without a "no" among them; fewer are a sentence about an option


def verdicts(text: ReplyText) -> Named | None:
    """A verdict for each option, on a line or in a clause of its own: "A: yes", "[x] A"."""
    said: dict[int, bool] = {}
    found = Named(start=-1)
    for line in _LINE.finditer(text.low):
        box = _BOX.match(text.low, line.start())
        marks = _MARKS.match(text.low, box.end() if box else line.end())
        at = marks.end() if marks else line.end()
        item = item_at(text, at)
        if item is None or item.status is not None:
            continue
        verdict = _is_ticked(box) if box else _verdict(text.low, item.end)
        if verdict is not None:
            said[item.option] = verdict
            found.start, found.end = (at if found.start < 0 else found.start), item.end
    found.indices = [index for index, is_right in said.items() if is_right]
    n, chosen = len(said), len(found.indices)
    return found if n >= _LEAST and chosen and (chosen < n or n > _LEAST) else None


def _is_ticked(box: re.Match[str]) -> bool:
    mark = box["mark"] if box["mark"] is not None else box["sign"]
    return bool(mark) and mark in _TICKED


def _verdict(low: str, at: int) -> bool | None:
    rest = _REST.match(low, at)
    said = rest[0] if rest else ""
    if DENIES.match(said):
        return False
    return True if _YES.match(said) else None


def claimed(text: ReplyText) -> Named | None:
    """The options that are asserted in running text, without those that are denied."""
    claims = [claim for claim in answering_claims(text) if claim.option >= 0]
    denied = {claim.option for claim in claims if claim.stance == "denied"}
    kept = [c for c in claims if c.stance in ("asserted", "open") and c.option not in denied]
    if not kept:
        return None
    for one, other in pairwise(kept):
        between = text.low[one.end : other.start]
        if one.option != other.option and _OR.fullmatch(between):
            return Named(start=one.start, end=other.end, status="ambiguous")
    return Named([claim.option for claim in kept], kept[0].start, kept[-1].end)
