"""`mubench-gen view`: look at runs in a browser, on this machine alone."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mubench_gen.cli.options.user_path import PATH

_EXAMPLES = """
\b
Examples:
  mubench-gen view                                the folders runs, studies and sweeps here
  mubench-gen view runs/tiny-llava-1a2b3c4d       one run, also while it goes
  mubench-gen view runs/* studies/* --port 8000
  mubench-gen view sweeps/tiny-clip-finetuned-1a2b3c4d
  mubench-gen view runs --data ~/moved/images     where the images are now

\b
On another machine: type ssh -L 8000:localhost:8000 HOST here, mubench-gen view --port 8000
--no-browser there, and open http://localhost:8000 here.
Exit code 2: a path holds no run; 130: ended by Ctrl-C.
"""


@click.command("view", epilog=_EXAMPLES)
@click.argument("paths", nargs=-1, type=PATH, metavar="[PATH]...")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=0, metavar="N", help="Port. [a free one]"
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option(
    "--data", metavar="NAME|PATH", help="Where the data are now, for the images. [as in the run]"
)
@click.option("--json", "as_json", is_flag=True, help="The address as a JSON document on stdout.")
def command(
    paths: tuple[Path, ...], port: int, no_browser: bool, data: str | None, as_json: bool
) -> int:
    """Show runs, studies and sweeps in a browser: scores, items, images, replies.

    It serves one page on this machine alone, changes nothing, and takes up what a run writes
    while it goes. Ctrl-C ends it. `report --html` writes the same page as a file.
    """
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.notes import note
    from mubench_gen.console.outlet import say
    from mubench_gen.report.viewer import Viewer

    with Viewer(paths, port=port, data=data) as viewer:
        viewer.site.page()  # the first one takes longest: before anybody waits for it
        shown = [str(study.run.dir) for study in viewer.site.studies]
        if as_json:
            print_json({"address": viewer.address, "port": viewer.port, "runs": shown})
        else:
            say(viewer.address)
        sys.stdout.flush()  # whoever waits for the address in a pipe gets it now
        note(f"{len(shown):,} run{'s' if len(shown) != 1 else ''}. Ctrl-C ends this.")
        if not no_browser:
            _open_browser(viewer.address)
        try:
            viewer.serve()
        except KeyboardInterrupt:
            note("Stopped.")
            return 130
    return 0


def _open_browser(address: str) -> None:
    import webbrowser

    try:
        webbrowser.open(address)
    except (webbrowser.Error, OSError):  # the address is printed
        return
