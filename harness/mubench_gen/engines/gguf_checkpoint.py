"""A checkpoint whose weights are GGUF files: `--engine llama-server` opens it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mubench_gen.engines.digest import CheckpointDigest, digest_alone
from mubench_gen.engines.folders import local_folder
from mubench_gen.engines.gguf import SUFFIX, GgufModel, find_gguf, holds_gguf
from mubench_gen.engines.options import CheckpointOptions
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.model import Checkpoint
from mubench_gen.storage.paths import user_path

ENGINE = "llama-server"
OPTIONS = ("mmproj", "quantisation")  # of a checkpoint in GGUF files alone
_ELSEWHERE = ("server", "ray")  # engines whose weights are not read here


@dataclass(frozen=True, slots=True)
class GgufCheckpoint:
    """The checkpoint of one file, and the facts of its header for reports."""

    checkpoint: Checkpoint
    facts: Mapping[str, str]


def gguf_of(
    checkpoint: Checkpoint, options: CheckpointOptions, *, engine: str | None, revision: str | None
) -> GgufCheckpoint | None:
    """The checkpoint that a GGUF file, or a folder or snapshot with some, is; None for others.

    Raises SettingError for an engine that does not open GGUF, and for options of GGUF where there
    is none; UsageError as `find_gguf` does.
    """
    found = None
    if _is_read_here(checkpoint, engine):
        found = find_model(checkpoint.path, revision, options.quantisation)
    if found is None:
        _refuse_options(checkpoint, options)
        return None
    if engine not in (None, ENGINE):
        raise SettingError(
            f"--engine {engine}: {found.path} is a GGUF file, which --engine {ENGINE} opens."
        )
    projector = _projector(checkpoint, found, options.mmproj)
    own = {**checkpoint.engine_arguments.get(ENGINE, {})}
    if projector is not None:
        own["mmproj"] = projector
    opened = replace(
        checkpoint,
        path=str(found.path),
        kind="generative",
        engines=(ENGINE,),
        engine_arguments={**checkpoint.engine_arguments, ENGINE: own},
        stop=(),  # the file has its own end of a turn
    )
    return GgufCheckpoint(opened, found.header.facts())


def useless_options(
    checkpoint: Checkpoint, *, engine: str | None, revision: str | None
) -> tuple[str, ...]:
    """The options that say nothing of this checkpoint: those of GGUF files where there is none."""
    gguf = _is_read_here(checkpoint, engine) and is_gguf(checkpoint.path, revision)
    return () if gguf else OPTIONS


def find_model(
    path: str | Path, revision: str | None, quantisation: str | None = None
) -> GgufModel | None:
    """As `find_gguf`, also of a hub id's snapshot in the cache. UsageError for no such file."""
    here = _here(path, revision)
    return None if here is None else find_gguf(here, quantisation)


def digest_gguf(checkpoint: Checkpoint) -> CheckpointDigest | None:
    """Digests of a GGUF file, its shards and the projector that is opened with it; None for others.

    What is in another quantisation's file, or beside them, is no part of it.
    """
    model = find_model(checkpoint.path, None) if str(checkpoint.path) else None
    if model is None:
        return None
    named = checkpoint.engine_arguments.get(ENGINE, {}).get("mmproj")
    projector = [] if named is None else [model.path.parent / user_path(named)]
    return digest_alone([*model.files, *projector])


def is_gguf(path: str | Path, revision: str | None) -> bool:
    """As `holds_gguf`, also of a hub id's snapshot in the cache. UsageError for no such file."""
    here = _here(path, revision)
    return here is not None and holds_gguf(here)


def _is_read_here(checkpoint: Checkpoint, engine: str | None) -> bool:
    return engine not in _ELSEWHERE and bool(str(checkpoint.path))


def _here(path: str | Path, revision: str | None) -> Path | None:
    here = user_path(path)
    there = os.path.exists(here)  # False too for what no path can be
    if here.suffix.lower() == SUFFIX and not there:
        raise UsageError(f"There is no file {here}.")
    return here if there else local_folder(path, revision)


def _projector(checkpoint: Checkpoint, model: GgufModel, wish: Path | None) -> str | None:
    """The projector's path; of one beside the model its name, which no move of both changes."""
    if wish is not None:
        return str(user_path(wish).absolute())
    own = checkpoint.engine_arguments.get(ENGINE, {}).get("mmproj")
    if own is not None or model.projector is None:
        return None if own is None else str(own)
    return model.projector.name


def _refuse_options(checkpoint: Checkpoint, options: CheckpointOptions) -> None:
    for name in OPTIONS:
        if getattr(options, name) is not None:
            raise SettingError(
                f"-o {name}={getattr(options, name)} is for a model in GGUF files, and "
                f"{checkpoint.path or 'none'} is none: give --model FILE.gguf."
            )
