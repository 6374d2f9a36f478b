"""The rules, ordered by strength of evidence. `Answer.rule` is the name of a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, reduce
from operator import or_

from mubench_gen.parser.chosen import CHOICE_WORDS, RETRACTION_WORDS, chosen, corrected
from mubench_gen.parser.closing import closing
from mubench_gen.parser.composites import TOGETHER, together
from mubench_gen.parser.conclusions import (
    CONCLUDES,
    THEREFORES,
    concluded,
    eliminated,
    only_marked_label,
    only_option,
    pointed_label,
    several_options,
    text_then_label,
    therefore,
)
from mubench_gen.parser.correct import (
    MARKED_CORRECT,
    SAID_CORRECT,
    item_marked_correct,
    said_correct,
)
from mubench_gen.parser.counts import COUNTS, counted, lone_number
from mubench_gen.parser.cues import ALL, cues_in
from mubench_gen.parser.declared import BEYOND_ASCII, DECLARES, declared_answer, declared_cjk
from mubench_gen.parser.declared_abroad import DECLARES_ABROAD, declared_abroad
from mubench_gen.parser.identified import identified
from mubench_gen.parser.labels_in_prose import labels_named
from mubench_gen.parser.leading import (
    final_line,
    final_text,
    label_with_text,
    leading_label,
    sole_labels,
    sole_text,
)
from mubench_gen.parser.measured import measured
from mubench_gen.parser.opening import first_sentence, leading_text, opening_sentence
from mubench_gen.parser.ordinal import LATTERS, PLACES, former_or_latter, ordinal
from mubench_gen.parser.paraphrases import paraphrased
from mubench_gen.parser.partial import partial_text
from mubench_gen.parser.quantities import EQUALS, result
from mubench_gen.parser.reply_text import BOXES, BRACES, TAGS, ReplyText, Verdict
from mubench_gen.parser.short_names import short_name
from mubench_gen.parser.structured import answer_tag, boxed, json_answer
from mubench_gen.parser.the_other import OTHERS, other_of_two, pointed_at
from mubench_gen.parser.truths import TRUTHS, true_or_false, verb_alone
from mubench_gen.parser.weights import (
    CHECKED_SIGNS,
    ORDERS,
    WEIGHED_WORDS,
    checked,
    ordered,
    ranked,
    weighed,
)

Rule = Callable[[ReplyText], Iterator[Verdict]]
Tiers = tuple[tuple[Rule, ...], ...]
# Strongest evidence first. Within a tier the verdict that is last in the reply counts,
# whichever rule found it, because a later declaration may retract an earlier one.
STRONG: Tiers = (
    (label_with_text,),
    (sole_text, sole_labels),
    (ranked,),
    (
        json_answer,
        weighed,
        ordered,
        checked,
        pointed_at,
        answer_tag,
        boxed,
        declared_answer,
        declared_cjk,
        declared_abroad,
        chosen,
        corrected,
        said_correct,
        item_marked_correct,
    ),
    (leading_label,),
    (final_line,),
)
# These read how a reply ends or what it leaves unsaid, so that they need the whole of it.
OF_WHOLE: frozenset[Rule] = frozenset(
    (
        item_marked_correct,
        final_line,
        former_or_latter,
        other_of_two,
        final_text,
        only_marked_label,
        result,
        counted,
        together,
        closing,
        only_option,
        lone_number,
        true_or_false,
        verb_alone,
        text_then_label,
        therefore,
        identified,
        concluded,
        ordinal,
        eliminated,
        short_name,
        partial_text,
        measured,
        paraphrased,
    )
)
WEAK: Tiers = (
    (pointed_label,),
    (former_or_latter, other_of_two),
    (final_text,),
    (only_marked_label,),
    (result,),
    (counted,),
    (together,),
    (first_sentence,),
    (closing,),
    (only_option,),
    (lone_number,),
    (true_or_false, verb_alone),
    (text_then_label,),
    (therefore,),
    (identified,),
    (leading_text,),
    (opening_sentence,),
    (concluded,),
    (ordinal,),
    (eliminated,),
    (partial_text,),
    (measured,),
    (paraphrased,),
    (short_name,),
    (several_options,),
)
# What reads a reply from where it thinks again: rules that see how it goes on, or ends.
BEHIND: Tiers = (
    STRONG[3],
    (final_line,),
    (pointed_label,),
    (final_text,),
    (closing,),
    (therefore,),
    (identified,),
    (short_name,),
)
# What a rule needs to be tried at all: one of these groups of cue words (`cues.py`).
NEEDS: dict[Rule, int] = {
    ranked: BRACES,
    json_answer: BRACES,
    weighed: BRACES | WEIGHED_WORDS,
    ordered: ORDERS,
    checked: CHECKED_SIGNS,
    answer_tag: TAGS,
    boxed: BOXES,
    declared_answer: DECLARES,
    declared_cjk: BEYOND_ASCII,
    declared_abroad: DECLARES_ABROAD,
    chosen: CHOICE_WORDS,
    corrected: RETRACTION_WORDS,
    said_correct: SAID_CORRECT,
    item_marked_correct: MARKED_CORRECT,
    former_or_latter: LATTERS,
    other_of_two: OTHERS,
    pointed_at: TAGS,
    together: TOGETHER,
    result: EQUALS,
    counted: COUNTS,
    true_or_false: TRUTHS,
    therefore: THEREFORES,
    concluded: CONCLUDES,
    ordinal: PLACES,
}
_ANY_NEED = reduce(or_, NEEDS.values())
# Rules that weigh what is said of options: they need one to be named.
_WEIGH_CLAIMS: frozenset[Rule] = frozenset(
    (
        pointed_label,
        only_marked_label,
        only_option,
        text_then_label,
        therefore,
        identified,
        opening_sentence,
        concluded,
        eliminated,
        several_options,
    )
)


# Rules that read on from the last declaration, and from cue words near or behind it.
_READ_ON: frozenset[Rule] = frozenset(
    (
        declared_answer,
        declared_cjk,
        declared_abroad,
        chosen,
        corrected,
        said_correct,
        item_marked_correct,
    )
)
_NEAR = 256  # characters; no pattern of these rules goes further back


def strong(reply: ReplyText) -> Tiers:
    """The strong tiers, less the rules that a reply without their cues has no use for."""
    return _tried(reply.cues & _ANY_NEED)[0]


def weak(reply: ReplyText) -> Tiers:
    """The weak tiers, less the rules that have nothing to read in the reply."""
    named = bool(labels_named(reply) or reply.mentions)
    return _tried(reply.cues & _ANY_NEED)[1 if named else 2]


def unneeded_behind(reply: ReplyText) -> frozenset[Rule]:
    """The rules that find no cue of theirs near or behind the last declaration of a long reply."""
    if reply.cues != ALL or not reply.floor:
        return frozenset()
    return _unneeded(cues_in(reply.low[max(0, reply.floor - _NEAR) :]) & _ANY_NEED)


@lru_cache(maxsize=8192)
def _unneeded(cues: int) -> frozenset[Rule]:
    return frozenset(rule for rule in _READ_ON if not NEEDS[rule] & cues)


@lru_cache(maxsize=8192)
def _tried(cues: int) -> tuple[Tiers, Tiers, Tiers]:
    """The strong and the weak tiers, and the weak ones where no option is named."""
    unmet = frozenset(rule for rule, need in NEEDS.items() if not need & cues)
    unnamed = unmet | _WEIGH_CLAIMS
    return _without(STRONG, unmet), _without(WEAK, unmet), _without(WEAK, unnamed)


def _without(tiers: Tiers, left_out: frozenset[Rule]) -> Tiers:
    less = (tuple(rule for rule in tier if rule not in left_out) for tier in tiers)
    return tuple(tier for tier in less if tier)
