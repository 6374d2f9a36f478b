"""reply → response → answer: what came back, and which option it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mubench_gen.types.image import Box
from mubench_gen.types.literals import Status


@dataclass(frozen=True, slots=True)
class Turn:
    """A step on the way to a reply: what a model, a tool or the plugin said, and looked at.

    `boxes` are parts of the question's image number `image` (from 1), in pixels of what is shown;
    `tool` names what was called.
    """

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    boxes: tuple[Box, ...] = ()
    image: int = 1
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a generative model answers to one request. A plain str stands for Reply(text).

    `finish_reason` "length": the reply was cut; "error" or "abort": the item failed, whatever
    the text is; "content_filter" or "refusal": it counts as refused. `reasoning`: what the model
    thought before it answered, where that is not in the text; it is stored and never read.
    `trace`: the steps on the way, which are stored beside the reply and shown on the page.
    `logprobs`: a log-probability a label, and `confidence`: how sure the model is of its answer,
    from 0 to 1; both are stored, and change nothing of how the reply is read.
    """

    text: str
    finish_reason: str | None = None
    usage: Mapping[str, int] | None = None
    reasoning: str | None = None
    trace: Sequence[Turn] = ()
    logprobs: Sequence[float] | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item has no answer. An error is never an answer."""

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class Response:
    """What came back for one request: a reply, or a score an option, or an error.

    `probabilities` are the scores as the model means them (of a sigmoid they need not sum to
    1). `cut`: the options whose caption is longer than the model's context; `alike`: those of
    `cut` whose part that is read equals that of another option. `nearly_constant`: whether the
    picture that was decoded for it is; None where none was decoded.
    """

    reply: str | None = None
    scores: tuple[float, ...] | None = None
    probabilities: tuple[float, ...] | None = None
    cut: tuple[int, ...] = ()
    alike: tuple[int, ...] = ()
    finish_reason: str | None = None
    usage: Mapping[str, int] | None = None
    seconds: float | None = None
    error: Failure | None = None
    reasoning: str | None = None
    nearly_constant: bool | None = None
    trace: tuple[Turn, ...] = ()
    logprobs: tuple[float, ...] | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply read as one of the options, or why it could not be.

    `index` is the option's index when `status` is "answered", else None. `rule` names the
    rule that decided and `span` is the (start, end) of the deciding text in code points of
    the reply as given; both None when not answered. `tied`: options scored equal. `alias`: the
    alias that the reply named the option by, where it did not write the option's text.
    """

    status: Status
    index: int | None = None
    rule: str | None = None
    span: tuple[int, int] | None = None
    tied: bool = False
    alias: str | None = None
