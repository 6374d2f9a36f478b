"""Tells labels from other letters that stand alone: species, abbreviations, panels, ions, cells."""

from __future__ import annotations

import re
from itertools import islice

from mubench_gen.parser.cues import cues
from mubench_gen.parser.option_text import any_text_at
from mubench_gen.parser.repeated_options import own_text_end
from mubench_gen.parser.reply_text import MANY, ReplyText

# Words that lead to an answer, and nouns that images are marked with. Any other noun makes
# the letter a part of a name: "vitamin C", "hepatitis B", "angle A".
LEADS = frozenset(
    word
    for line in (
        "from take taking vote mark tick write give gives get got have also indeed namely here",
        "is are be was were as to for with say says said choose chose choosing pick picked select",
        "selected go going opt prefer guess think believe only just maybe perhaps probably likely",
        "definitely clearly certainly and or not than between of both either neither nor that it",
        "s its therefore so thus hence but then rather by labeled labelled marked called named",
        "letter leaves leaving favor favour in on the eliminate exclude rule out discard while",
        "eliminates eliminated eliminating excludes excluded excluding reject rejects rejected"
        " see realise",
        "realize conclude",
        "best category class diagnosis except make makes making",
        "whereas because if answer answers answered ans option options choice choices correct",
        "right wrong incorrect yes no okay well sure hmm since would must should correspond",
        "corresponds matches match mean means suggest suggests indicate indicates support",
        "supports remain remains final assistant unlike ist est es ser und oder et ou y o e nicht",
        "pas sino mas mais sondern wähle wählen würde ich la le el die das der point points image",
        "picture photo photograph box panel region structure arrow marker object statement",
        "number alternative donc weder noch ni sondern pero portanto dunque quindi allora ma",
        "niet maar lecz tylko inte utan ikke men ei vaan nem hanem nego ne non bukan melainkan",
        "ehesten wohl wahrscheinlich plutôt probablement probablemente provavelmente",
        "sim tetapi però reste bleibt queda resta jest är è adalah dat het to through bahwa saya",
        "là phải mà",
    )
    for word in line.split()
)
_KNOWN_EPITHETS = (
    "aeruginosa albicans anthracis aureus briggsae brucei burgdorferi cereus cerevisiae "
    "cholerae coli crassa cruzi difficile discoideum domestica elegans epidermidis faecalis "
    "falciparum fumigatus gallus gondii histolytica intestinalis jejuni laevis lamblia "
    "mansoni mays melanogaster musculus neoformans nidulans niger norvegicus officinalis "
    "oryzae pneumoniae pombe purpuratus pylori pyogenes reinhardtii rerio sapiens sativa "
    "simulans subtilis tabacum thaliana trachomatis tropicalis tuberculosis typhimurium "
    "virilis vivax vulgaris agalactiae baumannii benthamiana botulinum braziliensis canis "
    "capsulatum carinii castellanii dermatitidis divergens donovani enterica fowleri "
    "gonorrhoeae granulosus haematobium hepatica hominis immitis japonicum jirovecii knowlesi "
    "lumbricoides malariae meningitidis microti monocytogenes mutans ovale parvum perfringens "
    "pertussis pestis rubrum saginata solium sonnei tetani vaginalis vermicularis viridans"
)
EPITHETS = frozenset(_KNOWN_EPITHETS.split())
# Of an epithet that is not in the list, where a small letter follows: "A. alba leaves".
_LATIN = re.compile(r"[a-z]{3,}(?:us|ae|ii|ens|ans|ensis|oides|osa|ata|ica|alis|aris|aster)")
_LATIN_WORDS = (
    "focus",
    "lens",
    "nucleus",
    "previous",
    "status",
    "this",
    "thus",
    "various",
    "versus",
)
_SPECIES = re.compile(r"\. ?([a-z]{3,})(?![^\W_])(?= [a-z]|)")
_SMALL_WORD = re.compile(r"[a-z]+")
_SHORTEST = 3  # letters of a word that is abbreviated
_WORDS_BEFORE = re.compile(r"(?:([^\W\d_]{3,})[ -])?([^\W\d_]{3,})[ ]?[(\[]$")
SIZE = re.compile(
    r"[)\]]\s?\d+(?:[.,]\d+)?\s?(?:[µμn]m\b|um\b|mm\b|cm\b|[x×%]|kv\b)", re.IGNORECASE
)
_FIGURE = re.compile(
    r"\b(?:fig(?:ure|s|\.)?|panels?|insets?|lanes?|subfigures?|plates?)\.? ?\d{0,2}[ (\[]{0,2}$"
)
# "The structure labelled 'A'": a letter in the image.
_MARKED = re.compile(
    r"\b(?:structures?|organelles?|arrows?|arrowheads?|asterisks?|tissues?|cells?|those|ones?)"
    r" (?:that is |which is )?(?:labell?ed|marked|named|denoted|indicated)"
    r" (?:as |with |by )?[(\[\"']{0,2}$"
)
_MARKS = re.compile(r"[)\]\"']? (?:marks|points (?:to|at)|denotes)\b")  # "label A marks a crista"
MAY_BE_PANEL = cues(
    "fig figs figure panel panels inset insets lane lanes subfigure subfigures plate plates labeled"
    " labelled marked named denoted indicated mark marks points denotes",
    _FIGURE,
    _MARKED,
    _MARKS,
)
_LETTER = re.compile(r"(?<![^\W_])[A-Za-z](?![^\W_])")
_NOUNS = ("fig", "panel", "inset", "lane", "plate")
_BRACKETED = re.compile(r" \(([A-Z])\)")
_WORD_BEFORE = re.compile(r"[a-z]+$")
_CELLS = re.compile(
    r"[ -](?:cells?|lymphocytes?|fib(?:er|re)s?|bands?|dis[ck]s?|proteins?|subunits?|viruses|virus"
    r"|rays?|termin\w+|helix|helices)\b"
)


def is_name(reply: ReplyText, start: int, end: int) -> bool:
    """Whether the letter from `start` to `end` is a part of a name or formula, so no label."""
    text, after = reply.text, reply.text[end : end + 1]
    if end - start > 1 or not text[start:end].isalpha():
        return False
    if after == ".":
        return _is_species(reply, start, end)
    if after in ("+", "-") and text[end + 1 : end + 2] in ("]", ")"):
        return True  # an ion
    if after in (")", "]") and start and text[start - 1] in "([":
        named = _is_abbreviation(reply, start) or _is_sized(reply, end) or reply.kept(_marks_others)
        return named and not _owns_text(reply, start, end)
    if after in (" ", "-") and _CELLS.match(reply.low, end):
        return any_text_at(reply, start) is None
    return False


def _marks_others(reply: ReplyText) -> bool:
    """Whether letters that are no labels stand in brackets, too: "cells (A) and nuclei (N)"."""
    known = reply.choices.labels.index_of
    for mark in islice(_BRACKETED.finditer(reply.text), MANY):
        word = _WORD_BEFORE.search(reply.low, max(0, mark.start() - 24), mark.start())
        if word and word[0] not in LEADS and mark[1].lower() not in known:
            return True
    return False


def is_panel(reply: ReplyText, start: int) -> bool:
    """Whether a panel of a figure is meant; not where the options speak of panels or letters."""
    marks = _MARKS.match(reply.low, start + 1) is not None
    if marks or _MARKED.search(reply.low, max(0, start - 40), start) is not None:
        return not any(_LETTER.search(option) for option in reply.choices.options)
    if _FIGURE.search(reply.low, max(0, start - 14), start) is None:
        return False
    options = [option.lower() for option in reply.choices.options]
    return not any(len(option) == 1 or any(map(option.count, _NOUNS)) for option in options)


def may_be_epithet(text: str) -> bool:
    """Whether the text begins with a word that may be a species' second one."""
    word = _SMALL_WORD.match(text)
    return word is not None and (word[0] in EPITHETS or _LATIN.fullmatch(word[0]) is not None)


def _is_species(reply: ReplyText, start: int, end: int) -> bool:
    """ "E. coli"; "B. nucleus" is a label with a text."""
    text = reply.text
    found = _SPECIES.match(text, end)
    if found is None or not text[start].isupper():
        return False
    word = found[1]
    if word in EPITHETS:
        return True
    known = any(word in option.lower() for option in reply.choices.options)
    goes_on = text[found.end() : found.end() + 3].lstrip(" :,")[:1].islower()
    return bool(_LATIN.fullmatch(word)) and goes_on and not known and word not in _LATIN_WORDS


def _owns_text(reply: ReplyText, start: int, end: int) -> bool:
    option = reply.choices.labels.index_of.get(reply.low[start:end])
    return option is not None and own_text_end(reply, option, end) is not None


def _is_sized(reply: ReplyText, end: int) -> bool:
    """ "(A) 10 µm", a panel with its scale; not where the options are numbers."""
    if SIZE.match(reply.text, end) is None:
        return False
    return not any(key[1:2].isdigit() for key in reply.choices.keys)


def _is_abbreviation(reply: ReplyText, start: int) -> bool:
    """ "carbon (C)", "acinar cells (A)": the letter in brackets begins one of two words before."""
    before = reply.low[max(0, start - 48) : start]
    last = before[:-1].split()[-1:]
    # The pattern is slow, and most brackets stand behind a short word or a known one.
    if not last or len(last[0]) < _SHORTEST or last[0] in LEADS:
        return False
    words = _WORDS_BEFORE.search(before)
    if words is None or not reply.choices.labels.lettered or words[2] in LEADS:
        return False
    return reply.low[start] in (words[2][0], (words[1] or words[2])[0])
