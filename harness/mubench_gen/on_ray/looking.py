"""What a node has: run there by Ray, shipped by value, so that it runs on any version.

Nothing of mubench-gen is imported at the top: a node may lack it.
"""

from __future__ import annotations

from typing import Any


def look(plugin: str, paths: list[str]) -> dict[str, Any]:
    """What this node has: versions, the plugin's code, the clock, and which paths it can see."""
    import os
    import platform
    import time

    found: dict[str, Any] = {
        "time": time.time(),
        "host": platform.node(),
        "mubench-gen": None,
        "plugin": None,
        "plugin_error": None,
        "files": {path: _seen(path) for path in paths},
        "folder": os.getcwd(),
    }
    try:
        from mubench_gen._version import __version__
        from mubench_gen.plugins import Plugins
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


def _seen(path: str) -> dict[str, int] | None:
    """The files there with their sizes; None where there is nothing."""
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
