"""A Ray cluster of several nodes on this machine, in a process of its own.

    python ray_cluster.py

prints its address, then obeys lines on stdin: `add`, `hide`, `remove`. A process of its own, so
that Ray's threads and warnings are not the tests', and nothing is left where a test fails.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NODE_CPUS = 2


@dataclass(frozen=True, slots=True)
class Nodes:
    """The cluster: its address, and nodes that come and go."""

    address: str
    process: subprocess.Popen[str]

    def add(self, **variables: str) -> None:
        """One more node; `variables` are its environment's."""
        self._tell(f"add {json.dumps(variables)}")

    def add_without(self, folder: Path) -> bool:
        """One more node, on which that folder is empty, as on those that follow.

        False where that needs more rights.
        """
        return self._told(f"hide {folder}") == "done"

    def remove(self) -> None:
        """Kill the node that was added last."""
        self._tell("remove")

    def _tell(self, line: str) -> None:
        answer = self._told(line)
        assert answer == "done", answer

    def _told(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@contextmanager
def ray_cluster(folder: Path, nodes: int) -> Iterator[Nodes]:
    """A head without room for workers, and so many nodes."""
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": "/tmp"}
    environment["PYTHONWARNINGS"] = "ignore"
    # Ray's workers would give way to all else on a busy machine, and tests wait for them.
    environment["RAY_worker_niceness"] = "0"
    with (folder / "cluster.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            text=True,
        )
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, (folder / "cluster.log").read_text()
            found = Nodes(address, process)
            for _ in range(nodes):
                found.add()
            yield found
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


_NEW_MOUNTS, _PRIVATE, _WITH_ALL_BELOW = 0x20000, 1 << 18, 1 << 14  # of <sched.h>, <sys/mount.h>


def hide(folder: str) -> bool:
    """Lay an empty file system over the folder, for all that is started here from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    nothing = b"none"
    return not (
        libc.unshare(_NEW_MOUNTS)
        or libc.mount(nothing, b"/", None, _PRIVATE | _WITH_ALL_BELOW, None)
        or libc.mount(nothing, folder.encode(), b"tmpfs", 0, None)
    )


def main() -> None:
    out = os.dup(1)
    os.dup2(2, 1)  # what Ray prints is no answer
    from ray.cluster_utils import Cluster

    def answer(text: str) -> None:
        os.write(out, f"{text}\n".encode())

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    added: list[Any] = []

    answer(cluster.address)
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "add":
            variables = json.loads(rest) or None
            added.append(cluster.add_node(num_cpus=NODE_CPUS, env_vars=variables))
        elif word == "hide":
            if not hide(rest):
                answer("not permitted")
                continue
            added.append(cluster.add_node(num_cpus=NODE_CPUS))
        elif word == "remove":
            cluster.remove_node(added.pop(), allow_graceful=False)
        answer("done")
    cluster.shutdown()


if __name__ == "__main__":
    main()
