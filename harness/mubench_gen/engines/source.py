"""The checkpoint to open: shared by engines, checked before torch is imported."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mubench_gen.engines.adapters import Adapter, find_adapter
from mubench_gen.errors import MissingExtraError, SettingError, UsageError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.storage.paths import user_path

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+\Z")
_DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class CheckpointSource:
    """A checkpoint with the user's settings for opening it.

    `path` is a folder (`local`) or a hub id; `revision` is None for a folder, unless remote
    code is trusted; `hint` is the checkpoint's. `adapter`: of the adapter that it is, if it is one
    and is on this machine.
    """

    path: str
    local: bool
    revision: str | None
    trust_remote_code: bool
    device: str
    dtype: str
    hint: str
    adapter: Adapter | None = None

    @property
    def whole(self) -> str:
        """The folder or hub id of whole weights, configuration and processor: an adapter's base."""
        return self.path if self.adapter is None else self.adapter.base

    @property
    def whole_revision(self) -> str | None:
        return self.revision if self.adapter is None else self.adapter.base_revision

    @property
    def hub_revision(self) -> str | None:
        """The revision at which the hub is asked for `whole`; None for a folder."""
        return None if user_path(self.whole).is_dir() else self.whole_revision

    def __str__(self) -> str:
        return f"{self.path}@{self.revision}" if self.revision and not self.local else self.path


def read_source(checkpoint: Checkpoint, runtime: Runtime) -> CheckpointSource:
    """The source of a checkpoint.

    Raises SettingError for an impossible setting, UsageError for a missing folder.
    """
    revision = runtime.revision or checkpoint.revision
    if runtime.trust_remote_code and not (revision and _COMMIT.match(revision)):
        raise SettingError(
            f"Remote code of {checkpoint.path} is trusted only at one commit: "
            "give --revision with all its 40 hexadecimal digits."
        )
    if runtime.dtype not in _DTYPES:
        raise SettingError(f"No dtype {runtime.dtype!r}. Known: {', '.join(_DTYPES)}.")
    folder = user_path(checkpoint.path)
    local = os.path.isdir(folder)
    no_id = isinstance(checkpoint.path, Path) or not _HUB_ID.match(checkpoint.path)
    if not local and no_id:
        raise UsageError(
            f"No folder {folder}. A model is a folder with config.json and weights, "
            "or a hub id (OWNER/NAME)."
        )
    path = str(folder) if local else str(checkpoint.path)
    adapter = find_adapter(path, revision, checkpoint.base)
    if adapter is not None and runtime.trust_remote_code and not _is_pinned(adapter):
        raise SettingError(
            f"Remote code of {adapter.base} is trusted only at one commit: give "
            f"-o base={adapter.base}@REVISION with all its 40 hexadecimal digits."
        )
    return CheckpointSource(
        path=path,
        local=local,
        revision=revision,
        trust_remote_code=runtime.trust_remote_code,
        device=runtime.device,
        dtype=runtime.dtype,
        hint=hint_of(checkpoint),
        adapter=adapter,
    )


def _is_pinned(adapter: Adapter) -> bool:
    """Whether the base of an adapter is a folder, or a commit of the hub."""
    revision = adapter.base_revision
    return user_path(adapter.base).is_dir() or bool(revision and _COMMIT.match(revision))


def require_installed(*packages: str, extra: str, purpose: str) -> None:
    """Raise MissingExtraError for the first package that is not installed. Imports nothing."""
    for name in packages:
        try:
            missing = find_spec(name) is None
        except ValueError:  # another module was put in its place
            missing = True
        if missing:
            raise MissingExtraError(name, extra=extra, purpose=purpose)


def hint_of(checkpoint: Checkpoint) -> str:
    """The plugin's advice on a checkpoint that cannot be opened."""
    return checkpoint.hint.replace("{id}", str(checkpoint.path))
