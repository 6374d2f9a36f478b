"""The options of an engine (`-o engine.key=value`), read from text and refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.model import Options

# By default torch's threads spin while they wait. If other work needs the same cores (the run
# itself renders and decodes meanwhile), that takes up to 50 times as long: 89 instead of 1.7 ms per
# request, measured with a tiny model on two busy cores. The OpenMP library reads its settings when
# torch is imported, so that only environment variables work.
OPENMP = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
AnyOptions = TypeVar("AnyOptions", bound=Options)


class CheckpointOptions(Options):
    """Options of a checkpoint, whichever plugin declares it (`-o key=value`)."""

    chat_template: Path | None = Field(
        default=None, description="a file with the chat template to ask by, in place of its own"
    )
    mmproj: Path | None = Field(
        default=None,
        description="of a GGUF file: the one that reads its images; by default the one beside it",
    )
    quantisation: str | None = Field(
        default=None, description="of a folder with several GGUF files: which one, as Q4_K_M"
    )
    base: str | None = Field(
        default=None,
        description="of a LoRA adapter the model that it changes, in place of the one that it "
        "names: a folder, OWNER/NAME or OWNER/NAME@REVISION",
    )


class TransformersOptions(Options):
    """Options of the transformers engines."""

    attn_implementation: Literal["eager", "sdpa", "flash_attention_2", "flex_attention"] | None = (
        Field(default=None, description="attention kernels; by default what the model chooses")
    )
    batch_size: int | None = Field(
        default=None, ge=1, description="rows in one forward pass at most; default: the run's batch"
    )
    threads: int | None = Field(
        default=None, ge=1, description="CPU threads of torch; by default what torch chooses"
    )


def split_options(
    cls: type[AnyOptions], given: Mapping[str, str], *, engine: str
) -> tuple[AnyOptions, dict[str, str]]:
    """Those of `given` that are options of the class `cls`, as one; and the others."""
    own = {name: value for name, value in given.items() if name in cls.model_fields}
    others = {name: value for name, value in given.items() if name not in own}
    return parse_options(cls, own, engine=engine), others


def refuse_ours(given: Iterable[str], ours: Mapping[str, str], *, engine: str) -> None:
    """Raise SettingError for an argument of a program that `ours` says how to set instead."""
    for name in given:
        if name in ours:
            raise SettingError(f"Engine {engine!r}: engine.{name} is not an option: {ours[name]}.")


def parse_options(cls: type[AnyOptions], given: Mapping[str, Any], *, engine: str) -> AnyOptions:
    """`given` as the options class `cls`. Raises SettingError, with near names."""
    for name in given:
        if name not in cls.model_fields:
            raise SettingError(
                f"Engine {engine!r} has no option {name!r} (-o engine.{name}=…). "
                + did_you_mean(name, cls.model_fields)
            )
    try:
        return cls.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        about = cls.model_fields[name].description if name in cls.model_fields else ""
        said = first["msg"].removeprefix("Value error, ")
        raise SettingError(
            f"Engine {engine!r}, option engine.{name}={given.get(name)!r}: {said}. It is: {about}."
        ) from error
