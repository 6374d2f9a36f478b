"""Checks of a model of either kind: that it answers, and is known by what it is made of."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from mubench_gen.console.secrets import typed_secrets
from mubench_gen.data.hub import kept_offline
from mubench_gen.errors import ItemError, NotHereError
from mubench_gen.model import Checkpoint, ContrastiveModel, GenerativeModel
from mubench_gen.plan.fingerprint import digest_model
from mubench_gen.storage.named_files import WEIGHTS
from mubench_gen.testing.check import NotApplicable, check, few, want
from mubench_gen.testing.questions import odd_questions, plain_image
from mubench_gen.testing.subject import MODELS, Subject

_MAPS = Path("/proc/self/maps")  # of Linux: what is mapped into memory, and opened unseen
_OPENED: list[set[str]] = []


@check(
    *MODELS,
    reason="a model that cannot be opened or asked has no score",
    remedy="let load() get ready, and generate() or embed_images() answer, on this machine",
    gate=True,
)
def model_answers(subject: Subject) -> None:
    fetch = f"`plugins check {subject.plugin} --model {subject.name}` fetches them"
    if not subject.is_wanted and subject.lacks_weights:
        raise NotApplicable(f"its weights are not on this machine; {fetch}")
    try:
        with nullcontext() if subject.is_wanted else kept_offline():
            model: Any = subject.ready
            if isinstance(model, ContrastiveModel):
                model.embed_images([plain_image(0)])
            else:
                given = model.generate(subject.requests(1))
                a_list = isinstance(given, Sequence) and not isinstance(given, str)
                want(a_list, f"generate gives {type(given).__name__} and no list of replies")
    except NotHereError as error:
        if subject.is_wanted:
            raise
        raise NotApplicable(f"{error} ({fetch})") from None


@check(
    *MODELS,
    reason="two states of the weights under one key would be mixed in one run, unseen",
    remedy="name them by an option of the type mubench_gen.WeightsPath, or digest them in "
    "weights_digest()",
)
def weights_are_identified(subject: Subject) -> None:
    spec = subject.spec
    if isinstance(spec.source, Checkpoint):
        raise NotApplicable("the harness digests a checkpoint")
    model = subject.open()
    if model.weights_digest() is not None:
        return
    digests = digest_model(
        subject.loaded_plugin, spec, "transformers", model, None, subject.options
    )
    with _opened() as files:
        model.load()
        mapped = _mapped()
    model.close()
    known = {os.path.realpath(path) for path in digests.read}
    read = {os.path.realpath(path) for path in files | mapped if Path(path).suffix in WEIGHTS}
    unknown = sorted(path for path in read - known if not _is_of_python(path))
    want(not unknown, f"it reads weights that no key knows: {few(unknown)}")


@check(
    *MODELS,
    reason="what is asked is stored, and asked again where a batch fails",
    remedy="copy a list before it is sorted, emptied or added to",
)
def arguments_are_kept(subject: Subject) -> None:
    model = subject.ready
    if isinstance(model, ContrastiveModel):
        _is_kept(model.embed_images, [plain_image(i) for i in range(3)])
        _is_kept(model.embed_texts, ["b", "a", "c"])
    else:
        assert isinstance(model, GenerativeModel)
        _is_kept(model.generate, subject.requests(3))


def _is_kept(call: Callable[[list[Any]], Any], given: list[Any]) -> None:
    before = [*given]
    call(given)
    same = len(given) == len(before) and all(a is b for a, b in zip(given, before, strict=True))
    want(same, "the list that it was given is another after the call")


@check(
    *MODELS,
    reason="questions are of all languages and lengths, and one that raises has no answer",
    remedy="take texts as they come: no encoding but UTF-8, no limit that is not the model's own",
)
def odd_texts_are_read(subject: Subject) -> None:
    model = subject.ready
    for what, request in odd_questions().items():
        try:
            if isinstance(model, ContrastiveModel):
                model.embed_texts([request.text])
            else:
                assert isinstance(model, GenerativeModel)
                model.generate([request])
        except ItemError as error:  # such as one that is longer than it can read
            want(bool(str(error)), f"a question with {what} is refused without a word")
        except Exception as error:  # any: the check is about it
            want(False, f"a question with {what} raises {type(error).__name__}: {error}")


@check(
    *MODELS,
    reason="the harness blanks a secret that it knows; what is made of one it does not know",
    remedy="send a secret to its service alone: into no reply, no fact, no message",
)
def secrets_are_not_told(subject: Subject) -> None:
    secrets = [one for one in typed_secrets(subject.validated()) if one]
    if not secrets:
        raise NotApplicable("it has no secret among its options")
    model = subject.ready
    told: list[Any] = [model.facts, model.counts]
    if isinstance(model, GenerativeModel):
        told += model.generate(subject.requests(3))
    found = [type(one).__name__ for one in told if any(secret in repr(one) for secret in secrets)]
    want(not found, f"a secret option stands in its {'facts' if 'dict' in found else 'replies'}")


@contextmanager
def _opened() -> Iterator[set[str]]:
    """Collects the files that Python opens in the block."""
    if not _OPENED:
        _OPENED.append(set())  # an audit hook stays for good, and is added once
        sys.addaudithook(_note)
    _OPENED.append(set())
    try:
        yield _OPENED[-1]
    finally:
        _OPENED.pop()


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and len(_OPENED) > 1 and isinstance(arguments[0], (str, os.PathLike)):
        _OPENED[-1].add(os.fspath(arguments[0]))


def _mapped() -> set[str]:
    """The files of weights that are mapped into memory now, where that can be seen."""
    if not _MAPS.is_file():
        return set()
    lines = (line.split(maxsplit=5) for line in _MAPS.read_text("utf-8", "replace").splitlines())
    return {line[5] for line in lines if len(line) == 6}


def _is_of_python(path: str) -> bool:
    """Whether a file belongs to an installed package."""
    places = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    return any(path.startswith(os.path.realpath(place) + os.sep) for place in places)
