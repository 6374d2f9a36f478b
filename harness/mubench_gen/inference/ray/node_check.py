"""Checks what a node has and lacks; Ray runs it there, shipped by value, under any version.

It imports nothing of mubench-gen at the top, because a node may lack it, and uses only plain data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def look(plugin: str, paths: list[str]) -> dict[str, Any]:
    """Versions, the plugin's code, the clock, and the visible paths of this node."""
    import os
    import platform
    import time

    found: dict[str, Any] = {
        "time": time.time(),
        "host": platform.node(),
        "mubench-gen": None,
        "plugin": None,
        "plugin_error": None,
        "files": {path: seen(path) for path in paths},
        "folder": os.getcwd(),
    }
    try:
        from mubench_gen._version import __version__
        from mubench_gen.plugins.registry import Plugins
    except ImportError as error:
        found["plugin_error"] = str(error)
        return found
    found["mubench-gen"] = __version__
    try:
        loaded = Plugins().load(plugin)
    except Exception as error:
        found["plugin_error"] = str(error)
    else:
        found["plugin"] = {
            "distribution": loaded.distribution,
            "version": loaded.version,
            "digest": loaded.digest,
        }
    return found


def seen(path: str) -> dict[str, int] | None:
    """The files at a path with their sizes; None if it does not exist."""
    import os

    if os.path.isfile(path):
        return {"": os.path.getsize(path)}
    if not os.path.isdir(path):
        return None
    sizes = {}
    for folder, _, names in os.walk(path):
        for name in names:
            file = os.path.join(folder, name)
            if "__pycache__" not in folder:
                sizes[os.path.relpath(file, path)] = os.path.getsize(file)
    return sizes


def lacks(needs: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What a node with `found` lacks of `needs`, as texts with what it has and needs.

    `needs`: `mubench-gen` (the version), `files` (what `seen` says of each path), and `plugin`
    (its `name`, and `distribution`, `version` and `digest` as in `look`).
    """
    told = []
    for path, files in needs["files"].items():
        there, mine = found["files"][path], files or {}
        if there is None:
            told.append(f"{path} is not visible. Put it where all nodes see it")
        elif there != files:
            changed = sorted(k for k in {**there, **mine} if there.get(k) != mine.get(k))
            told.append(f"{path} is another one: {changed[0] or 'its size'} differs")
    have, need = found["mubench-gen"], needs["mubench-gen"]
    if have != need:
        what = "no mubench-gen" if have is None else f"mubench-gen {have}"
        told.append(f"has {what}, needs {need}: pip install 'mubench-gen=={need}'")
    if have is None:
        return told
    plugin, wanted = found["plugin"], needs["plugin"]
    name = f"the plugin {wanted['name']!r}"
    distribution = wanted["distribution"] or wanted["name"]
    if plugin is None:
        reason = found["plugin_error"]
        told.append(f"has not {name}, needs {distribution} {_version(wanted)}: {reason}")
    elif _version(plugin) != _version(wanted):
        told.append(f"has {name} of {distribution} {_version(plugin)}, needs {_version(wanted)}")
    return told


def _version(plugin: Mapping[str, Any]) -> str:
    """The version, and the beginning of its code's digest."""
    return f"{plugin['version'] or ''} ({(plugin['digest'] or '')[:8]})".strip()


class Gate:
    """Checks its node before it opens a worker, also on nodes that join during the run.

    Ray Data calls it. It refuses all work if the node lacks something. `clock`: how many
    seconds the node's is ahead of the driver's.
    """

    def __init__(self, feed: Any, needs: Mapping[str, Any], job: bytes) -> None:
        import pickle
        import time

        import ray

        self._node = ray.get_runtime_context().get_node_id()
        began = time.time()
        there = ray.get(feed.time.remote())
        self._clock = max(0.0, began - there) or min(0.0, time.time() - there)
        self._refused = lacks(needs, look(needs["plugin"]["asked"], list(needs["files"])))
        self._worker: Any = None
        if not self._refused:
            from mubench_gen.inference.ray.worker import RayWorker

            self._worker = RayWorker(feed, pickle.loads(job))

    def __call__(self, block: Mapping[str, Any]) -> dict[str, Any]:
        number = int(block["number"][0])
        return {
            "number": [number],
            "node": [self._node],
            "clock": [self._clock],
            "refused": ["; ".join(self._refused)],
            "answers": [b"" if self._worker is None else self._worker.answer(number)],
        }
