"""`prompts show --tokens`: a question as a checkpoint's tokenizer and processor make it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Here
from .helpers.packages import package

SHOW = ("prompts", "show", "paper", "--task", "stain", "--tokens")


def test_the_tokens_are_those_that_a_run_counts(here: Here) -> None:
    package("torch")
    shown = here(*SHOW, "--plugin", "tiny", "--json")
    assert shown.code == 0, shown.err
    (tokens,) = shown.document["tokens"]
    ran = here("eval", "--plugin", "tiny", "--tasks", "stain", "--limit", "1", "--run-dir", "run")
    assert ran.code == 0, ran.err
    assert (tokens["n"], tokens["image_tokens"]) == (len(tokens["ids"]), 64)
    assert tokens["text"].count("<image>") == 1
    assert [run["count"] for run in tokens["runs"] if run["image"]] == [64]
    assert sum(run["count"] for run in tokens["runs"]) == tokens["n"]
    table = here(*SHOW, "--plugin", "tiny").out
    assert (
        f"── {tokens['n']} tokens, 64 of them of images, chat template: the checkpoint's" in table
    )
    assert "'<image>'" in table
    assert "× 64" in table


def test_captions_are_shown_one_by_one(here: Here) -> None:
    package("torch")
    shown = here("prompts", "show", "caption", *SHOW[3:], "--plugin", "tiny", "--model", "clip",
                 "--json")  # fmt: skip
    assert shown.code == 0, shown.err
    assert len(shown.document["tokens"]) > 2
    assert {one["image_tokens"] for one in shown.document["tokens"]} == {None}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--plugin", "openai"), "asks a server, which alone knows its tokenizer"),
        (("--plugin", "echo"), "--tokens is for checkpoints"),
        ((), "Which model? Give --plugin NAME"),
    ],
)
def test_what_cannot_be_known_is_said(here: Here, words: tuple[str, ...], told: str) -> None:
    outcome = here(*SHOW, *words)
    assert outcome.code == 2
    assert told in outcome.err


def test_a_model_is_only_for_tokens(here: Here, tmp_path: Path) -> None:
    outcome = here(*SHOW[:-1], "--plugin", "tiny")
    assert outcome.code == 2
    assert "--plugin is only for --tokens" in outcome.err
