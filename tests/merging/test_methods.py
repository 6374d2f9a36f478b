"""The methods of `merge` against plain torch, written anew from the papers' formulas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Here, State, assert_same, near, read, save, torch, toy

BIG = "vision.layers.0.fc.weight"  # more than one chunk
Ways = dict[str, Callable[[list[Any]], Any]]


def largest(difference: Any, density: float) -> Any:
    """The difference with all but the largest set to zero; of equal ones the later are kept."""
    flat = difference.flatten()
    order = torch.argsort(flat.abs(), stable=True)
    kept = torch.zeros_like(flat)
    count = int(density * flat.numel())
    kept[order[flat.numel() - count :]] = 1
    return (flat * kept).reshape(difference.shape)


def without_outliers(difference: Any, density: float, gamma: float) -> Any:
    flat = difference.flatten()
    total = flat.numel()
    kept = int(density * total)
    top = min(int(gamma * total), total - kept)
    order = torch.argsort(flat.abs(), stable=True)
    mask = torch.zeros_like(flat)
    mask[order[total - kept - top : total - top]] = 1
    return (flat * mask).reshape(difference.shape)


def elected(differences: list[Any]) -> Any:
    stack = torch.stack(differences)
    sign = torch.where(stack.sum(0) >= 0, 1.0, -1.0)
    agrees = stack.sign() == sign
    return (stack * agrees).sum(0) / agrees.sum(0).clamp(min=1)


def stock(differences: list[Any]) -> Any:
    flat = [one.flatten() for one in differences]
    cosines = [
        torch.dot(a, b) / (a.norm() * b.norm()).clamp(min=1e-12)
        for place, a in enumerate(flat)
        for b in flat[place + 1 :]
    ]
    cosine, count = torch.stack(cosines).mean().clamp(min=0), len(flat)
    ratio = count * cosine / (1 + (count - 1) * cosine)
    return ratio * torch.stack(differences).mean(0)


def magmax(differences: list[Any]) -> Any:
    stack = torch.stack(differences)
    return stack.gather(0, stack.abs().argmax(0, keepdim=True))[0]


def sce(differences: list[Any], density: float) -> Any:
    stack = torch.stack(differences)
    spread = stack.var(0, unbiased=False).flatten()
    mask = torch.zeros_like(spread)
    wanted = int((spread != 0).sum() * density)
    mask[torch.argsort(spread, stable=True)[spread.numel() - wanted :]] = 1
    stack = stack * mask.reshape(stack.shape[1:])
    weights = (stack.reshape(len(stack), -1) ** 2).sum(1)
    weights = weights / weights.sum() if weights.sum() else torch.full_like(weights, 1 / len(stack))
    sign = torch.where(stack.sum(0) >= 0, 1.0, -1.0)
    shares = weights.reshape(-1, *[1] * (stack.dim() - 1)) * (stack.sign() == sign)
    return (stack * shares).sum(0) / shares.sum(0).clamp(min=1e-6)


WAYS: Ways = {
    "ties": lambda ds: elected([largest(d, 0.2) for d in ds]),
    "breadcrumbs": lambda ds: sum(without_outliers(d, 0.9, 0.01) for d in ds),
    "breadcrumbs-ties": lambda ds: elected([without_outliers(d, 0.9, 0.01) for d in ds]),
    "model-stock": stock,
    "magmax": magmax,
    "sce": lambda ds: sce(ds, 0.4),
}


@pytest.fixture
def states() -> list[State]:
    """A base and three fine-tunes that share a direction."""
    base = toy()
    shared = near(base, seed=9, size=0.05)
    return [base, *(near(shared, seed=seed, size=0.1 * seed) for seed in (1, 2, 3))]


def coarse(state: State) -> State:
    """In few values, so that many differences are equal."""
    return {k: (v * 64).round() / 64 if v.is_floating_point() else v for k, v in state.items()}


@pytest.mark.parametrize("method", WAYS)
def test_a_method_is_its_papers_formula(
    tmp_path: Path, here: Here, states: list[State], method: str
) -> None:
    if method != "sce":  # whose variances depend on how they are summed
        states = [*map(coarse, states)]
    names = [save(tmp_path / str(n), state) for n, state in enumerate(states)]
    given = ["--density", "0.4"] if method == "sce" else []
    done = here("merge", *names, "--method", method, *given, "--alpha", "0,0.7", "--out", "m")
    assert done.code == 0, done.err
    found = read(tmp_path / "m" / "alpha-0.7")
    for name, one in states[0].items():
        if one.is_floating_point():
            wanted = one + 0.7 * WAYS[method]([other[name] - one for other in states[1:]])
            torch.testing.assert_close(found[name], wanted, rtol=0, atol=2e-6, msg=name)
    assert_same(read(tmp_path / "m" / "alpha-0"), states[0])


@pytest.mark.parametrize(("method", "chance"), [("dare-linear", 0.25), ("della-linear", 0.25)])
def test_drawn_elements_are_scaled_so_that_their_sum_is_expected_to_stay(
    tmp_path: Path, here: Here, states: list[State], method: str, chance: float
) -> None:
    names = [save(tmp_path / str(n), state) for n, state in enumerate(states[:2])]
    arguments = ["merge", *names, "--method", method, "--density", str(chance), "--alpha", "1"]
    assert here(*arguments, "--out", "one").code == 0
    assert here(*arguments, "--out", "again").code == 0
    assert here(*arguments, "--seed", "7", "--out", "other").code == 0
    found = read(tmp_path / "one")
    assert_same(read(tmp_path / "again"), found)
    assert not torch.equal(read(tmp_path / "other")[BIG], found[BIG])
    moved, whole = found[BIG] - states[0][BIG], states[1][BIG] - states[0][BIG]
    assert ((moved != 0).float().mean() - chance).abs() < 0.01
    assert (torch.sum(moved * whole) / torch.sum(whole * whole) - 1).abs() < 0.05
    told = json.loads((tmp_path / "other" / "merge.json").read_text())
    assert (told["method"], told["density"], told["seed"]) == (method, chance, 7)


def test_della_keeps_large_elements_of_a_row_more_often(
    tmp_path: Path, here: Here, states: list[State]
) -> None:
    names = [save(tmp_path / str(n), state) for n, state in enumerate(states[:2])]
    given = ("--density", "0.5", "--epsilon", "0.3", "--alpha", "1", "--out", "m")
    assert here("merge", *names, "--method", "della-linear", *given).code == 0
    whole = states[1][BIG] - states[0][BIG]
    kept = read(tmp_path / "m")[BIG] != states[0][BIG]
    rank = whole.abs().argsort(1).argsort(1)
    shares = [kept[(rank >= low) & (rank < low + 100)].float().mean() for low in (0, 200, 400)]
    for share, wanted in zip(shares, (0.26, 0.5, 0.74), strict=True):
        assert (share - wanted).abs() < 0.02


def test_karchers_mean_of_two_is_their_arc(tmp_path: Path, here: Here, states: list[State]) -> None:
    one = states[0]
    turned = {
        name: value.flip(0) * value.norm() / value.flip(0).norm()
        if value.is_floating_point() and value.dim()
        else value
        for name, value in one.items()
    }
    names = [save(tmp_path / "base", one), save(tmp_path / "turned", turned)]
    for method in ("karcher", "slerp"):
        done = here("merge", *names, "--method", method, "--alpha", "0.3", "--out", method)
        assert done.code == 0, done.err
    arc, mean = read(tmp_path / "slerp"), read(tmp_path / "karcher")
    for name, value in arc.items():
        torch.testing.assert_close(mean[name], value, rtol=0, atol=5e-6, msg=name)


def test_karchers_mean_is_as_near_to_all_as_it_says(
    tmp_path: Path, here: Here, states: list[State]
) -> None:
    names = [save(tmp_path / str(n), state) for n, state in enumerate(states)]
    done = here("merge", *names, "--method", "karcher", "--alpha", "0.75", "--out", "m")
    assert done.code == 0, done.err
    mean = read(tmp_path / "m")[BIG].double().flatten()
    away = torch.zeros_like(mean)  # where the mean is, directions to all models cancel out
    for state in states:
        other = state[BIG].double().flatten()
        cosine = torch.dot(mean, other) / (mean.norm() * other.norm())
        ray = other / other.norm() - cosine * mean / mean.norm()
        away += torch.arccos(cosine) * ray / ray.norm()
    assert away.norm() < 1e-5
    lengths = [state[BIG].double().norm() for state in states]
    assert (mean.norm() / (sum(lengths) / 4) - 1).abs() < 1e-6


def test_passthrough_takes_a_part_from_the_fine_tune(
    tmp_path: Path, here: Here, base: Path, tuned: Path
) -> None:
    done = here(
        "merge", base, tuned, "--method", "passthrough", "--alpha", "1", "--include", "text.*",
        "--out", "m",
    )  # fmt: skip
    assert done.code == 0, done.err
    one, other = read(base), read(tuned)
    wanted = {name: other[name] if name.startswith("text.") else one[name] for name in one}
    assert_same(read(tmp_path / "m"), wanted)


def test_bfloat16_is_rounded_once(tmp_path: Path, here: Here, states: list[State]) -> None:
    low = [
        {k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()}
        for state in states
    ]
    names = [save(tmp_path / str(n), state) for n, state in enumerate(low)]
    assert here("merge", *names, "--method", "ties", "--alpha", "1", "--out", "m").code == 0
    found = read(tmp_path / "m")
    for name, one in low[0].items():
        if one.is_floating_point():
            differences = [other[name].float() - one.float() for other in low[1:]]
            assert torch.equal(found[name], (one.float() + WAYS["ties"](differences)).bfloat16())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--method", "teis"], "Did you mean 'ties'"),
        (["--method", "nothing"], "several fine-tunes: model-stock, magmax, sce"),
        (["--method", "linear", "--density", "0.5"], "--density is a setting of ties"),
        (["--method", "ties", "--seed", "1"], "--seed is a setting of dare-linear"),
        (["--method", "ties", "--density", "0"], "above 0"),
        (["--method", "della", "--density", "0.9", "--epsilon", "0.2"], "--epsilon 0.2"),
        (["--method", "breadcrumbs", "--gamma", "1"], "--gamma 1"),
        (["--method", "model-stock"], "2 fine-tunes or more"),
        (["--method", "karcher", "--alpha", "1.5"], "outside [0, 1]"),
    ],
)
def test_what_a_method_does_not_have_is_said(
    here: Here, base: Path, tuned: Path, given: list[str], said: str
) -> None:
    alpha = [] if "--alpha" in given else ["--alpha", "1"]
    done = here("merge", base, tuned, *given, *alpha, "--out", "m")
    assert done.code == 2
    assert said in done.err


def test_a_name_with_underscores_is_the_same_method(
    tmp_path: Path, here: Here, base: Path, tuned: Path
) -> None:
    done = here("merge", base, tuned, "--method", "DARE_TIES", "--alpha", "1", "--out", "m")
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "m" / "merge.json").read_text())["method"] == "dare-ties"
