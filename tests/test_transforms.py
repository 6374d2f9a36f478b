"""Image transforms of plugins: the same for every engine, in every key, checked, within a time."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image as Pillow

from mubench_gen import Image, ImageError, PluginError, SettingError, load_run
from mubench_gen.engines.server.requests import ImageUrls
from mubench_gen.host.messages import pack, received_image, unpack
from mubench_gen.images.microscope import make_policy
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.types import Message, Request, Sampling

from .helpers.command import Outcome
from .helpers.server import FakeServer
from .spine import make_row, png, write_data

Here = Callable[..., Outcome]
MINE = """
import mubench_gen
from mubench_gen import Transform
from PIL import Image

def tinted(picture, red: int = 10, *, label: str = "x"):
    return Image.merge("RGB", [Image.new("L", picture.size, red), *picture.split()[1:]])

def noise(picture, seed):
    return Image.new("RGB", picture.size, (seed % 256, seed // 256 % 256, seed // 65536 % 256))

def raises(picture):
    if sum(picture.getpixel((0, 0))) % 2:
        raise {error}
    return picture

def wrong(picture):
    return {wrong}

@mubench_gen.hookimpl
def mubench_gen_transforms():
    return [Transform("tinted", tinted, version="3"), Transform("noise", noise),
            Transform("raises", raises), Transform("wrong", wrong)]
"""
SEEING = """
import hashlib
import io
import mubench_gen
from PIL import Image

class Seeing(mubench_gen.GenerativeModel):
    def generate(self, requests):
        return [self.seen(request.image) for request in requests]

    def seen(self, image):
        pixels = image.pixels().tobytes()
        assert Image.open(io.BytesIO(image.data)).convert("RGB").tobytes() == pixels
        return hashlib.sha256(pixels).hexdigest()

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("seeing", Seeing)]
"""


@pytest.fixture
def mine(tmp_path: Path) -> Callable[..., Path]:
    def write(error: str = "ValueError('odd')", wrong: str = "picture") -> Path:
        path = tmp_path / "mine.py"
        path.write_text(MINE.replace("{error}", error).replace("{wrong}", wrong))
        return path

    return write


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    return write_data(tmp_path / "slides", [make_row(i, questions=("stain",)) for i in range(6)])


@pytest.fixture
def seeing(tmp_path: Path, slides: Path) -> list[str | Path]:
    (tmp_path / "seeing.py").write_text(SEEING)
    return ["eval", "--plugin", tmp_path / "seeing.py", "--data", slides]


def shown(text: str, content: bytes, **settings: Any) -> Image:
    policy = make_policy({"transform": text}, **settings)
    return open_image("cell.png", lambda: content, policy)


def records(run: str) -> dict[str, dict[str, Any]]:
    return {record["item"]: record for record in load_run(run).records()}


def test_a_model_sees_the_transformed_picture_under_keys_of_its_own(
    here: Here, seeing: list[str], slides: Path, mine: Callable[..., Path]
) -> None:
    path = mine()
    assert here(*seeing, "--run-dir", "plain").code == 0
    transform = f"transform=tinted@{path}:red=77"
    done = here(*seeing, "--image-set", transform, "--run-dir", "red")
    assert done.code == 0, done.err
    assert "transform tinted (red 77, label x)" in done.err
    plain, red = records("plain"), records("red")
    assert plain.keys() == red.keys()
    assert not {r["key"] for r in plain.values()} & {r["key"] for r in red.values()}
    for item, record in red.items():
        assert record["reply"] != plain[item]["reply"]
        assert record["image_sha256"] == plain[item]["image_sha256"]  # that of the file
        (part, *_) = record["messages"][0]["content"]
        assert part["conversion"] == "transform tinted (red 77, label x)"
    noted = json.loads(Path("red/manifest.json").read_text())["image_policy"]["transform"]
    assert (noted["name"], noted["version"]) == ("tinted", "3")
    assert noted["options"] == {"red": 77, "label": "x"}
    assert "transform" not in json.loads(Path("plain/manifest.json").read_text())["image_policy"]


def test_without_a_transform_and_with_none_a_policy_is_what_it_was() -> None:
    assert make_policy({"transform": "none"}) == StandardPolicy()
    assert "transform" not in StandardPolicy().identity() | StandardPolicy().as_dict()
    image = shown("none", png(1))
    assert (image.data, image.conversion, image.is_transformed) == (png(1), None, False)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("tinted@{}", "tinted@{}:red=10", True),
        ("tinted@{}", "tinted@{}:red=11", False),
        ("tinted@{}", "raises@{}", False),
        ("noise@{}", "noise@{}", False),
    ],
)
def test_the_key_holds_options_and_the_seed_of_what_draws(
    mine: Callable[..., Path], one: str, other: str, equal: bool
) -> None:
    path = mine()
    found = [
        make_policy({"transform": text.format(path)}, seed=seed).identity()
        for seed, text in enumerate((one, other))
    ]
    assert (found[0] == found[1]) == equal


def test_the_key_follows_the_version_and_a_files_code(mine: Callable[..., Path]) -> None:
    path = mine()
    before = make_policy({"transform": f"tinted@{path}"}).identity()
    path.write_text(path.read_text() + "\n# another\n")
    assert make_policy({"transform": f"tinted@{path}"}).identity() != before


def test_what_draws_draws_the_same_for_an_image_and_another_for_the_next(
    mine: Callable[..., Path],
) -> None:
    text = f"noise@{mine()}"
    same = [shown(text, png(1), seed=5).pixels().tobytes() for _ in range(2)]
    assert same[0] == same[1]
    assert shown(text, png(2), seed=5).pixels().tobytes() != same[0]
    assert shown(text, png(1), seed=6).pixels().tobytes() != same[0]


@pytest.mark.parametrize("error", ["ValueError('odd')", "SystemExit(3)"])
def test_one_that_raises_costs_its_items_alone(
    here: Here, seeing: list[str], mine: Callable[..., Path], error: str
) -> None:
    path = mine(error)
    done = here(*seeing, "--image-set", f"transform=raises@{path}", "--run-dir", "r")
    assert done.code == 3, done.err
    found = records("r").values()
    failed = [record for record in found if record["status"] == "error"]
    assert 0 < len(failed) < len(found)
    for record in failed:
        assert record["error"]["type"] == "ImageError"
        assert "the transform 'raises' of the plugin 'mine' raised" in record["error"]["message"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("None", "it returned None"),
        ("picture.convert('L')", "it returned one of mode 'L'"),
        ("picture.crop((0, 0, 0, 3))", "it returned one of 0 × 3 pixels"),
        ("picture.crop((0, 0, 3, 3))", "without declaring moves_pixels"),
    ],
)
def test_what_it_returns_is_checked(mine: Callable[..., Path], wrong: str, said: str) -> None:
    image = shown(f"wrong@{mine(wrong=wrong)}", png(1))
    with pytest.raises(ImageError, match=f"cell.png: the transform 'wrong' .*{said}"):
        image.pixels()


def test_one_that_hangs_is_left_behind_and_named(mine: Callable[..., Path]) -> None:
    path = mine(wrong="__import__('threading').Event().wait(30)")
    image = shown(f"wrong@{path}", png(1), seconds=0.2)
    with pytest.raises(ImageError, match=r"transformed by 'wrong' of 'mine' within 0\.2 s"):
        image.pixels()


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("./mine.py", PluginError, "Which transform .*tinted@mine or noise@mine"),
        ("tintd@./mine.py", PluginError, "has no transform 'tintd'. Did you mean 'tinted'"),
        ("tinted@./mine.py:rde=3", SettingError, "has no option 'rde'. Did you mean 'red'"),
        ("tinted@./mine.py:red=high", SettingError, "red: .*got 'high'"),
        ("tinted@./mine.py:seed=3", SettingError, "has no option 'seed'"),
        ("tinted@./mine.py:red", SettingError, "'red' is not KEY=VALUE"),
        ("echo", PluginError, "'echo' has no image transform"),
        ("ehco", PluginError, r"Known: blur, .* more\.$"),
        ("blurr", PluginError, r"'blurr'\. Did you mean 'blur'\?$"),
    ],
)
def test_what_is_not_offered_is_refused(
    mine: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    error: type[Exception],
    said: str,
) -> None:
    monkeypatch.chdir(mine().parent)
    with pytest.raises(error, match=said):
        make_policy({"transform": text})


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("Transform('a b', tinted)", "a name has letters"),
        ("Transform('a', 3)", "is not a function"),
        ("Transform('a', tinted, version='')", "its version must be a text"),
        ("Transform('a', lambda picture, size: picture)", "size needs a default"),
        ("Transform('a', lambda picture, **o: picture)", "name each option"),
        ("3", "must return a list of mubench_gen.Transform, found"),
        ("Transform('b', tinted), Transform('b', tinted)", "lists two named 'b'"),
    ],
)
def test_a_hook_that_offers_something_else_is_refused(
    mine: Callable[..., Path], fault: str, said: str
) -> None:
    path = mine()
    source = path.read_text().split("    return [Transform(")[0]
    path.write_text(f"{source}    return [{fault}]\n")
    with pytest.raises(PluginError, match=said):
        make_policy({"transform": str(path)})


def test_a_server_gets_the_picture_as_a_png_of_the_same_pixels(mine: Callable[..., Path]) -> None:
    image = shown(f"tinted@{mine()}", png(3))
    url = orjson.loads(orjson.dumps(asyncio.run(ImageUrls().of(image))))
    kind, _, content = url.partition(",")
    assert kind == "data:image/png;base64"
    seen = Pillow.open(io.BytesIO(base64.b64decode(content)))
    assert seen.tobytes() == image.pixels().tobytes() != Pillow.open(io.BytesIO(png(3))).tobytes()


def test_a_run_on_a_server_sends_the_transformed_pictures_alone(
    here: Here, slides: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with FakeServer() as server:
        done = here(
            "eval", "--plugin", "openai", "--model", "mock", "--base-url", server.url,
            "--no-preflight", "--data",
            slides, "--image-set", "transform=grayscale", "--run-dir", "served",
        )  # fmt: skip
        assert done.code == 0, done.err
        sent = [Pillow.open(io.BytesIO(content)) for content in server.images]
    assert len(sent) == 6
    for picture in sent:
        red, green, blue = picture.split()
        assert red.tobytes() == green.tobytes() == blue.tobytes()


def test_a_worker_of_ray_transforms_a_file_once_and_what_was_drawn_of_it_never(
    mine: Callable[..., Path],
) -> None:
    text = f"tinted@{mine()}"
    image = shown(text, png(3))
    drawn = Image("drawn", lambda: image.data, StandardPolicy())
    for one in (image, drawn):
        request = Request("k", (Message("user", (one,)),), (), "parse", Sampling(0, 8), image=one)
        back = unpack(
            pack(request),
            lambda sent, one=one: received_image(
                sent, one.file_bytes, make_policy({"transform": text})
            ),
        )
        assert back.image is not None
        assert back.image.pixels().tobytes() == image.pixels().tobytes()


def test_the_shipped_transforms_do_what_their_names_say() -> None:
    large = io.BytesIO()
    Pillow.frombytes("RGB", (8, 8), bytes(range(192))).resize((32, 24)).save(large, "PNG")
    plain = Pillow.open(large)
    pictures = {
        text: shown(text, large.getvalue()).pixels()
        for text in ("grayscale", "blur:sigma=3", "jpeg:quality=5", "downscale:factor=4")
    }
    red, green, blue = pictures["grayscale"].split()
    assert red.tobytes() == green.tobytes() == blue.tobytes() == plain.convert("L").tobytes()
    assert pictures["downscale:factor=4"].size == (8, 6)
    for name in ("blur:sigma=3", "jpeg:quality=5"):
        assert pictures[name].size == (32, 24)
        assert pictures[name].tobytes() != plain.tobytes()
    extremes = [plain.getextrema(), pictures["blur:sigma=3"].getextrema()]
    assert all(blurred[0] > sharp[0] for sharp, blurred in zip(*extremes, strict=True))
    with pytest.raises(SettingError, match=r"quality: .*less than or equal to 95"):
        make_policy({"transform": "jpeg:quality=96"})


def test_the_page_shows_what_the_model_was_shown(
    here: Here, seeing: list[str], slides: Path
) -> None:
    assert here(*seeing, "--image-set", "transform=grayscale", "--run-dir", "grey").code == 0
    assert here(*seeing, "--run-dir", "plain").code == 0
    from mubench_gen.report.html.pictures import find_pictures

    runs = [load_run("grey"), load_run("plain")]
    wanted = {r["image_sha256"]: {r["item"].rpartition("/")[0]} for r in runs[0].records()}
    rows = {
        digest: {"cells/" + key.split("/")[1] for key in keys} for digest, keys in wanted.items()
    }
    album = find_pictures(runs[:1], rows, most=2_000)
    picture = Pillow.open(io.BytesIO(next(iter(album.pictures.values())).content)).convert("RGB")
    assert np.ptp(np.asarray(picture), axis=-1).max() <= 3
    assert album.notes == []
    (note,) = find_pictures(runs, rows, most=2_000).notes
    assert "under several transforms (none, grayscale)" in note


def test_runs_under_two_transforms_of_one_model_are_what_is_compared(
    here: Here, seeing: list[str]
) -> None:
    assert here(*seeing, "--run-dir", "plain").code == 0
    assert here(*seeing, "--image-set", "transform=grayscale", "--run-dir", "grey").code == 0
    done = here("compare", "plain", "grey")
    assert done.code == 0, done.err
    assert (
        "the image transforms differ (none and grayscale 1 {}): that is what is"
        in done.err + done.out
    )
