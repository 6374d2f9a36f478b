"""Recognises replies that refuse to answer."""

from __future__ import annotations

import re

from mubench_gen.parser.reply_text import ReplyText

_CANNOT = (
    r"can ?not|can't|could ?n[o']t|unable to|not able to|not possible to|impossible to"
    r"|difficult to|hard to|challenging to"
)
_ANSWERING = (
    r"determin|identif|answer|see|view|provid|assist|help|analy[sz]|say|tell|choose|select|pick"
    r"|decid|access|diagnos|assess|confidently|ascertain|conclude|know|make|confirm|give|judge"
    r"|be determined"
)
REFUSAL = re.compile(
    rf"\b(?:(?:{_CANNOT})\s{{1,3}}(?:\w{{1,20}}\s{{1,3}}){{0,4}}?(?:{_ANSWERING})\w*"
    r"|i'm sorry|i am sorry|i apologi[sz]e|i (?:do not|don't) (?:know|have)|no idea|not sure"
    r"|(?:not|n't) (?:enough|sufficient) (?:\w+ )?(?:information|context|detail|evidence)"
    r"|insufficient (?:information|context|detail)|as an ai|as a (?:text-based|language)"
    r"|ich kann .{0,20}nicht|weiß nicht|je ne (?:peux|sais)|no puedo|no sé|não posso|não sei)\b"
    r"|无法(?:确定|判断|回答|识别|看到|提供)|不能确定|不知道|抱歉|对不起|わかりません|申し訳"
)


def refuses(reply: ReplyText) -> bool:
    """Whether the reply says that it cannot or will not answer."""
    return bool(REFUSAL.search(reply.low))
