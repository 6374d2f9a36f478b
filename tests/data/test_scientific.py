"""Microscope files as 8-bit RGB: ranges, planes, channels, each by a named choice."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mubench_gen.errors import ImageError, SettingError
from mubench_gen.images.microscope import make_policy
from mubench_gen.images.policy import StandardPolicy

tifffile = pytest.importorskip("tifffile", reason="microscope files need mubench-gen[tiff]")


def tiff(values: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def pixels(content: bytes, **settings: str) -> Any:
    return np.asarray(make_policy(settings or {"z": "first"}).decode(content, "x"))


STACK = np.stack([np.full((4, 5), level, np.uint16) for level in (0, 1000, 4000)])
RAMP = np.arange(20, dtype=np.uint16).reshape(4, 5) * 100


def test_nothing_set_is_the_standard_policy() -> None:
    assert make_policy({}) == StandardPolicy()


def test_minmax_window_and_percentile_are_as_computed_by_hand() -> None:
    content = tiff(RAMP)
    assert pixels(content, range="minmax")[..., 0].tolist() == (
        (RAMP / 1900 * 255).round().astype(int).tolist()
    )
    window = pixels(content, range="window:500:1500")[..., 0]
    assert (window[0, 0], window[3, 4], window[2, 0]) == (0, 255, round(500 / 1000 * 255))
    low, high = np.percentile(RAMP, [10, 90])
    expected = (((RAMP - low) / (high - low)).clip(0, 1) * 255).round()
    assert (pixels(content, range="percentile:10:90")[..., 1] == expected).all()


@pytest.mark.parametrize(
    ("z", "level"), [("first", 0), ("middle", 1000), ("max", 4000), ("mean", 5000 / 3), ("2", 4000)]
)
def test_planes_are_projected_as_asked(z: str, level: float) -> None:
    content = tiff(STACK, imagej=True, metadata={"axes": "ZYX"})
    found = pixels(content, z=z, range="window:0:4000")
    assert found[0, 0, 0] == round(level / 4000 * 255)


def test_pages_of_a_plain_tiff_are_planes() -> None:
    content = tiff(STACK, photometric="minisblack")
    assert pixels(content, z="max", range="window:0:4000").max() == 255
    assert pixels(content, z="first", range="window:0:4000").max() == 0


def test_channels_of_an_ome_tiff_get_their_colours() -> None:
    values = np.zeros((2, 3, 4, 5), np.uint16)  # z, c, y, x
    values[:, 0] = 100
    values[:, 2] = 200
    content = tiff(values, ome=True, metadata={"axes": "ZCYX"})
    found = pixels(content, channels="0:green+2:magenta", range="window:0:200")
    assert found[0, 0].tolist() == [255, round(0.5 * 255), 255]
    assert pixels(content, range="window:0:200")[0, 0].tolist() == [128, 0, 255]


def test_float_values_that_are_not_finite_are_black() -> None:
    values = np.array([[0.0, np.nan], [np.inf, 2.0]], np.float32)
    assert pixels(tiff(values))[..., 0].tolist() == [[0, 0], [0, 255]]
    with pytest.raises(ImageError, match="no finite value"):
        pixels(tiff(np.full((2, 2), np.nan, np.float32)))


def test_eight_bit_rgb_stays_as_it_is() -> None:
    values = np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)
    content = tiff(values, photometric="rgb")
    assert make_policy({"z": "max"}).check(content, "x") is None
    assert (pixels(content) == values).all()


def test_a_16_bit_png_is_windowed_too() -> None:
    stream = io.BytesIO()
    Image.fromarray(RAMP).save(stream, "PNG")
    found = pixels(stream.getvalue(), range="window:0:950")
    assert found[..., 0].tolist() == (RAMP / 950).clip(0, 1).__mul__(255).round().tolist()


def test_what_is_done_is_told() -> None:
    content = tiff(STACK, imagej=True, metadata={"axes": "ZYX"})
    note = make_policy({"z": "max", "range": "percentile:1:99"}).check(content, "x")
    assert note == "ZYX 3×4×5 uint16 to 8-bit, percentile:1:99, z max"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rang": "minmax"}, "Did you mean 'range'"),
        ({"range": "window:5"}, "window:LOW:HIGH"),
        ({"range": "window:5:5"}, "window:LOW:HIGH"),
        ({"range": "percentile:-1:50"}, "percentile:LOW:HIGH"),
        ({"z": "last"}, "first, middle, max"),
        ({"channels": "0:pink"}, "NUMBER:COLOUR"),
    ],
)
def test_a_bad_choice_is_told(settings: dict[str, str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make_policy(settings)


def test_a_channel_or_plane_that_is_not_there_is_the_images_error() -> None:
    with pytest.raises(ImageError, match="no channel 4, it has 1"):
        pixels(tiff(RAMP), channels="4:red")
    with pytest.raises(ImageError, match="no plane 9, it has 3"):
        pixels(tiff(STACK, photometric="minisblack"), z="9")


def test_a_damaged_or_enormous_file_is_the_images_error() -> None:
    content = tiff(np.zeros((64, 64), np.uint16))
    with pytest.raises(ImageError, match="cannot be read as TIFF"):
        pixels(content[:60])
    huge = tiff(np.zeros((1, 1), np.uint16), shape=None)
    assert pixels(huge).shape == (1, 1, 3)


def test_an_empty_page_that_says_it_is_followed_by_itself_is_read_once() -> None:
    stream = io.BytesIO()
    Image.fromarray(RAMP).save(stream, "TIFF")
    content = bytearray(stream.getvalue())
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        at = file.pages[0].offset + 2 + 12 * len(file.pages[0].tags)  # of the next page's offset
    assert content[at : at + 4] == b"\0\0\0\0"
    content[at : at + 4] = second = len(content).to_bytes(4, "little")
    content += b"\0\0" + second
    assert (pixels(bytes(content)) == pixels(stream.getvalue())).all()


def test_the_choice_is_in_the_manifest_and_in_every_key(here: Any, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    channels = np.stack([STACK, STACK // 2], axis=1)
    content = tiff(channels, ome=True, metadata={"axes": "ZCYX"})
    (folder / "a.tif").write_bytes(content)
    (folder / "t.csv").write_text("image,question,options,answer,task\na.tif,Q?,x|y,x,mine\n")
    assert here("data", "import", folder, "--out", "mine").code == 0
    keys = []
    for z in ("first", "max"):
        run = here("eval", "--plugin", "echo", "--data", "mine", "--image-set", f"z={z}",
                   "--run-dir", f"run-{z}")  # fmt: skip
        assert run.code == 0, run.err
        manifest = json.loads((tmp_path / f"run-{z}" / "manifest.json").read_text())
        assert manifest["image_policy"]["z"] == z
        record = json.loads((tmp_path / f"run-{z}" / "records.jsonl").read_text().splitlines()[0])
        keys.append(record["key"])
    assert keys[0] != keys[1]
