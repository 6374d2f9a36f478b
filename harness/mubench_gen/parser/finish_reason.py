"""Interprets why a reply ended, as engines and servers name it."""

from __future__ import annotations

from functools import lru_cache

_FAILED = frozenset(
    {"error", "abort", "aborted", "cancelled", "canceled", "malformed_function_call"}
)
_FILTERED = frozenset(
    {"safety", "recitation", "blocklist", "prohibited_content", "spii", "content_policy_violation"}
)
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
_WHOLE = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token"})
_FILTER, REFUSAL = "content_filter", "refusal"


def has_failed(reason: str | None) -> bool:
    """Whether the engine or server aborted the reply, so that its text is not an answer."""
    return reason is not None and _word(reason) in _FAILED


def refused_by(reason: str | None) -> str | None:
    """The rule by which a reply counts as refused, whatever its text; None if none applies.

    `content_filter`: a filter outside the model stopped it. `refusal`: the server marked it as a
    refusal by the model.
    """
    if reason is None:
        return None
    word = _word(reason)
    if word == REFUSAL:
        return REFUSAL
    return _FILTER if word.startswith(_FILTER) or word in _FILTERED else None


def is_complete(reason: str | None) -> bool | None:
    """Whether a reply that ended so is whole; None if that is not known."""
    word = "" if reason is None else _word(reason)
    if word in _CUT:
        return False
    return True if word in _WHOLE else None


@lru_cache(maxsize=64)
def _word(reason: str) -> str:
    """The reason in lower case; of an enumeration (`FinishReason.ABORT`) only the member."""
    return reason.rpartition(".")[2].strip().lower()
