"""Whether runs can be compared: describes what differs in their manifests and items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mubench_gen.compare.answer_matrix import Reading
from mubench_gen.images.choices import AUTO
from mubench_gen.images.microscope import family_of
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.runs.results import Run
from mubench_gen.runs.shown_images import shows_scientific_files

Manifest = Mapping[str, Any]
_DESIGN = ("prompt", "readout", "orders", "repeats")
_SAMPLING = ("temperature", "max_tokens", "thinking", "orders", "repeats", "judge")
# Fields of an image policy that are not compared: limits, and an orientation that is named
# means the same in all versions.
_NO_PICTURE = ("max_bytes", "max_pixels", "orientation")
_TRANSFORM = "transform"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Comparability:
    """What makes runs incomparable, and which items can be compared.

    obstacles: why the runs are not comparable as they are. unfinished: the runs that have not
    asked every item. notes: differences that are the object of the comparison. `wanted`: the
    items that all runs have, with the same right answer and image. `by_id`: whether records
    pair by id, or items by the mean of their records.
    """

    obstacles: tuple[str, ...]
    unfinished: tuple[str, ...]
    notes: tuple[str, ...]
    wanted: npt.NDArray[np.bool_]
    by_id: bool


def comparability(reading: Reading, labels: Sequence[str]) -> Comparability:
    """Compare the manifests and items of all runs with the first."""
    runs = reading.runs
    manifests = _with_policies_in_use([run.run for run in runs])
    obstacles: list[str] = []
    notes: list[str] = []
    for place in range(1, len(runs)):
        pair = f"{labels[0]} and {labels[place]}"
        if any("imported" in one for one in (manifests[0], manifests[place])):
            obstacles += [f"{pair}: {text}" for text in _controls(manifests[0], manifests[place])]
            notes += [f"{pair}: {text}" for text in _unknown(manifests[0], manifests[place])]
            continue
        obstacles += [f"{pair}: {text}" for text in _obstacles(manifests[0], manifests[place])]
        notes += [f"{pair}: {text}" for text in _notes(manifests[0], manifests[place])]
    unfinished = [
        f"{label} is unfinished: {run.recorded:,} of {run.planned:,} items"
        for run, label in zip(runs, labels, strict=True)
        if not run.finished
    ]
    there = _there(reading)
    complete = [place for place, run in enumerate(runs) if run.finished]
    imported = any("imported" in one for one in manifests)
    if not imported:  # what cannot be paired by content is noted
        obstacles += _item_obstacles(there, complete, labels, reading.items)
    notes += reading.notes
    changed, questions = _changed(reading)
    obstacles += questions
    apart = sum(run.apart for run in runs)
    if apart:
        notes.append(f"{apart:,} records ask for another form of answer, and are not among these")
    return Comparability(
        obstacles=tuple(obstacles),
        unfinished=tuple(unfinished),
        notes=tuple(notes),
        wanted=there.all(axis=0) & ~changed,
        by_id=not imported and all(_same_design(manifests[0], other) for other in manifests[1:]),
    )


def _obstacles(one: Manifest, other: Manifest) -> Iterator[str]:
    if one["content"].get("data") != other["content"].get("data"):
        yield f"the data differ: {_data(one)} and {_data(other)}"
    tasks = one["content"].get("tasks", {}), other["content"].get("tasks", {})
    changed = sorted(t for t in tasks[0].keys() & tasks[1].keys() if tasks[0][t] != tasks[1][t])
    if changed:
        yield f"tasks are defined differently: {_some(changed)}"
    for name, word in (("prompt", "prompts"), ("readout", "read-outs")):
        mine, theirs = one["settings"][name], other["settings"][name]
        if (len(mine) > 1 or len(theirs) > 1) and set(mine) != set(theirs):
            yield f"the {word} differ: {_some(mine)} and {_some(theirs)}"
    if len(one["settings"]["prompt"]) > 1 and (edited := _edited(one, other)):
        yield f"prompts of one name differ in their text: {_some(edited)}"
    if _is_confounded(one, other):
        for text in _prompt_differences(one, other):
            yield f"{text}, and so do the models: the cause of a difference would be unknown"
    if policies := _policies(one, other):
        yield f"the image policies differ: {_some(policies)}"
    if _is_confounded(one, other) and (transforms := _transforms(one, other)):
        yield f"{transforms}, and so do the models: the cause of a difference would be unknown"
    yield from _controls(one, other)


def _controls(one: Manifest, other: Manifest) -> Iterator[str]:
    controls = one["settings"]["control"], other["settings"]["control"]
    if controls[0] != controls[1]:
        yield f"the controls differ: {controls[0]} and {controls[1]}"


def _unknown(one: Manifest, other: Manifest) -> Iterator[str]:
    """What is not known of imported runs, and may be the cause of a difference."""
    for manifest in (one, other):
        if (source := manifest.get("imported")) is not None:
            unknown = ", ".join(source["unknown"])
            yield f"of {source['program']}'s evaluation are not known: {unknown}"


def _notes(one: Manifest, other: Manifest) -> Iterator[str]:
    mine, theirs = one["settings"], other["settings"]
    if not _is_confounded(one, other):
        for text in _prompt_differences(one, other):
            yield f"{text}: {_meant(one, other)}"
        if transforms := _transforms(one, other):
            yield f"{transforms}: {_meant(one, other)}"
    readouts = mine["readout"], theirs["readout"]
    if readouts[0] != readouts[1] and len(readouts[0]) == len(readouts[1]) == 1:
        told = f"{readouts[0][0]} and {readouts[1][0]}"
        yield f"the read-outs differ ({told}): {_meant(one, other)}"
    if _applies_orientation(one) != _applies_orientation(other):
        yield (
            "one was made by a version that showed files with an EXIF orientation as they are "
            "stored: such files look different to the models"
        )
    for name in _SAMPLING:
        if mine.get(name) != theirs.get(name):
            yield f"{name} differs: {_told(mine.get(name))} and {_told(theirs.get(name))}"


def _prompt_differences(one: Manifest, other: Manifest) -> Iterator[str]:
    """How the prompts of two runs with one prompt each differ."""
    mine, theirs = one["settings"]["prompt"], other["settings"]["prompt"]
    if not len(mine) == len(theirs) == 1:
        return
    if mine != theirs:
        yield f"the prompts differ ({mine[0]} and {theirs[0]})"
    elif edited := _edited(one, other):
        yield f"the prompt {edited[0]!r} differs in its text"


def _is_confounded(one: Manifest, other: Manifest) -> bool:
    """Whether a difference in prompts is confounded with one in models of the same kind.

    A chat model and a contrastive one need different prompts in any case.
    """
    kinds = one["plugin"].get("kind"), other["plugin"].get("kind")
    return kinds[0] == kinds[1] and not _is_one_model(one, other)


def _is_one_model(one: Manifest, other: Manifest) -> bool:
    names = [(m["plugin"]["name"], m["model"]["id"]) for m in (one, other)]
    return names[0] == names[1]


def _meant(one: Manifest, other: Manifest) -> str:
    """What a difference in the prompt means for the comparison."""
    if _is_one_model(one, other):
        return "that is what is compared"
    return "models and these are compared together"


def _there(reading: Reading) -> npt.NDArray[np.bool_]:
    """Whether each run asked each item, of shape (runs, items)."""
    there = np.zeros((len(reading.runs), len(reading.items)), bool)
    for place, run in enumerate(reading.runs):
        there[place, run.item] = True
    return there


def _item_obstacles(
    there: npt.NDArray[np.bool_],
    complete: Sequence[int],
    labels: Sequence[str],
    items: Sequence[str],
) -> Iterator[str]:
    """Describe runs with different items; an unfinished run may still lack some."""
    if not complete:
        return
    first = complete[0]
    for place in range(len(there)):
        mine = there[first] & ~there[place] & (place in complete)
        theirs = there[place] & ~there[first]
        if mine.any() or theirs.any():
            one, other = labels[first], labels[place]
            example = items[int(np.flatnonzero(mine | theirs)[0])]
            yield (
                f"{one} and {other}: the items differ: {int(mine.sum()):,} only in {one}, "
                f"{int(theirs.sum()):,} only in {other} ({example} …)"
            )


def _changed(reading: Reading) -> tuple[npt.NDArray[np.bool_], list[str]]:
    """Items of one id whose right answer or image differs between runs."""
    answers, images = (np.zeros(len(reading.items), bool) for _ in range(2))
    for column, marked, runs in (
        ("answer", answers, reading.runs),
        ("image", images, [run for run in reading.runs if run.shows_images]),
    ):
        seen = np.full(len(reading.items), -1, np.int64)
        for run in runs:
            codes = getattr(run, column)
            sound = run.right >= 0
            item, code = run.item[sound], codes[sound]
            fresh = seen[item] < 0
            seen[item[fresh]] = code[fresh]
            marked[item[seen[item] != code]] = True
    told = [
        f"{int(marked.sum()):,} items have a different {word} in another run ({name} …)"
        for marked, word in ((answers, "right answer"), (images, "image"))
        if marked.any()
        for name in [reading.items[int(np.flatnonzero(marked)[0])]]
    ]
    return answers | images, told


def _same_design(one: Manifest, other: Manifest) -> bool:
    return (
        all(one["settings"].get(name) == other["settings"].get(name) for name in _DESIGN)
        and one["settings"].get("seed") == other["settings"].get("seed")
        and not _edited(one, other)
    )


def _edited(one: Manifest, other: Manifest) -> list[str]:
    """Prompts with the same name and different text."""
    mine, theirs = one["content"].get("prompts", {}), other["content"].get("prompts", {})
    return sorted(name for name in mine.keys() & theirs.keys() if mine[name] != theirs[name])


def _data(manifest: Manifest) -> str:
    data = manifest["data"]
    revision = f" at revision {str(data['revision'])[:12]}" if data.get("revision") else ""
    return f"{data['name']}{revision} (digest {str(data.get('digest'))[:12]})"


def _with_policies_in_use(runs: Sequence[Run]) -> list[Manifest]:
    """The manifests of all runs. Where policies differ, a run under the automatic one that was
    shown plain pictures alone counts as one under the standard policy: its pictures are the same.
    """
    manifests: list[Manifest] = [run.manifest for run in runs]
    if len({family_of(one.get("image_policy")) for one in manifests}) < 2:
        return manifests
    found: list[Manifest] = []
    for run, one in zip(runs, manifests, strict=True):
        policy = one.get("image_policy") or {}
        if family_of(policy) == AUTO and not shows_scientific_files(run.dir):
            kept = {name: policy[name] for name in (*_NO_PICTURE, _TRANSFORM) if name in policy}
            policy = {**StandardPolicy().as_dict(), **kept}
        found.append({**one, "image_policy": policy})
    return found


def _policies(one: Manifest, other: Manifest) -> list[str]:
    """The differences between image policies that change the pixels of an image."""
    mine, theirs = one.get("image_policy") or {}, other.get("image_policy") or {}
    names = sorted(n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n))
    if "name" in names:
        names = ["name"]
    return [
        f"{n} {_told(mine.get(n))} and {_told(theirs.get(n))}"
        for n in names
        if n not in (*_NO_PICTURE, _TRANSFORM)
    ]


def _transforms(one: Manifest, other: Manifest) -> str | None:
    """How the image transforms differ; an ablation compares them on purpose."""
    found = [(m.get("image_policy") or {}).get(_TRANSFORM) for m in (one, other)]
    if found[0] == found[1]:
        return None
    told = ["none" if t is None else f"{t['name']} {t['version']} {t['options']}" for t in found]
    return f"the image transforms differ ({told[0]} and {told[1]})"


def _applies_orientation(manifest: Manifest) -> bool:
    return "orientation" in (manifest.get("image_policy") or {})


def _told(value: Any) -> str:
    return "the default" if value is None else str(value)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
