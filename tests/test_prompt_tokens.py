"""`prompts show --tokens`: a question as a checkpoint's tokenizer and processor make it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Here
from .helpers.packages import package


def show(prompt: str, data: Path, *more: str) -> list[str]:
    return ["prompts", "show", prompt, "--task", "modality", "--data", str(data), *more]


def test_the_tokens_are_shown_with_those_of_the_image(here: Here, cells: Path) -> None:
    package("torch")
    shown = here(*show("paper", cells, "--tokens", "--plugin", "tiny", "--json"))
    assert shown.code == 0, shown.err
    (tokens,) = shown.document["tokens"]
    assert (tokens["n"], tokens["image_tokens"]) == (len(tokens["ids"]), 64)
    assert tokens["text"].count("<image>") == 1
    assert [run["count"] for run in tokens["runs"] if run["image"]] == [64]
    assert sum(run["count"] for run in tokens["runs"]) == tokens["n"]
    table = here(*show("paper", cells, "--tokens", "--plugin", "tiny")).out
    assert (
        f"── {tokens['n']} tokens, 64 of them of images, chat template: the checkpoint's" in table
    )
    assert "'<image>'" in table
    assert "× 64" in table
    captions = here(
        *show(
            "caption-question", cells, "--tokens", "--plugin", "tiny", "--model", "clip", "--json"
        )
    )
    assert captions.code == 0, captions.err
    assert {one["image_tokens"] for one in captions.document["tokens"]} == {None}
    assert len(captions.document["tokens"]) > 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--plugin", "openai"), "asks a server, which alone knows its tokenizer"),
        (("--plugin", "echo"), "--tokens is for checkpoints"),
        ((), "Which model? Give --plugin NAME"),
    ],
)
def test_what_cannot_be_known_is_said(
    here: Here, cells: Path, words: tuple[str, ...], told: str
) -> None:
    outcome = here(*show("paper", cells, "--tokens", *words))
    assert outcome.code == 2
    assert told in outcome.err


def test_a_model_is_only_for_tokens(here: Here, cells: Path) -> None:
    outcome = here(*show("paper", cells, "--plugin", "tiny"))
    assert outcome.code == 2
    assert "--plugin is only for --tokens" in outcome.err
