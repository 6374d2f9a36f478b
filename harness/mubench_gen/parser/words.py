"""One form for each word: singular, American spelling, digits for number words.

Both the options and the reply are read in this form, so that it need not be a real word; it
only has to be the same for all spellings of one word, and different for different words.
"""

from __future__ import annotations

import re
from functools import lru_cache

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
COUNTED = "|".join(NUMBERS[1:])  # in a pattern: "one" to "ten"
# Plurals that no ending tells, and spellings that no rule does. "one" is a pronoun more often
# than a number.
_IRREGULAR = {word: str(k) for k, word in enumerate(NUMBERS) if word != "one"} | dict(
    pair.split("=")
    for line in (
        "mitochondria=mitochondrion ganglia=ganglion criteria=criterion phenomena=phenomenon",
        "flagella=flagellum septa=septum ova=ovum strata=stratum spectra=spectrum sera=serum",
        "quanta=quantum data=datum stomata=stoma carcinomata=carcinoma stromata=stroma",
        "corpora=corpus genera=genus viscera=viscus lumina=lumen foramina=foramen axes=axis",
        "matrices=matrix cortices=cortex vertices=vertex apices=apex indices=index",
        "appendices=appendix helices=helix vortices=vortex calyces=calyx phalanges=phalanx",
        "metastases=metastasis bases=basis testes=testis cerebra=cerebrum labra=labrum",
        "mice=mouse teeth=tooth feet=foot men=man women=woman children=child leaves=leaf",
        "halves=half calves=calf grey=gray greyish=grayish mould=mold moulds=mold",
        "aluminium=aluminum analogue=analog catalogue=catalog programme=program",
        "spermatozoa=spermatozoon protozoa=protozoon protozoan=protozoon protozoans=protozoon",
        "phyla=phylum taxa=taxon larynges=larynx pharynges=pharynx meninges=meninx gyri=gyrus",
        "nevi=nevus naevi=nevus asci=ascus spirilla=spirillum scolices=scolex loci=locus",
        "foci=focus rami=ramus ilea=ileum antra=antrum diverticula=diverticulum reticula=reticulum",
        "artefact=artifact artefacts=artifact leucocyte=leukocyte leucocytes=leukocyte",
        "α=alpha β=beta γ=gamma δ=delta ε=epsilon κ=kappa λ=lambda σ=sigma τ=tau ω=omega",
        "sulphur=sulfur sceptical=skeptical plough=plow",
        "um=µm micron=µm microns=µm micrometer=µm micrometers=µm micrometre=µm micrometres=µm",
        "nanometer=nm nanometers=nm nanometre=nm nanometres=nm percent=% &=and ×=x",
        "nope=no yep=yes yeah=yes yup=yes affirmative=yes",
        "millimeter=mm millimeters=mm millimetre=mm millimetres=mm",
    )
    for pair in line.split()
)
_BRITISH = re.compile(
    r"(tum|col|od|vap|behavi|harb|neighb|fav|rum|hum|lab)our"  # tumour
    r"|(?<=[a-z])([tb])re$"  # centre, fibre
    r"|sulph()|(?<=[aeiou]l)l()(?=(?:ed|ing|er)$)"  # sulphate, labelled
    r"|(?<=[a-z]{3})is()(?=(?:e|ed|es|ing|ation|ations)$)|(?<=al)ys()(?=(?:e|ed|ing)$)"
)
_BRITISH_SIGNS = ("our", "re", "ulp", "ll", "is", "ys")  # one is in every match
_SIS = re.compile(r"(?<=[a-z]{3}[oey])ses$")  # diagnoses, hypotheses, analyses
_ES = re.compile(r"(?:x|ch|sh|ss|zz)es$")  # boxes, masses
_USES = re.compile(r"(?<=[a-z]{2}[^ao])uses$")  # viruses
_PREFIXES = ("multi", "anti", "semi", "hemi")  # of hyphenated words
_OTIC = 7
_GENERA = ("soma", "nema", "stoma")  # "body", "thread", "mouth" in the names of genera
_GENUS = 8
_MATA = 7
_LONG = 5  # shorter words are left as they are but for a plural s


def _american(found: re.Match[str]) -> str:
    if found[1]:
        return f"{found[1]}or"
    if found[2]:
        return f"{found[2]}er"
    return {"sulph": "sulf", "l": "", "is": "iz", "ys": "yz"}[found[0]]


@lru_cache(maxsize=32_768)
def normal(token: str) -> str:
    """The form of one token in lower case: "mitochondria" → that of "mitochondrion"."""
    if token[0].isdigit():
        return _number(token)
    token = _IRREGULAR.get(token, token)
    if len(token) < _LONG:
        return token[:-1] if len(token) > 3 and token[-1] == "s" and token[-2] != "s" else token
    if token[-1] in "aies":
        token = _singular(token)
        if token.endswith(_GENERA) and len(token) >= _GENUS:
            return f"{token[:-1]}e"  # Trypanosoma, as trypanosome
    elif token.endswith("otic") and len(token) >= _OTIC:
        return f"{token[:-4]}osi"  # mitotic, apoptotic → as mitosis, apoptosis
    if not token.isascii():
        return token
    for sign in _BRITISH_SIGNS:
        if sign in token:
            token = _BRITISH.sub(_american, token)
            break
    if "ae" in token or "oe" in token:  # oedema, haem, leukaemia
        token = token.replace("ae", "e").replace("oe", "e")
    return token


def _singular(token: str) -> str:
    """Without a plural ending, Latin or English. "-us" loses its s like any other word."""
    if token.endswith("i") and token not in _PREFIXES:
        return f"{token[:-1]}u"  # nuclei → nucleu, as nucleus
    if token.endswith("ae"):
        return f"{token[:-2]}um" if token.endswith("iae") else token[:-1]  # cercariae, hyphae
    if token.endswith("mata") and len(token) >= _MATA:
        return token[:-2]  # stigmata, adenomata
    if token.endswith("ia"):
        return f"{token[:-1]}um"  # bacteria, cilia
    if token.endswith("ies") and token != "species":
        return f"{token[:-3]}y"  # biopsies
    if token[-1] != "s" or token[-2] == "s":
        return token
    if token[-2] == "e":
        if _USES.search(token):
            return token[:-3]  # viruses → viru, as virus
        if _SIS.search(token):
            return f"{token[:-2]}i"  # diagnoses → diagnosi, as diagnosis
        if _ES.search(token):
            return token[:-2]
    return token[:-1]


def _number(token: str) -> str:
    """A number without the commas between thousands."""
    if "," in token:
        first, *groups = token.split(",")
        if len(first) < 4 and all(len(group) == 3 for group in groups):
            return token.replace(",", "")
    return token


# Normal forms that begin with other letters than the words themselves.
_BEGINNINGS: dict[str, set[str]] = {}
for _word, _form in _IRREGULAR.items():
    if _form[:3] != _word[:3] and not _form.isdigit():
        _BEGINNINGS.setdefault(_form[:3], set()).add(_word[:3])


@lru_cache(maxsize=8192)
def beginnings(head: str) -> tuple[str, ...]:
    """How a word may begin in a reply whose form begins with these (at most three) letters."""
    found = [head, *_BEGINNINGS.get(head, ())]
    for k, letter in enumerate(head):
        if letter == "e":
            found += [f"{head[:k]}{one}e{head[k + 1 :]}"[:3] for one in "ao"]
    return tuple(found)
