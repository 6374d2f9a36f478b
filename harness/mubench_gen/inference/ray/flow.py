"""request → response on a Ray cluster: bundles out, answers back, as `respond` and `stream` do.

Ray Data moves the bundles' numbers through a pool of workers of elastic size; requests and images
are objects that workers fetch. The number in flight is bounded, so that memory doesn't grow with
the data. Finished work is known from the run folder, not from Ray's retries and checkpoints.
"""

from __future__ import annotations

import os
import pickle
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from mubench_gen.console.progress import log
from mubench_gen.errors import EngineFault, ImageError, MubenchError, UsageError, failure
from mubench_gen.host.messages import images_of, pack
from mubench_gen.host.serving import RunSetup
from mubench_gen.inference.batches import Answered
from mubench_gen.inference.ray.bundles import Bundles, References
from mubench_gen.inference.ray.data_stream import THREAD, AnswerReader, answering, hush, start_feed
from mubench_gen.inference.ray.nodes import alive, check_nodes, connected, fitting, needs_of
from mubench_gen.inference.ray.sending import Bundle, WorkerAnswers
from mubench_gen.inference.ray.worker import WorkerSetup
from mubench_gen.plan.plan import Plan
from mubench_gen.plan.ray_options import Cluster
from mubench_gen.types import Request, Response

_WINDOWS = 8  # windows of a streaming model per bundle, at the end of which it runs empty
_AHEAD = 3  # bundles in flight per worker
_SPARE = 2  # bundles in flight besides those
_LOOK_AGAIN = 30.0  # seconds after which the cluster's size is looked at again
_SILENCE = 60.0  # seconds without an answer after which a message says so
_CLOSING = 10.0  # seconds that Ray Data may take to end
_Out = tuple[int, WorkerAnswers] | BaseException  # of Ray Data; the last is always an exception
Told = Callable[[Mapping[str, Any], Mapping[str, Any]], None]


def distribute(
    plan: Plan,
    cluster: Cluster,
    run: RunSetup,
    requests: Iterable[Request | None],
    *,
    opened: Told,
    counted: Callable[[Mapping[str, Any]], None],
) -> Generator[Answered]:
    """Yield batches of requests with responses, as they arrive. May raise EngineFault, UsageError.

    `opened` is called with the model's facts, and their source in the cluster, before the first
    batch; `counted` at the end with the sum of the workers' counts. A None among the requests
    is a barrier: earlier requests are answered before later ones are sent.
    """
    with connected(cluster) as ray:
        needs = needs_of(plan)
        check_nodes(ray, needs, cluster)
        setup = WorkerSetup(plan.model.setup, run, os.getcwd(), plan.settings.timeout)
        flow = _Flow(ray, plan, cluster, needs, setup, iter(requests), opened)
        try:
            yield from flow.batches()
        finally:
            flow.close()
            counted(flow.counts())


class _Flow:
    """The requests in flight, by the bundle's number."""

    def __init__(
        self,
        ray: Any,
        plan: Plan,
        cluster: Cluster,
        needs: Mapping[str, Any],
        setup: WorkerSetup,
        requests: Iterator[Request | None],
        opened: Told,
    ) -> None:
        self._ray = ray
        self._cluster = cluster
        self._opened = opened
        self._facts: Mapping[str, Any] | None = None
        self._counts: dict[str, Mapping[str, Any]] = {}
        card = plan.model.card
        per_task = max(cluster.options.batch, _WINDOWS * card.size if card.streams else 1)
        self._bundles = Bundles(requests, per_task)
        self._references = References(ray)
        self._under_way: dict[int, dict[str, Request]] = {}
        self._sent = 0
        self._ended = False
        self._looked = 0.0
        self._window = 0
        self._fault: MubenchError | None = None
        self._results: queue.SimpleQueue[_Out] = queue.SimpleQueue()
        self._feed = start_feed(ray)
        dataset = answering(ray, self._feed, needs, setup, cluster)
        self._thread = AnswerReader(ray, dataset, self._results)
        self._thread.start()
        self._listener = threading.Thread(target=self._listen, name=THREAD, daemon=True)
        self._listener.start()

    def batches(self) -> Iterator[Answered]:
        while self._fault is None:
            yield from self._fill()
            if not self._under_way:
                if self._bundles.resume():
                    continue
                return
            batch = self._collect()
            if batch:
                yield batch
        raise self._fault

    def counts(self) -> dict[str, float]:
        """The sums of the models' counts, including workers that are gone."""
        total: dict[str, float] = {}
        for counts in self._counts.values():
            for name, value in counts.items():
                if isinstance(value, (int, float)):
                    total[name] = total.get(name, 0) + value
        return total

    def close(self) -> None:
        """Abandon the requests in flight."""
        hush(os.path.dirname(self._ray.__file__))
        self._feed.end.remote(self._sent)
        self._feed.close.remote()
        self._thread.join(_CLOSING if not self._under_way else 0.0)
        self._listener.join(_CLOSING)  # a call under way when Ray is left crashes the process

    def _listen(self) -> None:
        """Receive parts of bundles, in a thread, before Ray Data has the whole."""
        with suppress(Exception):  # the reader reports faults of Ray
            while parts := self._ray.get(self._feed.parts.remote()):
                for number, content in parts:
                    self._results.put((number, pickle.loads(content)))

    def _fill(self) -> Iterator[Answered]:
        """Send bundles until the window is full; what cannot be sent is answered here."""
        self._look_at_cluster()
        while len(self._under_way) < self._window:
            bundle = self._bundles.next()
            if bundle is None:
                if self._bundles.ended and not self._ended:
                    self._feed.end.remote(self._sent)
                    self._ended = True
                return
            failed = self._send(bundle)
            if failed:
                yield failed

    def _send(self, requests: list[Request]) -> Answered:
        sent, images, failed = {}, {}, []
        packed = []
        for request in requests:
            try:
                for image in images_of(request):
                    images[image.sha256] = self._references.of(image)
                packed.append(pack(request))
                sent[request.key] = request
            except ImageError as error:
                failed.append((request, Response(error=failure(error))))
        if packed:
            self._under_way[self._sent] = sent
            self._put(Bundle(packed, images))
        return failed

    def _put(self, bundle: Bundle) -> None:
        self._feed.add.remote(self._sent, [self._ray.put(bundle)])
        self._sent += 1

    def _collect(self) -> Answered:
        """Wait for answers, then take all that have arrived; a fault is stored in `_fault`."""
        batch: Answered = []
        done: list[int] = []
        result: _Out | None = self._wait()
        while isinstance(result, tuple):
            number, answers = result
            self._fault = self._fault or self._fault_of(answers)
            asked = self._under_way.get(number, {})
            new = [(key, response) for key, response in answers.responses if key in asked]
            batch += [(asked.pop(key), response) for key, response in new]
            if answers.whole:
                self._under_way.pop(number, None)
                done.append(number)
            self._counts[answers.worker] = answers.counts
            result = self._poll()
        if result is not None and self._under_way:
            self._fault = self._fault or EngineFault(f"Ray: {_told(result)}")
        if done:
            self._feed.done.remote(done)
        return batch

    def _poll(self) -> _Out | None:
        try:
            return self._results.get_nowait()
        except queue.Empty:
            return None

    def _wait(self) -> _Out:
        silent = 0.0
        while True:
            try:
                return self._results.get(timeout=_SILENCE)
            except queue.Empty:
                silent += _SILENCE
                log(
                    f"Ray: no answer for {silent:,.0f} s, {len(self._under_way)} bundles under "
                    "way. `ray status` tells what the cluster waits for."
                )

    def _fault_of(self, answers: WorkerAnswers) -> MubenchError | None:
        """Why the run cannot continue with this worker; the first one's facts are the reference."""
        if answers.fault is not None:
            kind = UsageError if answers.fault.kind == "usage" else EngineFault
            return kind(answers.fault.message)
        if self._facts is None:
            self._facts = dict(answers.facts)
            nodes = len(alive(self._ray))
            self._opened(self._facts, {"nodes": nodes, **self._cluster.options.model_dump()})
        for fact, what in (("dtype", "precision; give --dtype"), ("weights_sha256", "weights")):
            if self._facts.get(fact) != answers.facts.get(fact):
                raise UsageError(
                    f"Worker {answers.worker} runs the model in another {what}: {fact} is "
                    f"{answers.facts.get(fact)} there and {self._facts.get(fact)} on others. "
                    "Answers would come from two different models."
                )
        return None

    def _look_at_cluster(self) -> None:
        """Adapt the window to the number of workers that the cluster has room for."""
        if self._window and time.monotonic() - self._looked < _LOOK_AGAIN:
            return
        self._looked = time.monotonic()
        self._window = _AHEAD * max(1, fitting(alive(self._ray), self._cluster)) + _SPARE


def _told(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:500]
