"""Ray Data as it is used here: numbers of bundles in, a worker's answers out."""

from __future__ import annotations

import logging
import os
import pickle
import queue
import threading
import traceback
from collections.abc import Mapping
from typing import Any

from mubench_gen.errors import EngineFault
from mubench_gen.inference.ray.feed import Feed, numbers
from mubench_gen.inference.ray.node_check import Gate
from mubench_gen.inference.ray.nodes import name_of, tell_clock
from mubench_gen.inference.ray.sending import Fault, WorkerAnswers
from mubench_gen.inference.ray.worker import WorkerSetup
from mubench_gen.plan.ray_options import Cluster

THREAD = "mubench-gen ray"  # the name of the threads that listen to the cluster


def hush(folder: str) -> None:
    """From now on don't report exceptions in threads of the package in that folder.

    Ray Data's threads prefetch, and lose their cluster when a stopped run disconnects.
    """
    before = threading.excepthook

    def told(failed: threading.ExceptHookArgs) -> None:
        frames = traceback.walk_tb(failed.exc_traceback)
        if not any(frame.f_code.co_filename.startswith(folder + os.sep) for frame, _ in frames):
            before(failed)

    threading.excepthook = told


class AnswerReader(threading.Thread):
    """Runs Ray Data, and passes on what comes out."""

    def __init__(self, ray: Any, dataset: Any, results: queue.SimpleQueue[Any]) -> None:
        super().__init__(name=THREAD, daemon=True)
        self._ray = ray
        self._nodes: set[str] = set()  # that have answered
        self._dataset = dataset
        self._results = results

    def run(self) -> None:
        try:
            # With prefetching, Ray Data holds back each block until another one follows. At a
            # barrier none does.
            blocks = self._dataset.iter_batches(
                batch_size=None, batch_format="pyarrow", prefetch_batches=0
            )
            for block in blocks:
                for answered in block.to_pylist():
                    self._results.put((answered["number"], self._received(answered)))
        except BaseException as error:  # for the thread that waits
            self._results.put(error)
        else:
            self._results.put(EngineFault("it ended before all was answered"))

    def _received(self, answered: Mapping[str, Any]) -> WorkerAnswers:
        """A worker's answers, or a fault if its node was refused."""
        node, refused = answered["node"], answered["refused"]
        if refused or node not in self._nodes:
            self._nodes.add(node)
            nodes = {one["NodeID"]: name_of(one) for one in self._ray.nodes()}
            name = nodes.get(node, node)
            tell_clock(name, answered["clock"])
            if refused:
                told = f"A node that joined the cluster is not ready:\n  {name}: {refused}\n"
                more = "Repair or remove it: the same command continues from here."
                return WorkerAnswers(name, node, fault=Fault("usage", told + more))
        received: WorkerAnswers = pickle.loads(answered["answers"])
        return received


def start_feed(ray: Any) -> Any:
    """The actor that hands out bundles, on this node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0)(Feed).options(scheduling_strategy=here).remote()


def answering(
    ray: Any, feed: Any, needs: Mapping[str, Any], job: WorkerSetup, cluster: Cluster
) -> Any:
    """Numbers → workers → answers; nothing runs yet."""
    from ray.data import ActorPoolStrategy, DataContext

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # its errors are raised here
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.target_max_block_size = 1  # a block a bundle: nothing waits to be put together
    options = cluster.options
    pool = ActorPoolStrategy(min_size=options.least, max_size=options.most)
    source = ray.data.read_datasource(numbers(feed), num_cpus=0, override_num_blocks=1)
    return source.map_batches(
        Gate,
        batch_size=1,
        compute=pool,
        fn_constructor_args=(feed, needs, pickle.dumps(job)),
        num_cpus=options.cpus,
        num_gpus=options.gpus or None,
    )
