"""`data preview` and `tasks show`: what a model is given, before it is asked."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from .helpers.checkpoints import make_checkpoint
from .helpers.data import make_png, write_data

SIZE = (48, 64)


def spots(seed: int, levels: int = 255) -> np.ndarray[Any, np.dtype[np.uint16]]:
    draw = np.random.default_rng(seed)
    values = draw.normal(levels / 8, levels / 100, SIZE)
    for _ in range(6):
        y, x = draw.integers(0, SIZE[0]), draw.integers(0, SIZE[1])
        values[max(0, y - 4) : y + 4, max(0, x - 4) : x + 4] += levels / 2
    return values.clip(0, levels).astype(np.uint16)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for number in range(3):
        Image.fromarray(spots(number).astype(np.uint8)).save(folder / f"{number}.png")
    Image.new("RGB", (40, 40), (7, 7, 7)).save(folder / "deep/<b>flat.png")
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:-20])
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_folder_of_images_becomes_a_page_and_a_sheet(
    here: Any, tmp_path: Path, photos: Path
) -> None:
    outcome = here("data", "preview", photos)
    assert outcome.code == 0
    assert outcome.out.split() == ["photos-preview.html", "photos-preview.png"]
    assert "1 picture cannot be shown" in outcome.err
    page = (tmp_path / "photos-preview.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 4
    assert page.count("class=hist") + page.count('class="hist"') == 4
    assert not re.search(r"""(src|href)=["']?(?!["']|data:|#)""", page)
    assert "<b>flat" not in page
    places = [page.index(words) for words in ("cannot be shown, and", "How files", "1. 0.png")]
    assert places == sorted(places)
    with Image.open(tmp_path / "photos-preview.png") as sheet:
        assert (sheet.format, sheet.mode) == ("PNG", "RGB")


def test_a_file_shows_its_channels_planes_and_policy(here: Any, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    values = np.stack([[spots(z + 7 * c, 4000) for c in range(2)] for z in range(3)])
    tifffile.imwrite(
        tmp_path / "cell.ome.tif", values,
        metadata={"axes": "ZCYX", "Channel": {"Name": ["DAPI", "GFP"]}},
    )  # fmt: skip
    chosen = ["--image-set", "z=1", "--out", "p.html"]
    assert here("data", "preview", "cell.ome.tif", *chosen).code == 0
    page = (tmp_path / "p.html").read_text()
    assert "plane 2 of 3" in page
    assert re.search(r"<dt>channel 0</dt><dd>DAPI in blue, \d", page)
    assert re.search(r"<dt>channel 1</dt><dd>GFP in green, \d", page)
    assert "Planes in depth: plane 1 (counted from 0)." in page
    assert "OME-TIFF uint16 to 8-bit" in page


def test_a_sample_is_drawn_by_the_seed(here: Any, tmp_path: Path) -> None:
    data = write_data(tmp_path / "cells", 30)

    def names(*words: str) -> list[str]:
        found = here("data", "preview", data, "--items", "5", "--json", *words).document
        assert found["total"] == 30
        return [one["name"] for one in found["shown"]]

    assert len(set(names())) == 5
    assert names() == names()
    assert names() != names("--seed", "1")
    page = (tmp_path / "cells-preview.html").read_text()
    assert "A sample of 5 of 30 pictures, drawn by seed 1" in page


def test_the_pixels_are_those_that_a_run_shows(here: Any, tmp_path: Path) -> None:
    data = write_data(tmp_path / "cells", 1, images={0: make_png(3, (20, 30))})
    assert here("data", "preview", data, "--image-set", "transform=grayscale").code == 0
    page = (tmp_path / "cells-preview.html").read_text()
    (source,) = re.findall(r"base64,([^\"]+)", page)
    with Image.open(io.BytesIO(base64.b64decode(source))) as shown:
        red, green, blue = shown.convert("RGB").resize((1, 1)).getpixel((0, 0))
    assert abs(red - green) < 3 > abs(green - blue)
    assert "Afterwards: transform grayscale." in page


def test_a_checkpoints_processor_says_size_tiles_and_tokens(
    here: Any, tmp_path: Path, photos: Path
) -> None:
    pytest.importorskip("transformers")
    model = make_checkpoint("llava-next", tmp_path / "checkpoint")
    found = here("data", "preview", photos / "0.png", "--model", model, "--json").document
    (one,) = found["shown"]
    told = re.fullmatch(r"(\d+) tiles of 64 × 64 pixels, (\d+) image tokens", one["model"])
    assert told is not None
    assert int(told[1]) > 1 < int(told[2])
    assert found["model"] == str(model)


def test_a_model_without_a_processor_is_told(here: Any, tmp_path: Path, photos: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "empty").mkdir()
    outcome = here("data", "preview", photos, "--model", "empty")
    assert outcome.code == 2
    assert "--model empty: its processor cannot be opened" in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none-such"], "There is no data set 'none-such'"),
        (["bare"], "holds no data set"),
        (["photos", "--out", "photos"], "is a folder"),
        (["photos", "--out", "page.txt"], "let it end in .html"),
        (["photos", "--image-set", "z=9x"], "--image-set z=9x"),
    ],
)
def test_what_cannot_be_previewed_is_told(
    here: Any, tmp_path: Path, photos: Path, words: list[str], said: str
) -> None:
    (tmp_path / "bare").mkdir()
    outcome = here("data", "preview", *words)
    assert outcome.code == 2
    assert said in outcome.err


def test_tasks_show_tells_of_a_task_and_shows_its_pictures(here: Any, tmp_path: Path) -> None:
    told = here("tasks", "show", "modality")
    assert told.code == 0
    lines = dict(line.split(": ", 1) for line in told.out.splitlines())
    assert lines["task"] == "modality"
    assert lines["questions"] == "16,130 as published"
    data = write_data(tmp_path / "cells", 4)
    assert here("tasks", "show", "modality", "--data", data).code == 0
    page = (tmp_path / "modality-of-cells-preview.html").read_text()
    assert "modality: Which modality is this?" in page
    assert "Which stain is this?" not in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["coarse"], "is no single task"),
        (["modalty"], "no task 'modalty'"),
        (["modality", "--model", "x"], "give --data too"),
    ],
)
def test_a_task_that_cannot_be_shown_is_told(here: Any, words: list[str], said: str) -> None:
    outcome = here("tasks", "show", *words)
    assert outcome.code == 2
    assert said in outcome.err
