"""Sentences about a table: how its columns were understood, and why its answers are refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mubench_gen.data.forms.answers import MIXED, WAYS
from mubench_gen.data.forms.parts import Offered
from mubench_gen.data.forms.roles import Roles


def columns_read(roles: Roles, answers: str, kinds: Mapping[str, int]) -> Iterator[str]:
    """Which column is what. `answers`: how its answers are read; `kinds`: the number of images of
    each kind.
    """
    series = ", ".join(name for _, name in roles.series)
    options = f"column {roles.options}" if roles.options else f"columns {series}"
    if not roles.options and not series:
        options = "none"
    counted = ", ".join(f"{n:,} {kind}" for kind, n in kinds.items())
    yield f"question: column {roles.question}{f', after {roles.hint}' if roles.hint else ''}"
    yield f"options: {options}"
    yield f"answer: column {roles.answer}, {answers}"
    yield f"image: column {'+'.join(roles.images)} ({counted})"
    yield f"id: {'column ' + roles.id if roles.id else 'the image, or the number of the row'}"
    if roles.unused:
        yield f"not used: {', '.join(roles.unused)} (--map PART=COLUMN)"


def no_option(where: str, roles: Roles, answer: Any, options: Sequence[Offered], way: str) -> str:
    """Why an answer is none of the options, as the column is read in that `way`."""
    return (
        f"{where}, column {roles.answer}: {answer!r:.60} is neither one of the options "
        f"{[one.text for one in options]!r:.200} nor the letter of one, as the column is read by "
        f"{WAYS.get(way, MIXED)}. Mend the answer, or say how it is meant: --map answer_as="
        f"{'|'.join(one for one in WAYS if one != way)}."
    )


def no_answers(path: Path, roles: Roles) -> str:
    """Why a table without any answer is refused."""
    return (
        f"{path}, column {roles.answer}: no row has an answer: those of a test set are often "
        "hidden. Its questions cannot be scored here. Take a split with answers, or name another "
        "column: --map answer=COLUMN."
    )


def hidden_answer(where: str, roles: Roles, answer: Any) -> str:
    """Why a row without an answer is refused."""
    return (
        f"{where}, column {roles.answer}: {answer!r} is neither an option nor its label: the "
        "answer is hidden or missing. Write it, or leave the row out."
    )


def several_answers(where: str, roles: Roles, answer: Any) -> str:
    """Why a row with several answers is refused where one is asked for."""
    return (
        f"{where}, column {roles.answer}: several answers, {answer!r:.60}, where one is asked for. "
        "Leave one, or take --map asks=option away."
    )


def no_image(where: str, roles: Roles, name: str, folder: Path) -> str:
    """Why a row is refused whose image is neither a file nor another row's."""
    return (
        f"{where}, column {'+'.join(roles.images)}: there is no file {name!r} in {folder}, and no "
        f"row whose {roles.id or 'id'} it is and that has an image. Name the folder of the files "
        "with --map folder=DIR."
    )


def no_such_split(path: Path, wanted: str, splits: Iterable[str]) -> str:
    """Why `--map only=` is refused."""
    return (
        f"{path}: --map only={wanted}: no row is of that split; there are: "
        f"{', '.join(splits) or 'none'}."
    )


def repeated_ids(path: Path, roles: Roles, ids: Sequence[str]) -> str:
    """What becomes of ids that stand twice."""
    return (
        f"{path}, column {roles.id}: {len(ids):,} ids stand in several rows "
        f"({', '.join(ids[:3])}); the later ones get #INDEX."
    )
