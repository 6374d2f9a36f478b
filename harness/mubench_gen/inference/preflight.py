"""Before all others a run asks one question by each of its read-outs.

Where the model can be asked none of them, one message says so, before hundreds of items fail with
it. The questions are the run's own first ones, whose answers are its first records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from mubench_gen.console.progress import log
from mubench_gen.engines.advice import advice
from mubench_gen.errors import UsageError
from mubench_gen.inference.batches import Answered
from mubench_gen.inference.breaker import cause_of
from mubench_gen.inference.canary import REQUESTS, Canary, Steps, own_key, question, square
from mubench_gen.inference.moved_weights import MovedWeights
from mubench_gen.inference.request_limit import Allowance
from mubench_gen.model import Checkpoint
from mubench_gen.plan.plan import Plan
from mubench_gen.scores.label_mass import LEAST, mass_of
from mubench_gen.types import Failure, Image, Readout, Request, Response

_FIRST = 64  # requests among which the first of each read-out is looked for
_OTHERS = 2  # further images that fail as the first did, before the model is blamed
_SEARCHED = 1_024  # requests among which they are looked for
_EVERY = 1_000  # requests after which a canary is asked again
# Failures of one item or of a moment, which say nothing of the next item.
_OF_ITEMS = {"ImageError", "QuestionError", "ItemTimeout", "ModelDied", "RetryLater"}
_Asked = Generator[Request | None, None, list[Response]]


def open_preflight(
    plan: Plan, allowed: Allowance, sessions: Sequence[Mapping[str, Any]]
) -> Preflight:
    """The preflight of a run. `sessions`: those of its manifest, in which it may find what a canary
    was answered before.

    A plugin's own class may fail as it likes: its errors are those of the items.
    """
    model, card = plan.model, plan.model.card
    made = Preflight(
        plan.readouts,
        blames=isinstance(card.spec.source, Checkpoint),
        is_remote=card.engine == "server",
    )
    if model.watched is not None:
        scored = [one for one in ("similarity", "logprob") if one in card.readouts]
        readout = scored[0] if scored else card.readouts[0]
        made.moved = MovedWeights(*model.watched, readout, model.seen.setdefault("moved", {}))
    shown = plan.settings.control != "blind" and card.spec.kind == "generative"
    if card.canary and shown and allowed.has_room(REQUESTS):
        earlier = [one["canary"] for one in sessions if "canary" in one]
        made.canary = Canary(made.ask_beside, model.seen, earlier[0] if earlier else ())
    return made


def check_doubts(sessions: Sequence[Mapping[str, Any]]) -> None:
    """UsageError where a canary found in an earlier session that answers may be another model's."""
    for session in sessions:
        if "doubt" in session:
            raise UsageError(f"Found when this run was made: {session['doubt']}")


class Preflight:
    """Puts questions before a run's requests, and takes their answers out of its batches.

    `readouts`: those of the run. `blames`: whether a model that fails each of the first questions
    ends the run; `is_remote`: whether its files are a server's. `canary` and `moved` ask questions
    of their own, which are in no record.
    """

    def __init__(
        self, readouts: Sequence[Readout], *, blames: bool, is_remote: bool = False
    ) -> None:
        self._readouts = readouts
        self._blames = blames
        self._is_remote = is_remote
        self._answers: dict[str, Response] = {}
        self._awaited: set[str] = set()
        self._beside: set[str] = set()  # requests that are not the run's
        self._failed: Answered = []  # answers that wait for the verdict
        self._held: deque[Request | None] = deque()
        self.doubt: str | None = None  # why answers of this session may not be the model's
        self.canary: Canary | None = None
        self.moved: MovedWeights | None = None

    def requests(self, coming: Iterator[Request | None]) -> Steps:
        """The run's requests with those of the preflight. UsageError ends the run."""
        first = self._first(coming)
        answers = yield from self._ask(first)
        failed = [one for one in zip(first, answers, strict=True) if self._is_suspect(one[1])]
        if failed:
            yield from self._judge(failed, coming)
        _warn(first, answers)
        if self.moved is not None:
            yield from self.moved.check(self.ask_beside)
        own = chain(self._unheld(), coming)
        yield from own if self.canary is None else self._with(self.canary, own)

    def own(self, batch: Answered) -> Answered:
        """The batch without answers to requests of the preflight; those wait that it judges."""
        found: Answered = []
        for request, response in batch:
            key = request.key
            awaited = key in self._awaited
            if awaited:
                self._awaited.discard(key)
                self._answers[key] = response
            if key in self._beside:
                self._beside.discard(key)
            elif awaited and self._is_suspect(response):
                self._failed.append((request, response))
            else:
                found.append((request, response))
        return found

    def released(self) -> Answered:
        """Failures of which the model was suspected, and which are their items' own."""
        failed, self._failed = self._failed, []
        return failed

    def told(self, session: dict[str, Any]) -> bool:
        """Note in the run's session what a canary was answered and found; whether that is new."""
        answers = None if self.canary is None else self.canary.answers
        found = {"canary": answers or None, "doubt": self.doubt}
        new = {name: one for name, one in found.items() if one is not None and name not in session}
        session.update(new)
        return bool(new)

    def ask_beside(self, requests: Sequence[Request]) -> _Asked:
        """Ask requests that are not the run's, together, and wait for their responses."""
        self._beside.update(request.key for request in requests)
        return self._ask(requests)

    def _ask(self, requests: Sequence[Request]) -> _Asked:
        self._awaited.update(request.key for request in requests)
        yield from requests
        yield None  # they are answered before the next is read
        return [self._answers.pop(request.key) for request in requests]

    def _with(self, canary: Canary, requests: Iterator[Request | None]) -> Steps:
        """The requests, with a canary's before, among and behind them."""
        yield from canary.before()
        try:
            yield from self._among(canary, requests)
        except UsageError as error:
            self.doubt = str(error)
            raise

    def _among(self, canary: Canary, requests: Iterator[Request | None]) -> Steps:
        pair: list[Request] = []
        for number, request in enumerate(requests, 1):
            yield request
            if pair and all(one.key in self._answers for one in pair):
                yield from canary.look([self._answers.pop(one.key) for one in pair])
                pair = []
            if number % _EVERY == 0 and not pair and not canary.is_over:
                pair = canary.pair()
                self._beside.update(one.key for one in pair)
                self._awaited.update(one.key for one in pair)
                yield from pair
        yield None
        if not canary.is_over:
            yield from canary.after()

    def _first(self, coming: Iterator[Request | None]) -> list[Request]:
        """The first request of each read-out; the others among them are held."""
        found: dict[Readout, Request] = {}
        for _ in range(_FIRST):
            request = next(coming, None)
            if request is None or request.readout in found:
                self._held.append(request)
            else:
                found[request.readout] = request
            if request is None or len(found) == len(self._readouts):
                break
        return list(found.values())

    def _unheld(self) -> Iterator[Request | None]:
        while self._held:
            yield self._held.popleft()

    def _is_suspect(self, response: Response) -> bool:
        return self._blames and response.error is not None and response.error.type not in _OF_ITEMS

    def _judge(self, failed: Answered, coming: Iterator[Request | None]) -> Steps:
        """End the run if the model fails each of some more questions as it did the first."""
        others = [self._others(request, coming) for request, _ in failed]
        answers = iter((yield from self._ask([one for some in others for one in some])))
        faults: dict[str, tuple[Request, Failure]] = {}
        blamed: list[Readout] = []
        for (request, response), some in zip(failed, others, strict=True):
            found = [next(answers) for _ in some]
            if not some and request.readout != "similarity":  # the run is about one image
                found = yield from self.ask_beside([_simple(request, square("red"))])
            error = response.error
            if error is not None and found and all(_is_like(one.error, error) for one in found):
                faults.setdefault(cause_of(error), (request, error))
                blamed.append(request.readout)
        if faults:
            raise UsageError((yield from self._told(list(faults.values()), blamed)))

    def _others(self, request: Request, coming: Iterator[Request | None]) -> list[Request]:
        """Some requests by the same read-out about other images; the others are held."""
        seen = {_image_of(request)}
        found: list[Request] = []
        passed: deque[Request | None] = deque()
        for one in chain(self._unheld(), islice(coming, _SEARCHED)):
            fits = one is not None and one.readout == request.readout
            if one is None or not fits or _image_of(one) in seen:
                passed.append(one)
            else:
                seen.add(_image_of(one))
                found.append(one)
            if one is None or len(found) == _OTHERS:
                break
        passed.extend(self._held)
        self._held = passed
        return found

    def _told(
        self, faults: Sequence[tuple[Request, Failure]], readouts: Sequence[Readout]
    ) -> Generator[Request | None, None, str]:
        """What is wrong, what two simple questions say of it, and what to type."""
        said: list[str] = []
        sound = [one for one in self._readouts if one not in readouts]
        for request, error in faults:
            told = error.message.partition(": ")[2] if _is_foreign(error) else error.message
            found = yield from self._ask_simply(request)
            known = "" if "Type: " in told else advice(told, is_remote=self._is_remote)
            said += [f"{told.rstrip('.')}.", *filter(None, (found, known))]
        way = [f"--readout {','.join(sound)} works."] if sound else []
        return " ".join(
            [
                f"Each of the first questions fails (read-out {', '.join(readouts)}):",
                *said,
                *way,
                "No item is recorded as an error; --no-preflight asks all of them all the same.",
            ]
        )

    def _ask_simply(self, request: Request) -> Generator[Request | None, None, str]:
        if request.image is None or request.readout == "similarity":
            return ""
        both = [_simple(request, image) for image in (square("red"), None)]
        shown, blind = yield from self.ask_beside(both)
        if shown.error is None:
            return "A short question about a small image is answered."
        if blind.error is None:
            return (
                "A question without an image is answered, so it is the image that fails; "
                "--control blind asks without."
            )
        return ""


def _warn(requests: Sequence[Request], responses: Sequence[Response]) -> None:
    """Say at once what the report would say at the end of a run by log-probabilities."""
    for request, response in zip(requests, responses, strict=True):
        if request.readout != "logprob" or response.scores is None:
            continue
        mass = mass_of(response.scores)
        if mass < LEAST:
            log(
                f"The labels of the first question have {mass:.2g} of the probability of the next "
                "token: the model would begin its reply with something else. --readout parse "
                "reads what it writes; --thinking off may help where it begins with a thought."
            )


def _image_of(request: Request) -> str | None:
    return None if request.image is None else request.image.sha256


def _is_foreign(error: Failure) -> bool:
    """Whether its message begins with its type, as `errors.failure` has it of others' errors."""
    return error.message.startswith(f"{error.type}: ")


def _is_like(error: Failure | None, other: Failure) -> bool:
    return error is not None and cause_of(error) == cause_of(other)


def _simple(request: Request, image: Image | None) -> Request:
    """A short question by the same read-out, about a small image or none."""
    return question(own_key(), image, readout=request.readout)
