"""Runs under the automatic policy: manifest, records, keys, and runs that were begun before."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mubench_gen.data import NAMES, default_policy
from mubench_gen.images.microscope import make_policy
from mubench_gen.plan.plan import make_plan
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins

from .helpers.command import Outcome
from .helpers.data import make_png, write_data

tifffile = pytest.importorskip("tifffile", reason="microscope files need mubench-gen[tiff]")

Here = Callable[..., Outcome]
STACK = np.arange(3 * 8 * 10, dtype=np.uint16).reshape(3, 8, 10) * 9


def tiff(values: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def turned() -> bytes:
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


IMAGES = {
    0: make_png(0),
    1: tiff(STACK, ome=True, metadata={"axes": "ZYX"}),
    2: tiff(STACK[:2], ome=True, metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}),
    3: turned(),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data", len(IMAGES), images=IMAGES)


def asked(here: Here, data: Path, folder: str, *more: str) -> Outcome:
    return here(
        "eval", "--plugin", "echo", "--data", data, "--tasks", "modality", "--run-dir", folder,
        *more,
    )  # fmt: skip


def manifest(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(folder, "manifest.json").read_text("utf-8"))
    return found


def pictures(folder: str) -> list[dict[str, Any]]:
    """What each record says of its image, with its key."""
    lines = Path(folder, "records.jsonl").read_text("utf-8").splitlines()
    records = sorted(map(json.loads, lines), key=lambda record: record["image_id"])
    return [{**r["messages"][0]["content"][0], "key": r["key"]} for r in records]


def test_records_keep_size_policy_and_conversion(here: Here, data: Path) -> None:
    done = asked(here, data, "run")
    assert done.code == 0, done.err
    found = pictures("run")
    assert [(one["width"], one["height"]) for one in found[1:]] == [(10, 8), (10, 8), (20, 30)]
    assert {one["policy"] for one in found} == {"auto-1"}
    assert [one.get("conversion") for one in found] == [
        None,
        "auto-1: OME-TIFF uint16 to 8-bit, range auto; z auto of 3 planes",
        "auto-1: OME-TIFF uint16 to 8-bit, range auto; channels 0 DAPI blue, 1 GFP green of 2",
        "turned by its EXIF orientation (6)",
    ]
    policy = manifest("run")["image_policy"]
    assert (policy["name"], policy["z"], policy["level"]) == ("auto-1", "auto", "auto")


def test_the_keys_of_plain_pictures_are_those_of_the_standard_policy(
    here: Here, data: Path
) -> None:
    asked(here, data, "new")
    asked(here, data, "old", "--image-set", "policy=standard")
    asked(here, data, "max", "--image-set", "z=max")
    old, new, most = ([one["key"] for one in pictures(f)] for f in ("old", "new", "max"))
    assert [a == b for a, b in zip(old, new, strict=True)] == [True, False, False, True]
    assert [a == b for a, b in zip(new, most, strict=True)] == [True, False, True, True]


def test_a_run_of_before_goes_on_with_the_policy_that_it_had(
    here: Here, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a run named no policy in its settings; a part of it is still to be asked."""
    with monkeypatch.context() as before:
        before.setattr("mubench_gen.plan.plan.default_policy", lambda data: "standard")
        asked(here, data, "run")
    whole = pictures("run")
    assert manifest("run")["image_policy"]["name"] == "standard-1"
    path = Path("run/records.jsonl")
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert asked(here, data, "run").code == 0
    assert pictures("run") == whole
    refused = asked(here, data, "run", "--image-set", "policy=auto")
    assert refused.code == 2
    assert "holds a run of other settings" in refused.err


def test_one_s_own_plain_pictures_can_be_compared_with_a_run_of_before(
    here: Here, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "plain", 4)
    for folder, more in (("new", ()), ("old", ("--image-set", "policy=standard"))):
        assert asked(here, data, folder, *more).code == 0
    assert here("compare", "old", "new").code == 0
    scientific = write_data(tmp_path / "data", len(IMAGES), images=IMAGES)
    for folder, more in (("new2", ()), ("old2", ("--image-set", "policy=standard"))):
        asked(here, scientific, folder, *more)
    done = here("compare", "old2", "new2")
    assert "image policies differ: name standard-1 and auto-1" in " ".join(done.err.split())


def test_workers_of_a_cluster_show_what_the_driver_would(data: Path) -> None:
    from mubench_gen.run import run_setup

    settings = make_settings({"plugin": "echo", "data": str(data), "image_set": ["z=max"]})
    plan = make_plan(settings, Plugins(), with_weights=False)
    sent = pickle.loads(pickle.dumps(run_setup(plan)))
    assert sent.whole_policy() == plan.policy
    policy = sent.whole_policy().as_dict()
    assert (policy["name"], policy["z"]) == ("auto-1", "max")


def test_published_data_keeps_the_standard_policy_and_one_s_own_gets_the_automatic() -> None:
    names = {name: make_policy({}, default=default_policy(name)).name for name in (*NAMES, "mine")}
    assert names == {"demo": "standard-1", "ubench": "standard-1", "mine": "auto-1"}
