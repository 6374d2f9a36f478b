"""What a host opens, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

# Seconds that importing a plugin, and counting, may take.
_PATIENCE = {"card": 300.0, "counts": 30.0}
_LONGEST = 1e7  # seconds that can be waited for


@dataclass(frozen=True, slots=True)
class HostSetup:
    """What opens the model in the host: a function, named "module:function", and its arguments.

    It returns a `serving.Opened`. A name, because what is above this package opens models, and a
    process that is just starting has only names. `label` is how messages call the model before
    it is opened.
    """

    opener: str
    label: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    load_timeout: float = 3600.0

    def open(self) -> Any:
        """Call the opener: in the process in which the model is to run."""
        place, _, opener = self.opener.partition(":")
        return getattr(import_module(place), opener)(**self.arguments)

    def patience(self, call: str) -> float:
        """The seconds that a call of the host may take."""
        return min(_PATIENCE.get(call, _LONGEST), self.load_timeout)
