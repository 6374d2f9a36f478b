"""The choices in an address → an `ItemFilter`: the names are those behind the page's "#"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mubench_gen.report.html.study import RunStatistics
from mubench_gen.report.viewer.query import ItemFilter


def choice_of(given: Mapping[str, str], studies: Sequence[RunStatistics]) -> ItemFilter:
    """What was chosen; what means nothing here chooses nothing."""
    off = {int(word) for word in given.get("off", "").split(",") if word.isdecimal()}
    shown = [study for study in studies if study.number not in off]
    plain = [study.number for study in shown if study.control == "none"]
    runs = [study.number for study in shown]
    labels = {study.label: study.number for study in studies}
    unknown = -1  # a model that is not here has no items
    return ItemFilter(
        runs=runs,
        compared=plain if len(plain) > 1 else runs,
        families={study.number: study.family for study in studies},
        model=labels.get(given["model"], unknown) if given.get("model") else None,
        beside=labels.get(given["beside"], unknown) if given.get("beside") else None,
        outcome=given.get("outcome", ""),
        status=given.get("status", ""),
        verdict=given.get("verdict", ""),
        agree=given.get("agree", ""),
        task=given.get("task", ""),
        dataset=given.get("dataset", ""),
        modality=given.get("modality", ""),
        gold=given.get("gold", ""),
        answer=given.get("answer", ""),
        text=given.get("q", "").strip(),
        sort=given.get("sort", ""),
        by_image=given.get("group") == "image",
    )
