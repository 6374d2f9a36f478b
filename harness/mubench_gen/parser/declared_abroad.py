"""Declarations in further languages: "Ответ: B", "La risposta corretta è D", "정답은 B"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.cues import cues
from mubench_gen.parser.reply_text import ReplyText, Verdict, cues_behind, occurrences
from mubench_gen.parser.target import label_at, target_at

_NOUNS = (
    "ответ", "відповідь", "risposta", "antwoord", "odpowied", "odpověď", "odpoveď", "svar",
    "vastaus",
    "válasz", "răspuns", "cevap", "yanıt", "seçenek", "απάντηση", "đáp án", "câu trả lời",
    "jawaban", "sagot",
    "정답", "답은", "답:", "الإجابة", "الجواب", "پاسخ", "उत्तर", "উত্তর",
    "คำตอบ", "תשובה",
)  # fmt: skip
ASCII_NOUNS = tuple(filter(str.isascii, _NOUNS))
DECLARES_ABROAD = cues(" ".join(f"*{noun}*" for noun in ASCII_NOUNS))
# Words of any script but no capital Latin letter, which would be a label.
_BETWEEN = re.compile(r"[^\nA-Z0-9.!?;]{0,32}?[ \"'(\[:=>*-]{0,6}(?=[A-Z0-9])")
_COLON = re.compile(
    r"[^\nA-Z0-9.!?;]{0,24}?(?::|=|\b(?:è|is|to|är|er|on|este|adalah|là|هي|هو)\b)\s{0,2}"
)
_DENIES = re.compile(
    r"\b(?:не|non|niet|nie|inte|ikke|ei|nem|nu|değil|không|bukan|ليس|ليست|नहीं)\b|아니"
)


def declared_abroad(reply: ReplyText) -> Iterator[Verdict]:
    """ "Правильный ответ: B", "Het juiste antwoord is C", "सही उत्तर B है"."""
    nouns = ASCII_NOUNS if reply.low.isascii() else _NOUNS
    for noun in cues_behind(reply, nouns):
        for _, end in occurrences(reply, noun):
            found = _after(reply, end)
            if found is not None:
                yield found
                break


def _after(reply: ReplyText, end: int) -> Verdict | None:
    colon = _COLON.match(reply.text, end)
    if colon and not _DENIES.search(reply.low, end, colon.end()):
        found = target_at(reply, colon.end())
        if found is not None:
            return found
    between = _BETWEEN.match(reply.text, end)
    if between is None or _DENIES.search(reply.low, end, between.end() + 1):
        return None
    found = label_at(reply, between.end())
    return found if found is not None and found.status != "out_of_range" else None
