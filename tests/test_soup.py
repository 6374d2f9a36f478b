"""`soup`: which fine-tunes are averaged, chosen on images that do not score the result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from mubench_gen.data import open_dataset
from mubench_gen.errors import SettingError
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.interpolation.soup.greedy import greedy, kept
from mubench_gen.interpolation.soup.halves import halve
from mubench_gen.types import Row
from mubench_gen_plugins.tiny import WEIGHTS

from .conftest import Here
from .helpers.demo import small_demo
from .helpers.packages import package
from .spine import make_row, write_data


def rows_of(folder: Path, count: int, **meta: Sequence[str]) -> list[Row]:
    """Rows of a data set, with columns."""
    made = [make_row(n) for n in range(count)]
    for name, values in meta.items():
        for row, value in zip(made, values, strict=True):
            row[name] = value
    return list(open_dataset(str(write_data(folder, made)), StandardPolicy()))


def test_halves_have_the_same_size_and_depend_on_the_seed_alone(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "cells", 21)
    found = halve(rows, seed=1)
    assert sorted((sum(found.choosing), sum(found.held_out))) == [10, 11]
    assert [one + other for one, other in zip(found.choosing, found.held_out, strict=True)] == (
        [1] * 21
    )
    backwards = halve(rows[::-1], seed=1)
    assert backwards.choosing[::-1] == found.choosing
    assert halve(rows, seed=2).choosing != found.choosing


def test_rows_of_one_patient_or_of_one_image_are_in_one_half(tmp_path: Path) -> None:
    patients = [str(n % 5) for n in range(20)]
    rows = rows_of(tmp_path / "cells", 20, patient=patients)
    found = halve(rows, field="patient")
    for patient in "01234":
        halves = {found.choosing[n] for n, of_row in enumerate(patients) if of_row == patient}
        assert len(halves) == 1
    assert {sum(found.choosing), sum(found.held_out)} == {8, 12}
    twice = [*rows, *rows]  # the same images again, of nobody known
    again = halve(twice, field="stain_of_nobody")
    assert again.choosing[:20] == again.choosing[20:]


def test_one_patient_alone_has_no_two_halves(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "cells", 4, patient=["1"] * 4)
    with pytest.raises(SettingError, match="image or patient: there are no two halves"):
        halve(rows, field="patient")


def test_a_greedy_soup_keeps_what_does_not_lower_the_accuracy() -> None:
    worth = {
        ("b", "c"): 0.7, ("b", "c", "a"): 0.7, ("b", "c", "a", "d"): 0.69,
    }  # fmt: skip
    asked: list[tuple[str, ...]] = []

    def together(names: Sequence[str]) -> float:
        asked.append(tuple(names))
        return worth[tuple(names)]

    found = greedy({"a": 0.5, "b": 0.6, "c": 0.6, "d": 0.1}, together)
    assert kept(found) == ("b", "c", "a")
    assert asked == list(worth)
    assert [(one.name, one.alone, one.with_it) for one in found] == [
        ("b", 0.6, 0.6), ("c", 0.6, 0.7), ("a", 0.5, 0.7), ("d", 0.1, 0.69),
    ]  # fmt: skip


def test_a_soup_is_chosen_on_one_half_scored_on_the_other_and_asked_once(
    tmp_path: Path, here: Here
) -> None:
    torch, safetensors = package("torch"), package("safetensors.torch")
    small_demo(tmp_path / "cache")
    base, tuned, folder = WEIGHTS / "clip", WEIGHTS / "clip-finetuned", tmp_path / "soup"
    flags = (
        "soup", "--plugin", "clip", "--base", base, "--finetuned", f"{base},{tuned}",
        "--tasks", "demo-texture,demo-blood", "--soup-dir", folder,
        "--json",
    )  # fmt: skip
    planned = here(*flags, "--plan").document
    assert not folder.exists()
    result = here(*flags).document
    assert [one["kept"] for one in result["trials"]] in ([True, True], [True, False])
    assert result["chosen_on"]["items"] + result["held_out"]["items"] == 10
    assert planned["parts"][0]["items"] == result["chosen_on"]["items"]

    images = {part: set[str]() for part in ("choosing", "held-out")}
    records = sorted(folder.glob("*/*/records.jsonl"))
    for path in records:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        images[path.parts[-3]] |= {line["image_sha256"] for line in lines}
    assert not images["choosing"] & images["held-out"]

    members = {str(base): base, str(tuned): tuned}
    states = [safetensors.load_file(members[name] / "model.safetensors") for name in result["kept"]]
    for name, tensor in safetensors.load_file(folder / "model" / "model.safetensors").items():
        mean = torch.stack([state[name].float() for state in states]).mean(0)
        assert torch.allclose(tensor.float(), mean, atol=1e-6), name

    (listed,) = here("runs", "--folder", tmp_path / "soup", "--json").document
    assert (listed["kind"], listed["state"]) == ("soup", "finished")
    assert "is a soup: its runs are in held-out/" in here("report", folder).err
    before = [path.read_bytes() for path in records]
    assert here(*flags).document == result
    assert [path.read_bytes() for path in records] == before
    assert not (folder / ".scratch").exists()
    told = here(*flags, "--seed", "1")
    assert told.code == 2
    assert "holds another soup" in told.err


def test_what_a_fine_tune_lacks_is_refused_in_words_that_soup_has(
    tmp_path: Path, here: Here
) -> None:
    safetensors = package("safetensors.torch")
    small_demo(tmp_path / "cache")
    shutil.copytree(WEIGHTS / "clip-finetuned", tmp_path / "less")
    file = tmp_path / "less" / "model.safetensors"
    state = safetensors.load_file(file)
    del state["visual_projection.weight"]
    safetensors.save_file(state, file, {"format": "pt"})
    flags = (
        "soup", "--plugin", "clip", "--base", WEIGHTS / "clip", "--tasks", "demo-texture",
        "--finetuned", WEIGHTS / "clip-finetuned", "--finetuned", tmp_path / "less", "--plan",
    )  # fmt: skip
    refused = here(*flags)
    assert refused.code == 2
    assert "visual_projection.weight" in refused.err
    assert "--missing keep-base" in refused.err
    assert here(*flags, "--missing", "keep-base").code == 0
