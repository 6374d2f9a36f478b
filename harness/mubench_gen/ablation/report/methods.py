"""A paragraph of methods: what a study asked, of whom, and how it was analysed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mubench_gen._version import __version__

if TYPE_CHECKING:
    from mubench_gen.ablation.analysis import Analysis

_ADJUSTED = {
    "maxt": "by max-T (Westfall & Young 1993) or, for tests of several degrees of freedom, by Holm",
    "holm": "by Holm",
    "bh": "by Benjamini & Hochberg, for the false discovery rate",
    "none": "not at all",
}
_LIBRARIES = ("mubench-gen", "python", "torch", "transformers", "vllm", "numpy")


def methods_of(study: Analysis) -> str:
    """The paragraph. Everything in it is from the study's own document and records."""
    return " ".join((_design(study), _items(study), *_tests(study), _software(study.document)))


def _design(study: Analysis) -> str:
    grid = study.grid
    varied = [factor for factor in grid.factors if len(factor.levels) > 1]
    factors = "; ".join(
        f"{f.name}: {', '.join(level or '(none)' for level in f.levels)}" for f in varied
    )
    models = ", ".join(study.models)
    if not varied:
        return f"We evaluated {models} with one prompt."
    cells, design = f"{len(grid.cells):,} cells", study.document.get("design")
    kind = "full"
    if design:
        kind = "fractional"
        cells = f"{len(design['cells']):,} of {cells} (effects: {', '.join(design['terms'])})"
    return f"We evaluated {models} in a {kind} factorial design of {cells} ({factors})."


def _items(study: Analysis) -> str:
    found, settings = study.findings, study.document["settings"]
    survey = study.document["surveys"][0]
    limit = settings.get("limit")
    drawn = "" if limit is None else f" (at most {limit:,} a task, drawn with seed {study.seed})"
    sent = (
        f"Each cell was asked the same {survey['items']:,} items on {survey['images']:,} images of "
        f"{settings['data']}{drawn}"
    )
    if study.is_estimated:
        sent = (
            f"Of {survey['items']:,} items on {survey['images']:,} images of {settings['data']}"
            f"{drawn}, {study.budget or 0:,} pairs of item and cell were asked of each model, "
            "drawn in balance, and the whole grid was estimated by a Rasch-type model (Maia Polo "
            "et al. 2024)"
        )
    repeats = "" if settings.get("repeats", 1) == 1 else f", {settings['repeats']} times"
    heat = settings.get("temperature", 0)
    decoding = "greedy decoding" if not heat else f"temperature {heat}"
    complete = min(one.complete for one in found.models)
    left = (
        ""
        if complete == survey["items"] or study.is_estimated
        else (f"; cells are compared on the {complete:,} items that were answered in all of them")
    )
    return f"{sent}{repeats}, with {decoding}{left}. Unanswered items count as wrong."


def _tests(study: Analysis) -> list[str]:
    found = study.findings
    told = [
        f"Intervals are at 95 % and clustered by {found.clustered}, with a bias-reduced variance "
        "(CR2) and Satterthwaite's degrees of freedom: of shares by Wilson's method at the "
        "effective sample size, of paired differences by Tango's score interval."
    ]
    effects = next((one.effects for one in found.models if one.effects is not None), None)
    if effects is not None and not study.is_estimated:
        told.append(
            "The variance between cells was decomposed by analysis of variance, less what the "
            f"sample of items adds, with intervals from {effects.draws:,} bootstrap samples (seed "
            f"{effects.seed}); effects were tested by Wald tests with random signs of the "
            f"{found.noun}s. P values were adjusted {_ADJUSTED[study.adjust]}."
        )
    if len(found.models) > 1 and found.ranks is not None:
        told.append(
            "The stability of the models' order is Kendall's τ under a hierarchical model of the "
            "sampling noise."
        )
    if study.corruption is not None:
        told.append(
            f"Corruption errors (Hendrycks & Dietterich 2019) are relative to "
            f"{study.corruption.baseline}."
        )
    return told


def _software(document: Mapping[str, Any]) -> str:
    sessions = document["sessions"]
    versions: Mapping[str, str] = sessions[-1].get("versions", {}) if sessions else {}
    named = [f"{name} {versions[name]}" for name in _LIBRARIES if name in versions]
    used = ", ".join(named) or f"mubench-gen {__version__}"
    return f"Software: {used}; analysed with mubench-gen {__version__}."
