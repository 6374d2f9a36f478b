"""A run is of the image files that it began with: none is mixed with another unseen."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mubench_gen.storage.records import read_records

from .helpers.data import make_png, make_row, write_data

Change = Callable[[Path], object]


def evaluated(data: Path, *more: object) -> tuple[Any, ...]:
    return ("eval", "--plugin", "echo", "--data", data, "--run-dir", "run", *more)


@pytest.fixture
def begun(here: Any, cells: Path) -> Path:
    """The data of a run that has asked two of its requests."""
    assert here(*evaluated(cells, "--max-requests", "2", "--batch-size", "1")).code in (2, 3)
    assert len(list(read_records(Path("run/records.jsonl")))) == 2
    return cells


def replaced(image: Path) -> None:
    image.write_bytes(make_png(77))


def replaced_unseen(image: Path) -> None:
    """Other bytes, as many, under the old times."""
    before, content = image.stat(), bytearray(image.read_bytes())
    content[-20] ^= 1
    image.write_bytes(content)
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (image.stat().st_size, image.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def rotated(image: Path) -> None:
    with Image.open(image) as picture:
        turned = picture.resize((8, 12)).transpose(Image.Transpose.ROTATE_90)
    turned.save(image)


def swapped(image: Path) -> None:
    other = image.with_name("2.png")
    content = other.read_bytes()
    other.write_bytes(image.read_bytes())
    image.write_bytes(content)


def deleted(image: Path) -> None:
    image.unlink()


def renamed(image: Path) -> None:
    image.rename(image.with_name("renamed.png"))


@pytest.mark.first(3)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (replaced, "images/0.png: other bytes now"),
        (replaced_unseen, "images/0.png: other bytes now"),
        (rotated, "images/0.png: other bytes now"),
        (swapped, "images/2.png: other bytes now"),
        (deleted, "images/0.png: can no longer be read"),
        (renamed, "images/0.png: can no longer be read"),
    ],
)
def test_a_run_does_not_go_on_with_other_images(
    here: Any, begun: Path, change: Change, told: str
) -> None:
    before = {path.name: path.read_bytes() for path in Path("run").iterdir()}
    change(begun / "images/0.png")
    outcome = here(*evaluated(begun))
    assert outcome.code == 2
    assert told in outcome.err
    assert "Put them back" in outcome.err
    assert "--fresh" in outcome.err
    assert {path.name: path.read_bytes() for path in Path("run").iterdir()} == before


def test_an_image_that_was_put_back_or_only_touched_is_the_same(here: Any, begun: Path) -> None:
    image = begun / "images/0.png"
    content = image.read_bytes()
    replaced(image)
    assert here(*evaluated(begun)).code == 2
    image.write_bytes(content)
    os.utime(image)
    assert here(*evaluated(begun)).code == 0


def test_many_changed_images_are_counted(here: Any, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", 9)
    assert here(*evaluated(data)).code == 0
    for image in (data / "images").iterdir():
        replaced(image)
    outcome = here(*evaluated(data))
    assert outcome.code == 2
    assert "… and 6 more image files" in outcome.err


def test_an_image_that_was_missing_may_come_and_its_items_are_tried_again(
    here: Any, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 3, images={1: None})
    assert here(*evaluated(data)).code == 3
    (data / "images/1.png").write_bytes(make_png(1))
    assert here(*evaluated(data)).code == 0
    (data / "images/1.png").write_bytes(make_png(2))  # what came belongs to the run from now on
    outcome = here(*evaluated(data))
    assert outcome.code == 2
    assert "images/1.png: other bytes now" in outcome.err


def test_an_image_that_was_damaged_may_be_mended(here: Any, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", 3, images={1: make_png(1)[:50]})
    assert here(*evaluated(data)).code == 3
    (data / "images/1.png").write_bytes(make_png(1))
    replaced(data / "images/0.png")
    outcome = here(*evaluated(data))
    assert outcome.code == 2
    assert "images/0.png: other bytes now" in outcome.err
    assert "images/1.png" not in outcome.err
    (data / "images/0.png").write_bytes(make_png(0))
    assert here(*evaluated(data)).code == 0


def without_images(folder: Path) -> None:
    """The run folder as mubench-gen 0.1.0 left it."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    del manifest["content"]["images"], manifest["crc"]
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    (folder / "images.json").unlink()


def test_a_folder_without_a_list_goes_on_where_its_records_hold(here: Any, begun: Path) -> None:
    without_images(Path("run"))
    assert here(*evaluated(begun)).code == 0
    assert set(json.loads(Path("run/images.json").read_bytes())["files"]) == {
        f"images/{i}.png" for i in range(3)
    }


def test_a_folder_without_a_list_and_with_other_images_is_refused(here: Any, begun: Path) -> None:
    without_images(Path("run"))
    replaced(begun / "images/0.png")
    outcome = here(*evaluated(begun))
    assert outcome.code == 2
    assert "2 of its finished items would be asked otherwise now" in outcome.err
    assert here("report", "run").code == 0


def test_what_another_version_would_ask_otherwise_is_not_taken_for_finished(
    here: Any, begun: Path
) -> None:
    path = Path("run/manifest.json")
    manifest = json.loads(path.read_bytes())
    del manifest["crc"]  # changed by hand, and meant
    manifest["sessions"][-1]["versions"]["mubench-gen"] = "0.0.1"
    path.write_text(json.dumps(manifest), "utf-8")
    lines = Path("run/records.jsonl").read_bytes()
    assert here(*evaluated(begun)).code == 0
    manifest = json.loads(path.read_bytes())
    del manifest["crc"]
    manifest["sessions"][-1]["versions"]["mubench-gen"] = "0.0.1"
    path.write_text(json.dumps(manifest), "utf-8")
    from mubench_gen.storage.records import from_line, to_line

    records = [from_line(line) for line in lines.splitlines(keepends=True)]
    changed = [to_line({**record, "key": "0" * 32}) for record in records if record is not None]
    Path("run/records.jsonl").write_bytes(b"".join(changed))
    outcome = here(*evaluated(begun))
    assert outcome.code == 2
    assert "would be asked otherwise now (cells/cell-0/modality/" in outcome.err


def test_an_image_that_changes_while_the_run_goes_on_ends_it(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mubench_gen_plugins.echo import Echo

    data = write_data(tmp_path / "data", 40)
    ask = Echo.generate

    changes = iter([replaced])  # once: a call that is left behind would change it again

    def generate(self: Echo, requests: Any) -> Any:
        for change in changes:
            change(data / "images/39.png")
        return ask(self, requests)

    monkeypatch.setattr(Echo, "generate", generate)
    outcome = here(*evaluated(data, "--batch-size", "1"))
    assert outcome.code == 2
    assert "39.png: was changed while the data were in use" in outcome.err
    monkeypatch.undo()
    monkeypatch.setenv("MUBENCH_GEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (data / "images/39.png").write_bytes(make_png(39))
    assert here(*evaluated(data, "--batch-size", "1")).code == 0


def test_unchanged_images_are_not_read_again_for_their_digests(
    here: Any, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mubench_gen.storage import digests

    later = digests.time.time() + 100  # what was written just now is not remembered
    monkeypatch.setattr(digests.time, "time", lambda: later)
    assert here(*evaluated(begun)).code == 0
    read: list[str] = []
    digest = digests.read_digest

    def noted(path: Any, memory: Any, name: str, told: Any) -> Any:
        read.append(name)
        return digest(path, memory, name, told)

    monkeypatch.setattr(digests, "read_digest", noted)
    assert here(*evaluated(begun, "--fresh")).code == 0
    assert read == []


@pytest.mark.parametrize("change", [replaced, replaced_unseen, deleted, renamed])
def test_a_report_says_which_images_changed(here: Any, cells: Path, change: Change) -> None:
    assert here(*evaluated(cells)).code == 0
    before = here("report", "run")
    assert "image files" not in before.err
    change(cells / "images/0.png")
    outcome = here("report", "run")
    assert outcome.code == 0
    assert outcome.out == before.out
    assert "1 of the image files that it was shown have changed" in outcome.err
    assert "images/0.png" in outcome.err
    shutil.rmtree(cells)  # data that are elsewhere are no change
    assert "image files" not in here("report", "run").err


@pytest.mark.parametrize("change", [replaced, replaced_unseen, rotated, deleted, renamed])
def test_verify_sees_a_changed_image(
    here: Any, cells: Path, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mubench_gen.storage import digests

    monkeypatch.setattr(digests, "_UNSURE", 0.0)  # the files were written a moment ago
    assert here(*evaluated(cells)).code == 0
    assert here("data", "verify", cells).code == 0
    change(cells / "images/0.png")
    outcome = here("data", "verify", cells, "--json")
    assert outcome.code == 1
    assert "images/0.png" in json.loads(outcome.out)[0]["problem"]


def test_runs_that_showed_other_images_under_one_item_are_not_compared(
    here: Any, cells: Path
) -> None:
    assert here(*evaluated(cells)).code == 0
    replaced(cells / "images/0.png")
    other = [word if word != "run" else "other" for word in evaluated(cells)]
    assert here(*other, "--temperature", "0.5").code == 0
    outcome = here("compare", "run", "other")
    assert outcome.code == 2
    assert "2 items have a different image in another run" in outcome.err


def test_the_digest_of_the_data_covers_the_images(cells: Path) -> None:
    from mubench_gen.data import open_dataset

    before, again = open_dataset(str(cells)), open_dataset(str(cells))
    assert before.digest == again.digest
    replaced(cells / "images/0.png")
    after = open_dataset(str(cells))
    assert after.digest != before.digest
    assert after.rows_digest == before.rows_digest


def test_a_control_that_shuffles_images_goes_on_with_the_same_files(here: Any, cells: Path) -> None:
    args = evaluated(cells, "--control", "shuffled")
    assert here(*args, "--max-requests", "2", "--batch-size", "1").code in (2, 3)
    assert here(*args).code == 0


def test_rows_that_share_an_image_have_one_file(here: Any, tmp_path: Path) -> None:
    rows = [make_row(i, image={"path": "images/0.png"}) for i in range(3)]
    data = write_data(tmp_path / "data", rows, images={1: make_png(0), 2: make_png(0)})
    assert here(*evaluated(data)).code == 0
    assert list(json.loads(Path("run/images.json").read_bytes())["files"]) == ["images/0.png"]
