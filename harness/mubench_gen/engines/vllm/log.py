"""Redirects vLLM's log to a file, to keep the screen clear and to explain failures."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

_READ = 200_000  # bytes read from the end of a log
_OWN = ("VLLM_LOGGING_CONFIG_PATH", "VLLM_CONFIGURE_LOGGING")


class VllmLog:
    """A file that vLLM's processes log to, in a folder of its own until `remove`.

    To be made before vllm is imported. A user's own logging settings take precedence: then
    there is no file, and `text` is empty.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        if any(name in os.environ for name in _OWN):
            return
        self._folder = Path(tempfile.mkdtemp(prefix="mubench-gen-vllm-"))
        settings = self._folder / "logging.json"
        settings.write_text(json.dumps(_settings(self._folder / "vllm.log")), encoding="utf-8")
        os.environ["VLLM_LOGGING_CONFIG_PATH"] = str(settings)

    @property
    def path(self) -> Path | None:
        return None if self._folder is None else self._folder / "vllm.log"

    @property
    def text(self) -> str:
        """The end of the log."""
        return "" if self.path is None else end_of(self.path)

    def remove(self) -> None:
        if self._folder is not None:
            if os.environ.get("VLLM_LOGGING_CONFIG_PATH") == str(self._folder / "logging.json"):
                del os.environ["VLLM_LOGGING_CONFIG_PATH"]
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def end_of(file: Path, begin: int = 0) -> str:
    """The end of a log, at most from that byte on; empty without a file."""
    try:
        with file.open("rb") as log:
            log.seek(max(begin, log.seek(0, os.SEEK_END) - _READ))
            return log.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _settings(file: Path) -> dict[str, object]:
    """Settings for logging.config.dictConfig: errors to the file, the user's level to stderr.

    vLLM logs two warnings per request on a CPU, so warnings would make the file large.
    """
    asked = os.environ.get("VLLM_LOGGING_LEVEL")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {"format": "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"}
        },
        "handlers": {
            "file": {
                "class": "logging.FileHandler",
                "filename": str(file),
                "formatter": "plain",
                "delay": True,
            },
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "plain",
                "level": asked or "CRITICAL",
            },
        },
        "loggers": {
            "vllm": {"handlers": ["file", "stderr"], "level": asked or "ERROR", "propagate": False}
        },
    }
