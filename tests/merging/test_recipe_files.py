"""Weights of fine-tunes, and recipes in files: TOML, and mergekit's YAML where it means the same.

What a file should give is computed anew in torch, from the formulas of mergekit's documentation.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Here, State, assert_same, near, read, save, torch, toy
from .test_methods import BIG, largest

Expected = Callable[[str, float, list[Any]], Any]
BLOCKS = 3  # of the toy's text tower


@pytest.fixture
def models(tmp_path: Path) -> list[State]:
    """The base b and the fine-tunes one and two, saved under these names."""
    states = [toy(), near(toy(), seed=1), near(toy(), seed=2, size=0.2)]
    for name, state in zip(("b", "one", "two"), states, strict=True):
        save(tmp_path / name, state)
    return states


@pytest.fixture
def written(tmp_path: Path, here: Here) -> Here:
    """Writes a recipe's text and merges by it."""

    def run(text: str, *flags: str, name: str = "merge.yml") -> Any:
        (tmp_path / name).write_text(text)
        return here("merge", "--recipe", name, "--out", "m", *flags)

    return run


def depth(name: str) -> float | None:
    """Where a tensor's block is in its tower, from 0 to 1; None outside of blocks."""
    if name.startswith("text.layers."):
        return int(name.split(".")[2]) / (BLOCKS - 1)
    return 1.0 if name.startswith("vision.layers.") else None


def spread(values: list[float], name: str) -> float:
    at = (depth(name) or 0) * (len(values) - 1)
    left = min(int(at), len(values) - 2)
    return values[left] + (values[left + 1] - values[left]) * (at - left)


def check(models: list[State], expected: Expected) -> None:
    found = read(Path("m"))
    for name, base in models[0].items():
        if base.is_floating_point():
            sides = [one[name] for one in models]
            torch.testing.assert_close(
                found[name], expected(name, *sides), rtol=0, atol=3e-6, msg=name
            )


def elected(moves: list[Any], weights: list[float]) -> Any:
    """The weighted mean of the (weighted) differences that have the sign of their sum."""
    stack = torch.stack(moves)
    factors = torch.tensor(weights).reshape(-1, *[1] * (stack.dim() - 1))
    agrees = stack.sign() == torch.where(stack.sum(0) >= 0, 1.0, -1.0)
    shares = (agrees * factors).sum(0)
    shares[shares == 0] = 1
    return (stack * agrees).sum(0) / shares


def test_weights_on_the_command_line_weigh_the_fine_tunes(
    models: list[State], here: Here, tmp_path: Path
) -> None:
    sides = [tmp_path / name for name in ("b", "one", "two")]
    done = here("merge", *sides, "--weights=3,1", "--alpha", "0.5", "--out", "m")
    assert done.code == 0
    check(models, lambda _, b, one, two: b / 2 + one * 3 / 8 + two / 8)
    told = json.loads(Path("m/merge.json").read_text())
    assert told["each"] == [{"weight": "3"}, {"weight": "1"}]
    flags = ("--method", "task-arithmetic", "--weights=1,-0.5", "--alpha", "2", "--out", "n")
    assert here("merge", *sides, *flags).code == 0
    Path("m").rename("o"), Path("n").rename("m")
    check(models, lambda _, b, one, two: b + 2 * (one - b) - (two - b))


def test_equal_weights_are_as_good_as_none(models: list[State], here: Here, tmp_path: Path) -> None:
    sides = [tmp_path / name for name in ("b", "one", "two")]
    for method in ("linear", "ties", "dare-linear", "breadcrumbs-ties"):
        flags = ("--method", method, "--alpha", "0.5", "--out")
        assert here("merge", *sides, *flags, f"{method}-1").code == 0
        assert here("merge", *sides, "--weights", "1,1", *flags, f"{method}-2").code == 0
        assert_same(read(Path(f"{method}-1")), read(Path(f"{method}-2")))


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--weights", "1"), "1 weights for 2 fine-tunes"),
        (("--weights", "1,x"), "'x' is no number"),
        (("--weights", "1,nan"), "'nan' is no number"),
        (("--weights", "1,-1"), "sum is 0"),
        (("--weights", "1,2", "--method", "karcher"), "karcher has none"),
        (("--weights", "1,2", "--method", "sce"), "sce has none"),
    ],
)
def test_weights_that_say_nothing_are_refused(
    models: list[State], here: Here, tmp_path: Path, flags: tuple[str, ...], told: str
) -> None:
    sides = [tmp_path / name for name in ("b", "one", "two")]
    done = here("merge", *sides, "--alpha", "0.5", *flags, "--out", "m")
    assert done.code == 2
    assert told in done.err
    assert not Path("m").exists()


TOML = """
base = "b"
method = "ties"
alpha = 1
[[finetuned]]
model = "one"
weight = 0.5
density = 0.3
[[finetuned]]
model = "two"
weight = [1, 0.5]
density = "*text*=0.6,rest=0.2"
"""


def test_a_recipe_in_toml_says_all_of_a_merge(models: list[State], written: Here) -> None:
    done = written(TOML, name="merge.toml")
    assert done.code == 0, done.err

    def expected(name: str, b: Any, one: Any, two: Any) -> Any:
        at = depth(name)
        weight = spread([1, 0.5], name) if at is not None else 1 if "embed" in name else 0.5
        share = 0.6 if "text" in name else 0.2
        weights = [0.5, weight]
        return b + elected([0.5 * largest(one - b, 0.3), weight * largest(two - b, share)], weights)

    check(models, expected)
    told = json.loads(Path("m/merge.json").read_text())
    assert told["recipe"] == {"file": "merge.toml", "text": TOML}
    assert told["each"][0] == {"weight": "0.5", "density": "0.3"}


def test_flags_fill_what_the_file_leaves_open(models: list[State], written: Here) -> None:
    text = 'base = "b"\nmethod = "task_arithmetic"\n[[finetuned]]\nmodel = "one"\n'
    assert written(text, "--alpha", "0,2", name="a.toml").code == 0
    assert sorted(one.name for one in Path("m").iterdir()) == ["alpha-0", "alpha-2"]
    assert_same(read(Path("m/alpha-0")), models[0])


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--alpha", "0.5"), "--alpha contradicts merge.toml"),
        (("--method", "linear"), "--method contradicts"),
        (("--weights", "1,1"), "--weights contradicts"),
        (("--density", "0.5"), "--density contradicts"),
        (("b", "two", "one"), "FINETUNED contradicts"),
        (("two", "one", "two"), "BASE contradicts"),
        (("--extract-lora", "4"), "does not go with --extract-lora"),
    ],
)
def test_flags_that_contradict_the_file_are_refused(
    models: list[State], written: Here, flags: tuple[str, ...], told: str
) -> None:
    done = written(TOML, *flags, name="merge.toml")
    assert done.code == 2
    assert told in done.err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("alpha = 1", "alfa = 1"), "merge.toml:4: alfa: there is no such key"),
        (("weight = 0.5", 'weight = "much"'), "weight: 'much' is no number"),
        (("weight = 0.5", "weight = nan"), "weight: nan is no number"),
        (("density = 0.3", "density = 3"), "--density 3: a share is above 0"),
        (('base = "b"', ""), "Which models?"),
        (("alpha = 1", "alpha = ["), "no valid TOML"),
        (('method = "ties"', 'method = "tise"'), "No method 'tise'"),
    ],
)
def test_a_wrong_toml_recipe_is_refused(
    models: list[State], written: Here, change: tuple[str, str], told: str
) -> None:
    done = written(TOML.replace(*change), name="merge.toml")
    assert done.code == 2
    assert told in done.err


LINEAR = """
merge_method: linear
models:
  - {model: b, parameters: {weight: 0.2}}
  - {model: one, parameters: {weight: [0.9, 0.1]}}
  - {model: two, parameters: {weight: [{filter: bias, value: 0.5}, {value: 1}]}}
"""
SLERP = """
merge_method: slerp
base_model: one
slices:
  - sources: [{model: two, layer_range: [0, LAYERS]}, {model: one, layer_range: [0, LAYERS]}]
parameters:
  t: [{filter: bias, value: [0, 0.4, 1]}, {filter: embed, value: [0.9, 0.1]}, {value: 0.5}]
dtype: float32
tokenizer_source: base
"""
RANGE = ", layer_range: [0, LAYERS]"
TIES = """
merge_method: ties
base_model: b
models:
  - {model: one, parameters: {weight: 0.7, density: 0.5}}
  - {model: two, parameters: {weight: [-0.2, 0.6]}}
  - model: b
parameters: {density: 0.3, lambda: 0.8, normalize: true, int8_mask: true}
"""
SUM = """
merge_method: task_arithmetic
base_model: {model: {path: b}}
models:
  - {model: one, parameters: {weight: 0.7}}
  - {model: two}
parameters: {weight: 0.3, lambda: [{filter: embed, value: 2}]}
"""
SCALED = """
merge_method: passthrough
models: [{model: one, parameters: {scale: [{filter: bias, value: 0}, {value: [2, 1]}]}}]
"""


def linear(name: str, b: Any, one: Any, two: Any) -> Any:
    first, second = spread([0.9, 0.1], name), 0.5 if "bias" in name else 1
    return (0.2 * b + first * one + second * two) / (0.2 + first + second)


def ties(name: str, b: Any, one: Any, two: Any) -> Any:
    weight = spread([-0.2, 0.6], name)
    moves = [0.7 * largest(one - b, 0.5), weight * largest(two - b, 0.3)]
    return b + 0.8 * elected(moves, [0.7, weight])


def added(name: str, b: Any, one: Any, two: Any) -> Any:
    return b + (2 if "embed" in name else 1) * (0.7 * (one - b) + 0.3 * (two - b))


def arc(name: str, _: Any, one: Any, two: Any) -> Any:
    t = 0.9 if "embed" in name else spread([0, 0.4, 1], name) if "bias" in name else 0.5
    cosine = (one * two).sum() / (one.norm() * two.norm())
    if cosine.abs() > 0.9995:
        return (1 - t) * one + t * two
    angle = torch.acos(cosine.double())
    sides = torch.sin((1 - t) * angle) * one + torch.sin(t * angle) * two
    return (sides / torch.sin(angle)).float()


def scaled(name: str, _: Any, one: Any, _two: Any) -> Any:
    return one * (0 if "bias" in name else spread([2, 1], name))


@pytest.mark.parametrize(
    ("text", "expected", "notes"),
    [
        (LINEAR, linear, []),
        (TIES, ties, ["int8_mask in merge.yml changes nothing: masks are bits here"]),
        (SUM, added, []),
        (SCALED, scaled, []),
        (SLERP.replace("slices:\n  - sources:", "models:").replace(RANGE, ""), arc,
         ["dtype in merge.yml: weights are computed in float32, and rounded once"]),
    ],
    ids=["linear", "ties", "task-arithmetic", "passthrough", "slerp"],
)  # fmt: skip
def test_mergekits_yaml_gives_what_it_says(
    models: list[State], written: Here, text: str, expected: Expected, notes: list[str]
) -> None:
    done = written(text, "--json")
    assert done.code == 0, done.err
    check(models, expected)
    assert [note for note in done.document["notes"] if "merge.yml" in note] == notes


def test_a_slice_is_read_where_it_is_the_whole_model(
    tmp_path: Path, written: Here, models: list[State]
) -> None:
    text = SLERP.replace("LAYERS", "3")
    done = written(text)
    assert done.code == 2
    assert "whose towers have 1 and 3 layers" in done.err
    one_tower = [{k: v for k, v in state.items() if "vision" not in k} for state in models]
    for name, state in zip(("b", "one", "two"), one_tower, strict=True):
        save(tmp_path / name, state)
    assert written(text.replace("[0, 3]", "[0, 2]")).code == 2
    assert written(text).code == 0
    check(one_tower, arc)


DRAWN = """
merge_method: METHOD
base_model: b
models:
  - {model: one, parameters: {weight: 0.7, density: 0.6}}
parameters: {lambda: 0.8, density: 0.3, rescale: SCALES}
out_dtype: bfloat16
"""


@pytest.mark.parametrize("method", ["dare_linear", "della_linear"])
@pytest.mark.parametrize("scales", [True, False])
def test_mergekits_drawing_scales_to_the_former_sum_or_not_at_all(
    models: list[State], written: Here, tmp_path: Path, method: str, scales: bool
) -> None:
    text = DRAWN.replace("METHOD", method).replace("SCALES", str(scales).lower())
    done = written(text.replace("out_dtype: bfloat16", ""), "--json")
    assert done.code == 0, done.err
    assert done.document["rescale"] == ("sum" if scales else "none")
    assert any("draws by --seed here" in note for note in done.document["notes"])
    base, one = models[0][BIG], models[1][BIG]
    moved, move = read(tmp_path / "m")[BIG] - base, one - base
    kept = moved != 0
    assert 0.59 < float(kept.float().mean()) < 0.61
    factor = float(move.abs().sum() / (move * kept).abs().sum()) if scales else 1.0
    assert torch.allclose(moved, 0.8 * 0.7 * factor * move * kept, atol=2e-6)


def test_mergekits_out_dtype_is_the_type_of_the_weights(
    models: list[State], written: Here, tmp_path: Path
) -> None:
    text = DRAWN.replace("METHOD", "task_arithmetic").replace("SCALES", "false")
    assert written(text).code == 0
    found = read(tmp_path / "m")
    assert {str(one.dtype) for one in found.values() if one.is_floating_point()} == {
        "torch.bfloat16"
    }
    expected = models[0][BIG] + 0.56 * (models[1][BIG] - models[0][BIG])
    assert torch.allclose(found[BIG].float(), expected, rtol=2**-8, atol=1e-6)


MODELS = "models: [{model: one, parameters: {weight: 1}}, {model: two, parameters: {weight: 1}}]"
BASED = f"base_model: b\n{MODELS}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"merge_method: dare_ties\n{BASED}", "normalize: what agrees"),
        (f"merge_method: nuslerp\n{BASED}", "nuslerp is none that both have"),
        (f"merge_method: ties\n{BASED}parameters: {{normalize: false}}", "normalize: what agrees"),
        (f"merge_method: breadcrumbs_ties\n{BASED}", "Say normalize: true"),
        (f"merge_method: task_arithmetic\n{BASED}parameters: {{normalize: true}}", "by their sum"),
        (f"merge_method: linear\n{MODELS}\nparameters: {{normalize: false}}", "sum is 1"),
        (f"merge_method: linear\n{BASED}", "b has no weight"),
        (f"merge_method: ties\n{BASED}parameters: {{rescale: true}}", "does not scale"),
        (f"merge_method: model_stock\n{BASED}parameters: {{filter_wise: true}}", "whole tensors"),
        (f"merge_method: ties\n{BASED}parameters: {{wieght: 2}}", "wieght: no such parameter"),
        (f"merge_method: ties\n{BASED}parameters: {{density: [0.5, yes]}}", "True is no number"),
        (f"merge_method: ties\n{BASED}parameters: {{density: []}}", "an empty list"),
        (f"merge_method: ties\n{BASED}parameters: {{density: {{filter: '*mlp', value: 1}}}}",
         "'*mlp' is no part of a tensor's name"),
        (f"merge_method: ties\n{BASED}tokenizer_source: union", "vocabularies are not joined"),
        (f"merge_method: ties\n{BASED}tokenizer: {{source: base}}", "tokenizers are not built"),
        (f"merge_method: ties\n{BASED}chat_template: auto", "chat_template: templates"),
        (f"merge_method: ties\n{BASED}out_dtype: int4", "'int4' is none of float32"),
        (f"merge_method: ties\n{BASED}modules: {{text: 1}}", "modules: parts with settings"),
        (f"merge_method: ties\n{BASED}paramters: {{}}", "paramters: no such key"),
        (f"merge_method: ties\n{MODELS}", "base_model: ties needs one"),
        ("merge_method: ties\nbase_model: b\nmodels: [{model: one}]", "weight: it has no value"),
        ("merge_method: ties\nbase_model: b\nmodels: [{model: b}]", "none of them is a fine-tune"),
        ("merge_method: ties\nbase_model: b\nmodels: [{model: one}, {model: one}]", "there twice"),
        ("merge_method: ties\nbase_model: b\nmodels: [{model: one+lora}]", "adapter on its base"),
        ("merge_method: slerp\nbase_model: b\nmodels: [{model: one}]\nparameters: {t: 2}",
         "outside [0, 1]"),
        ("merge_method: slerp\nbase_model: b\nmodels: [{model: one}]\n"
         "parameters: {t: {filter: mlp, value: 1}}", "no value for tensors that no filter names"),
        ("merge_method: passthrough\nslices:\n- sources: [{model: one, layer_range: [0, 2]}]\n"
         "- sources: [{model: two, layer_range: [1, 3]}]", "layers are not stacked"),
        ("merge_method: passthrough\nslices:\n- sources: [{model: one, layer_range: [1, 3]}]",
         "only whole models are merged"),
        ("models: [1]", "has a merge_method"),
        ("merge_method: [", "no valid YAML"),
        ("a: &a [1]\nb: *a", "it has an alias"),
        ("a: !!python/object/apply:os.getcwd []", "no valid YAML"),
        ("[" * 500, "no valid YAML"),
    ],
)  # fmt: skip
def test_what_means_something_else_here_is_refused_by_its_name(
    models: list[State], written: Here, text: str, told: str
) -> None:
    done = written(text)
    assert done.code == 2
    assert "merge.yml" in done.err or "outside" in told
    assert told in done.err
    assert not Path("m").exists()


def test_parameters_that_a_method_does_not_read_are_told(
    models: list[State], written: Here
) -> None:
    done = written(f"merge_method: sce\n{BASED}parameters: {{select_topk: 0.5}}", "--json")
    assert done.code == 0
    assert "weight in merge.yml is not read by sce, and changes nothing" in done.document["notes"]


def test_without_pyyaml_it_says_what_to_install(
    written: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    done = written("merge_method: linear")
    assert done.code == 2
    assert "pip install 'mubench-gen[hub]'" in done.err


def test_another_recipe_does_not_go_on_with_an_interrupted_merge(
    models: list[State], tmp_path: Path
) -> None:
    from contextlib import ExitStack

    from mubench_gen.interpolation.merge.inputs import identity, open_inputs
    from mubench_gen.interpolation.merge.recipe_reader import read_recipe

    found = []
    for weight in ("0.2", "0.2 # the same", "0.3"):
        (tmp_path / "a.yml").write_text(
            f"merge_method: linear\nmodels:\n- {{model: {tmp_path}/b, parameters: {{weight: 1}}}}\n"
            f"- model: {tmp_path}/one\n  parameters:\n    weight: {weight}\n"
        )
        with ExitStack() as files:
            settings = read_recipe(tmp_path / "a.yml").settings(tmp_path / "m")
            found.append(identity(settings, open_inputs(settings, files)))
    assert found[0] == found[1] != found[2]
