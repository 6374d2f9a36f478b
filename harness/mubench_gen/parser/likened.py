"""What is said of an option in general, or to set the image apart: "X has the same lining, but"."""

from __future__ import annotations

import re

from mubench_gen.parser.cues import cues

_BUT = r"[^.;\n]{1,60}?,? but\b"
# Right behind an option's text that begins a sentence.
LIKENED_BUT = re.compile(
    rf"\s+(?:(?:has|have|shows?|shares?) (?:the same|an? (?:very )?similar|similar) {_BUT}"
    r"|(?:is|are|may be|would be) (?:an? |quite )?(?:true|correct|valid|fair|right)(?: \w+)?"
    rf" (?:about|of|for|in) {_BUT}|holds (?:true )?(?:for|of|in) {_BUT})"
    r"|\s+is any (?!of\b)\w"  # a definition
    r"|, (?:on the other hand|by contrast|in contrast|in turn|meanwhile),"
    r" (?:uses?|employs?|relies|rely|requires?)\b"
    r"|(?: microscop[ey]| imaging| staining)? (?:was|were) (?:\w+ )?(?:invented|pioneered"
    r"|introduced|discovered|named after|developed by|described by)\b"
)
LIKENS = cues(
    "but any hand contrast turn meanwhile invented pioneered introduced discovered named developed"
    " described",
    LIKENED_BUT,
)
