"""`ablate --design`: a fraction of the grid, from which the chosen effects can be estimated."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mubench_gen.ablation.design import Design, make_design
from mubench_gen.ablation.grid import Cell, Factor, Grid, StudySettings, make_study_settings
from mubench_gen.ablation.statistics.design_effects import design_effects
from mubench_gen.errors import SettingError

from .conftest import Here
from .spine import make_row, write_data

TWO = {
    "temperature": [0, 1], "max_tokens": [8, 16], "control": ["none", "blind"],
    "dtype": ["float32", "bfloat16"], "deterministic": [True, False],
    "image.range": ["minmax", "auto"],
}  # fmt: skip


def axes(prompts: str = "paper,letter", **others: list[Any]) -> StudySettings:
    return make_study_settings({"prompt": [prompts], "axis": others})


def some(names: str) -> dict[str, list[Any]]:
    return {name: TWO[name] for name in names.split()}


def test_the_known_fractions_of_two_level_grids_are_found() -> None:
    main = make_design(axes(**TWO), "main", 0)
    assert (len(main.cells), main.grid) == (8, 128)
    assert main.efficiency == pytest.approx(1)
    assert main.aliases["prompt"]
    pairs = make_design(axes(**some("temperature max_tokens control dtype")), "two-way", 0)
    assert (len(pairs.cells), pairs.grid) == (16, 32)
    assert pairs.efficiency == pytest.approx(1)
    assert not pairs.aliases


def test_levels_may_be_of_any_number_and_the_seed_decides() -> None:
    mixed = axes("paper,letter,plain", transform=["none", "jpeg:1-4"], **some("control"))
    one, same = make_design(mixed, "prompt*control", 0), make_design(mixed, "prompt*control", 0)
    assert one == same
    assert one.efficiency > 0.9
    assert ("prompt", "control") in one.terms
    assert len(make_design(mixed, "main:20", 0).cells) == 20


@pytest.mark.parametrize(
    ("spec", "given", "said"),
    [
        ("min", TWO, "'min' is none"),
        ("prompt*contrl", TWO, "Did you mean 'control'"),
        ("main:3", TWO, "from 8 "),
        ("main", {}, "needs two axes or more"),
    ],
)
def test_a_wrong_design_says_what_is_needed(spec: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        make_design(axes(**given), spec, 0)


def truth(levels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Shares of right answers: effects of ±10 and ±5 points, an interaction of ±4."""
    signs = 1 - 2 * levels
    pair = 0.04 * signs[:, 0] * signs[:, 3]
    return np.asarray(0.5 + 0.1 * signs[:, 0] + 0.05 * signs[:, 3] + pair)


def test_effects_are_recovered_within_their_intervals() -> None:
    given = some("temperature control")
    design = make_design(axes(**given), "prompt*control:6", 0)
    factors = [Factor("prompt", ("a", "b")), Factor("readout", ("parse",))]
    factors += [Factor("temperature", ("0", "1")), Factor("control", ("none", "blind"))]
    shape = tuple(len(one.levels) for one in factors)
    levels = np.indices(shape).reshape(len(shape), -1).T
    cells = tuple(Cell("p", "parse", ("",) * 4) for _ in levels)
    generator, held, wanted = np.random.default_rng(1), 0, 0
    for _ in range(40):
        right = np.full((300, len(levels)), np.nan)
        drawn = generator.random((300, len(design.cells))) < truth(levels)[list(design.cells)]
        right[:, list(design.cells)] = drawn
        answers: Any = SimpleNamespace(
            right=right, clusters=SimpleNamespace(codes=np.arange(300) // 2)
        )
        found = {
            (e.term, e.level): e
            for e in design_effects(design, Grid(tuple(factors), cells), answers)
        }
        for key, value in (
            (("prompt", "a"), 0.1), (("control", "none"), 0.05), (("temperature", "0"), 0.0),
            (("prompt × control", "a × none"), 0.04),
        ):  # fmt: skip
            ends = found[key].ci95
            assert ends is not None
            held, wanted = held + (ends[0] <= value <= ends[1]), wanted + 1
    assert 0.90 <= held / wanted <= 0.99


def test_a_study_of_a_design_asks_its_cells_alone_and_resumes(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "d", [make_row(i, questions=("stain",)) for i in range(4)])
    words = [
        "ablate", "--plugin", "echo", "--data", data, "--prompt", "letter,plain", "--image",
        "before,after", "--axis", "transform=none,grayscale", "--axis", "control=none,shuffled",
        "--design", "main", "--run-dir", tmp_path / "s",
    ]  # fmt: skip
    planned = here(*words, "--plan")
    assert "of 16 cells" in planned.out
    assert here(*words, "-q").code == 0
    document = json.loads((tmp_path / "s/study.json").read_text())
    design: dict[str, Any] = document["design"]
    assert len(document["runs"]) == 4
    assert document["surveys"][0]["pairs"] == 4 * len(design["cells"])
    assert {one["term"] for one in next(iter(design["effects"].values()))} == {
        "prompt", "image", "transform", "control",
    }  # fmt: skip
    other = here(*words[:-4], "--design", "two-way", "--run-dir", tmp_path / "s")
    assert other.code == 2
    assert here(*words, "--budget", "8").code == 2


def test_what_is_asked_is_said_in_words() -> None:
    words = Design("main", 0, 8, (0, 3), (("a",), ("b",)), 0.8, {"a": {"b × c": 1.0}}).lines()
    assert "D-efficiency 0.80" in words[0]
    assert words[1] == "The effect of a is aliased with b × c (1.00)."


def test_a_plan_says_what_each_level_costs(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "d", [make_row(i, questions=("stain",)) for i in range(4)])
    words = ["ablate", "--plugin", "echo", "--data", data, "--prompt", "letter,plain", "--axis",
             "control=none,blind", "--dry-run"]  # fmt: skip
    (found,) = here(*words, "--json").document["surveys"]
    by_level = {(one["factor"], one["level"]): one for one in found["levels"]}
    assert by_level["control", "none"]["requests"] == 8
    assert by_level["control", "none"]["prefills"] == 4
    assert by_level["control", "blind"]["prefills"] == 0
    # Without its image an item is the same as the others: one request a prompt.
    assert by_level["control", "blind"]["requests"] == by_level["control", "blind"]["own"] == 2
    told = here(*words, "--rate", "2").out
    assert "what each level asks" in told
    assert "5 s to go" in told
