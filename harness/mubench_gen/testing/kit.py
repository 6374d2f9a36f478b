"""Runs the checks: all of them, or one a pytest case."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from mubench_gen.errors import SettingError, UsageError, did_you_mean
from mubench_gen.plugins import deprecation
from mubench_gen.testing import (
    contrastive_checks,
    data_checks,
    generative_checks,
    plugin_checks,
    run_checks,
)
from mubench_gen.testing.check import CHECKS, Check, CheckFailed, NotApplicable, Result, judged
from mubench_gen.testing.subject import Subject

# Importing them registers their checks; the cheap ones come first.
_ORDER = tuple(
    module.__name__
    for module in (
        plugin_checks,
        data_checks,
        generative_checks,
        contrastive_checks,
        run_checks,
    )
)
Test = TypeVar("Test", bound=Callable[..., Any])


def check_plugin(
    plugin: str,
    *,
    model: str | None = None,
    options: Mapping[str, str] | None = None,
    device: str = "cpu",
    engine: str | None = None,
    expected_failures: Mapping[str, str] | None = None,
    only: tuple[str, ...] = (),
    quick: bool = False,
) -> Iterator[Result]:
    """The results of all checks that concern the model, or the data set, as they come.

    `plugin` is an entry point's name or a path. `model` is one of its models or data sets, by
    default its first model, or its first data set where it has no model. `engine` opens a
    checkpoint; without, it is transformers on a CPU, which starts in seconds, and the plugin's
    first one elsewhere. `expected_failures` maps names of checks to reasons; such a check must
    fail. `only` limits it to checks of these names, `quick` to those that begin no run. Raises
    UsageError if the plugin can't be opened or answers nothing until the user has done something
    (set a key), or a name is not that of a check.
    """
    expected = dict(expected_failures or {})
    _known([*expected, *only])
    with _subject(plugin, model, options, device, engine) as subject:
        if (needs := subject.needs()) is not None:
            raise needs
        for check in _concerning(subject.kind):
            if (not only or check.name in only) and (check.is_quick or not quick):
                began = time.perf_counter()
                result = judged(check, _run(check, subject), expected)
                yield replace(result, seconds=round(time.perf_counter() - began, 3))


def parametrize_with_checks(
    plugin: str,
    *,
    model: str | None = None,
    options: Mapping[str, str] | None = None,
    device: str = "cpu",
    engine: str | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> Callable[[Test], Test]:
    """Makes a pytest test one case a check: the test gets `check`, to call without arguments.

    `expected_failures` maps names of checks to reasons: these cases are strict xfails.
    """
    import pytest

    expected = dict(expected_failures or {})
    _known(expected)
    shared = _Shared(plugin, model, options, device, engine)
    cases = []
    for check in _concerning(shared.subject.kind):
        reason = expected.get(check.name)
        marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
        cases.append(pytest.param(_Case(check, shared), id=check.name, marks=marks))
    return pytest.mark.parametrize("check", cases)


class _Shared:
    """One subject for all the cases of a test, so that its model is loaded once."""

    def __init__(
        self,
        plugin: str,
        model: str | None,
        options: Mapping[str, str] | None,
        device: str,
        engine: str | None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mubench-gen-check-")
        folder = Path(self._folder.name)
        self.subject = Subject(plugin, folder, model, options or {}, device, engine)
        self._is_told = False

    def require_answers(self) -> None:
        """CheckFailed where the user must do something first; later calls skip their test."""
        import pytest

        if self._needs is not None and self._is_told:
            pytest.skip(str(self._needs))
        if self._needs is not None:
            self._is_told = True
            raise CheckFailed(str(self._needs))

    @cached_property
    def _needs(self) -> UsageError | None:
        return self.subject.needs()


class _Case:
    """A check of a subject, as a pytest test calls it."""

    def __init__(self, check: Check, shared: _Shared) -> None:
        self._check = check
        self._shared = shared

    def __call__(self) -> None:
        import pytest

        self._shared.require_answers()
        try:
            self._check.run(self._shared.subject)
        except NotApplicable as reason:
            pytest.skip(str(reason))
        except CheckFailed as failed:
            message = f"{self._check.name}: {failed}. It matters: {self._check.reason}. "
            raise CheckFailed(message + f"To do: {self._check.remedy}.") from None


@contextmanager
def _subject(
    plugin: str,
    model: str | None,
    options: Mapping[str, str] | None,
    device: str,
    engine: str | None,
) -> Iterator[Subject]:
    with tempfile.TemporaryDirectory(prefix="mubench-gen-check-") as folder:
        subject = Subject(plugin, Path(folder), model, options or {}, device, engine)
        try:
            yield subject
        finally:
            subject.done()


def _run(check: Check, subject: Subject) -> Exception | None:
    try:
        check.run(subject)
    except Exception as error:  # an edge of isolation: a plugin's own code
        return error
    return None


def _concerning(kind: str) -> list[Check]:
    concerning = [check for check in CHECKS.values() if kind in check.kinds]
    return sorted(concerning, key=lambda check: _ORDER.index(check.run.__module__))


def _known(names: Any) -> None:
    for name in names:
        if name in deprecation.CHECKS:
            deprecation.warn(f"The check {name!r}", deprecation.CHECKS[name], stacklevel=4)
        if name not in CHECKS:
            raise SettingError(f"There is no check {name!r}. {did_you_mean(name, CHECKS)}")
