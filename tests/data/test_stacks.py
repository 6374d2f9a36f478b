"""Stack files as several images, or as one montage of their planes and times."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from tests.helpers.command import Outcome
from tests.helpers.data import make_png, write_rows
from tests.helpers.packages import package

import mubench_gen
from mubench_gen.data import open_dataset
from mubench_gen.images.microscope import make_policy
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.images.stacks import open_images
from mubench_gen.plugins.worker_threads import TimeOver, Workers
from mubench_gen.types import Image

tifffile = package("tifffile")
Here = Callable[..., Outcome]
T, Z = 2, 3


def stack(axes: str = "TZYX", top: int = 40_000) -> bytes:
    """Planes of one grey each: the brightest is the last of the last time."""
    shape = tuple({"T": T, "Z": Z, "Y": 8, "X": 10}[axis] for axis in axes)
    planes = int(np.prod(shape[:-2]))
    values = np.zeros((planes, 8, 10), np.uint16)
    for number in range(planes):
        values[number] = top * (number + 1) // planes
        values[number, 0, : top // 10_000] = 0
    file = io.BytesIO()
    tifffile.imwrite(file, values.reshape(shape), ome=True, metadata={"axes": axes})
    return file.getvalue()


def policy_of(**chosen: str) -> StandardPolicy:
    return make_policy({"range": "minmax", **chosen}, default="auto")


def images(content: bytes, **chosen: str) -> tuple[Image, ...]:
    return open_images("stack.ome.tif", lambda: content, policy_of(**chosen))


def greys(image: Image) -> list[int]:
    """The middle grey of each tile of a picture of 10 × 8 pixels a tile."""
    pixels = np.asarray(image.pixels())[..., 0]
    return [int(v) for v in pixels[4::8, 5::10].ravel()]


def test_planes_are_images_under_one_contrast() -> None:
    found = images(stack("ZYX"), z="images")
    assert [image.name for image in found] == [f"stack.ome.tif, plane {n} of 3" for n in (1, 2, 3)]
    assert [greys(image) for image in found] == [[85], [170], [255]]
    assert len({image.sha256 for image in found}) == 3
    assert all("to 8-bit" in (image.conversion or "") for image in found)
    assert "z 1 of 3 planes" in (found[1].conversion or "")


def test_times_and_planes_are_images_times_first() -> None:
    found = images(stack(), z="images", t="images")
    assert len(found) == T * Z
    assert found[3].name == "stack.ome.tif, time 2 of 2, plane 1 of 3"
    assert [greys(image)[0] for image in found] == [42, 85, 128, 170, 212, 255]


def test_a_montage_shows_all_planes_as_tiles_of_one_picture() -> None:
    (one,) = images(stack("ZYX"), z="montage")
    assert one.size == one.pixels().size == (20, 16)
    assert greys(one) == [85, 170, 255, 0]
    assert "z montage of 3 planes" in (one.conversion or "")
    each = images(stack(), t="images", z="montage")
    assert [greys(image)[:3] for image in each] == [[42, 85, 128], [170, 212, 255]]


def test_a_file_without_planes_is_one_image_as_it_was() -> None:
    content = make_png(3)
    (one,) = images(content, z="images", t="montage")
    assert one.sha256 == one.identity
    assert one.file_bytes == content
    assert one.pixels().size == Pillow.open(io.BytesIO(content)).size


def test_what_cannot_be_read_is_one_image_that_says_so() -> None:
    (one,) = images(stack()[:200], z="images")
    with pytest.raises(mubench_gen.ImageError):
        one.pixels()


def test_planes_together_are_within_the_limits() -> None:
    (one,) = images(stack("ZYX"), z="images", max_bytes="400")
    with pytest.raises(mubench_gen.ImageError, match="3 planes decode to"):
        one.pixels()


def test_a_stack_that_is_drawn_for_ever_is_tried_once_for_all_its_planes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []

    def hang(*_: object) -> None:
        tried.append(1)
        raise TimeOver

    found = open_images(
        "slow.ome.tif", lambda: stack("ZYX"), make_policy({"z": "images"}, 60, default="auto")
    )
    monkeypatch.setattr(Workers, "call", hang)
    for image in found:
        with pytest.raises(mubench_gen.ImageError, match=r"slow.ome.tif: .*\(--timeout\)"):
            image.pixels()
    assert len(found) == 3
    assert len(tried) == 1


def row(name: str, text: str) -> dict[str, Any]:
    question = {"question": text, "options": ["yes", "no"], "answer_idx": 0}
    return {"image_id": name, "image": name, "dataset": "stacks", "questions": {"q": question}}


def test_a_run_shows_the_planes_of_a_file_as_its_images(tmp_path: Path, here: Here) -> None:
    rows = [row("a.tif", "Is <image 3> in focus?"), row("b.tif", "In focus?")]
    data = write_rows(tmp_path / "data", rows)
    for name, top in (("a.tif", 40_000), ("b.tif", 30_000)):
        (data / name).write_bytes(stack("ZYX", top))
    (data / "tasks").mkdir()
    task = 'title = "q"\ngroup = "own"\nquestion = "q"\n'
    (data / "tasks" / "q.toml").write_text(task, "utf-8")
    given = ("eval", "--plugin", "echo", "--data", data, "--run-dir", "run", "-q")
    assert here(*given, "--image-set", "z=images").code == 0
    first, second = mubench_gen.load_run("run").records()
    assert len(set(first["images_sha256"] + second["images_sha256"])) == 6
    kinds = [part["type"] for part in first["messages"][0]["content"]]
    assert kinds == ["image", "image", "text", "image", "text"]
    assert here("runs", "verify", "run").code == 0
    assert {image.sha256 for image in mubench_gen.load_run("run").images()} == {
        *first["images_sha256"], *second["images_sha256"]
    }  # fmt: skip
    taken = ("eval", "--plugin", "llava", "--data", data, "--image-set")
    refused = here(*taken, "z=images")
    assert (refused.code, "q (up to 3)" in refused.err) == (2, True)
    assert len(open_dataset(str(data), policy_of(z="montage"))) == 2
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["image_policy"]["z"]
