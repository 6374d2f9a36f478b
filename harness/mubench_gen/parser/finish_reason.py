"""Why a reply ended, in the words of engines and servers: whether it counts as an answer."""

from __future__ import annotations

_FAILED = frozenset(
    {"error", "abort", "aborted", "cancelled", "canceled", "malformed_function_call"}
)
_FILTERED = frozenset({"safety", "recitation", "blocklist", "prohibited_content", "spii"})
_FILTER, REFUSAL = "content_filter", "refusal"


def has_failed(reason: str | None) -> bool:
    """Whether the engine or server gave the reply up: what stands there is no answer."""
    return reason is not None and _word(reason) in _FAILED


def refused_by(reason: str | None) -> str | None:
    """The rule by which a reply counts as refused, whatever stands there; None where none does.

    `content_filter`: something beside the model stopped it. `refusal`: the model said by a field
    of its own that it refuses.
    """
    if reason is None:
        return None
    word = _word(reason)
    if word == REFUSAL:
        return REFUSAL
    return _FILTER if word.startswith(_FILTER) or word in _FILTERED else None


def _word(reason: str) -> str:
    """In small letters, of an enumeration's member without its class: `FinishReason.ABORT`."""
    return reason.rpartition(".")[2].strip().lower()
