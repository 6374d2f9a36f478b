"""`data verify` and `data import` decode every picture as a run would, and tell all faults."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from mubench_gen.data.verify import FileCheck, verify
from mubench_gen.images.appearance import appearance, look_alike

SIZE = (96, 128)


def structured(seed: int) -> Image.Image:
    """A picture like a micrograph: bright spots on a dark, uneven background."""
    draw = np.random.default_rng(seed)
    values = draw.normal(60, 4, SIZE)
    for _ in range(12):
        y, x = draw.integers(0, SIZE[0]), draw.integers(0, SIZE[1])
        values[max(0, y - 6) : y + 6, max(0, x - 6) : x + 6] += draw.integers(40, 150)
    return Image.fromarray(values.clip(0, 250).astype(np.uint8)).convert("RGB")


def flat(level: float, noise: float) -> Image.Image:
    values: NDArray[Any] = np.random.default_rng(0).normal(level, noise, SIZE)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8)).convert("RGB")


def written(folder: Path, pictures: dict[str, bytes], rows: dict[int, str] | None = None) -> Path:
    """A data set with these image files; `rows` replaces lines of its rows.jsonl."""
    (folder / "images").mkdir(parents=True)
    lines = []
    for name, content in pictures.items():
        (folder / "images" / name).write_bytes(content)
        lines.append(
            f'{{"image_id": "{name}", "image": "images/{name}", "dataset": "d", "questions": '
            '{"t": {"question": "Q", "options": ["a", "b"], "answer_idx": 0}}}'
        )
    for number, line in (rows or {}).items():
        lines[number] = line
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def file_of(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUBENCH_GEN_CACHE", str(tmp_path / "cache"))


def checked(data: Path, **settings: Any) -> FileCheck:
    (found,) = verify(str(data), **settings)
    return found


def test_every_fault_is_listed_by_row(tmp_path: Path) -> None:
    pictures = {f"{i}.png": file_of(structured(i)) for i in range(6)}
    pictures["1.png"] = pictures["1.png"][:-30]
    pictures["4.png"] = b"no picture"
    rows = {2: '{"image_id": "x"', 5: '{"image_id": "y", "image": "images/5.png", "dataset": 1}'}
    found = checked(written(tmp_path / "data", pictures, rows))
    assert len(found.problems) == 4
    for row, told in zip((2, 3, 5, 6), found.problems, strict=True):
        assert f"row {row}" in told
    assert found.problem == "; ".join(found.problems)


def test_the_command_lists_them_and_fails(here: Any, tmp_path: Path) -> None:
    pictures = {f"{i}.png": file_of(structured(i))[: -30 if i % 2 else None] for i in range(6)}
    outcome = here("data", "verify", written(tmp_path / "data", pictures))
    assert outcome.code == 1
    for row in (2, 4, 6):
        assert f"  row {row}: images/{row - 1}.png: " in outcome.out
    assert "images decoded: 6/6" in outcome.err


def test_pictures_to_look_at_are_named_and_no_fault(here: Any, tmp_path: Path) -> None:
    glaring = structured(5).point([255 if v > 60 else v for v in range(256)] * 3)
    pictures = {
        "sound.png": file_of(structured(1)),
        "black.png": file_of(flat(1, 0.5)),
        "noise.png": file_of(flat(128, 2)),
        "glaring.png": file_of(glaring),
        "small.png": file_of(structured(2).resize((31, 60))),
        "again.jpg": file_of(structured(1), "JPEG", quality=80),
        "large again.png": file_of(structured(1).resize((256, 192))),
    }
    data = written(tmp_path / "data", pictures)
    told = "\n".join(checked(data).warnings)
    assert "sound.png: nearly" not in told
    assert "black.png: nearly constant" in told
    assert "noise.png: nearly constant" in told
    assert "glaring.png: saturated, or on white" in told
    assert "small.png: very small: 31 × 60 pixels" in told
    assert "again.jpg: the same picture as images/sound.png (row 1; alike to the eye)" in told
    assert "large again.png: the same picture as images/sound.png" in told
    assert len(told.splitlines()) == 6
    outcome = here("data", "verify", data)
    assert outcome.code == 0
    assert "Look at, rows.jsonl:" in outcome.out


def test_other_pictures_of_a_kind_are_not_taken_for_the_same() -> None:
    looks = [appearance(structured(seed)) for seed in range(60)]
    assert list(look_alike(looks)) == []
    blurred = [*looks, appearance(structured(7).filter(ImageFilter.GaussianBlur(1)))]
    assert list(look_alike(blurred)) == [(7, 60)]


def test_images_are_decoded_under_the_policy_of_a_run(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    stack = np.random.default_rng(0).integers(0, 4000, (3, 64, 64)).astype(np.uint16)
    tifffile.imwrite(stream, stack, imagej=True, metadata={"axes": "ZYX"})
    data = written(tmp_path / "data", {"stack.tif": stream.getvalue()})
    assert checked(data).problem is None
    (told,) = checked(data, image_set={"z": "7"}).problems
    assert "has no plane 7, it has 3" in told


def test_the_log_of_a_decoder_stays_inside(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    values = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    tifffile.imwrite(stream, values, description="a text of a tag", byteorder="<")
    damaged = stream.getvalue().replace(struct.pack("<HH", 270, 2), struct.pack("<HH", 270, 99))
    assert damaged != stream.getvalue()
    data = written(tmp_path / "data", {"a.tif": damaged})
    assert checked(data).problem is None
    assert "Tag" not in capfd.readouterr().err


def test_an_import_says_what_to_look_at(here: Any, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, picture in (("a", structured(1)), ("b", structured(1)), ("c", flat(9, 1))):
        picture.save(folder / f"{name}.png")
    (folder / "t.csv").write_text(
        "image,question,options,answer\n" + "".join(f"{n}.png,Q,x|y,x\n" for n in "abc")
    )
    outcome = here("data", "import", folder, "--out", tmp_path / "out")
    assert outcome.code == 0
    assert "Look at it: b.png: the same picture as a.png." in outcome.err
    assert "Look at it: c.png: nearly constant" in outcome.err


def test_a_report_counts_the_items_whose_picture_was_nearly_constant(
    here: Any, tmp_path: Path
) -> None:
    data = written(
        tmp_path / "data",
        {f"{i}.png": file_of(flat(9, 1) if i % 2 else structured(i)) for i in range(6)},
    )
    (data / "tasks").mkdir()
    keys = {"title": "t", "group": "own", "question": "t", "datasets": ["d"], "source": "d"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    (data / "tasks/t.toml").write_text("\n".join(lines))
    words = ["--plugin", "echo", "--data", data, "--run-dir", "run"]
    assert here("eval", *words).code == 0
    assert "3 of 6 items were asked about one" in " ".join(here("report", "run").out.split())
    assert here("report", "run", "--json").document["scores"]["nearly_constant"] == 3
    assert here("report", "run", "--html", "page.html").code == 0
    assert "3 of 6 items were asked about one" in (tmp_path / "page.html").read_text()
