"""Checks of a judge: what it gives for replies of all kinds."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from mubench_gen.plugins.extension import Unread
from mubench_gen.testing.check import check, want
from mubench_gen.testing.questions import LABELS, OPTIONS
from mubench_gen.testing.subject import Subject

_PROMPT = "Which modality is this?\n" + "\n".join(
    f"{label}) {option}" for label, option in zip(LABELS, OPTIONS, strict=True)
)
_TWO = ("Ja, natürlich", "いいえ")
_MANY = tuple(f"option {number}" for number in range(30))
_NOTHING = ("I cannot see the image.", "?", "As a language model, I would rather not say.")


def _unread(reply: str, options: Sequence[str] = OPTIONS) -> Unread:
    labels = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(options)]) + tuple(
        f"A{chr(65 + number)}" for number in range(len(options) - 26)
    )
    return Unread(reply, _PROMPT, tuple(options), labels)


_REPLIES = (
    _unread("It glows under the lamp, hence fluorescence."),
    _unread("Either light microscopy or electron microscopy, I think the latter."),
    _unread("答案可能是第二个。🔬\u202eevil\u202c e\u0301"),
    _unread("Ich würde eher nein sagen: いいえ", _TWO),
    _unread("Number 29 of the list, or 3", _MANY),
    _unread("{x} %s </s> \\ \"quoted\" 'it' <b>&</b>\n\n\t"),
    _unread("so " * 20_000 + "it is light microscopy"),
)


def _read(subject: Subject, unread: Sequence[Unread]) -> list[int | None]:
    """The judge's answers, one a reply: indices of options, or None."""
    given = subject.judge.read(list(unread))
    want(isinstance(given, Sequence) and not isinstance(given, str), "read gives no list")
    want(len(given) == len(unread), f"{len(given)} answers to {len(unread)} replies")
    for answer, one in zip(given, unread, strict=True):
        index = isinstance(answer, int) and not isinstance(answer, bool)
        sound = answer is None or (index and 0 <= answer < len(one.options))
        want(sound, f"an answer is {answer!r:.60}: no index of {len(one.options)} options")
    return list(given)


@check(
    "judge",
    reason="a judge that cannot be opened or asked reads nothing, and its run goes on without it",
    remedy="let load() get ready, and read() answer a list of Unread",
    gate=True,
)
def judge_answers(subject: Subject) -> None:
    _read(subject, _REPLIES[:1])


@check(
    "judge",
    reason="what is no index of an option is no answer, and the reply stays unread",
    remedy="return for each reply the index of an option (from 0), or None",
)
def judge_gives_indices(subject: Subject) -> None:
    for one in _REPLIES:
        try:
            _read(subject, [one])
        except Exception as error:  # any: the check is about it
            want(False, f"the reply {one.reply[:40]!r}: {type(error).__name__}: {error}")


@check(
    "judge",
    reason="a batch in which every reply could be read has nothing to ask",
    remedy="return [] for []",
)
def judge_takes_an_empty_batch(subject: Subject) -> None:
    want(list(subject.judge.read([])) == [], "an empty batch has answers")


@check(
    "judge",
    reason="a reply must not be read by what others it came with",
    remedy="keep nothing from one reply to another, and answer in the order of the replies",
)
def judge_reads_each_alone(subject: Subject) -> None:
    together = _read(subject, _REPLIES)
    alone = [_read(subject, [one])[0] for one in _REPLIES]
    backwards = _read(subject, _REPLIES[::-1])[::-1]
    want(together == alone, f"together {together}, one by one {alone}")
    want(together == backwards, f"in this order {together}, in the reverse one {backwards}")


@check(
    "judge",
    reason="the same run must be read in the same way again",
    remedy="temperature 0 and a fixed seed; no chance of its own",
)
def judge_repeats_itself(subject: Subject) -> None:
    first, second = _read(subject, _REPLIES), _read(subject, _REPLIES)
    want(first == second, f"first {first}, then {second}")


@check(
    "judge",
    reason="a guess would make a reply that says nothing right or wrong",
    remedy="return None where the reply chooses no option",
)
def judge_does_not_guess(subject: Subject) -> None:
    unread = [_unread(reply) for reply in _NOTHING]
    for answer, one in zip(_read(subject, unread), unread, strict=True):
        want(answer is None, f"the reply {one.reply!r} is read as {one.options[answer or 0]!r}")


@check(
    "judge",
    reason="the replies are counted and stored after it",
    remedy="copy a list before it is sorted, emptied or added to",
)
def judge_keeps_its_arguments(subject: Subject) -> None:
    given = list(_REPLIES)
    before = copy.deepcopy(given)
    subject.judge.read(given)
    want(given == before, "the list that it was given is another after the call")


@check(
    "judge",
    reason="several runs are judged in one process, one after the other",
    remedy="let close() be called twice, and load() after it",
)
def judge_can_be_closed(subject: Subject) -> None:
    judge = subject.open_judge()
    judge.load()
    judge.close()
    judge.close()
    judge.load()
    judge.close()
