"""The published μ-Bench: which files it is, and where the hub's cache keeps them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.data.arrow import ArrowDataset
from mubench_gen.data.shards import ShardFile, open_shards
from mubench_gen.errors import DataError
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.storage.paths import user_path


@dataclass(frozen=True, slots=True)
class Release:
    """Files of a data set on the hub at one commit, each with its SHA-256 where that is known.

    `elsewhere`: how files that came another way are used.
    """

    repo: str
    revision: str
    files: tuple[tuple[str, str | None], ...]
    elsewhere: str = "give their folder with --data PATH"

    @property
    def folder(self) -> Path:
        """Where the hub's cache keeps them, by their names."""
        return repo_folder(self.repo) / "snapshots" / self.revision


_DIGESTS = (
    "3d346134e6dffed41f74da64c1c173f5efd3a10200805796a030357297b630f1",
    "790591636ae679afa1161664d207c2bb2e3d583690d03967e38364ba0f31ccac",
    "c370cd84e6ed9b00483ef3d20f5c06d5ff2264733ea87f2df98cf9a22820bf74",
    "832cdd6f73a132028584b4e47ec1afe643e0490dd8ec9686eabbb9de3eb7f814",
    "e2741415cef1327ba243f21000ac43aab2d36b61a9c2c862a1d0e21f200f4a69",
    "89deae84ed2dab1bb1fc40be0aefe81b8d94590cec548d1950ff5ff853143d34",
    "534beca2084a250d4436340c78accc9fe7cc2d6063d4884302e7e7f141edad6c",
)
UBENCH = Release(
    repo="jnirschl/uBench",
    revision="3f2c5b590bc7a208d5b60f3527ce4c76a331aa2b",  # 2024-12-15
    files=tuple(
        (f"perception/0.1.0/ubench-test-{i:05d}-of-{len(_DIGESTS):05d}.arrow", digest)
        for i, digest in enumerate(_DIGESTS)
    ),
)


def hub_cache() -> Path:
    """The hub's cache folder, by the rules of huggingface_hub (HF_HUB_CACHE, HF_HOME)."""
    own = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if own:
        return user_path(own)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{base}/huggingface"
    return user_path(home) / "hub"


def repo_folder(repo: str) -> Path:
    """Where the hub's cache keeps the data set OWNER/NAME."""
    return hub_cache() / f"datasets--{repo.replace('/', '--')}"


def shards_of(release: Release) -> list[ShardFile]:
    """The release's files where the hub's cache has them, once prepared."""
    return [ShardFile(release.folder / name, digest) for name, digest in release.files]


def open_ubench(policy: StandardPolicy, *, partial: bool = False) -> ArrowDataset:
    """The prepared μ-Bench. Files that were never checked are read through once."""
    shards = shards_of(UBENCH)
    missing = [shard for shard in shards if not shard.path.exists()]
    if len(missing) == len(shards) or (missing and not partial):
        raise DataError(_not_there(shards, missing))
    return open_shards(
        "ubench",
        repo_folder(UBENCH.repo),
        shards,
        policy,
        partial=partial,
        revision=UBENCH.revision,
    )


def _not_there(shards: list[ShardFile], missing: list[ShardFile]) -> str:
    prepare = "Type: mubench-gen data prepare ubench (3.6 GB, resumable)"
    if len(missing) == len(shards):
        return (
            f"The data set 'ubench' is not prepared: {repo_folder(UBENCH.repo)} has none of its "
            f"{len(shards)} files. {prepare}. Files from elsewhere: --data PATH."
        )
    names = ", ".join(shard.path.name for shard in missing)
    return (
        f"The data set 'ubench' lacks {len(missing)} of its {len(shards)} files: {names}. "
        f"{prepare}; --partial uses the files that are there."
    )
