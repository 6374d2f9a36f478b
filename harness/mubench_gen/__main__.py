"""The command's entry point: exit codes, signals, and how errors are shown."""

from __future__ import annotations

import errno
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from mubench_gen.console import streams as standard_streams
from mubench_gen.console.outlet import tell
from mubench_gen.console.secrets import know_environment, redact_command
from mubench_gen.errors import Terminated

_OF_A_DISK = frozenset({errno.EIO, errno.EROFS, errno.EDQUOT, errno.ESTALE})
FINE, USER_MUST_FIX, FAILED_ITEMS, INTERRUPTED, TERMINATED = 0, 2, 3, 130, 143


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    signal.signal(signal.SIGTERM, _on_term)
    # pydantic would look for plugins of its own among all that is installed, and stop where one
    # distribution's metadata are damaged.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    standard_streams.install()
    know_environment()
    redact_command(sys.argv)  # so that its secrets are masked in all output
    code = _run()
    sys.stdout.flush()
    code = standard_streams.exit_code(code)
    sys.stderr.flush()
    sys.exit(code)


def _run() -> int:
    import click

    from mubench_gen.cli import cli
    from mubench_gen.console.notes import USUAL, set_verbosity
    from mubench_gen.errors import EngineFault, UsageError

    set_verbosity(USUAL)  # -q and -v of this command alone
    try:
        code = cli(prog_name="mubench-gen", standalone_mode=False)
        return code if isinstance(code, int) else FINE
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        return error.exit_code
    except UsageError as error:
        _trace()
        tell(f"mubench-gen: {error}")
        return USER_MUST_FIX
    except EngineFault as error:
        _trace()
        tell(f"mubench-gen: {error}")
        if "same command" not in str(error):
            tell("The same command goes on from here.")
        return FAILED_ITEMS
    except (KeyboardInterrupt, click.Abort):
        tell("Interrupted. The same command goes on from here.")
        return INTERRUPTED
    except Terminated:
        tell("Terminated. The same command goes on from here.")
        return TERMINATED
    except OSError as error:
        if error.filename is None and error.errno not in _OF_A_DISK:
            raise
        return _unusable(error)


def _trace() -> None:
    """With -v, where the error that is handled comes from."""
    import traceback

    from mubench_gen.console.notes import detail

    detail(traceback.format_exc().rstrip())


def _unusable(error: OSError) -> int:
    """Tell that the system refuses a file or folder; returns the exit code."""
    place = "the disk" if error.filename is None else error.filename
    tell(
        f"mubench-gen: {place}: {error.strerror or error}. What was finished before is kept: fix "
        "this, and type the same command again."
    )
    return USER_MUST_FIX


def _on_term(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


if __name__ == "__main__":
    main()
