"""Why llama.cpp's server did not start, or died, by its log: its words, and what to do."""

from __future__ import annotations

import re

_LONGEST = 400  # characters shown of its words
# A line of its log: time, level, who says it. Levels: D, I, W, E.
_LINE = re.compile(r"^(?:[\d.]+ )?(?P<level>[DIWE])\s+(?:\w+\s+)?(?P<words>\S.*)")
_SAYS = re.compile(r"^(?:\w+\(?\)?: )?\w+: (?:error(?: loading model)?: )?", re.IGNORECASE)
_EMPTY = re.compile(r"(failed to load model|exiting due to model loading error)\.?\Z")
# The first that fits is told, so the more special ones come first.
_ADVICE = (
    (r"unknown model architecture: '(?P<what>[^']*)'",
     "This llama-server does not know the architecture {what}: update llama.cpp."),
    (r"unknown pre-tokenizer type: '(?P<what>[^']*)'",
     "This llama-server does not know the tokenizer {what}: update llama.cpp."),
    (r"invalid argument: (?P<what>\S+)",
     "It has no argument {what}: `llama-server --help` lists them."),
    (r"error while handling argument \"(?P<what>[^\"]*)\": (?P<more>.{1,200})",
     "Its argument {what} is wrong: {more}."),
    (r"not within the file bounds|corrupted or incomplete|unexpectedly reached end of file",
     "The file is incomplete: fetch it again."),
    (r"mismatch between text model \(n_embd = (?P<what>\d+)\) and mmproj \(n_embd = (?P<more>\d+)",
     "The projector is another model's (a width of {more}, the model's is {what}): give the one "
     "that came with it, -o mmproj=FILE."),
    (r"mismatch between text model and mmproj|unknown projector type",
     "The projector does not fit the model or this llama-server: give the one that came with it "
     "(-o mmproj=FILE), or update llama.cpp."),
    (r"[Ff]ailed to load (CLIP|multimodal) model",
     "The projector cannot be opened: it is damaged, or llama.cpp must be updated. Fetch it again, "
     "or name another: -o mmproj=FILE."),
    (r"out of memory|cudaMalloc failed|unable to allocate|failed to allocate|ErrorOutOfDeviceMemory"
     r"|unable to fit|std::bad_alloc",
     "There is not enough memory. A smaller context (-o engine.ctx_size=4096), fewer layers on the "
     "GPU (-o engine.gpu_layers=0) or a smaller quantisation takes less."),
    (r"failed to load lora adapter",
     "The adapter (engine.lora) is no GGUF adapter of this model: llama.cpp's "
     "convert_lora_to_gguf.py makes one."),
    (r"couldn't bind|failed to bind", "Another program took its port. Try again."),
    (r"GGML_ASSERT\((?P<what>.{1,200}?)\) failed",
     "It met a fault of its own ({what}): update llama.cpp, or report it there."),
    (r"error while loading shared libraries: (?P<what>[^:\n]+)",
     "It lacks the library {what}: install llama.cpp as a whole."),
)  # fmt: skip


def cause(log: str) -> str:
    """Its own words and what to do about them; empty if the log names no error."""
    for pattern, advice in _ADVICE:
        found = re.search(pattern, log)
        if found is not None:
            return f"{_words(_line_at(log, found.start()))}. {advice.format(**found.groupdict())}"
    said = [_words(line) for line in log.splitlines() if _is_error(line)]
    telling = [words for words in said if not _EMPTY.search(words)]
    return f"{(telling or said)[0]}." if said else ""


def _is_error(line: str) -> bool:
    found = _LINE.match(line)
    told = found["level"] == "E" if found else line.lower().startswith("error")
    return bool(told)


def _line_at(log: str, place: int) -> str:
    begin = log.rfind("\n", 0, place) + 1
    return log[begin:].partition("\n")[0]


def _words(line: str) -> str:
    found = _LINE.match(line)
    words = found["words"] if found else line
    return " ".join(_SAYS.sub("", words).split())[:_LONGEST].rstrip(".")
