"""The settings of a run as `mubench_gen.evaluate` takes them: one argument a flag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Literal, TypedDict

from mubench_gen.types import Control, Readout

Names = str | Sequence[str]  # one, or several; a text may list them with commas
Place = str | PathLike[str]


class RunSettings(TypedDict, total=False):
    """The arguments of `evaluate`: each is a flag of `mubench-gen eval`, with `_` for `-`.

    Those that take names take one, a list of them, or a text with commas.
    """

    model: str | None
    options: Mapping[str, str]
    data: Place
    partial: bool
    map: Mapping[str, str]
    allow_outside: bool
    licenses: Names
    tasks: Names
    protocol: Names
    prompt: Names
    prompt_set: Mapping[str, str]
    image_set: Mapping[str, str]
    readout: Readout | Sequence[Readout]
    engine: str | None
    base_url: Names
    ray_address: str | None
    max_requests: int | None
    deterministic: bool
    orders: str | None
    judge: str | None
    metric: Names
    cluster: Names
    control: Control
    limit: int | None
    shard: str | None
    seed: int
    repeats: int
    temperature: float
    max_tokens: int | None
    thinking: str | int | None
    device: str
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    revision: str | None
    trust_remote_code: bool
    batch_size: int | None
    timeout: float
    load_timeout: float
    max_errors: int | None
    preflight: bool
    in_process: bool
    keep_embeddings: bool
    run_dir: Place | None
    fresh: bool
    reuse: Place | Sequence[Place]
