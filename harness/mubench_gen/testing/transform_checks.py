"""Checks of an image transform: what it makes of pictures of all sizes."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import SettingError
from mubench_gen.images.transform import ChosenTransform, options_of, read_transform
from mubench_gen.plugins.registry import Plugins
from mubench_gen.testing.check import NotApplicable, check, few, want
from mubench_gen.testing.questions import textured_image
from mubench_gen.testing.subject import Subject

if TYPE_CHECKING:
    from PIL import Image as PillowImage

_SIZES = ((64, 48), (1, 1), (1, 300), (513, 7), (640, 480))
_OTHER = ("2", "0.5", "3", "1.5", "10", "60", "true", "false")  # values to try for an option
_NO_VALUE = "no such value"


def _chosen(subject: Subject, options: str = "", seed: int = 0) -> ChosenTransform:
    text = f"{subject.name}@{subject.plugin}{options}"
    found = read_transform(text, Plugins(), seed=seed)
    assert found is not None
    return found


def _pixels(
    chosen: ChosenTransform, number: int = 0, size: tuple[int, int] = _SIZES[0]
) -> tuple[tuple[int, int], bytes]:
    """Size and pixels of a picture that the transform made."""
    image = textured_image(number, size)
    picture: PillowImage.Image = image.pixels().copy()
    made = chosen.apply(picture, image.file_bytes, image.name)
    return made.size, made.tobytes()


@check(
    "transform",
    reason="an image that a transform fails on costs its items",
    remedy="return an 8-bit RGB image of the same size, or declare moves_pixels=True",
    gate=True,
)
def transform_gives_pictures(subject: Subject) -> None:
    chosen = _chosen(subject)
    for number in range(3):
        _pixels(chosen, number)


@check(
    "transform",
    reason="microscopes' images are of all sizes",
    remedy="mind sides of one pixel, and factors that leave less",
)
def transform_takes_any_size(subject: Subject) -> None:
    for size in _SIZES:
        try:
            _pixels(_chosen(subject), size=size)
        except Exception as error:  # any: the check is about it
            want(False, f"{size[0]} × {size[1]} pixels: {error}")


@check(
    "transform",
    reason="a run that is resumed must show the same pictures, and its key says that it does",
    remedy="take an argument named `seed` and draw with it alone; keep nothing between calls",
)
def transform_repeats_itself(subject: Subject) -> None:
    chosen = _chosen(subject)
    first = [_pixels(chosen, number) for number in range(3)]
    again = [_pixels(chosen, number) for number in reversed(range(3))][::-1]
    want(first == again, "the same picture, transformed again, is another")


@check(
    "transform",
    reason="a seed that changes nothing makes keys differ and pictures not",
    remedy="draw with `seed`, or leave the argument out",
)
def transform_draws_by_its_seed(subject: Subject) -> None:
    if _chosen(subject).seed is None:
        raise NotApplicable("it takes no seed")
    made = {_pixels(_chosen(subject, seed=seed)) for seed in range(4)}
    want(len(made) > 1, "four seeds make one picture")


@check(
    "transform",
    reason="`--image-set transform=NAME:KEY=VALUE` must refuse what cannot be meant",
    remedy="annotate each argument: Annotated[float, Field(gt=0)], int, bool, Literal[…]",
)
def transform_options_are_typed(subject: Subject) -> None:
    for name, kind in _options(subject).items():
        want(kind is not Any, f"the argument {name} has no annotation")
        if kind is str:
            continue
        try:
            _chosen(subject, f":{name}={_NO_VALUE}")
        except SettingError:
            continue
        want(False, f"{name}={_NO_VALUE!r} is accepted")


@check(
    "transform",
    reason="the keys hold all options: two values are two studies, and should be two pictures",
    remedy="use each argument, or leave it out",
)
def transform_options_matter(subject: Subject) -> None:
    plain = _chosen(subject)
    idle = []
    for name, kind in _options(subject).items():
        others = [one for one in _others(subject, name, kind) if one.values != plain.values]
        keys = [one.identity() for one in others]
        want(plain.identity() not in keys, f"another {name} does not change the key")
        if others and not any(_differs(plain, one) for one in others):
            idle.append(name)
    want(not idle, f"no value that was tried changes a picture: {few(idle)}")


def _options(subject: Subject) -> dict[str, Any]:
    """The types of its options by their names."""
    fields = options_of(subject.thing).model_fields
    if not fields:
        raise NotApplicable("it has no options")
    return {name: field.annotation for name, field in fields.items()}


def _others(subject: Subject, name: str, kind: Any) -> list[ChosenTransform]:
    """The transform with other values of an option."""
    given = [str(one) for one in typing.get_args(kind)] if _is_literal(kind) else list(_OTHER)
    found = []
    for value in given:
        try:
            found.append(_chosen(subject, f":{name}={value}"))
        except SettingError:
            continue
    return found


def _is_literal(kind: Any) -> bool:
    return typing.get_origin(kind) is typing.Literal


def _differs(one: ChosenTransform, other: ChosenTransform) -> bool:
    return any(_pixels(one, number) != _pixels(other, number) for number in range(3))
