"""What an image may cost: memory, pixels and time; and JPEG files that were cut and closed."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from mubench_gen.data.verify import verify
from mubench_gen.errors import ImageError, SettingError
from mubench_gen.images.microscope import ScientificPolicy, make_policy
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.plugins.worker_threads import TimeOver, Workers

from .helpers.command import Outcome
from .helpers.data import make_png, write_data
from .helpers.plugin import write_plugin
from .test_images import make_bomb, saved

Here = Callable[..., Outcome]
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "decoding.py"
NOISE = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
COLOUR = Pillow.fromarray(NOISE)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.first(2)
@pytest.mark.parametrize(
    "kind",
    ["16-bit grey PNG", "16-bit RGB PNG", "float TIFF", "palette PNG with a clear colour",
     "RGBA PNG", "CMYK JPEG", "turned JPEG", "progressive JPEG"],
)  # fmt: skip
def test_decoding_takes_three_times_the_decoded_size_at_most(kind: str) -> None:
    command = [sys.executable, SCRIPT, "--megapixels", "4", "--kinds", kind]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    factor = float(done.stdout.removeprefix(kind).split()[0])
    assert 0 < factor <= 3


def test_minmax_of_colours_too_takes_three_times_the_decoded_size_at_most() -> None:
    pytest.importorskip("tifffile")
    kinds = ["16-bit RGB TIFF, minmax"]
    command = [sys.executable, SCRIPT, "--megapixels", "4", "--kinds", *kinds]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 1
    assert "above" not in done.stdout


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "PPM"])
def test_more_pixels_than_the_limit_are_refused_and_the_message_says_how_to_allow_them(
    kind: str,
) -> None:
    content = saved(Pillow.new("L", (40, 30)), kind)
    assert StandardPolicy(max_pixels=1_200).decode(content, "x").size == (40, 30)
    wanted = r"x: 40 × 30 are 1,200 pixels.*limit is 1,199 \(--image-set max_pixels=1200\)"
    with pytest.raises(ImageError, match=wanted):
        StandardPolicy(max_pixels=1_199).decode(content, "x")


def test_planes_of_a_microscope_file_are_held_against_the_limit_too() -> None:
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((3, 30, 40), np.uint16), photometric="minisblack")
    with pytest.raises(ImageError, match="40 × 30 are 1,200 pixels"):
        make_policy({"z": "max", "max_pixels": "1199"}).decode(stream.getvalue(), "x")
    with pytest.raises(ImageError, match="max_bytes=7200"):
        make_policy({"z": "max", "max_bytes": "7199"}).decode(stream.getvalue(), "x")


def test_the_limits_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", Pillow.MAX_IMAGE_PIXELS)
    with pytest.raises(ImageError, match=r"bomb: 60,000 × 60,000 are 3,600,000,000 pixels"):
        StandardPolicy().check(make_bomb(), "bomb")
    with pytest.raises(ImageError, match=r"limit is 256 MiB \(--image-set max_bytes=10800000000"):
        make_policy({"max_pixels": "3600000000"}).check(make_bomb(), "bomb")
    allowing = make_policy({"max_pixels": "3600000000", "max_bytes": "10800000000"})
    assert allowing.check(make_bomb(), "bomb") is None
    assert not isinstance(allowing, ScientificPolicy)
    for value in ("0", "-1", "many", "1e9"):
        with pytest.raises(SettingError, match="a number above 0 is needed"):
            make_policy({"max_pixels": value})


def test_a_large_image_within_the_limit_is_no_warning_of_pillows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 100)  # a warning is an error in these tests
    for kind in ("PNG", "JPEG", "GIF", "BMP", "PPM"):
        content = saved(Pillow.new("L", (40, 30)), kind)
        assert StandardPolicy().decode(content, "x").size == (40, 30)


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """What a call that hangs waits for; the test's end lets it go on."""
    event = threading.Event()
    yield event
    event.set()


def test_an_image_that_cannot_be_read_in_time_is_an_error_and_is_not_tried_again(
    never: threading.Event,
) -> None:
    tried = []

    def load() -> bytes:
        tried.append(1)
        never.wait()
        return b""

    image = open_image("slow.png", load, StandardPolicy(seconds=0.05))
    for _ in range(3):
        with pytest.raises(ImageError, match=r"slow.png: .*within 0.05 s \(--timeout\)"):
            image.pixels()
    assert len(tried) == 1


@pytest.mark.parametrize("at", ["check", "decode"])
def test_an_image_that_is_decoded_for_ever_costs_its_own_items_alone(
    at: str, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, never: threading.Event
) -> None:
    data = write_data(tmp_path / "data", 4)
    whole = getattr(StandardPolicy, at)

    def slow(self: StandardPolicy, content: bytes, name: str) -> Any:
        if content == make_png(2):
            never.wait()
        return whole(self, content, name)

    monkeypatch.setattr(StandardPolicy, at, slow)
    plugin = write_plugin(
        tmp_path / "mine.py",
        """
        def generate(self, requests):
            return ["A" for request in requests if request.image.pixels()]
        """,
    )
    args = ("eval", "--plugin", plugin, "--data", data, "--run-dir", "run", "--timeout", "2")
    outcome = here(*args, "--json", "--tasks", "modality,stain")
    assert outcome.code == 3, outcome.err
    pooled = outcome.document["scores"]["pooled"]
    assert (pooled["n"], pooled["n_errors"]) == (6, 2)
    assert "within 2 s (--timeout)" in outcome.err


def test_no_more_calls_are_left_behind_than_allowed_until_one_comes_back() -> None:
    gate, made = threading.Event(), []

    def hang() -> None:
        made.append(1)
        gate.wait()

    pool = Workers("test", most=2)
    for _ in range(5):
        with pytest.raises(TimeOver):
            pool.call(hang, 0.01)
    assert len(made) == 2
    gate.set()
    deadline = time.monotonic() + 20
    while True:
        try:
            assert pool.call(lambda: "back", 20) == "back"
            return
        except TimeOver:
            assert time.monotonic() < deadline
            time.sleep(0.001)


def test_a_call_s_own_time_out_is_no_late_one() -> None:
    def fail() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        Workers("test", most=1).call(fail, 20)


def test_threads_are_used_again() -> None:
    pool = Workers("test", most=1)
    found = {pool.call(threading.get_ident, 20) for _ in range(5)}
    assert len(found) == 1
    assert found != {threading.get_ident()}


JPEGS = {
    "baseline": saved(COLOUR, "JPEG"),
    "4:4:4": saved(COLOUR, "JPEG", quality=95, subsampling=0),
    "grey": saved(COLOUR.convert("L"), "JPEG"),
    "CMYK": saved(COLOUR.convert("CMYK"), "JPEG"),
    "restarts": saved(COLOUR, "JPEG", restart_marker_rows=1),
    "progressive": saved(COLOUR, "JPEG", progressive=True),
    "progressive, 4:4:4": saved(COLOUR, "JPEG", quality=95, progressive=True, subsampling=0),
}


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_was_cut_and_closed_is_found(kind: str, share: float) -> None:
    content = JPEGS[kind]
    cut = content[: int(len(content) * share)] + b"\xff\xd9"
    for look in (StandardPolicy().decode, StandardPolicy().verify):
        with pytest.raises(ImageError, match=r"a\.jpg: .*it was cut"):
            look(cut, "a.jpg")


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("tail", [b"", b"\0" * 999, b"\xff\xd8\xff\xda\0\x02tail\xff\xd9"])
def test_a_sound_jpeg_is_none_that_was_cut(kind: str, tail: bytes) -> None:
    StandardPolicy().verify(JPEGS[kind] + tail, "a.jpg")


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (16, 16), (17, 33), (128, 96)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("level", [0, 127, 128, 255])
def test_a_uniform_jpeg_is_none_that_was_cut(
    size: tuple[int, int], options: dict[str, Any], mode: str, level: int
) -> None:
    colour = level if mode == "L" else (level,) * len(mode)
    StandardPolicy().verify(saved(Pillow.new(mode, size, colour), "JPEG", **options), "a.jpg")


def test_a_cut_jpeg_is_not_sent_and_data_verify_finds_it(here: Here, tmp_path: Path) -> None:
    cut = JPEGS["baseline"][:3_000] + b"\xff\xd9"
    data = write_data(tmp_path / "data", 3, images={1: cut})
    plugin = write_plugin(
        tmp_path / "mine.py",
        """
        reads_pixels = False

        def generate(self, requests):
            return ["A"] * len(requests)
        """,
    )
    outcome = here("eval", "--plugin", plugin, "--data", data, "--run-dir", "run", "--json")
    assert outcome.code == 3
    assert outcome.document["scores"]["pooled"]["n_errors"] == 2
    (finding,) = verify(str(data))
    assert finding.problem is not None
    assert "it was cut" in finding.problem
