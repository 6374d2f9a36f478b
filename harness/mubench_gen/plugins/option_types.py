"""Types of options that the harness takes care of: secrets, and files of weights.

    class Options(mubench_gen.Options):
        key: mubench_gen.SecretStr = mubench_gen.Secret("MY_KEY", description="the service's key")
        weights: mubench_gen.WeightsPath = Field(Path("model.npz"), description="the weights")

Everything public in this module is re-exported by `mubench_gen`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema

from mubench_gen.errors import SettingError, UsageError
from mubench_gen.storage.paths import user_path

__all__ = ["Secret", "SecretStr", "WeightsPath"]

_VARIABLE = "variable"


class SecretMissing(SettingError):
    """The environment variable of a secret is not set, and no option gives the secret."""

    def __init__(self, variable: str, option: str = "", of: str = "") -> None:
        self.variable = variable
        whose = f"Option {option} of {of}: it" if option else "A secret"
        give = f", or give -o {option}=…" if option else ""
        super().__init__(
            f"{whose} is read from the environment variable {variable}, which is not set. "
            f"Set it (export {variable}=…){give}."
        )


def Secret(variable: str, *, description: str) -> Any:  # noqa: N802  (read like pydantic's Field)
    """The default of a `SecretStr` option: the value of this environment variable.

    Where neither the variable nor the option gives it, the model is not opened, and the message
    names both (SettingError). As every `SecretStr`, it is in no file, key, message or log.
    """

    def read() -> SecretStr:
        value = os.environ.get(variable, "").strip()
        if not value:
            raise SecretMissing(variable)
        return SecretStr(value)

    return Field(
        default_factory=read,
        description=description,
        json_schema_extra={_VARIABLE: variable},
    )


def variable_of(field: Any) -> str | None:
    """The environment variable from which a field's default is read, if it is a `Secret`."""
    extra = field.json_schema_extra
    return extra.get(_VARIABLE) if isinstance(extra, dict) else None


def _there(path: Path) -> Path:
    try:
        found = user_path(path)
    except UsageError as error:
        raise ValueError(str(error)) from None
    if not os.path.exists(found):  # False for a name too long, too
        raise ValueError("there is no such file or folder")
    return found


class _Digested:
    """Marks a path whose content is part of what the model is."""


WeightsPath = Annotated[
    Path,
    AfterValidator(_there),
    WithJsonSchema({"type": "string", "format": "weights"}),
    _Digested(),
]


def weights_fields(options: type[Any]) -> frozenset[str]:
    """The fields of a pydantic model that hold a `WeightsPath`."""
    return frozenset(n for n, field in options.model_fields.items() if is_weights(field))


def is_weights(field: Any) -> bool:
    """Whether a field holds a `WeightsPath`."""
    return _marked([*field.metadata, field.annotation])


def _marked(kinds: Iterable[Any]) -> bool:
    return any(isinstance(kind, _Digested) or _marked(get_args(kind)) for kind in kinds)
