"""request → response: asks the model's hosts, and keeps what goes wrong to the requests it is of.

Batches, or single requests of a model that streams, are under way in the hosts. A batch that fails
as a whole is asked again one request at a time, so that a bad item fails alone. So are the requests
that a host had when it died; one with which it died twice is its item's error. Answers come out in
small groups, so that they reach the disk soon without a write for each.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from mubench_gen.console.progress import log
from mubench_gen.errors import (
    EngineFault,
    ImageError,
    ItemTimeout,
    ModelDied,
    MubenchError,
    RunFolderError,
    UsageError,
    failure,
)
from mubench_gen.host.client import HostedModel
from mubench_gen.host.events import Answered as AnsweredEvent
from mubench_gen.host.events import Broken, Died, Event, Failed, GivenUp
from mubench_gen.inference.batches import Answered, Batches
from mubench_gen.inference.waiting import Waiting
from mubench_gen.types import Failure, Request, Response

_LOOK = 0.5  # seconds between two looks at the clock
_AHEAD = 2  # batches in a host: one is answered while the images of the next are decoded
_GRACE = 10.0  # seconds in which a host that streams must take note of a cancelled request
_MOST_HUNG = 8  # requests in a row without an answer before the host is started again
_MOST_DEATHS = 20  # of hosts in a run, before it ends
_MOST_DEATHS_OF_ONE = 2  # before a request is its item's error


def ask(
    model: HostedModel, requests: Iterable[Request | None], *, size: int, timeout: float
) -> Iterator[Answered]:
    """Batches of requests with their responses. EngineFault and UsageError end it.

    `size` counts requests a batch; of a contrastive model, which is asked all about an image for
    one encoding, images; of a model that streams, requests under way. A call that takes longer
    than `timeout` seconds is ended. What was answered before a fault comes out before the fault
    is raised. A None among the requests is a barrier: earlier ones are answered before later
    ones are read.
    """
    flow = _Flow(model, Batches(model.card, iter(requests), size), size=size, timeout=timeout)
    yield from flow.batches()


@dataclass(slots=True)
class _Sent:
    """Requests that are under way together, since `began`, in the host of that number."""

    requests: list[Request]
    began: float
    host: int


class _Flow:
    def __init__(self, model: HostedModel, batches: Batches, *, size: int, timeout: float) -> None:
        self._model = model
        self._batches = batches
        self._streams = model.card.streams
        self._sends_singly = self._streams or model.in_process
        self._most = size if self._streams else _AHEAD * model.size
        self._timeout = timeout
        late = ItemTimeout(f"no answer within {timeout:g} s (--timeout)")
        self._too_late = Response(error=failure(late), seconds=timeout)
        self._numbers = itertools.count()
        self._under_way: OrderedDict[int, _Sent] = OrderedDict()
        self._given_up: dict[int, tuple[int, float]] = {}  # host and time by number
        self._back: deque[list[Request]] = deque()  # to be asked again, as they were
        self._alone: deque[Request] = deque()  # to be asked again, one at a time
        self._deaths: Counter[str] = Counter()
        self._calls: Counter[int] = Counter()  # answered by each host since it was started
        self._died_at = 0  # after how many calls a host died last
        self._answers = Waiting()
        self._hung = 0
        self._fault: MubenchError | None = None

    def batches(self) -> Iterator[Answered]:
        while self._fault is None:
            more = self._fill()
            if self._under_way:
                self._collect()
            elif not self._answers.kept and not more and not self._batches.resume():
                self._model.rest()
                return
            if self._answers.is_due() or (self._answers.kept and not self._under_way):
                yield self._answers.take()
        if self._answers.kept:
            yield self._answers.take()
        raise self._fault

    def _fill(self) -> bool:
        """Send until enough is under way or answers wait; False at the end or a pause."""
        while self._fault is None and not self._answers.is_due():
            if self._alone:
                if not self._under_way:
                    self._send([self._alone.popleft()])
                return True
            if len(self._under_way) >= self._most:
                return True
            batch = self._back.popleft() if self._back else self._batches.next()
            if batch is None:
                return self._batches.is_begun
            self._send(batch)
            if self._sends_singly and self._receive(0.0):
                return True
        return True

    def _send(self, batch: list[Request]) -> None:
        host = self._host_of(batch[0])
        try:
            if not self._model.is_running(host):
                self._model.reopen(host)
            number = next(self._numbers)
            self._model.send(host, number, batch)
        except ImageError as error:
            if len(batch) == 1:
                self._answers.add(batch[0], Response(error=failure(error)))
            else:
                self._alone.extend(batch)
        except RunFolderError as error:  # it is another model by now
            self._fault = error
        except UsageError as error:  # of a model that could be opened before
            self._fault = EngineFault(str(error))
        except EngineFault as error:
            self._fault = error
        else:
            self._under_way[number] = _Sent(batch, time.perf_counter(), host)

    def _host_of(self, request: Request) -> int:
        """Always the same host for an image, so that each is encoded once."""
        if self._model.size == 1:
            return 0
        digest = "" if request.image is None else request.image.sha256
        return int((digest or request.key)[:8], 16) % self._model.size

    def _collect(self) -> None:
        """Wait for an event, or until something is due; take all events that have come."""
        until = min(self._answers.due, time.perf_counter() + _LOOK, *self._deadlines())
        if self._batches.is_begun and len(self._under_way) < self._most and not self._alone:
            until = 0.0  # there is a batch to be made
        while self._receive(max(0.0, until - time.perf_counter())) and not self._answers.is_due():
            until = 0.0
        self._end_late()

    def _receive(self, seconds: float) -> bool:
        """Take the events that come within so many seconds; returns whether any came."""
        events = self._model.wait(seconds)
        for host, event in events:
            if self._fault is None:
                self._take_in(host, event)
        return bool(events) and self._fault is None

    def _take_in(self, host: int, event: Event) -> None:
        if isinstance(event, Broken):
            self._fault = event.error  # its items are asked again when the run is resumed
            self._model.rest()  # it can still say what it counted
        elif isinstance(event, Died):
            self._bury(host, event.how)
        elif isinstance(event, GivenUp):
            self._given_up.pop(event.number, None)
        else:
            sent = self._under_way.pop(event.number, None)
            if sent is not None:  # else it was given up
                self._answer(sent, event)

    def _answer(self, sent: _Sent, event: AnsweredEvent | Failed) -> None:
        self._calls[sent.host] += 1
        if not self._streams:  # the next batch of that host begins now
            for later in self._under_way.values():
                if later.host == sent.host:
                    later.began = time.perf_counter()
        if isinstance(event, AnsweredEvent):
            for request, response in zip(sent.requests, event.responses, strict=True):
                self._answers.add(request, response)
                self._note_hung(response.error)
            if len(sent.requests) > 1:
                self._answers.due = 0.0
        elif len(sent.requests) == 1:
            self._answers.add(sent.requests[0], Response(error=event.failure))
        else:
            self._alone.extend(sent.requests)

    def _deadlines(self) -> list[float]:
        """When the calls under way have taken too long, and hosts that do not hear."""
        if self._model.in_process and not self._streams:
            return []
        ends = [at + _GRACE for _, at in self._given_up.values()]
        if self._streams:  # what was sent first is late first
            first_sent = () if self._model.card.keeps_time else self._under_way.values()
            return [*ends, *(sent.began + self._timeout for sent in islice(first_sent, 1))]
        first: dict[int, float] = {}
        for sent in self._under_way.values():
            first.setdefault(sent.host, sent.began + self._timeout)
        return [*ends, *first.values()]

    def _end_late(self) -> None:
        """End what has taken too long."""
        now = time.perf_counter()
        if min(self._deadlines(), default=math.inf) > now:
            return
        for host, at in list(self._given_up.values()):
            if at + _GRACE <= now:
                self._bury(host, "did not answer any more", killed=True)
        for number, sent in list(self._under_way.items()):
            if now - sent.began < self._timeout or number not in self._under_way:
                continue
            if self._streams and self._model.card.keeps_time:
                continue
            if self._streams:
                self._give_up(number, now)
            else:
                self._bury(sent.host, self._late, killed=True)

    @property
    def _late(self) -> str:
        return f"gave no answer within {self._timeout:g} s (--timeout)"

    def _give_up(self, number: int, now: float) -> None:
        """Cancel a request of a model that streams; the others go on."""
        sent = self._under_way.pop(number)
        self._given_up[number] = sent.host, now
        self._model.give_up(sent.host, number)
        for request in sent.requests:
            self._answers.add(request, self._too_late)
        self._note_hung(self._too_late.error)

    def _note_hung(self, error: Failure | None) -> None:
        """Count requests in a row that took too long in a model that streams."""
        self._hung = self._hung + 1 if error is not None and error.type == "ItemTimeout" else 0
        if self._hung > _MOST_HUNG:
            how = f"left {self._hung} requests in a row without an answer for {self._timeout:g} s"
            if self._model.in_process:
                self._fault = EngineFault(self._told(how))
            for host in range(self._model.size):
                self._bury(host, how, guilty=False)
            self._hung = 0

    def _bury(self, host: int, how: str, *, killed: bool = False, guilty: bool = True) -> None:
        """A host is gone, or is ended because it hangs: find out whose fault it is, unless it is
        known that none of those under way is `guilty`."""
        self._model.kill(host)
        self._model.deaths += 1
        sent = [number for number, one in self._under_way.items() if one.host == host]
        lost = [self._under_way.pop(number).requests for number in sent]
        self._given_up = {n: one for n, one in self._given_up.items() if one[0] != host}
        # A model that streams works on all; another on one batch, and the next one waits.
        suspects = [] if not guilty else lost if self._streams else lost[:1]
        self._back.extendleft(reversed(lost[len(suspects) :]))
        # One that dies again after as many calls dies of the calls, not of this request.
        calls, again = self._calls.pop(host, 0), self._died_at
        self._died_at = calls
        if 0 < calls == again and not killed:
            suspects, self._back = [], deque([*suspects, *self._back])
        for request in itertools.chain.from_iterable(suspects):
            self._suspect(request, how, alone=sum(map(len, suspects)) == 1, killed=killed)
        log(f"{self._told(how)} {self._next}")
        if self._model.deaths >= _MOST_DEATHS:
            self._fault = EngineFault(
                f"{self._told(how)} It was the {self._model.deaths}th time in this run."
            )

    @property
    def _next(self) -> str:
        many = len(self._alone)
        return (
            f"It is started again, to be asked {many:,} request{'s' * (many > 1)} one by one."
            if many
            else "It is started again."
        )

    def _suspect(self, request: Request, how: str, *, alone: bool, killed: bool) -> None:
        """Ask the request again alone, unless it is known that the model dies of it."""
        self._deaths[request.key] += 1
        if alone and killed:
            self._answers.add(request, self._too_late)
        elif self._deaths[request.key] >= _MOST_DEATHS_OF_ONE:
            what = request.key[:12]
            what += "" if request.image is None else f" about {request.image.name}"
            error = ModelDied(f"{self._told(how)} It was asked the request {what}.")
            self._answers.add(request, Response(error=failure(error)))
        else:
            self._alone.append(request)

    def _told(self, how: str) -> str:
        return f"The process of {self._model.card.label} {how}."
