"""`merge --store TYPE`: the type of the written weights, rounded once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mubench_gen.interpolation.merge.arithmetic import recode

from .conftest import Here, State, assert_same, near, read, save, torch, toy
from .test_merge import expected

FLAGS = ("--alpha", "0,0.25,1", "--out", "m", "--store")


def stored(state: State, dtype: str) -> State:
    kind = getattr(torch, dtype)
    return {
        name: value.to(kind) if value.is_floating_point() else value
        for name, value in state.items()
    }


@pytest.mark.parametrize("wanted", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("own", ["float32", "bfloat16", "float16"])
def test_weights_are_computed_in_float32_and_rounded_once_to_the_type(
    tmp_path: Path, here: Here, own: str, wanted: str
) -> None:
    one = toy(dtype=getattr(torch, own))
    other = near(one)
    base, tuned = (
        save(tmp_path / name, state, shards=2, config={"dtype": own})
        for name, state in (("base", one), ("tuned", other))
    )
    done = here("merge", base, tuned, *FLAGS, wanted)
    assert done.code == 0, done.err
    exact = expected(stored(one, "float32"), stored(other, "float32"), 0.25)
    for alpha, state in (("0", one), ("0.25", exact), ("1", other)):
        folder = tmp_path / "m" / f"alpha-{alpha}"
        assert_same(read(folder), stored(state, wanted))
        assert json.loads((folder / "config.json").read_text())["dtype"] == wanted
        assert json.loads((folder / "merge.json").read_text())["store"] == wanted


def test_what_the_patterns_leave_out_has_the_type_too(
    tmp_path: Path, here: Here, base: Path, tuned: Path
) -> None:
    done = here("merge", base, tuned, "--include", "text*", "--alpha", "0.5", "--out", "m",
                "--store", "bfloat16")  # fmt: skip
    assert done.code == 0, done.err
    one, other, found = read(base), read(tuned), read(tmp_path / "m")
    mean = expected(one, other, 0.5)
    wanted = {name: mean[name] if name.startswith("text") else one[name] for name in one}
    assert_same(found, stored(wanted, "bfloat16"))


@pytest.mark.parametrize("glob", ["*", "text*"])
def test_a_value_that_float16_cannot_hold_is_told(tmp_path: Path, here: Here, glob: str) -> None:
    state = {**toy(), "big.weight": torch.full((3, 3), 7e4)}
    base, tuned = save(tmp_path / "base", state), save(tmp_path / "tuned", near(state))
    flags = ("merge", base, tuned, "--include", glob, "--alpha", "0.5", "--out", "m", "--store")
    done = here(*flags, "float16")
    assert done.code == 2
    assert "big.weight:" in done.err
    assert "float16 cannot hold (its largest is 65504)" in " ".join(done.err.split())
    assert "--store float32 or bfloat16" in done.err
    assert not (tmp_path / "m").exists()
    assert here(*flags, "bfloat16").code == 0


def test_float64_is_rounded_to_bfloat16_once() -> None:
    """By way of float32 it would be a tie, which goes to the even one."""
    numbers = np.array([1 + 2**-8 + 2**-30, 1 + 2**-8, -(1 + 2**-8 + 2**-30), 0.0, 3.0])
    found = recode(numbers.view(np.uint8), "F64", "BF16").view(np.uint16).astype(np.uint32) << 16
    assert found.view(np.float32).tolist() == [1 + 2**-7, 1, -(1 + 2**-7), 0, 3]
