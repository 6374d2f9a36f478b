"""Why a reply holds no answer: it refuses, or it says nothing that can be read as one."""

from __future__ import annotations

import re

from mubench_gen.parser.reading import Reading

REFUSAL = re.compile(
    r"\b(?:i'm sorry|i am sorry|i apologi[sz]e|(?:can ?not|can't|could ?n[o']t|unable to|not able to"
    r"|not possible to|impossible to|difficult to|hard to|challenging to)"
    r"\s+(?:\w+\s+){0,4}?(?:determin|identif|answer|see|view|provid|assist|help|analy[sz]|say|tell|choose|select"
    r"|pick|decid|access|diagnos|assess|confidently|ascertain|conclude|know|make|confirm|be determined|give|judge)\w*"
    r"|(?:not|n't) (?:enough|sufficient) (?:\w+ )?(?:information|context|detail|evidence)|insufficient (?:information|context|detail)"
    r"|i (?:do not|don't) (?:know|have)|no idea|not sure|as an ai|as a (?:text-based|language))"
    r"|无法(?:确定|判断|回答|识别|看到|提供)|不能确定|不知道|抱歉|对不起|わかりません|申し訳"
    r"|\b(?:ich kann .{0,20}nicht|je ne (?:peux|sais)|no puedo|no sé|não posso|não sei|weiß nicht)\b"
)


def refuses(reading: Reading) -> bool:
    """Whether the reply says that it cannot or will not answer."""
    return bool(REFUSAL.search(reading.low))
