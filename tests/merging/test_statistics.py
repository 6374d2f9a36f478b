"""Fisher-weighted averaging and RegMean, against formulas written here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.demo import small_demo
from tests.helpers.packages import package

from mubench_gen.engines.digest import digest_files
from mubench_gen.interpolation.measure.collectors import Fisher, Gram
from mubench_gen_plugins.tiny import WEIGHTS

from .conftest import Here, State, near, save, toy

torch = package("torch")
safetensors = package("safetensors.torch")

LAYER = "text.layers.1.fc.weight"


def write_measured(
    folder: Path, method: str, model: Path, tensors: State, changed: Mapping[str, Any] = {}
) -> Path:
    """A folder as `measure` writes it."""
    folder.mkdir()
    safetensors.save_file(tensors, folder / "statistics.safetensors")
    digest = digest_files(model)
    assert digest is not None
    told = {
        "method": method, "model": str(model), "weights": digest.weights, "items": 3,
        "images": ["a"], "failed": 0, "data": {"name": "cells"}, "tasks": ["stain"],
        "half": {"seed": 0},
        "sha256": hashlib.sha256((folder / "statistics.safetensors").read_bytes()).hexdigest(),
    }  # fmt: skip
    (folder / "measured.json").write_text(json.dumps({**told, **changed}))
    return folder


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    state = toy()
    return {
        "base": save(tmp_path / "base", state),
        "one": save(tmp_path / "one", near(state, 1)),
        "two": save(tmp_path / "two", near(state, 2)),
    }


def loaded(folder: Path) -> State:
    found: State = safetensors.load_file(folder / "model.safetensors")
    return found


def squares(state: State, seed: int) -> State:
    made = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(value.shape, generator=made)
        for name, value in state.items()
        if value.is_floating_point()
    }


def merged(here: Here, models: Mapping[str, Path], method: str, out: str, *more: Any) -> Any:
    return here("merge", models["base"], models["one"], models["two"], "--method", method,
                "--out", out, *more)  # fmt: skip


def test_fisher_weighs_each_element_by_what_was_measured_of_it(
    tmp_path: Path, here: Here, models: Mapping[str, Path]
) -> None:
    one, two = loaded(models["one"]), loaded(models["two"])
    fishers = [squares(one, 3), squares(two, 4)]
    fishers[0][LAYER][0] = fishers[1][LAYER][0] = 0  # of which nobody knows anything
    del fishers[1]["embed_tokens.weight"]
    flags = []
    for name, fisher in zip(("one", "two"), fishers, strict=True):
        place = write_measured(tmp_path / f"{name}.fisher", "fisher", models[name], fisher)
        flags += ["--statistics", place]
    weights = (2.0, 1.0)
    out = merged(here, models, "fisher", "out", *flags, "--alpha", "0.5", "--weights", "2,1")
    assert out.code == 0, out.err
    assert "accuracy on these is not held out" in out.out
    base, found = loaded(models["base"]), loaded(tmp_path / "out")
    for name, value in found.items():
        if not value.is_floating_point():
            continue
        shares = [
            w * side.get(name, torch.ones(())) for w, side in zip(weights, fishers, strict=True)
        ]
        if name not in fishers[1]:
            shares = [torch.tensor(w) for w in weights]
        total = shares[0] + shares[1]
        mean = (shares[0] * one[name] + shares[1] * two[name]) / total
        plain = (2 * one[name] + two[name]) / 3
        expected = 0.5 * base[name] + 0.5 * torch.where(total > 0, mean, plain)
        assert torch.allclose(value, expected, atol=2e-6), name
    told = json.loads((tmp_path / "out" / "merge.json").read_text())
    assert [one["items"] for one in told["statistics"]] == [3, 3]
    assert any("of 1 tensors nothing was measured" in note for note in told["notes"])


def test_equal_fishers_give_the_mean(
    tmp_path: Path, here: Here, models: Mapping[str, Path]
) -> None:
    alike = {name: torch.full_like(value, 1e-9) for name, value in squares(toy(), 0).items()}
    flags: list[Any] = []
    for name in ("one", "two"):
        place = write_measured(tmp_path / f"{name}.fisher", "fisher", models[name], alike)
        flags += ["--statistics", place]
    assert merged(here, models, "fisher", "out", *flags, "--alpha", "1").code == 0
    assert merged(here, models, "linear", "mean", "--alpha", "1").code == 0
    mean = loaded(tmp_path / "mean")
    for name, value in loaded(tmp_path / "out").items():
        assert torch.allclose(value.float(), mean[name].float(), atol=1e-6), name


@pytest.mark.parametrize("identity", [False, True])
def test_regmean_is_the_layer_nearest_to_what_each_fine_tune_computes(
    identity: bool, tmp_path: Path, here: Here, models: Mapping[str, Path]
) -> None:
    random = np.random.default_rng(5)
    one, two = loaded(models["one"]), loaded(models["two"])
    inputs = [random.standard_normal((40, 32)) * random.random(32) for _ in range(2)]
    grams = [np.eye(32) if identity else x.T @ x / len(x) for x in inputs]
    flags: list[Any] = []
    for name, gram in zip(("one", "two"), grams, strict=True):
        tensors = {LAYER: torch.tensor(gram, dtype=torch.float32)}
        place = write_measured(tmp_path / f"{name}.gram", "regmean", models[name], tensors)
        flags += ["--statistics", place]
    assert merged(here, models, "regmean", "out", *flags, "--alpha", "1").code == 0
    scaled = [0.9 * gram + 0.1 * np.diag(np.diag(gram)) for gram in grams]
    sides = [side[LAYER].double().numpy() for side in (one, two)]
    right = sum(gram @ side.T for gram, side in zip(scaled, sides, strict=True))
    expected = np.linalg.solve(sum(scaled), right).T
    found = loaded(tmp_path / "out")
    assert np.allclose(found[LAYER].numpy(), expected, atol=1e-4)
    mean = {name: (one[name] + two[name]) / 2 for name in one if one[name].is_floating_point()}
    if identity:
        assert torch.allclose(found[LAYER], mean[LAYER], atol=1e-5)
    for name, value in mean.items():
        assert name == LAYER or torch.allclose(found[name], value, atol=1e-6), name


def test_what_does_not_belong_to_the_fine_tunes_is_refused(
    tmp_path: Path, here: Here, models: Mapping[str, Path]
) -> None:
    fisher = squares(toy(), 0)
    good = write_measured(tmp_path / "good", "fisher", models["one"], fisher)
    grams = write_measured(tmp_path / "grams", "regmean", models["two"], fisher)
    small = {**fisher, LAYER: fisher[LAYER][1:].contiguous()}
    shape = write_measured(tmp_path / "shape", "fisher", models["two"], small)
    broken = write_measured(tmp_path / "broken", "fisher", models["two"], fisher, {"items": "x"})
    refused = {
        "needs --statistics FOLDER for each fine-tune": [],
        "in their order: 1 for 2": [good],
        "of other weights": [good, good],
        "was measured for regmean, not fisher": [good, grams],
        "no such folder of mubench-gen measure": [good, tmp_path],
        f"{LAYER} is F32 [31, 32], where F32 [32, 32]": [good, shape],
        "is not as mubench-gen measure writes it": [good, broken],
    }
    for message, folders in refused.items():
        flags = [part for folder in folders for part in ("--statistics", folder)]
        out = merged(here, models, "fisher", "out", *flags, "--alpha", "1")
        assert (out.code, message in out.err) == (2, True), out.err
    two = write_measured(tmp_path / "two.fisher", "fisher", models["two"], fisher)
    flags = ["--statistics", good, "--statistics", two, "--alpha", "1"]
    for weights, message in (("1,-1", "sum is 0"), ("2,-1", "fisher multiplies it with")):
        out = merged(here, models, "fisher", "out", *flags, "--weights", weights)
        assert (out.code, message in out.err) == (2, True), out.err
    out = merged(here, models, "linear", "out", "--statistics", good, "--alpha", "1")
    assert "--statistics is a setting of fisher, regmean; linear has none" in out.err
    assert not (tmp_path / "out").exists()


def test_the_fisher_of_a_softmax_is_that_of_the_book() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(4, 3, bias=False)
    rows = torch.randn(5, 4)
    fisher = Fisher(layer)
    for row in rows:
        fisher.add(lambda row=row: torch.log_softmax(layer(row), -1))  # type: ignore[misc]
    shares = torch.softmax(layer(rows), -1).detach()
    expected = torch.einsum("nk,ni->ki", shares * (1 - shares), rows**2) / len(rows)
    assert torch.allclose(fisher.result()["weight"], expected, atol=1e-6)


def test_a_gram_matrix_is_that_of_the_tokens_which_are_no_padding() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    tokens, mask = torch.randn(2, 5, 4), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    gram = Gram(model)
    gram.mask(mask)
    gram.add(lambda: model(tokens))
    gram.mask(None)
    gram.add(lambda: model(tokens[0, :1]))
    rows = torch.cat([tokens[0, :3], tokens[1], tokens[0, :1]])
    found = gram.result()
    assert torch.allclose(found["0.weight"], rows.T @ rows / 9, atol=1e-6)
    inner = model[0](rows).detach()
    assert torch.allclose(found["1.weight"], inner.T @ inner / 9, atol=1e-6)


@pytest.mark.parametrize(("kind", "method"), [("clip", "fisher"), ("llava", "regmean")])
def test_a_model_is_measured_and_merged_by_it(
    kind: str, method: str, tmp_path: Path, here: Here
) -> None:
    small_demo(tmp_path / "cache", images=18)
    sides = [WEIGHTS / kind, WEIGHTS / f"{kind}-finetuned"]
    flags = ["--plugin", "tiny", "--method", method, "--tasks", "demo-blood", "--limit", "5"]
    folders = [tmp_path / side.name for side in sides]
    for side, folder in zip(sides, folders, strict=True):
        out = here("measure", *flags, "--model", side.name, "--out", folder)
        assert out.code == 0, out.err
    told = json.loads((folders[0] / "measured.json").read_text())
    assert 0 < told["items"] <= 5
    assert told["items"] == len(told["images"])
    found = safetensors.load_file(folders[1] / "statistics.safetensors")
    weights = loaded(sides[1])
    wanted = {
        name: value.shape if method == "fisher" else (value.shape[-1],) * 2
        for name, value in weights.items()
    }
    assert found
    for name, value in found.items():
        assert value.shape == wanted[name]
        assert value.isfinite().all()
    if method == "fisher":
        assert found.keys() == weights.keys()
    out = here("merge", sides[0], *sides, "--method", method, "--alpha", "1", "--out", "out",
               *(part for folder in folders for part in ("--statistics", folder)))  # fmt: skip
    assert out.code == 0, out.err
