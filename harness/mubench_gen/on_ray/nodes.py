"""The cluster, looked at before work starts: is it there, and can every node do the work?"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mubench_gen._version import __version__
from mubench_gen.engines.ray_options import Cluster
from mubench_gen.errors import MissingExtraError, SettingError, UsageError
from mubench_gen.model import Checkpoint
from mubench_gen.on_ray import looking
from mubench_gen.plan import Plan
from mubench_gen.progress import log

_REACHABLE = 5.0  # seconds to connect to a cluster's address
_LOOKED_AT = 120.0  # seconds that a node may take to look at itself
_CLOCKS = 5.0  # seconds that two clocks may differ


def import_ray() -> Any:
    """Ray, where it is installed; it is told to send nothing home."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it speaks of its own matters
    # Or a thread that comes late starts a cluster of its own, after this one was left.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        if error.name and error.name.partition(".")[0] not in ("ray", "pyarrow"):
            raise
        raise MissingExtraError("ray[data]", "ray", "--engine ray") from None
    return ray


@contextlib.contextmanager
def connected(cluster: Cluster) -> Iterator[Any]:
    """Ray, connected to the cluster, or to one started here; left again at the end."""
    ray = import_ray()
    if ray.is_initialized():  # by whoever called `evaluate`: theirs to end
        yield ray
        return
    address = cluster.address
    if address is not None:
        _check_address(address)
    on_term = signal.getsignal(signal.SIGTERM)
    try:
        started = {} if address is not None else {"include_dashboard": False}
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **started)
    except Exception as error:  # whatever Ray raises of a cluster that it can't use
        where = f"the Ray cluster at {address!r}" if address else "Ray on this machine"
        raise SettingError(f"{where} cannot be used: {_first_line(error)}") from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_term)  # Ray sets one of its own
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """A clear word at once: Ray itself tries for a long time."""
    if address.startswith("ray://"):
        raise SettingError(
            f"--ray-address {address}: Ray Client is not supported. Run the command on a node of "
            "the cluster, with --ray-address auto."
        )
    if address in ("auto", "local"):
        return
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise SettingError(f"--ray-address {address}: HOST:PORT or auto is needed.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACHABLE).close()
    except (OSError, OverflowError) as error:
        raise SettingError(
            f"--ray-address {address}: there is no cluster: {error}. `ray status` on one of its "
            "nodes tells the address; --ray-address auto takes the one that this node is of."
        ) from None


def check_nodes(ray: Any, plan: Plan, cluster: Cluster) -> None:
    """UsageError where a node lacks something, or none has room for a worker. Names the node."""
    nodes = [node for node in ray.nodes() if node["Alive"]]
    _check_room(nodes, cluster)
    paths = _paths(plan)
    here = {path: looking._seen(path) for path in paths}
    plugin = str(plan.plugin.path) if plan.plugin.path else plan.plugin.name
    problems: list[str] = []
    looks = _send_looks(ray, nodes, plugin, paths)
    for node, (began, reference) in zip(nodes, looks, strict=True):
        name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
        try:
            found = ray.get(reference, timeout=_LOOKED_AT)
        except Exception as error:  # whatever Ray raises of a node that can't be asked
            problems.append(f"{name}: cannot be looked at: {_first_line(error)}")
            continue
        problems += [f"{name}: {text}" for text in _lacks(plan, here, found)]
        _compare_clocks(name, began, float(found["time"]))
    if problems:
        raise UsageError("The cluster is not ready:\n  " + "\n  ".join(problems))


def _send_looks(
    ray: Any, nodes: Sequence[Mapping[str, Any]], plugin: str, paths: list[str]
) -> list[tuple[float, Any]]:
    from ray import cloudpickle
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    cloudpickle.register_pickle_by_value(looking)
    try:
        task = ray.remote(num_cpus=0, max_retries=0)(looking.look)
        sent = []
        for node in nodes:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            began = time.time()
            sent.append((began, task.options(scheduling_strategy=there).remote(plugin, paths)))
        return sent
    finally:
        cloudpickle.unregister_pickle_by_value(looking)


def _check_room(nodes: Sequence[Mapping[str, Any]], cluster: Cluster) -> None:
    if not fitting(nodes, cluster):
        options = cluster.options
        has = "; ".join(
            f"{node['NodeManagerHostname']}: {node['Resources'].get('CPU', 0):g} CPU, "
            f"{node['Resources'].get('GPU', 0):g} GPU"
            for node in nodes
        )
        raise SettingError(
            f"No node has room for a worker of {options.cpus:g} CPU and {options.gpus:g} GPU "
            f"(-o engine.cpus=…, -o engine.gpus=…). The nodes have {has}."
        )


def fitting(nodes: Sequence[Mapping[str, Any]], cluster: Cluster) -> int:
    """How many workers fit on these nodes, as many as are allowed at most."""
    options, most = cluster.options, cluster.options.most or 1_000_000
    room = 0
    for node in nodes:
        wants = [("CPU", options.cpus), ("GPU", options.gpus)]
        rooms = [int(node["Resources"].get(name, 0) / n) for name, n in wants if n > 0]
        room += min(rooms, default=most)
    return min(room, most)


def _paths(plan: Plan) -> list[str]:
    """What every node has to see: a plugin's file, a local checkpoint."""
    paths = [] if plan.plugin.path is None else [str(plan.plugin.path)]
    source = plan.spec.source
    if isinstance(source, Checkpoint) and Path(source.path).exists():
        paths.append(str(Path(source.path).resolve()))
    return paths


def _lacks(
    plan: Plan, here: Mapping[str, Mapping[str, int] | None], found: Mapping[str, Any]
) -> Iterator[str]:
    for path, files in here.items():
        there = found["files"][path]
        if there is None:
            yield f"{path} is not visible. Put it where all nodes see it"
        elif there != files:
            mine = files or {}
            changed = sorted(k for k in {**there, **mine} if there.get(k) != mine.get(k))
            yield f"{path} is another one: {changed[0] or 'its size'} differs"
    if found["mubench-gen"] is None:
        yield f"has no mubench-gen, needs {__version__}: pip install 'mubench-gen=={__version__}'"
        return
    if found["mubench-gen"] != __version__:
        yield (
            f"has mubench-gen {found['mubench-gen']}, needs {__version__}: "
            f"pip install 'mubench-gen=={__version__}'"
        )
    plugin, name = found["plugin"], plan.plugin.distribution or plan.plugin.name
    needs = f"{plan.plugin.version or ''} ({(plan.plugin.digest or '')[:8]})".strip()
    if plugin is None:
        yield f"has no plugin {plan.plugin.name!r}, needs {name} {needs}: {found['plugin_error']}"
    elif (plugin["version"], plugin["digest"]) != (plan.plugin.version, plan.plugin.digest):
        has = f"{plugin['version'] or ''} ({(plugin['digest'] or '')[:8]})".strip()
        yield f"has the plugin {plan.plugin.name!r} of {name} {has}, needs {needs}"


def _compare_clocks(name: str, began: float, there: float) -> None:
    """Say where a clock is off: nothing depends on it but the times that logs show."""
    off = there - began if there < began else max(0.0, there - time.time())
    if abs(off) > _CLOCKS:
        log(
            f"{name}: its clock is {abs(off):,.0f} s {'ahead' if off > 0 else 'behind'}. Records "
            "hold seconds measured on one machine each, so that they are right all the same."
        )


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
