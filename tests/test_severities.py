"""The shipped transforms: their severities, what other packages make of the same, and families."""

from __future__ import annotations

import importlib.util
import io
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from mubench_gen import SettingError, Transform
from mubench_gen.ablation.axes import read_axes
from mubench_gen.images.microscope import make_policy
from mubench_gen.images.policy import open_image
from mubench_gen.images.transform import read_transform, spread_out
from mubench_gen.plugins.registry import Plugins

from .conftest import Here
from .spine import make_row, write_data

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = {one.name: one for one in Plugins().load("grayscale").offers.transforms}


def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "transforms_bench", ROOT / "benchmarks/transforms.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def picture(side: int = 48) -> Pillow.Image:
    """Colours of all hues with an edge, and a flat corner."""
    down, across = np.mgrid[:side, :side] / (side - 1)
    found = np.stack([down, across, (down + across) % 1], 2)
    found[: side // 3, : side // 3] = 0.8
    return Pillow.fromarray((255 * found).round().astype(np.uint8))


def made(text: str, given: Pillow.Image | None = None, seed: int = 3) -> np.ndarray[Any, Any]:
    file = io.BytesIO()
    (given or picture()).save(file, "PNG")
    policy = make_policy({"transform": text}, seed=seed)
    return np.asarray(open_image("cell.png", file.getvalue, policy).pixels())


def test_a_severity_is_a_name_for_values_and_has_their_key() -> None:
    plugins = Plugins()
    for one, other in (("jpeg:5", "jpeg:quality=7"), ("blur:2", "blur:sigma=2")):
        found = [read_transform(text, plugins, seed=0) for text in (one, other)]
        assert found[0] is not None
        assert found[1] is not None
        assert found[0].identity() == found[1].identity()
    mixed = read_transform("saturation:5:add=0", plugins, seed=0)
    assert mixed is not None
    assert mixed.values == {"times": 20.0, "add": 0.0}


def test_a_range_and_a_family_stand_for_several_levels_of_an_axis() -> None:
    (axis,) = read_axes(["transform=none,blurs:2,jpeg:1-3"])
    assert axis.levels == (
        "none", "gaussian_blur:2", "defocus_blur:2", "motion_blur:2", "jpeg:1", "jpeg:2", "jpeg:3",
    )  # fmt: skip
    families = {one.family for one in SHIPPED.values() if one.severities} - {""}
    for family in families:
        assert len(spread_out(f"{family}:1-5", Plugins())) >= 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("transform=none,jpeg:6", "a number from 1 to 5"),
        ("transform=none,jpeg:3-1", "the lower severity comes first"),
        ("transform=none,invert:2", "'invert' has no severities"),
        ("transform=none,noises", "noises is a family"),
        ("transform=none,gausian_blur:2", "Did you mean 'gaussian_blur'"),
        ("transform=jpeg:5,jpeg:quality=7", "given twice"),
    ],
)
def test_what_no_severity_is_says_so(text: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        read_axes([text])


def test_one_severity_is_needed_where_images_are_shown_once() -> None:
    with pytest.raises(SettingError, match=r"several \(1-5\) are for an axis"):
        make_policy({"transform": "jpeg:1-5"})


def test_a_table_of_unknown_options_is_refused() -> None:
    with pytest.raises(ValueError, match="severity 1 sets 'sigma', which is no option"):
        Transform("mine", lambda picture: picture, severities=[{"sigma": 1}])


def test_all_severities_change_more_and_more_and_geometry_says_that_it_moves() -> None:
    before = np.asarray(picture()).astype(float)
    for name, one in SHIPPED.items():
        changes = []
        for text in [f"{name}:{n}" for n in (1, 5) if one.severities] or [name]:
            after = made(text)
            same = after.shape == before.shape
            assert same or one.moves_pixels
            changes.append(np.abs(after - before).mean() if same else np.inf)
        # Two tables are of no order: less and then more saturation; a shift drawn by the seed.
        if name not in ("saturation", "no_scale_bar", "shrink"):
            assert changes[-1] > 0.1, name
            assert changes[-1] >= changes[0], name


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of scikit-image about SciPy
def test_other_packages_make_the_same_within_a_grey_level() -> None:
    module = bench()
    others, given = dict(module.independent()), module.tissue(96)
    compared = 0
    for name, text in module.chosen():
        if name not in others or not text.endswith((":1", ":5", name)):
            continue
        transform = read_transform(text, Plugins(), seed=module.SEED)
        assert transform is not None
        options = dict(transform.options)
        if transform.seed is not None:
            options["seed"] = module.SEED
        ours = np.asarray(transform.transform.function(given.copy(), **options), float)
        assert np.abs(ours - np.asarray(others[name][1](given, options), float)).max() <= 1, text
        compared += 1
    assert compared >= 17


@pytest.mark.parametrize("text", ["downscale:1", "shrink:max_pixels=2000", "pixel_size:1"])
def test_larger_pixels_are_means_of_their_areas(text: str) -> None:
    before, found = picture(), made(text)
    expected = np.asarray(before, float)
    for axis, (old, new) in enumerate(zip(expected.shape[:2], found.shape[:2], strict=True)):
        parts = np.repeat(expected, new, axis)  # each pixel in as many parts as there are new ones
        by_pixel = (*parts.shape[:axis], new, old, *parts.shape[axis + 1 :])
        expected = parts.reshape(by_pixel).mean(axis + 1)
    assert found.shape[0] < before.height
    assert np.abs(found - expected).max() <= 0.51


def test_noise_has_the_size_that_it_names_and_the_seed_decides_it() -> None:
    grey = Pillow.new("RGB", (128, 128), (128, 128, 128))
    level = 128 / 255
    for text, sd in (
        ("gaussian_noise:1", 0.08),
        ("speckle_noise:1", 0.15 * level),
        ("shot_noise:1", (level / 60) ** 0.5),
    ):
        found = made(text, grey) / 255
        assert found.std() == pytest.approx(sd, rel=0.05)
        assert found.mean() == pytest.approx(level, abs=0.01)
        assert (made(text, grey) == made(text, grey)).all()
        assert (made(text, grey, seed=4) != made(text, grey)).any()
    salted = made("salt_and_pepper:5", grey)
    assert np.isin(salted, (0, 255)).mean() == pytest.approx(0.27, abs=0.02)


def test_a_scale_bar_is_drawn_and_painted_over() -> None:
    rng = np.random.default_rng(0)
    plain = Pillow.fromarray(rng.integers(60, 120, (120, 160, 3), np.uint8))
    barred = made("scale_bar", plain)
    before = np.asarray(plain)
    assert (barred == 255).any()
    without = made("no_scale_bar", Pillow.fromarray(barred))
    assert not (without == 255).any()
    assert (without[:80] == before[:80]).all()
    assert (made("no_scale_bar", plain) == before).all()


def test_stains_are_shifted_in_their_own_space() -> None:
    assert np.abs(made("stain_strength").astype(int) - np.asarray(picture())).max() <= 1
    weaker = made("stain_strength:eosin=0.3:haematoxylin=0.3:dab=0.3")
    assert weaker.mean() > np.asarray(picture()).mean()
    assert (made("stain_shift:3:space=he") != made("stain_shift:3")).any()


def test_the_docs_have_each_severity() -> None:
    text = (ROOT / "docs/transforms.md").read_text("utf-8").partition("## Controls")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", text, re.MULTILINE))
    assert rows.keys() == SHIPPED.keys()
    for name, one in SHIPPED.items():
        cells = [cell.strip() for cell in rows[name].split("|")]
        for column in {key for options in one.severities for key in options}:
            values = [str(options[column]) for options in one.severities]
            assert f"{column} {' · '.join(values)}" in " ".join(cells), name


def test_a_preview_shows_each_condition_and_opens_no_model(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [make_row(i, questions=("modality",)) for i in range(2)]
    data = write_data(tmp_path / "slides", rows)
    words = ["ablate", "--plugin", "no-such-plugin", "--data", data, "--tasks", "modality"]
    axes = ["--axis", "transform=none,jpeg:5", "--axis", "control=none,mean,noise,blind"]
    done = here(*words, *axes, "--preview", "seen.html")
    assert (done.code, done.out) == (0, "seen.html\n"), done.err
    page = Path("seen.html").read_text("utf-8")
    assert "jpeg:5 · mean" in page
    assert page.count("no image") == 4
    assert page.count("data:image/jpeg") == 12
    assert here(*words, *axes, "--preview", "seen.png").code == 0
    with Pillow.open("seen.png") as sheet:
        assert sheet.width > 8 * 180
    refused = here(*words, "--preview", "seen.pdf")
    assert (refused.code, "end in .png or .html" in refused.err) == (2, True)
