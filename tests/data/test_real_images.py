"""Real pictures as microscopes save them, compared with what scikit-image and tifffile read.

All packages' pictures are compared by `python benchmarks/real_images.py`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for needed in ("skimage", "tifffile", "imagecodecs"):
    pytest.importorskip(needed, reason="compares with it")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "real_images.py"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("real_images", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.FILES = [("skimage", "data/ihc.png"), ("skimage", "data/microaneurysms.png")]
    return module


def test_a_stain_and_a_grey_picture_look_as_the_list_says_in_every_format(
    script: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.compare(script.shown_by_the_harness, None) == 0, capsys.readouterr().out
    said = capsys.readouterr().out
    assert ", 0 unlike; 0 files are wrong" in said
    assert int(said.split()[0]) > 40


def test_the_list_tells_a_picture_that_is_dark_turned_or_of_another_hue(script: Any) -> None:
    _, _, _, picture = next(script.cases())
    wanted = script.seen(picture)
    assert wanted["mean"] == [177.3, 159.8, 144.0]
    assert script.is_like(script.seen(np.clip(picture.astype(int) + 1, 0, 255)), wanted)
    for other in (picture // 8, picture[::-1], picture[..., ::-1], picture[:-1]):
        assert not script.is_like(script.seen(other), wanted)
