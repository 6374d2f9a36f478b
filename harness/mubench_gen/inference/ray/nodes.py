"""Checks a Ray cluster before work starts: is it reachable, and can every node do the work?"""

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
from mubench_gen.console.progress import log
from mubench_gen.errors import MissingExtraError, SettingError, UsageError
from mubench_gen.inference.ray import node_check
from mubench_gen.model import Checkpoint
from mubench_gen.plan.plan import Plan
from mubench_gen.plan.ray_options import Cluster

_REACHABLE = 5.0  # seconds to connect to a cluster's address
_LOOKED_AT = 120.0  # seconds that a node may take to look at itself
_CLOCKS = 5.0  # seconds that two clocks may differ


def import_ray() -> Any:
    """Import Ray, with its telemetry turned off."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its messages concern only Ray itself
    # Otherwise a late thread starts another cluster after this one was left.
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
    """Connect Ray to the cluster, or to one started here; disconnect at the end."""
    ray = import_ray()
    ship_by_value(ray)
    if ray.is_initialized():  # by the caller of `evaluate`, who must end it
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
        raise SettingError(f"{where} cannot be used: {_in_short(error)}") from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_term)  # Ray replaces the handler
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Refuse a bad address at once, because Ray itself tries for a long time."""
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


def needs_of(plan: Plan) -> dict[str, Any]:
    """What every node must have: see `node_check.lacks`."""
    plugin = plan.plugin
    return {
        "mubench-gen": __version__,
        "plugin": {
            "asked": str(plugin.path) if plugin.path else plugin.name,
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "digest": plugin.digest,
        },
        "files": {path: node_check.seen(path) for path in _paths(plan)},
    }


def check_nodes(ray: Any, needs: Mapping[str, Any], cluster: Cluster) -> None:
    """Raise UsageError if a node lacks something, by name, or if none has room for a worker."""
    nodes = alive(ray)
    _check_room(nodes, cluster)
    problems: list[str] = []
    looks = _send_looks(ray, nodes, needs["plugin"]["asked"], list(needs["files"]))
    for node, (began, reference) in zip(nodes, looks, strict=True):
        try:
            found = ray.get(reference, timeout=_LOOKED_AT)
        except Exception as error:  # whatever Ray raises of a node that can't be asked
            if node["NodeID"] not in {one["NodeID"] for one in alive(ray)}:
                continue  # the node has left the cluster
            problems.append(f"{name_of(node)}: cannot be looked at: {_in_short(error)}")
            continue
        problems += [f"{name_of(node)}: {text}" for text in node_check.lacks(needs, found)]
        there = float(found["time"])
        tell_clock(name_of(node), min(0.0, there - began) or max(0.0, there - time.time()))
    if problems:
        raise UsageError("The cluster is not ready:\n  " + "\n  ".join(problems))


def alive(ray: Any) -> list[Mapping[str, Any]]:
    """The nodes that the cluster has now."""
    return [node for node in ray.nodes() if node["Alive"]]


def name_of(node: Mapping[str, Any]) -> str:
    """A node of `ray.nodes()`, as messages name it."""
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def ship_by_value(ray: Any) -> None:
    """Ship the code of `node_check` itself, because nodes may have another version or none."""
    ray.cloudpickle.register_pickle_by_value(node_check)


def _send_looks(
    ray: Any, nodes: Sequence[Mapping[str, Any]], plugin: str, paths: list[str]
) -> list[tuple[float, Any]]:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(num_cpus=0, max_retries=0)(node_check.look)
    sent = []
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        began = time.time()
        sent.append((began, task.options(scheduling_strategy=there).remote(plugin, paths)))
    return sent


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
    """The number of workers that fit on these nodes, within the allowed maximum."""
    options, most = cluster.options, cluster.options.most or 1_000_000
    room = 0
    for node in nodes:
        wants = [("CPU", options.cpus), ("GPU", options.gpus)]
        rooms = [int(node["Resources"].get(name, 0) / n) for name, n in wants if n > 0]
        room += min(rooms, default=most)
    return min(room, most)


def _paths(plan: Plan) -> list[str]:
    """Paths that every node must see: a plugin's file, a local checkpoint, paths in options."""
    source = plan.spec.source
    named = [source.path] if isinstance(source, Checkpoint) else []
    named += [value for value in plan.settings.options.values() if os.sep in value]
    found = [] if plan.plugin.path is None else [str(plan.plugin.path)]
    found += [str(Path(path).resolve()) for path in named if os.path.exists(path)]
    return list(dict.fromkeys(found))


def tell_clock(name: str, off: float) -> None:
    """Report a clock that is off; only the times in logs depend on it."""
    if abs(off) > _CLOCKS:
        log(
            f"{name}: its clock is {abs(off):,.0f} s {'ahead' if off > 0 else 'behind'}. Records "
            "hold seconds measured on one machine each, so that they are right all the same."
        )


def _in_short(error: BaseException) -> str:
    """The last line of an error, which has the cause; all lines of a version mismatch."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines and lines[0].startswith("Version mismatch"):
        return " ".join(lines)
    return (lines[-1] if lines else type(error).__name__)[:300]
