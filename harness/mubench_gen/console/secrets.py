"""Finds the secrets in what a run is given: by name, by type, by place in a URL.

They are masked here, and registered with `masking.py`. The masking here goes by names and places
alone, so that a run's identity does not depend on which secrets are registered.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from mubench_gen.console.masking import MASK, know

# Whole names of secrets: any KEY or TOKEN (`github_token`) that is not known to be harmless, as
# a tokenizer's tokens are; `max_new_tokens` and `keypoints` don't match.
_NAME = re.compile(
    r"(-o)?([^.]*\.)?(?!(stop|eos|bos|pad|sep|cls|unk|mask|image|video|start|end|sort)_)"
    r"([^.]*[_-])?(key|token)"
    r"|.*(api[_-]?key|secret|password|passwd|passphrase|credential|authorization|cookie).*",
    re.IGNORECASE,
)
_VARIABLE = re.compile(
    r".*(TOKEN|API_?KEY|ACCESS_?KEY|SECRET(_?KEY)?|PASSWORD|PASSWD|PASSPHRASE)", re.IGNORECASE
)
_USER = re.compile(r"(?<=://)[^/?#\s]+(?=@)")
_QUERY = re.compile(r"(?<=[?&])([^=&#\s]+)=([^&#\s]+)")
_SIGNED = re.compile(r".*(sig|signature|auth|code)", re.IGNORECASE)  # names, in a query alone
# What services begin their keys with; and what else is a token where it stands in a path: letters
# and digits mixed, longer than words and versions are.
_SERVICE = re.compile(r"(sk|pk|rk|hf|gh[opsu]|glpat|xox[bp])[-_][\w-]{8,}")
_LABELLED = re.compile(r"(tok|token|key|secret|api)[-_](?=\S*\d)[\w-]{8,}", re.IGNORECASE)
_MIXED = re.compile(r"(?=[a-z]*\d)(?=\d*[a-z])[a-z\d]{16,}", re.IGNORECASE)


def know_environment() -> None:
    """Register the environment's keys, tokens and passwords; a file's path is not a secret."""
    for name, value in os.environ.items():
        if _VARIABLE.fullmatch(name) and not os.path.exists(value):
            know(value.strip())
        elif "@" in value:
            without_password(value)


def without_secrets(options: Mapping[str, str], fields: Collection[str] = ()) -> dict[str, str]:
    """The options with keys, tokens and passwords blanked; `fields` are secret by their type."""
    return {
        name: _masked(value) if name in fields or _NAME.fullmatch(name) else _public(name, value)
        for name, value in options.items()
    }


def without_password(text: str) -> str:
    """A text with what is secret in its URLs blanked: before the @, behind the ?."""
    if "://" not in text:
        return text
    text = _USER.sub(lambda user: _masked(user[0], user[0].partition(":")[2]), text)
    return _QUERY.sub(_public_parameter, text)


def public_url(url: str) -> str:
    """A server's URL, where what looks like a token in its path is blanked too."""
    scheme, slashes, rest = without_password(url).partition("://")
    host, *path = rest.split("/")
    return scheme + slashes + "/".join([host, *map(_public_segment, path)])


def redact_command(command: Sequence[str], fields: Collection[str] = ()) -> list[str]:
    """The command with what is secret in it blanked."""
    shown: list[str] = []
    before = ""
    for word in command:
        name, equals, value = word.partition("=")
        if before == "--base-url":
            shown.append(_public_urls(word))
        elif name == "--base-url":
            shown.append(name + equals + _public_urls(value))
        elif equals:
            typed = [name] if name.removeprefix("-o") in fields else ()
            shown.append(f"{name}={without_secrets({name: value}, typed)[name]}")
        else:
            shown.append(without_password(word))
        before = word
    return shown


def secret_fields(options: type[Any]) -> frozenset[str]:
    """The fields of a pydantic model that hold a SecretStr or the like."""
    fields = options.model_fields.items()
    return frozenset(name for name, field in fields if _is_secret(field.annotation))


def know_typed(value: Any) -> None:
    """Register every SecretStr and the like in a pydantic model."""
    know(*typed_secrets(value))


def typed_secrets(value: Any) -> Iterator[str]:
    """What every SecretStr and the like in a pydantic model holds."""
    if hasattr(value, "get_secret_value"):
        secret = value.get_secret_value()
        yield secret.decode("utf-8", "replace") if isinstance(secret, bytes) else str(secret)
    elif hasattr(value, "model_fields_set"):
        yield from typed_secrets(vars(value))
    elif isinstance(value, Mapping):
        yield from typed_secrets([*value, *value.values()])
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from typed_secrets(one)


def _is_secret(kind: Any) -> bool:
    if any(hasattr(one, "get_secret_value") for one in (kind, get_origin(kind))):
        return True
    if hasattr(kind, "model_fields"):
        return bool(secret_fields(kind))
    return any(map(_is_secret, get_args(kind)))


def _masked(*values: str) -> str:
    """Registers the values and returns ***. A tokenizer's own <token> is not a secret."""
    from urllib.parse import unquote

    know(*(form for v in values if not v.startswith("<") for form in (v.strip(), unquote(v))))
    return MASK


def _public(name: str, text: str) -> str:
    """An option's value; JSON is looked through, and kept as it stands where nothing is secret."""
    if text.lstrip()[:1] not in ("{", "["):
        return without_password(text)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return without_password(text)
    shown = _public_json(document, hidden=name.lower().endswith("headers"))
    return text if shown == document else json.dumps(shown)


def _public_json(value: Any, *, hidden: bool) -> Any:
    """`hidden`: every text is secret, as in headers."""
    if isinstance(value, dict):
        return {
            name: _public_json(
                one, hidden=hidden or bool(_NAME.fullmatch(name)) or name.lower() == "headers"
            )
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_public_json(one, hidden=hidden) for one in value]
    if not isinstance(value, str):
        return MASK if hidden and value is not None else value
    return _masked(value) if hidden or _SERVICE.fullmatch(value) else without_password(value)


def _public_urls(urls: str) -> str:
    return ",".join(map(public_url, urls.split(",")))


def _public_segment(segment: str) -> str:
    pieces = re.split(r"[-_.~]", segment)
    known = _SERVICE.fullmatch(segment) or _LABELLED.fullmatch(segment)
    return _masked(segment) if known or any(map(_MIXED.fullmatch, pieces)) else segment


def _public_parameter(parameter: re.Match[str]) -> str:
    name, value = parameter[1], parameter[2]
    secret = _NAME.fullmatch(name) or _SIGNED.fullmatch(name) or _SERVICE.fullmatch(value)
    return f"{name}={_masked(value) if secret else value}"
