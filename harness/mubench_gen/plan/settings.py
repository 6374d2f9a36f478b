"""The settings of a run: each a flag of `eval` and a key of --config (see `options.py`)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mubench_gen.console.secrets import public_url, without_secrets
from mubench_gen.data.shard import parse_shard
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.prompts.families import expanded
from mubench_gen.prompts.orders import check_orders
from mubench_gen.prompts.toml_files import first_problem
from mubench_gen.scores.clusters import cluster_fields
from mubench_gen.storage.paths import user_path
from mubench_gen.types import Control, Readout

T = TypeVar("T")
PAIRS = ("options", "prompt_set", "image_set", "map")  # settings of key and value
JUDGE = "judge."  # before the name of an option of the judge
AnySettings = TypeVar("AnySettings", bound=BaseModel)
# These change how a run is made, not what comes out of it.
NOT_IDENTITY = frozenset((
    "device", "batch_size", "timeout", "run_dir", "fresh", "reuse", "keep_embeddings",
    "max_requests", "metric", "cluster", "ray_address", "load_timeout", "max_errors",
    "in_process", "preflight",
))  # fmt: skip
_ONLY_WHERE_SET = (
    "base_url", "deterministic", "shard", "allow_outside", "map", "protocol", "thinking",
)  # in the identity only then, so that runs without them keep theirs  # fmt: skip


_PAIRS_BETWEEN = re.compile(r",\s*(?=[a-z_]+=)")  # a comma that another pair follows


def _in_process() -> bool:
    """The default of `in_process`: on where MUBENCH_GEN_IN_PROCESS is set to anything but 0."""
    return os.environ.get("MUBENCH_GEN_IN_PROCESS", "0") not in ("", "0")


class Settings(BaseModel):
    """What determines a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plugin: str
    model: str | None = None
    options: dict[str, str] = Field(default_factory=dict)
    data: str = "demo"
    partial: bool = False
    map: dict[str, str] = Field(default_factory=dict)
    allow_outside: bool = False
    licenses: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    protocol: tuple[str, ...] = ()
    prompt: tuple[str, ...] = ()
    prompt_set: dict[str, str] = Field(default_factory=dict)
    image_set: dict[str, str] = Field(default_factory=dict)
    readout: tuple[Readout, ...] = ()
    engine: str | None = None
    base_url: tuple[str, ...] = ()
    ray_address: str | None = None
    max_requests: int | None = Field(None, ge=0)
    deterministic: bool = False
    orders: str | None = None
    judge: str | None = None
    metric: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    control: Control = "none"
    limit: int | None = Field(None, ge=1)
    shard: str | None = None
    seed: int = Field(0, ge=0)
    repeats: int = Field(1, ge=1)
    temperature: float = Field(0.0, ge=0, allow_inf_nan=False)
    max_tokens: int | None = Field(None, ge=1)
    thinking: str | None = None
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    revision: str | None = None
    trust_remote_code: bool = False
    batch_size: int | None = Field(None, ge=1)
    timeout: float = Field(600.0, gt=0)
    load_timeout: float = Field(3600.0, gt=0)
    max_errors: int | None = Field(None, ge=0)
    preflight: bool = True
    in_process: bool = Field(default_factory=_in_process)
    keep_embeddings: bool = False
    run_dir: Path | None = None
    fresh: bool = False
    reuse: tuple[Path, ...] = ()

    @field_validator("plugin", "model", "data", mode="before")
    @classmethod
    def _path_as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, Path) else value

    @field_validator("tasks", "protocol", "prompt", "metric", mode="before")
    @classmethod
    def _paths_as_text(cls, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [str(v) if isinstance(v, Path) else v for v in value]
        return str(value) if isinstance(value, Path) else value

    @field_validator(
        "licenses",
        "tasks",
        "protocol",
        "prompt",
        "readout",
        "metric",
        "cluster",
        "reuse",
        "base_url",
        mode="before",
    )
    @classmethod
    def _split_commas(cls, value: Any) -> Any:
        values = [value] if isinstance(value, (str, Path)) else value or ()
        if not isinstance(values, (list, tuple)):
            raise ValueError(f"a list of texts is needed, found {value!r}")
        parts = [p for v in values for p in (v.split(",") if isinstance(v, str) else [v])]
        stripped = [p.strip() if isinstance(p, str) else p for p in parts]
        return tuple(dict.fromkeys(p for p in stripped if p))

    @field_validator("prompt")
    @classmethod
    def _families(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """A family of prompts stands for all of them."""
        return tuple(dict.fromkeys(_valued(expanded, value)))

    @field_validator(*PAIRS, mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(k): _as_text(v) for k, v in value.items()}
        values = [value] if isinstance(value, str) else value or ()
        if not isinstance(values, (list, tuple)):
            raise ValueError(f"key=value pairs are needed, found {value!r}")
        return _valued(pairs, values)

    @field_validator("map", mode="before")
    @classmethod
    def _split_pairs(cls, value: Any) -> Any:
        """Pairs may stand in one text, with commas between them. It runs before `_pairs`."""
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, (list, tuple)):
            return value
        return [pair for one in values for pair in _PAIRS_BETWEEN.split(str(one))]

    @field_validator("cluster")
    @classmethod
    def _one_or_two(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return value if not value else _valued(cluster_fields, value)

    @field_validator("orders")
    @classmethod
    def _known_orders(cls, value: str | None) -> str | None:
        if value is not None:
            _valued(check_orders, value)
        return value

    @field_validator("thinking", mode="before")
    @classmethod
    def _known_thinking(cls, value: Any) -> Any:
        """on, off (true and false in a file), or a number of tokens, in its shortest form."""
        if value is None:
            return None
        word = {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value).strip()
        if word.isascii() and word.isdecimal() and int(word):
            return str(int(word))
        if word not in ("on", "off"):
            raise ValueError(f"on, off or a number of tokens from 1 is needed, found {value!r}")
        return word

    @field_validator("run_dir", "reuse")
    @classmethod
    def _expanded(cls, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(_valued(user_path, path) for path in value)
        return value if value is None else _valued(user_path, value)

    @field_validator("shard")
    @classmethod
    def _known_shard(cls, value: str | None) -> str | None:
        return value if value is None else str(_valued(parse_shard, value))

    @field_validator("*")
    @classmethod
    def _encodable(cls, value: Any) -> Any:
        try:
            json.dumps(value, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError:
            raise ValueError(f"{value!r} is not valid UTF-8 text") from None
        return value

    @model_validator(mode="after")
    def _remote_code(self) -> Settings:
        pinned = re.fullmatch(r"[0-9a-f]{40}", self.revision or "")
        if self.trust_remote_code and not pinned:
            raise SettingError(
                "--trust-remote-code runs code from the checkpoint's repository: pin what you "
                "trust with --revision and the 40 hexadecimal digits of a commit."
            )
        return self

    @model_validator(mode="after")
    def _secrets_are_known(self) -> Settings:
        without_secrets(self.options)
        for url in self.base_url:
            public_url(url)
        return self

    @property
    def engine_options(self) -> dict[str, str]:
        """The options that stand behind `engine.`, without it."""
        return {k[7:]: v for k, v in self.options.items() if k.startswith("engine.")}

    @property
    def judge_options(self) -> dict[str, str]:
        """The options that stand behind `judge.`, without it."""
        return {k[len(JUDGE) :]: v for k, v in self.options.items() if k.startswith(JUDGE)}

    @property
    def plugin_options(self) -> dict[str, str]:
        return {k: v for k, v in self.options.items() if not k.startswith(("engine.", JUDGE))}

    @property
    def model_options(self) -> dict[str, str]:
        """The options of the plugin and of the engine, on which replies depend."""
        return {k: v for k, v in self.options.items() if not k.startswith(JUDGE)}

    def identity(self, secret: Collection[str] = ()) -> dict[str, Any]:
        """What the run's ID is a hash of, secrets masked; `secret` names secret options."""
        unset = {name for name in _ONLY_WHERE_SET if not getattr(self, name)}
        plain = self.model_dump(mode="json", exclude={*NOT_IDENTITY, *unset})
        if self.base_url:
            plain["base_url"] = sorted(map(public_url, self.base_url))
        return {**plain, "options": without_secrets(self.options, secret)}


def make_settings(given: Mapping[str, Any]) -> Settings:
    """Settings from flags or keyword arguments; None means not given."""
    return validated(Settings, given)


def validated(model: type[AnySettings], given: Mapping[str, Any]) -> AnySettings:
    """What was given as that model; None means not given. SettingError names the setting."""
    try:
        return model.model_validate({k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        problem = first_problem(error, model)
        raise SettingError(f"Setting {problem.key}: {problem.text.rstrip('.')}.") from None


def map_pairs(given: Sequence[str]) -> dict[str, str]:
    """The parts of a table and their columns, of the values of `--map`."""
    return make_settings({"plugin": "", "map": list(given)}).map


def pairs(given: Iterable[str]) -> dict[str, str]:
    """key=value texts as a mapping; the last of a key counts."""
    found = {}
    for pair in given:
        key, equals, text = str(pair).partition("=")
        if not equals or not key.strip():
            raise SettingError(f"{pair!r} is not a key=value pair.")
        found[key.strip()] = text
    return found


def _valued(check: Callable[[Any], T], value: Any) -> T:
    """What `check` returns; its UsageError becomes a ValueError, which pydantic expects."""
    try:
        return check(value)
    except UsageError as error:
        raise ValueError(str(error).removeprefix("order = ")) from None


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
