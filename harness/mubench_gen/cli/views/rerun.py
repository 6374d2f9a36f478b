"""`mubench-gen runs rerun`: the same settings again, and how many replies agree."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import say, tell

if TYPE_CHECKING:
    from mubench_gen.runs.repeat import Repeated
    from mubench_gen.runs.results import Run


def rerun(path: Path, given: dict[str, Any], *, check: int | None, as_json: bool) -> int:
    """Ask the run's items again, all of them in a new folder or `check` of them in none.

    Exit code 1 if `check` finds a reply that differs, 3 if items failed.
    """
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.stdout import results_only
    from mubench_gen.runs.repeat import agreement
    from mubench_gen.runs.results import load_run

    first = load_run(path)
    with TemporaryDirectory(prefix="mubench-rerun-") as scratch:
        with results_only():
            second = _asked(first, given, check, Path(scratch, "run"))
            found = agreement(first, second)
        kept = None if check is not None else second.dir
        if as_json:
            summary = {"run_dir": None if kept is None else str(kept), "of": str(first.dir)}
            print_json({**summary, "agreement": found.as_dict(), "scores": second.scores.as_dict()})
        else:
            _show(found)
    if kept is not None:
        tell(f"Run folder: {kept}")
    if found.failed:
        return 3
    return 1 if check is not None and found.same_reply < found.n else 0


def _asked(first: Run, given: dict[str, Any], check: int | None, scratch: Path) -> Run:
    from mubench_gen.errors import SettingError
    from mubench_gen.plan.config_file import joined
    from mubench_gen.plan.from_manifest import check_secrets, settings_again
    from mubench_gen.plan.plan import make_plan
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plugins.registry import Plugins
    from mubench_gen.run import run_plan
    from mubench_gen.runs.repeat import chosen_items

    settings = joined(settings_again(first.manifest), given)
    check_secrets(settings, f"{first.dir}/manifest.json")
    if check is None:
        settings = {"metric": list(first.recorded_metrics()), "fresh": True, **settings}
    elif "run_dir" in given:
        raise SettingError("--check keeps no run: leave --run-dir out.")
    else:
        settings |= {"run_dir": scratch}
    plan = make_plan(make_settings(settings), Plugins())
    try:
        if check is not None:
            plan = replace(plan, selection=chosen_items(first, check, plan.settings.seed))
        return run_plan(plan, ["mubench-gen", *sys.argv[1:]], progress=True)
    finally:
        plan.model.close()


def _show(found: Repeated) -> None:
    say(f"{found.same_reply:,} of {found.n:,} replies agree with those of the run.")
    if found.same_answer != found.same_reply:
        say(f"{found.same_answer:,} of {found.n:,} answers are the same option.")
    if found.same_request < found.n:
        say(
            f"{found.n - found.same_request:,} were asked otherwise than in the run (data, prompt, "
            "weights, engine or versions differ): `runs verify` says what."
        )
    if found.failed:
        say(f"{found.failed:,} items failed this time.")
    for item in found.differing:
        say(f"  another reply: {item}")
