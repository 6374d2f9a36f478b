"""`mubench-gen sweep --method outputs`: the outputs of two models are mixed, not their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import SettingError

if TYPE_CHECKING:
    from mubench_gen.cli.views.sweep import ShownSweep
    from mubench_gen.interpolation.sweep.outputs.sweep import OutputSweep
    from mubench_gen.scores.joint import Adjust

# What a sweep of two finished runs has of the settings of `eval`.
_OF_RUNS = ("cluster", "seed", "run_dir", "fresh")


def mixes_outputs(methods: Sequence[str]) -> bool:
    """Whether one of the methods mixes outputs."""
    from mubench_gen.interpolation.sweep.outputs.mixing import METHODS

    return any(name in METHODS for name in methods)


def check_flags(
    methods: Sequence[str],
    finetuned: Sequence[str],
    of_weights: Mapping[str, Any],
    of_asking: Mapping[str, Any],
) -> None:
    """SettingError for several methods or fine-tunes, and where a flag was given that says how
    weights are merged (`of_weights`, by name), or how each α is asked (`of_asking`)."""
    if len(methods) > 1:
        raise SettingError(
            f"--method {','.join(methods)}: outputs are mixed by one method in a sweep of their "
            "own, as weights are not mixed then. Give each a sweep."
        )
    if len(finetuned) > 1:
        raise SettingError(
            "Outputs are mixed of two models, the base and one fine-tune: give --finetuned once."
        )
    for name, value in of_weights.items():
        if value is not None and value not in ((), False):
            raise SettingError(
                f"{name} is of weights, and --method {methods[0]} mixes outputs: leave it out, or "
                "take another method."
            )
    for name, value in of_asking.items():
        if value is not None:
            raise SettingError(
                f"{name} says how each α is asked, and with --method {methods[0]} no α is: the two "
                "models are asked once, and their answers are mixed. Leave it out, or mix weights "
                "(--method linear)."
            )


@dataclass(frozen=True, slots=True)
class OutputFlags:
    """What was typed of the sweep itself."""

    method: str
    t3: str
    base: str | None
    finetuned: Sequence[str]
    alphas: Sequence[str]
    in_domain: Sequence[str]
    study: str | None
    pair: str | None


def sweep_outputs(
    given: OutputFlags,
    values: Mapping[str, Any],
    flags: Mapping[str, Any],
    command: Sequence[str],
    *,
    adjust: Adjust,
    planning: bool,
    shown: ShownSweep,
) -> int:
    """Ask the two models, or with `planning` nothing, and show the result; the exit code.

    `values`: the settings; `flags`: those that were typed.
    """
    from mubench_gen.cli.views.sweep import finish, show_items
    from mubench_gen.console.stdout import results_only
    from mubench_gen.interpolation.sweep.outputs.sweep import run_outputs

    with results_only():
        outputs = _opened(given, values, flags)
        result = None
        if not planning:
            result = run_outputs(outputs, command, adjust=adjust, progress=True)
    if result is None:
        outputs.close()
        return show_items("α", outputs.folder, outputs.planned(), as_json=shown.as_json)
    return finish(result, outputs.title, shown)


def _opened(given: OutputFlags, values: Mapping[str, Any], flags: Mapping[str, Any]) -> OutputSweep:
    """The sweep of two finished runs, where base and fine-tune are such, else of two models."""
    from mubench_gen.interpolation.sweep.outputs.mixing import read_t3
    from mubench_gen.interpolation.sweep.outputs.sweep import (
        finished_run,
        mixing_of,
        open_models,
        open_runs,
    )
    from mubench_gen.interpolation.sweep.study import USUAL_ALPHAS, asked
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plugins.registry import Plugins

    t3 = read_t3(given.t3)
    base, finetuned = (finished_run(name) for name in (given.base, *given.finetuned, None)[:2])
    if base is not None and finetuned is not None:
        _check_useless(given, flags)
        kept = {name: values[name] for name in _OF_RUNS if name in values}
        return open_runs(
            make_settings({"plugin": "", **kept}),
            mixing_of(given.alphas or USUAL_ALPHAS, given.method, t3),
            base=base,
            finetuned=finetuned,
            in_domain=given.in_domain,
        )
    if (base, finetuned) != (None, None):
        raise SettingError(
            "One of --base and --finetuned is a finished run, the other is none: give two runs, or "
            "two models of a plugin."
        )
    if not values.get("plugin") and given.study is None:
        raise SettingError(
            "Whose outputs? Give --plugin NAME with two models of it, --base and --finetuned, or "
            "the folders of two finished runs (of a sweep: its alpha-0 and alpha-1)."
        )
    meant = asked(
        values,
        study=given.study,
        pair=given.pair,
        base=given.base,
        finetuned=given.finetuned,
        in_domain=given.in_domain,
        alphas=given.alphas,
    )
    return open_models(
        meant.settings,
        mixing_of(meant.alphas, given.method, t3),
        base=meant.base,
        finetuned=meant.finetuned[0],
        in_domain=meant.in_domain,
        plugins=Plugins(),
        study=meant.study,
    )


def _check_useless(given: OutputFlags, flags: Mapping[str, Any]) -> None:
    """SettingError for a flag that says how a model is asked."""
    of_studies = {"study": given.study, "pair": given.pair}
    for name, value in (*flags.items(), *of_studies.items()):
        if value and name not in _OF_RUNS:
            raise SettingError(
                f"--{name.replace('_', '-')}: base and fine-tune are finished runs, and nothing is "
                "asked: leave it out."
            )
