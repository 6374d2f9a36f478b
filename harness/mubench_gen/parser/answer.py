"""response → answer: the option that a reply, or a list of option scores, chooses."""

from __future__ import annotations

from mubench_gen.parser import parse_answer
from mubench_gen.parser.finish_reason import is_complete, refused_by
from mubench_gen.parser.vocabulary import aliases_for
from mubench_gen.types import Answer, Readout, RenderedPrompt, Response


def read_answer(response: Response, readout: Readout, rendered: RenderedPrompt) -> Answer:
    """The answer, read without the gold one. An error gives status "error", never an answer."""
    return answer_of(
        response.reply,
        response.scores,
        response.finish_reason,
        readout=readout,
        options=rendered.options,
        labels=rendered.labels,
        vocabulary=rendered.sample.task.aliases,
        failed=response.error is not None,
    )


def answer_of(
    reply: str | None,
    scores: tuple[float, ...] | None,
    finish_reason: str | None,
    *,
    readout: Readout,
    options: tuple[str, ...],
    labels: tuple[str, ...],
    vocabulary: tuple[tuple[str, tuple[str, ...]], ...] = (),
    failed: bool = False,
) -> Answer:
    """Like `read_answer`, from the fields of a stored record."""
    if failed:
        return Answer("error")
    if (rule := refused_by(finish_reason)) is not None:
        return Answer("refused", rule=rule)
    if scores is not None:
        return _best(scores, readout)
    if readout == "choice" and reply is not None and (label := reply.strip()) in labels:
        start = reply.index(label)
        return Answer("answered", labels.index(label), "choice", (start, start + len(label)))
    aliases = aliases_for(vocabulary, options) if vocabulary else None
    return parse_answer(
        reply or "", options, labels, aliases=aliases, complete=is_complete(finish_reason)
    )


def _best(scores: tuple[float, ...], readout: Readout) -> Answer:
    best = max(scores)
    return Answer("answered", scores.index(best), rule=readout, tied=scores.count(best) > 1)
