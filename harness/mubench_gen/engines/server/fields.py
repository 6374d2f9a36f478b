"""Fields of a request: which of them the harness sets itself, and what to type if one is refused.

Servers name a field that they refuse in `error.param` (OpenAI, Azure), in `loc` (pydantic's errors,
as of Mistral and vLLM), or in the words of the message.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

_LENGTH = "--max-tokens (engine.limit_field says in which field it is sent)"
_LISTED = "--readout logprob, and engine.top_logprobs for how many"
_WHOLE = "nothing: replies are read whole"
# What the harness sets in every request, under the names that servers have for it → the flag.
OWNED: Mapping[str, str] = {
    "model": "--model, or engine.served if the server has it under another id",
    "messages": "--prompt and --prompt-set",
    "n": "--repeats",
    "best_of": "--repeats",
    "stream": _WHOLE,
    "stream_options": _WHOLE,
    "temperature": "--temperature",
    "max_tokens": _LENGTH,
    "max_completion_tokens": _LENGTH,
    "max_output_tokens": _LENGTH,
    "max_new_tokens": _LENGTH,
    "n_predict": _LENGTH,
    "seed": "--seed",
    "logprobs": _LISTED,
    "top_logprobs": _LISTED,
    "n_probs": _LISTED,
    "logprob_token_ids": _LISTED,
    "return_tokens_as_token_ids": _LISTED,
}
_NEEDED = ("model", "messages")  # without them there is no request
_SAMPLING = ("temperature", "seed", "top_p", "top_k", "min_p", "repetition_penalty")
_OMITTABLE = (*_SAMPLING, "repeat_penalty", "stop", "stop_token_ids", "chat_template_kwargs")
_LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_SCHEMA = ("response_format", "json_schema", "structured_outputs", "grammar", "regex")
_REFUSES = re.compile(
    r"unsupported|\b(not|n't|never|cannot) (be )?(currently )?(support|allow|permit|accept|set\b)"
    r"|unrecogni[sz]ed|not recogni[sz]ed|unknown|unexpected|extra_?\s?(inputs|fields|forbidden)"
    r"|deprecated|no longer|not available|only the default|invalid (parameter|argument|field)",
    re.IGNORECASE,
)
_TOO_MANY = re.compile(
    r"at most|less than|greater than|too (large|many|high)|exceed|max(imum)?\b|between|<=|≤",
    re.IGNORECASE,
)
# A name in quotes, with an underscore, or called a parameter: no mere word of the message.
_NAMED = re.compile(
    r"""['"`](?P<quoted>\w{1,80})['"`]|\b(?P<long>[a-z]+(?:_[a-z]+)+)\b"""
    r"""|(?:parameter|argument|field|property|key)s?(?: supplied)?:? ?(?P<said>\w+)"""
    r"""|\b(?P<before>\w+)(?= (?:parameter|argument|field)\b)|(?P<logprobs>\blogprobs\b)""",
    re.IGNORECASE,
)


def check_body(body: Mapping[str, Any]) -> None:
    """Raise ValueError for a field of `engine.body` that the harness sets itself."""
    for name in body:
        flag = OWNED.get(name.strip().lower())
        if flag is not None:
            raise ValueError(f"the harness sets {name!r} itself; use {flag}")


def check_omitted(names: Collection[str]) -> None:
    """Raise ValueError for a field of `engine.omit` that no request can do without."""
    for name in names:
        if name in _NEEDED:
            raise ValueError(f"no request is possible without {name!r}")


def way_round(
    said: str, document: Any, *, omitted: Sequence[str] = (), body: Collection[str] = ()
) -> str | None:
    """What to type so that a field which the server refuses is not sent; None if it is no field.

    `said` is the server's message in one line, `document` its whole error, `omitted` what
    `engine.omit` has already, `body` the fields that the user added.
    """
    for name in _fields(said, document):
        if name in body:
            return f"take {name} out of -o engine.body"
        if "logprobs" in name:
            if _TOO_MANY.search(said):
                return "-o engine.top_logprobs=5, or how many it lists; or --readout parse"
            if _REFUSES.search(said):
                return "--readout parse or choice, which need no log-probabilities"
        if not _REFUSES.search(said):
            continue
        if name in _LIMITS and name not in omitted:
            return f"-o engine.limit_field={_LIMITS[name]}"
        if name in _SCHEMA:
            return (
                "--readout parse, or another -o engine.kind, which says how a choice is asked for"
            )
        if name in _OMITTABLE and name not in omitted:
            return f"-o engine.omit={','.join([*omitted, name])}"
    return None


def _fields(said: str, document: Any) -> list[str]:
    """The fields that an error is about, the surest first."""
    found = [str(name) for name in _told(document)]
    for match in _NAMED.finditer(said):
        found += [name for name in match.groups() if name]
    return list(dict.fromkeys(name.lower() for name in found))


def _told(document: Any) -> list[Any]:
    """What the error's `param`, or the last part of a `loc`, names."""
    if not isinstance(document, dict):
        return []
    error = document.get("error")
    told = [one.get("param") for one in (error, document) if isinstance(one, dict)]
    details = document.get("detail")
    for one in details if isinstance(details, list) else []:
        where = one.get("loc") if isinstance(one, dict) else None
        if isinstance(where, list) and where:
            told.append(where[-1])
    return [name for name in told if isinstance(name, str)]
