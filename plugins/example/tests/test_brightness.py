from collections.abc import Callable
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen.testing import parametrize_with_checks


@pytest.mark.parametrize("model", ["guess", "colours"])
def test_every_item_has_an_answer(model: str, tmp_path: Path) -> None:
    run = mubench_gen.evaluate(plugin="brightness", model=model, limit=2, run_dir=tmp_path / "run")
    assert run.scores.pooled.statuses == {"answered": 1.0}
    assert run.scores.pooled.n_errors == 0


@parametrize_with_checks("brightness", model="guess")
def test_guess_conforms(check: Callable[[], None]) -> None:
    check()


@parametrize_with_checks("brightness", model="colours")
def test_colours_conforms(check: Callable[[], None]) -> None:
    check()
