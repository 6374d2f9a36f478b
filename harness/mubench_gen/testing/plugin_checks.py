"""Checks of a plugin before any of its models is loaded."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr

from mubench_gen.errors import SettingError
from mubench_gen.model import Options
from mubench_gen.plugins.code_digest import code_files
from mubench_gen.plugins.import_trial import TrialImport, try_import
from mubench_gen.plugins.listing import OWN
from mubench_gen.plugins.option_types import is_weights
from mubench_gen.testing.check import NotApplicable, check, few, want
from mubench_gen.testing.private_names import private_names
from mubench_gen.testing.subject import Subject

PLUGIN = "plugin"
WITH_OPTIONS = ("generative", "contrastive", "judge", "export")
_NO_VALUE = "no such value"
_PATIENCE = 3.0  # seconds of an import, on a busy machine too
_TEXTS = {str, Path, SecretStr}


@lru_cache(maxsize=8)
def _imported(plugin: str) -> TrialImport:
    """What importing the plugin does, seen in a process of its own."""
    imported = try_import(plugin)
    want(imported.error is None, f"importing it ended: {imported.error}")
    return imported


@check(
    PLUGIN,
    reason="everybody who lists plugins or asks for another one would wait for it",
    remedy="import heavy packages, and read what is large, inside load() and not at the top",
)
def import_is_light(subject: Subject) -> None:
    heavy = _imported(subject.plugin).heavy
    want(not heavy, f"importing the plugin imports {', '.join(heavy)}")
    seconds = _imported(subject.plugin).seconds
    want(seconds < _PATIENCE, f"importing the plugin takes {seconds:.1f} s")


@check(
    PLUGIN,
    reason="stdout carries results alone, and the process belongs to the run",
    remedy="no print, signal.signal, os.chdir, os.environ[…] = … at the top: put it into load()",
)
def import_changes_nothing(subject: Subject) -> None:
    found = _imported(subject.plugin)
    want(not found.printed, f"importing the plugin prints {found.printed!r:.80}")
    want(not found.changed, f"importing the plugin changes {', '.join(found.changed)}")


@check(
    PLUGIN,
    reason="what docs/api.md does not name may go, or mean another thing, in any version",
    remedy="take it from `mubench_gen` or `mubench_gen.testing`, or ask for it to be made public",
)
def imports_are_public(subject: Subject) -> None:
    plugin = subject.loaded_plugin
    if plugin.distribution == OWN:
        raise NotApplicable("it is released together with the harness")
    files = code_files(sys.modules[plugin.module])
    odd = [f"{one} ({file.name})" for file in files for one in private_names(file)]
    want(not odd, f"it uses {few(odd)}")


@check(
    *WITH_OPTIONS,
    reason="`plugins show` and -h tell users what they can set",
    remedy="give every field of Options a default and a Field(description=…)",
)
def options_are_described(subject: Subject) -> None:
    fields = _options(subject).model_fields
    bare = [name for name, field in fields.items() if not field.description]
    want(not bare, f"options without a description: {', '.join(bare)}")
    needed = [name for name, field in fields.items() if field.is_required()]
    want(not needed, f"options without a default: {', '.join(needed)}")


@check(
    *WITH_OPTIONS,
    reason="a misspelt option that is ignored makes a wrong result without a word",
    remedy='keep Options as mubench_gen.Options makes it (extra="forbid"), with typed fields',
)
def options_refuse_unknown_names(subject: Subject) -> None:
    from mubench_gen.plugins.registry import check_options

    unknown = "an_option_that_is_not_there"
    source = subject.with_options
    try:
        check_options(subject.plugin, source, {unknown: "1"})
    except SettingError as error:
        want(unknown in str(error), f"the refusal does not name the option: {error}")
        return
    want(False, f"-o {unknown}=1 is accepted")


@check(
    *WITH_OPTIONS,
    reason="a value that cannot be meant, taken as it is, makes a wrong result without a word",
    remedy="type the fields (int, float, bool, Literal[…]) and bound them: Field(ge=0, le=1)",
)
def options_refuse_bad_values(subject: Subject) -> None:
    from mubench_gen.plugins.registry import check_options

    options = _options(subject)
    source = subject.with_options
    typed = [name for name, field in options.model_fields.items() if not _takes_text(field)]
    if not typed:
        raise NotApplicable("it has no option but texts")
    for name in typed:
        try:
            check_options(subject.plugin, source, {name: _NO_VALUE})
        except SettingError as error:
            want(name in str(error), f"the refusal does not name the option {name}: {error}")
        else:
            want(False, f"-o {name}={_NO_VALUE!r} is accepted")
    defaults = {
        name: str(field.default)
        for name, field in options.model_fields.items()
        if name in typed and field.default_factory is None
    }
    for name, value in defaults.items():
        try:
            check_options(subject.plugin, source, {name: value})
        except SettingError as error:
            want(value == "None", f"its own default is refused: {error}")


def _takes_text(field: Any) -> bool:
    """Whether any text is a value of the option: of a text, a secret, or a place to write to."""
    kinds = {field.annotation, *get_args(field.annotation)}
    return bool(kinds & _TEXTS) and not is_weights(field)


@check(
    PLUGIN,
    reason="reports group models by these, and print them",
    remedy="ModelSpec(facts={…}) takes texts: family, domain, base, licence, parameters",
)
def facts_are_texts(subject: Subject) -> None:
    if not subject.loaded_plugin.models:
        raise NotApplicable("it has no models")
    for spec in subject.loaded_plugin.models:
        odd = [k for k, v in spec.facts.items() if not isinstance(k, str) or not isinstance(v, str)]
        want(not odd, f"facts of {spec.name} that are no texts: {', '.join(map(str, odd))}")


def _options(subject: Subject) -> type[Options]:
    """The Options class of what is checked."""
    options: type[Options] = subject.with_options.Options
    return options
