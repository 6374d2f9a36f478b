"""A package's data set, opened: its rows as JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mubench_gen.data.jsonl import JsonlDataset
from mubench_gen.data.packaged import Packaged, find, not_here
from mubench_gen.data.packaging import prepare
from mubench_gen.errors import DataError
from mubench_gen.images.policy import StandardPolicy


class PackagedDataset(JsonlDataset):
    """A prepared data set; manifests say whose it is, and from which files it was made."""

    def __init__(self, found: Packaged, policy: StandardPolicy) -> None:
        super().__init__(found.spec.name, found.folder / "rows.jsonl", policy)
        self.revision = found.about.get("revision")
        self._found = found

    @property
    def facts(self) -> Mapping[str, Any]:
        plugin, about = self._found.plugin, self._found.about
        origin = f"{plugin.distribution} {plugin.version}" if plugin.distribution else None
        return {
            "plugin": plugin.name,
            "package": origin,
            "hub": about["hub"],
            "licence": about["licence"],
            "left_out": about["counts"]["left_out"],
        }


def open_packaged(name: str, policy: StandardPolicy) -> PackagedDataset:
    """The data set, if it is prepared or its package has its rows; DataError says how to get it."""
    found = find(name)
    if not found.is_here:
        if not found.spec.is_own or found.spec.unread:
            raise DataError(not_here(found, name))
        prepare(found)
    return PackagedDataset(found, policy)
