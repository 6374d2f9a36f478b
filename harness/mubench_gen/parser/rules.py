"""The rules, ordered by strength of evidence. `Answer.rule` is the name of a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mubench_gen.parser.chosen import chosen, corrected
from mubench_gen.parser.conclusions import (
    concluded,
    eliminated,
    only_marked_label,
    only_option,
    pointed_label,
    several_options,
    text_then_label,
    therefore,
    true_or_false,
)
from mubench_gen.parser.correct import item_marked_correct, said_correct
from mubench_gen.parser.declared import declared_answer, declared_cjk
from mubench_gen.parser.declared_abroad import declared_abroad
from mubench_gen.parser.identified import identified
from mubench_gen.parser.leading import (
    final_line,
    final_text,
    label_with_text,
    leading_label,
    sole_labels,
    sole_text,
)
from mubench_gen.parser.opening import leading_text, opening_sentence
from mubench_gen.parser.ordinal import former_or_latter, ordinal
from mubench_gen.parser.partial import partial_text, shortened_text
from mubench_gen.parser.quantities import counted, result
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.structured import answer_tag, boxed, json_answer
from mubench_gen.parser.weights import checked, ranked, weighed

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
        checked,
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
        final_text,
        only_marked_label,
        result,
        only_option,
        counted,
        true_or_false,
        text_then_label,
        therefore,
        identified,
        concluded,
        ordinal,
        eliminated,
        shortened_text,
        partial_text,
    )
)
WEAK: Tiers = (
    (pointed_label,),
    (former_or_latter,),
    (final_text,),
    (only_marked_label,),
    (result,),
    (only_option,),
    (counted,),
    (true_or_false,),
    (text_then_label,),
    (therefore,),
    (identified,),
    (leading_text,),
    (opening_sentence,),
    (concluded,),
    (ordinal,),
    (eliminated,),
    (shortened_text,),
    (partial_text,),
    (several_options,),
)
