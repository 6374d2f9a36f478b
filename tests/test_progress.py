"""What the plain lines of progress say of the rate and of the time left."""

from __future__ import annotations

import pytest

from mubench_gen.console.progress import PlainLines


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("mubench_gen.console.progress.time.monotonic", lambda: now[0])
    return now


def test_the_time_before_the_first_answer_is_no_part_of_the_rate(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that takes a minute to load is not slow."""
    lines = PlainLines("tiny")
    lines.at(400, 1_000)  # resumed
    clock[0] += 60
    lines.at(410, 1_000)
    clock[0] += 20
    lines.at(610, 1_000)
    assert capsys.readouterr().err.splitlines() == [
        "tiny: 410/1,000",
        "tiny: 610/1,000 · 10.0/s · 39 s left",
    ]


def test_the_last_line_comes_with_the_end(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = PlainLines("tiny")
    lines.at(0, 4)
    clock[0] += 0.5
    lines.at(2, 4)
    clock[0] += 0.5
    lines.at(4, 4, "50 % right")
    assert capsys.readouterr().err == ""
    lines.close()
    assert capsys.readouterr().err == "tiny: 4/4 · 4.0/s · 50 % right\n"
