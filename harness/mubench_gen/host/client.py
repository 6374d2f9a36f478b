"""A run's model: one host, or several side by side, opened when they are needed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from mubench_gen.console.progress import log
from mubench_gen.errors import EngineFault, RunFolderError, SettingError
from mubench_gen.host.card import ModelCard
from mubench_gen.host.events import Event
from mubench_gen.host.local import LocalHost
from mubench_gen.host.process import HostProcess
from mubench_gen.host.serving import RunSetup
from mubench_gen.host.setup import HostSetup
from mubench_gen.model import ModelSpec
from mubench_gen.types import Request

_UNCHANGED = ("weights_sha256", "dtype")  # facts that a model which is opened again must have


class HostedModel:
    """The model that a setup opens.

    `in_process`: in this process, without time limits and without isolation. `deaths` counts the
    processes that ended before they should.
    """

    def __init__(self, setup: HostSetup, *, in_process: bool = False) -> None:
        self.setup = setup
        self.in_process = in_process
        self.facts: Mapping[str, Any] = {}
        self.hardware: Mapping[str, Any] = {}
        self.alpha: Any = None
        self.watched: tuple[str, Decimal] | None = None
        self.seen: dict[str, Any] = {}  # what it answered to questions that are not a run's
        self.deaths = 0
        self.hosts: list[LocalHost | HostProcess] = []
        self._shown: list[dict[str, str]] = []
        self._card: ModelCard | None = None
        self._run: RunSetup | None = None
        self._kept: Path | None = None
        self._digest: Any = None
        self._digested: LocalHost | HostProcess | None = None
        self._begun = False

    @property
    def card(self) -> ModelCard:
        """What is known of the model before it is loaded. Raises what keeps it from opening."""
        if self._card is None:
            self.begin()
            self._begun = False
            self._card = self._first.result("card")
            self._first.label = self._card.label
            if self.in_process and self._card.hosts > 1:
                raise SettingError("--in-process runs one model, not several side by side.")
        return self._card

    def digest(self) -> Any:
        """The digests of the model that stand in every key, taken once of each process."""
        if self._digested is not self._first:
            self._digested = self._first
            self._digest = self._digested.call("digest")
        return self._digest

    def spec(self, model: str | None) -> ModelSpec:
        """Another model of the plugin."""
        found: ModelSpec = self._first.call("spec", model)
        return found

    def begin(self) -> None:
        """Start the process, which needs a moment, while there is other work to do."""
        if not self._begun and self._card is None:
            self._first.begin("card")
            self._begun = True

    def move(self, alpha: Any, watched: tuple[str, Decimal] | None = None) -> None:
        """Set where a sweep moves the weights at the next `load`. `watched`: a line and the place
        on it, where its answers must differ from those of other places; None for no such check.
        """
        self.alpha, self.watched = alpha, watched

    def load(self, run: RunSetup) -> Mapping[str, Any]:
        """Load the model in all hosts, for a run; returns its facts."""
        self._run = run
        if self.card.hosts > 1 and len(self.hosts) == 1:
            self._multiply()
        for host in self.hosts:
            host.begin("load", run)
        loaded = [host.result("load") for host in self.hosts]
        for host in self.hosts:
            if host is not self._digested:
                self._check_same(host)
        self.facts, self.hardware = loaded[0]["facts"], loaded[0]["hardware"]
        if len(loaded) > 1:
            self.facts = {**self.facts, "data_parallel_size": len(loaded)}
        return self.facts

    def keep(self, folder: Path) -> None:
        """Keep embeddings of images in that folder."""
        self._kept = folder
        for host in self.hosts:
            host.call("keep", folder)

    def counts(self) -> dict[str, Any]:
        """What was counted since the model was loaded, summed over the hosts."""
        if any(host.is_busy for host in self.hosts):
            return {}  # it would answer only when it is done
        counts = [host.call("counts") for host in self.hosts if host.is_running]
        if len(counts) < 2:
            return counts[0] if counts else {}
        total: Counter[str] = Counter()
        for one in counts:
            total.update(one.get("counts", {}))
        return {"counts": dict(total)} if total else {}

    @property
    def size(self) -> int:
        """How many hosts there are."""
        return max(1, len(self.hosts))

    def send(self, host: int, number: int, requests: Sequence[Request]) -> None:
        """Have a host asked; its answer is an event with that number. May raise ImageError."""
        self.hosts[host].send(number, requests)

    def give_up(self, host: int, number: int) -> None:
        self.hosts[host].give_up(number)

    def wait(self, seconds: float) -> list[tuple[int, Event]]:
        """The events that have come, with their hosts; waits for the first, `seconds` at most."""
        first = self._first
        if isinstance(first, LocalHost):
            event = first.wait(seconds)
            return [] if event is None else [(0, event)]
        there = {
            host.connection: number
            for number, host in enumerate(self.hosts)
            if isinstance(host, HostProcess) and host.is_running
        }
        ready = wait(list(there), seconds)
        return [(there[one], self.hosts[there[one]].receive()) for one in ready]  # type: ignore[index, union-attr]

    def rest(self) -> None:
        """Note that nothing is asked at present."""
        for host in self.hosts:
            host.rest()

    def kill(self, host: int) -> None:
        """End a host that hangs; `reopen` starts it again."""
        self.hosts[host].kill()

    def is_running(self, host: int) -> bool:
        return self.hosts[host].is_running

    def reopen(self, host: int) -> None:
        """Start a host again that ended, with its model as it was."""
        again = self.hosts[host]
        assert isinstance(again, HostProcess)
        again.start()
        facts = again.call("load", self._run)["facts"]
        for fact in _UNCHANGED:
            if facts.get(fact) != self.facts.get(fact):
                raise EngineFault(f"The model was opened again with another {fact}: {facts[fact]}.")
        self._check_same(again)
        if self._kept is not None:
            again.call("keep", self._kept)

    def _check_same(self, host: LocalHost | HostProcess) -> None:
        """Refuse a host that was started since the digest was taken, and is another model now.

        Nothing is known of a model that was never digested.
        """
        if self._digest is None:
            return
        told = list(self._digest.differences(host.call("digest")))
        if told:
            host.kill()
            raise RunFolderError(
                f"{self.card.label[:1].upper()}{self.card.label[1:]} was changed while the run "
                "went on, and is another one since it was started again:\n  "
                + "\n  ".join(told)
                + "\nWhat is finished is kept. Put back what changed and type the same command "
                "again, or give --fresh (or another --run-dir) for a run of its own."
            )

    def take_over(self, other: HostedModel) -> None:
        """Run from now on where another model ran that is done: its base may be loaded there."""
        label = self.card.label
        self.close()
        self.hosts, other.hosts = other.hosts, []
        for host in self.hosts:
            host.become(self.setup, label)

    def close(self) -> None:
        """End all hosts; a failure is only logged."""
        for host in self.hosts:
            fault = host.close()
            if fault is not None:
                log(f"{host.label[:1].upper()}{host.label[1:]} could not be closed: {fault}")
        self.hosts.clear()

    @property
    def _first(self) -> LocalHost | HostProcess:
        if not self.hosts:
            self.hosts = [LocalHost(self.setup) if self.in_process else HostProcess(self.setup)]
        return self.hosts[0]

    def _multiply(self) -> None:
        """Start a host for each share of the GPUs, or of the processor's cores without any."""
        shares = self._first.call("devices")
        self._first.close()
        cores = _core_shares(len(shares)) if not any(shares) else [None] * len(shares)
        self.hosts = [
            HostProcess(self.setup, gpus=gpus, cores=own)
            for gpus, own in zip(shares, cores, strict=True)
        ]
        for host in self.hosts:
            host.label = self.card.label


def _core_shares(number: int) -> list[set[int] | None]:
    """The processor's cores in equal shares; None where there are too few, or none are told."""
    every = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    each = len(every) // number
    return [set(every[n * each : (n + 1) * each]) or None for n in range(number)]
