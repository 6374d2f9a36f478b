"""The servers to ask, the key, and the options of the engine (`-o engine.k=v`)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pydantic import Field, field_validator

from mubench_gen.console.masking import know
from mubench_gen.engines.options import parse_options
from mubench_gen.engines.server.fields import check_body, check_omitted
from mubench_gen.errors import SettingError
from mubench_gen.model import Checkpoint, Options, Runtime
from mubench_gen.storage.user_files import parse_json

ServerKind = Literal[
    "vllm", "sglang", "llama.cpp", "ollama", "openai", "openrouter", "anthropic", "other"
]
KEY_VARIABLE = "OPENAI_API_KEY"
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_KEY_NAME = re.compile(r".*(key|token|secret|password|authorization|bearer).*", re.IGNORECASE)


class ServerOptions(Options):
    """Options of the engine `server`."""

    window: int = Field(64, ge=1, description="requests in flight at once, per server")
    retries: int = Field(
        6, ge=0, description="how often a request is sent again (broken connection, 429, 5xx)"
    )
    patience: float = Field(
        60.0, ge=0, description="seconds that all servers may be unreachable before the run ends"
    )
    kind: ServerKind | None = Field(
        None,
        description="vllm, sglang, llama.cpp, ollama, openai, openrouter, anthropic, other; by "
        "default what the server says",
    )
    served: str | None = Field(None, description="the server's id of the model, if it differs")
    unlisted: bool = Field(False, description="true: ask for a model that the server does not list")
    canary: bool = Field(
        True,
        description="check by about ten short requests that each image is answered for itself, "
        "and by one model; false: do not",
    )
    answers_as: tuple[str, ...] = Field(
        (), description="other names of the model in its replies, with commas"
    )
    key_env: str | None = Field(
        None, description=f"environment variable that holds the key; {KEY_VARIABLE}"
    )
    limit_field: Literal["max_tokens", "max_completion_tokens"] | None = Field(
        None,
        description="the field that limits the reply's length; by default the kind's",
    )
    top_logprobs: int | None = Field(
        None,
        ge=1,
        description="how many most probable tokens the server lists for --readout logprob; 20, "
        "of llama.cpp 100",
    )
    body: dict[str, Any] = Field(
        default_factory=dict,
        description='JSON of further fields of every request: {"reasoning_effort": "low"}',
    )
    omit: tuple[str, ...] = Field(
        (), description="fields that the server refuses, with commas: temperature,seed"
    )

    @field_validator("body", mode="before")
    @classmethod
    def _read_json(cls, value: Any) -> Any:
        return parse_json(value) if isinstance(value, str) else value

    @field_validator("body")
    @classmethod
    def _is_not_ours(cls, value: dict[str, Any]) -> dict[str, Any]:
        check_body(value)
        return value

    @field_validator("omit")
    @classmethod
    def _is_not_needed(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        check_omitted(value)
        return value

    @field_validator("omit", "answers_as", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(v.strip() for v in value.split(",")) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server: `url` up to /v1, without a slash at its end. The key is in no repr."""

    url: str
    loopback: bool
    proxy: str | None = None

    def at(self, path: str) -> str:
        return f"{self.url}/{path}"

    def at_root(self, path: str) -> str:
        """A path beside /v1, where servers have endpoints outside the OpenAI interface."""
        return f"{self.url.removesuffix('/v1')}/{path}"


class Secret:
    """A key, which is printed as stars."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        know(text)

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._text}"}

    def hide(self, text: str) -> str:
        """The text without the key, which a server may have echoed."""
        return text.replace(self._text, "***")

    def __repr__(self) -> str:
        return "Secret(***)"


def read_server_options(
    checkpoint: Checkpoint, given: Mapping[str, str], *, engine: str = "server"
) -> ServerOptions:
    """The user's options over the checkpoint's. A SettingError never shows a key."""
    for name in given:
        if name not in ServerOptions.model_fields and _KEY_NAME.fullmatch(name):
            raise SettingError(
                f"Engine {engine!r}: keys are read from the environment alone, so that they are "
                f"in no file or history: set {KEY_VARIABLE}, or name a variable with "
                "-o engine.key_env=NAME."
            )
    variable = given.get("key_env")
    if variable is not None and not _VARIABLE.match(variable):
        raise SettingError(
            f"Engine {engine!r}: engine.key_env is the name of an environment variable "
            f"({KEY_VARIABLE}, say), in capital letters; not the key itself."
        )
    own = {k: v for k, v in checkpoint.engine_arguments.get(engine, {}).items() if k != "hosted"}
    return parse_options(ServerOptions, {**own, **given}, engine=engine)


def read_endpoints(urls: Sequence[str]) -> tuple[Endpoint, ...]:
    """The servers of `--base-url`. Raises SettingError for a bad URL, or one with a password."""
    return tuple(_endpoint(url) for url in dict.fromkeys(u.rstrip("/") for u in urls))


def hosted_url(checkpoint: Checkpoint, runtime: Runtime) -> tuple[str, ...]:
    """The URLs to ask: the user's, else the plugin's hosted one if its key is set."""
    if runtime.base_urls:
        return runtime.base_urls
    hosted = checkpoint.engine_arguments.get("server", {}).get("hosted")
    if hosted and os.environ.get(KEY_VARIABLE):
        return (str(hosted),)
    more = f" Or set {KEY_VARIABLE}: then {hosted} is asked, and may be paid for." if hosted else ""
    raise SettingError(
        "--engine server asks a server that runs already: say which with --base-url, up to /v1 "
        f"(http://127.0.0.1:8000/v1).{more}"
    )


def read_key(options: ServerOptions, endpoints: Sequence[Endpoint]) -> Secret | None:
    """The key from the environment; None without one, or if it may not be sent there.

    A named variable is sent to every server. OPENAI_API_KEY by default is sent only over
    connections that others cannot read.
    """
    if options.key_env is not None:
        key = os.environ.get(options.key_env, "").strip()
        if not key:
            raise SettingError(
                f"The environment variable {options.key_env} (engine.key_env) is not set or empty."
            )
    else:
        key = os.environ.get(KEY_VARIABLE, "").strip()
        if not all(e.loopback or e.url.startswith("https:") for e in endpoints):
            return None
    if not key:
        return None
    if not key.isascii() or not key.isprintable():
        raise SettingError(
            f"The key in {options.key_env or KEY_VARIABLE} has characters that no HTTP header can "
            "hold. Was it copied whole, and nothing else?"
        )
    return Secret(key)


def _endpoint(url: str) -> Endpoint:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if "@" in parts.netloc:
        raise SettingError(
            "--base-url holds a user or a password. Keys are read from the environment alone: set "
            f"{KEY_VARIABLE}, or name a variable with -o engine.key_env=NAME."
        )
    if parts.query or parts.fragment:
        raise SettingError(
            f"--base-url {url.split('?')[0].split('#')[0]}: leave out ? and # and what follows."
        )
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise SettingError(f"--base-url {url!r} is not an http:// or https:// URL.")
    local = _is_loopback(host)
    bypassed = local or proxy_bypass(host)
    return Endpoint(url, local, None if bypassed else getproxies().get(parts.scheme))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
