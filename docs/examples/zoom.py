"""A zooming agent: looks at the whole image, then at its most detailed quarter, and answers with
what it is more sure of."""

from collections.abc import Sequence
from dataclasses import replace
from math import exp

import numpy as np
from pydantic import Field

import mubench_gen


class Zoom(mubench_gen.GenerativeModel):
    """Asks one member about both views. The member must offer the read-out `logprob`."""

    class Options(mubench_gen.Options):
        member: str = Field("tiny", description="the plugin whose model is asked")

    def __init__(
        self,
        options: mubench_gen.Options | None = None,
        runtime: mubench_gen.Runtime | None = None,
    ) -> None:
        super().__init__(options, runtime)
        self.member = mubench_gen.open_model(self.options.member)

    def generate(self, requests: Sequence[mubench_gen.Request]) -> list[mubench_gen.Reply]:
        return [self.look(replace(request, readout="logprob")) for request in requests]

    def look(self, request: mubench_gen.Request) -> mubench_gen.Reply:
        """The label that the member is surer of, with what it saw on the way."""
        if request.image is None:  # a run with --control blind
            (alone,) = self.member.label_logprobs([request])
            return reply_of(request, alone, ())
        parts = [whole(request.image), detailed(request.image)]
        views = [zoomed(request, request.image.crop(part)) for part in parts]
        seen = self.member.label_logprobs(views)
        turns = [
            mubench_gen.Turn("assistant", f"{best(request, scores)}, {sure(scores):.2f}", (part,))
            for part, scores in zip(parts, seen, strict=True)
        ]
        return reply_of(request, max(seen, key=sure), turns)


def reply_of(
    request: mubench_gen.Request, scores: Sequence[float], turns: Sequence[mubench_gen.Turn]
) -> mubench_gen.Reply:
    return mubench_gen.Reply(
        best(request, scores), trace=turns, logprobs=list(scores), confidence=sure(scores)
    )


def best(request: mubench_gen.Request, scores: Sequence[float]) -> str:
    return request.labels[int(np.argmax(scores))]


def sure(scores: Sequence[float]) -> float:
    """The probability of the likeliest label among the labels."""
    return max(map(exp, scores)) / max(sum(map(exp, scores)), 1e-300)


def zoomed(request: mubench_gen.Request, view: mubench_gen.Image) -> mubench_gen.Request:
    """The same question about another picture."""
    messages = [
        mubench_gen.Message(
            message.role,
            tuple(
                view if isinstance(part, mubench_gen.Image) else part for part in message.content
            ),
        )
        for message in request.messages
    ]
    return request.with_messages(*messages)


def whole(image: mubench_gen.Image) -> mubench_gen.Box:
    return mubench_gen.Box(0, 0, *image.pixels().size)


def detailed(image: mubench_gen.Image) -> mubench_gen.Box:
    """The quarter of the image in which grey values vary most."""
    width, height = image.pixels().size
    grey = np.asarray(image.pixels().convert("L"), dtype=float)
    w, h = max(1, width // 2), max(1, height // 2)
    corners = [(x, y) for y in (0, height - h) for x in (0, width - w)]
    x, y = max(corners, key=lambda c: float(grey[c[1] : c[1] + h, c[0] : c[0] + w].std()))
    return mubench_gen.Box(x, y, x + w, y + h)


@mubench_gen.hookimpl
def mubench_gen_models() -> list[mubench_gen.ModelSpec]:
    return [mubench_gen.ModelSpec("zoom", Zoom, description="looks twice")]
