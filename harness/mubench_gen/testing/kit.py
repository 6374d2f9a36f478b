"""Runs the checks: all of them, or one a pytest case."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from mubench_gen.errors import PluginError, SettingError, UsageError, did_you_mean
from mubench_gen.plugins import deprecation
from mubench_gen.testing import (
    contrastive_checks,
    data_checks,
    export_checks,
    generative_checks,
    judge_checks,
    metric_checks,
    model_checks,
    plugin_checks,
    run_checks,
    scorer_checks,
    transform_checks,
)
from mubench_gen.testing.check import CHECKS, Check, CheckFailed, NotApplicable, Result, judged
from mubench_gen.testing.subject import MODELS, Subject
from mubench_gen.testing.subjects import find_subjects

# Importing them registers their checks; the cheap ones come first.
_ORDER = tuple(
    module.__name__
    for module in (
        plugin_checks,
        data_checks,
        judge_checks,
        scorer_checks,
        metric_checks,
        export_checks,
        transform_checks,
        model_checks,
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
    """The results of all checks that concern what the plugin offers, as they come.

    `plugin` is an entry point's name or a path. `model` is the name of one of its models, data
    sets, metrics, export formats or transforms, by default all. Of a checkpoint that is not on
    this machine there is one result, "not checked", unless `model` names it: then it is fetched.
    `engine` opens a checkpoint; without, it is transformers on a CPU, which starts in seconds, and
    the plugin's first one elsewhere. `options` are a model's; those of a judge begin with `judge.`.
    `expected_failures` maps names of checks, or MODEL:CHECK, to reasons; such a check must fail.
    `only` limits it to checks of these names, `quick` to those that begin no run. Raises
    UsageError if the plugin can't be loaded, or nothing that it offers answers until the user has
    done something (set a key), or a name is not that of a check.
    """
    expected = dict(expected_failures or {})
    _known([*expected, *only])
    with tempfile.TemporaryDirectory(prefix="mubench-gen-check-") as folder:
        subjects = find_subjects(plugin, Path(folder), model, options or {}, device, engine)
        needy: list[_Needs] = []
        for subject in subjects:
            try:
                yield from _checked(subject, expected, only, quick=quick)
            except _Needs as needs:
                needy.append(needs)
            finally:
                subject.done()
        causes = {str(needs.error): needs.error for needs in needy}
        if len(needy) == len(subjects) - 1 and len(causes) == 1:
            raise needy[0].error
        yield from (needs.result for needs in needy)


class _Needs(Exception):
    """What is checked answers nothing before the user has done something."""

    def __init__(self, result: Result, error: UsageError) -> None:
        self.result = result
        self.error = error


def _checked(
    subject: Subject, expected: Mapping[str, str], only: tuple[str, ...], *, quick: bool
) -> Iterator[Result]:
    """The results of a thing's checks; where its gate fails, that alone of those behind it."""
    checks = [one for one in _concerning(subject.kind) if one.is_quick or not quick]
    wanted = [one for one in checks if not only or one.name in only]
    gate = next((one for one in checks if one.gate), None)
    behind = gate is not None and any(_is_behind(one, gate) for one in wanted)
    for check in checks:
        if check not in wanted and not (check is gate and behind):
            continue
        began = time.perf_counter()
        error = _run(check, subject)
        seconds = round(time.perf_counter() - began, 3)
        known = expected.get(f"{subject.name}:{check.name}", expected.get(check.name))
        result = judged(check, error, known)
        result = replace(result, seconds=seconds, of=_called(subject), kind=subject.kind)
        if check.gate and isinstance(error, UsageError) and _is_users(subject, error):
            raise _Needs(replace(result, state="not checked"), error)
        if check in wanted or error is not None:
            yield result
        if check.gate and error is not None:
            return


def _is_behind(check: Check, gate: Check) -> bool:
    """Whether nothing is to be found by a check where the gate fails."""
    return not check.gate and check.run.__module__ != plugin_checks.__name__


def _is_users(subject: Subject, error: UsageError) -> bool:
    """Whether it is the user's to mend (set a key, install a package), and not the author's."""
    return subject.kind != "dataset" and not isinstance(error, PluginError)


def _called(subject: Subject) -> str:
    """What a subject is called beside its checks: a model by its name."""
    if subject.kind == "plugin":
        return ""
    return str(subject.name) if subject.kind in MODELS else f"{subject.kind} {subject.name}"


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

    The arguments are those of `check_plugin`. `expected_failures` maps names of checks, or
    MODEL:CHECK, to reasons: these cases are strict xfails. Where a plugin offers several things,
    the name of the case begins with that of the thing.
    """
    import pytest

    expected = dict(expected_failures or {})
    _known(expected)
    shared = _Shared(plugin, model, options, device, engine)
    cases = []
    for subject in shared.subjects:
        several = subject.name is not None and len(shared.subjects) > 2
        for check in _concerning(subject.kind):
            reason = expected.get(f"{subject.name}:{check.name}", expected.get(check.name))
            marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
            name = f"{_called(subject)}-{check.name}" if several else check.name
            cases.append(pytest.param(_Case(check, subject, shared), id=name, marks=marks))
    return pytest.mark.parametrize("check", cases)


class _Shared:
    """The subjects of a test's cases. One is opened at a time, and loaded once."""

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
        self.subjects = find_subjects(plugin, folder, model, options or {}, device, engine)
        self._current = self.subjects[0]
        self._obstacles: dict[int, Exception | None] = {}

    def pass_gate(self, subject: Subject) -> None:
        """CheckFailed, once, where nothing can be checked; later calls skip their test."""
        import pytest

        if self._current is not subject:
            self._current.done()
            self._current = subject
        told = id(subject) in self._obstacles
        if not told:
            gates = (one for one in _concerning(subject.kind) if one.gate)
            self._obstacles[id(subject)] = next((_run(gate, subject) for gate in gates), None)
        error = self._obstacles[id(subject)]
        if error is not None and (told or isinstance(error, NotApplicable)):
            pytest.skip(str(error))
        if error is not None:
            raise CheckFailed(judged(CHECKS["model_answers"], error, None).found) from None


class _Case:
    """A check of a subject, as a pytest test calls it."""

    def __init__(self, check: Check, subject: Subject, shared: _Shared) -> None:
        self._check = check
        self._subject = subject
        self._shared = shared

    def __call__(self) -> None:
        import pytest

        if self._check.run.__module__ != plugin_checks.__name__:
            self._shared.pass_gate(self._subject)
        try:
            if not self._check.gate:
                self._check.run(self._subject)
        except NotApplicable as reason:
            pytest.skip(str(reason))
        except CheckFailed as failed:
            message = f"{self._check.name}: {failed}. It matters: {self._check.reason}. "
            raise CheckFailed(message + f"To do: {self._check.remedy}.") from None


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
    for given in names:
        name = given.rpartition(":")[2]
        if name in deprecation.CHECKS:
            deprecation.warn(f"The check {name!r}", deprecation.CHECKS[name], stacklevel=4)
        if name not in CHECKS:
            raise SettingError(f"There is no check {name!r}. {did_you_mean(name, CHECKS)}")
