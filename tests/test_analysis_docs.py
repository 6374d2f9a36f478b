"""The example of docs/analysis.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mubench_gen.data.demo import write_demo

PAGE = (Path(__file__).parents[1] / "docs" / "analysis.md").read_text("utf-8")


def test_the_blocks_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    write_demo(data, images=18)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:  # on a few images: those of the demo take a minute to draw
        exec(block.replace('plugin="echo"', f'plugin="echo", data={str(data)!r}'), names)
    printed = capsys.readouterr().out
    assert "is right and the other is not" in printed
    assert "letter" in printed
    assert (tmp_path / "dots.pdf").read_bytes().startswith(b"%PDF-")
    assert (tmp_path / "report.html").stat().st_size > 50_000
