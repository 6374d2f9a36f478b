"""What a server can do: it is asked a few questions, as a run would ask them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any

from mubench_gen.doctor.finding import Finding, fine
from mubench_gen.engines.server.generative import ServerGenerative
from mubench_gen.errors import MubenchError, SettingError
from mubench_gen.inference.canary import LABELS, QUESTION, ask_pair, question, short, square
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.types import Image, Readout, Reply

_PATIENCE = 300.0  # seconds for one answer
_QUICKLY = {"retries": "1", "patience": "5"}
_STORY = "Write a sentence about a random animal in a random place."
_SHORT, _LONG = 64, 512  # tokens of a reply; the longer for one that thinks
_MODELS = 12  # names of models that are shown
Body = Mapping[str, Any]
_OFF: tuple[Body, ...] = (
    {"chat_template_kwargs": {"enable_thinking": False}},
    {"reasoning_effort": "none"},
)
_ON: tuple[Body, ...] = (
    {"chat_template_kwargs": {"enable_thinking": True}},
    {"reasoning_effort": "high"},
)


class ServerExamination:
    """The findings about a server; `can` says the same for programs, once all are made.

    `options` are the engine's (`-o engine.k=v`, without `engine.`). Raises SettingError for bad
    ones, or for a bad URL.
    """

    def __init__(self, urls: Sequence[str], model: str | None, options: Mapping[str, str]) -> None:
        self._checkpoint = Checkpoint(model or "", kind="generative", engines=("server",))
        self._urls, self._options = tuple(urls), dict(options)
        self._numbers = count()
        self._limit = _LONG
        self._model = self._server({})
        self.can: dict[str, Any] = {"base_urls": list(urls)}

    def findings(self) -> Iterator[Finding]:
        """Ask the server, and yield what is found."""
        try:
            self._model.load()
        except SettingError:
            raise
        except MubenchError as error:
            yield _fault("server", error)
            return
        try:
            yield from self._served()
            parse = self._parse()
            yield parse
            if parse.state != "fault":
                for check in (self._images, self._choice, self._logprob, self._seed):
                    yield check()
                yield self._thinking()
        finally:
            self._model.close()

    def _served(self) -> Iterator[Finding]:
        facts = self._model.facts
        kind, version = facts["kind"], facts["version"]
        names, context = self._model.offered, facts["max_model_len"]
        self.can |= {"kind": kind, "version": version, "model": facts["served_model"]}
        self.can |= {"models": list(names), "context": context}
        said = f"{', '.join(facts['servers'])} answers; kind {kind} {version or ''}".rstrip()
        if kind == "other" and self._model.options.kind is None:
            yield Finding("server", "note", said, "-o engine.kind=KIND if it hides its kind")
        else:
            yield fine("server", said)
        listed = ", ".join(names[:_MODELS]) + (", …" if len(names) > _MODELS else "")
        yield fine("model", f"{facts['served_model']}; listed: {listed or 'nothing'}")
        if context is None:
            yield Finding("context", "note", "the server does not say how long it is")
        else:
            yield fine("context", f"{context:,} tokens")

    def _parse(self) -> Finding:
        try:
            reply = self._reply(self._ask(square("red")))
        except MubenchError as error:
            self.can["readouts"] = {"parse": False}
            return _fault("parse", error)
        self.can["readouts"] = {"parse": True}
        self._first = reply
        self._limit = _LONG if _thinks(reply) else _SHORT
        if not reply.text.strip():
            said = f"an empty text ({reply.finish_reason or 'no reason'})"
            to_do = "--max-tokens 2048" if _thinks(reply) else ""
            return Finding("parse", "note", said, to_do)
        return fine("parse", f"answers {short(reply.text)!r}")

    def _images(self) -> Finding:
        """Whether the image changes what is asked, and stays with its own question."""
        self.can["images"] = None
        try:
            pair = ask_pair(self._ask)
            blind = self._reply(self._ask())
        except MubenchError as error:
            return _fault("images", error)
        extra = _tokens(self._first) - _tokens(blind)
        counted = bool(_tokens(self._first) and _tokens(blind))
        alone = pair.alone
        if pair.is_mixed:
            return Finding(
                "images", "fault", str(pair), "look at the caches of the server or proxy"
            )
        self.can["images"] = alone[0] != alone[1] or (counted and extra > 0)
        size = f", {extra:,} tokens for one of 64 × 64 pixels" if counted else ""
        if alone == ["A", "C"]:
            return fine("images", f"read: red is told from blue{size}")
        if counted and extra <= 0 and alone[0] == alone[1]:
            said = f"an image changes nothing: {_tokens(blind)} tokens with it and without"
            return Finding("images", "fault", said, "serve a model that reads images")
        said = f"red and blue are answered {alone[0]!r} and {alone[1]!r}{size}"
        return Finding("images", "note", said, "look at some replies: mubench-gen eval --limit 2")

    def _choice(self) -> Finding:
        readouts = self.can["readouts"]
        readouts["choice"] = False
        try:
            said = self._reply(self._ask(square("red"), readout="choice"))
        except MubenchError as error:
            return _note("choice", error, "--readout parse")
        if said.text not in LABELS:
            return Finding("choice", "note", f"refused ({said.finish_reason})", "--readout parse")
        readouts["choice"] = True
        return fine("choice", f"structured output keeps to the labels: {said.text!r}")

    def _logprob(self) -> Finding:
        readouts = self.can["readouts"]
        readouts["logprob"], self.can["top_logprobs"] = False, None
        try:
            found = self._ask(square("red"), readout="logprob").result()
        except MubenchError as error:
            return _note("logprob", error, "--readout parse or choice")
        if isinstance(found, Reply):
            return Finding("logprob", "note", f"refused ({found.finish_reason})", "--readout parse")
        readouts["logprob"], listed = True, self._model.listed
        bounds = self._model.counts.get("scores_that_are_bounds", 0)
        if self._model.lists_labels:
            return fine("logprob", "exactly the labels' tokens")
        self.can["top_logprobs"] = listed
        text = f"the {listed} most probable tokens"
        if bounds:
            text += f"; {bounds} of {len(LABELS)} labels are not among them and get a bound"
        return fine("logprob", text)

    def _seed(self) -> Finding:
        self.can["seed"] = None
        try:
            drawn = [self._reply(self._drawn(seed)).text for seed in (1, 1, 2, 3)]
        except MubenchError as error:
            return _note("seed", error, "--temperature 0, which needs none")
        if len(set(drawn)) == 1:
            return Finding("seed", "note", "cannot be told: no draw differs at temperature 1")
        self.can["seed"] = drawn[0] == drawn[1]
        if self.can["seed"]:
            return fine("seed", "honoured: one seed gives one text, others give others")
        said = "not honoured: one seed gives two texts"
        return Finding("seed", "note", said, "--temperature 0; or draw several: --repeats 5")

    def _thinking(self) -> Finding:
        """Whether the model thinks, and which field of a request changes that."""
        thinks = _thinks(self._first)
        switch = next((body for body in (_OFF if thinks else _ON) if self._turns(body)), None)
        self.can["thinking"] = {"default": thinks, "switch": switch}
        now, other = ("thinks", "not to think") if thinks else ("does not think", "to think")
        if switch is None:
            return fine("thinking", f"the model {now}; no switch changes it")
        typed = f"-o engine.body='{json.dumps(switch)}'"
        return Finding("thinking", "ok", f"the model {now}; a field tells it {other}", typed)

    def _turns(self, body: Body) -> bool:
        """Whether these fields change that the model thinks; a refusal of them does not."""
        server = self._server(body)
        try:
            server.load()
            reply = self._reply(self._ask(square("red"), limit=_LONG, server=server))
        except MubenchError:
            return False
        finally:
            server.close()
        return _thinks(reply) != _thinks(self._first)

    def _server(self, body: Body) -> ServerGenerative:
        options = {**_QUICKLY, **self._options}
        if body:
            given = json.loads(options.get("body", "{}"))
            options["body"] = json.dumps({**given, **body})
        runtime = Runtime(
            str(self._checkpoint.path),
            engine_options=options,
            base_urls=self._urls,
            timeout=_PATIENCE,
        )
        return ServerGenerative.at(self._checkpoint, runtime)

    def _ask(
        self,
        image: Image | None = None,
        text: str = QUESTION,
        *,
        readout: Readout = "parse",
        limit: int | None = None,
        seed: int | None = None,
        server: ServerGenerative | None = None,
    ) -> Future[Any]:
        key, limit = f"doctor {next(self._numbers)}", limit or self._limit
        request = question(key, image, text, readout=readout, limit=limit, seed=seed)
        return (server or self._model).submit(request)

    def _drawn(self, seed: int) -> Future[Any]:
        return self._ask(text=_STORY, seed=seed)

    def _reply(self, coming: Future[Any]) -> Reply:
        found: Reply = coming.result()
        return found


def _thinks(reply: Reply) -> bool:
    counted = (reply.usage or {}).get("reasoning_tokens", 0)
    return bool(reply.reasoning or counted or "<think>" in reply.text)


def _tokens(reply: Reply) -> int:
    return (reply.usage or {}).get("prompt_tokens", 0)


def _fault(name: str, error: MubenchError) -> Finding:
    found, to_do = _parts(error)
    return Finding(name, "fault", found, to_do)


def _note(name: str, error: MubenchError, to_do: str) -> Finding:
    found, told = _parts(error)
    return Finding(name, "note", found, told or to_do)


def _parts(error: MubenchError) -> tuple[str, str]:
    """What is wrong, and what to type if the message says it."""
    found, _, told = str(error).partition(" Type: ")
    return found, told.rstrip(".")
