"""Makes docs/plugins-checked.md: the shipped plugins by the conformance checks.

    python docs/make_plugins_page.py FOLDER [PLUGIN …]

checks each shipped plugin, or those that are named, writes what was found into the folder, and
the page from all files there. Weights that are not on this machine are not fetched.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mubench_gen.plugins.listing import OWN
from mubench_gen.plugins.registry import Plugins
from mubench_gen.testing import matrix

PAGE = Path(__file__).resolve().parent / "plugins-checked.md"
HEAD = """# The shipped plugins, checked

The plugins of this package by the [conformance checks](conformance.md), without those that begin
a run, on a machine with a CPU and without the large checkpoints.
`python docs/make_plugins_page.py FOLDER` makes this page again.

<!-- not run: it is how this page is made, for any plugins -->
```
mubench-gen plugins check NAME --quick --out checks/NAME.json
mubench-gen plugins matrix checks/*.json
```

"""


def shipped() -> list[str]:
    """The names of the plugins of this distribution."""
    return [plugin.name for plugin in Plugins().list() if plugin.distribution == OWN]


def check(name: str, folder: Path) -> str:
    """Check a plugin into a file of the folder; what it needs, if nothing could be checked."""
    out = folder / f"{name}.json"
    out.unlink(missing_ok=True)
    words = [sys.executable, "-m", "mubench_gen", "plugins", "check", name, "--quick"]
    done = subprocess.run([*words, "--out", str(out)], capture_output=True, text=True, check=False)
    return "" if out.exists() else done.stderr.strip().splitlines()[-1]


def main(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    needy = {name: check(name, folder) for name in names or shipped()}
    found = matrix.read_reports(folder.glob("*.json"))
    told = [
        f"- {name}: {needs.removeprefix('mubench-gen: ')}" for name, needs in needy.items() if needs
    ]
    parts = [HEAD + matrix.to_markdown(found)]
    parts += ["**What nothing of could be checked here**\n", "\n".join(told) + "\n"] if told else []
    PAGE.write_text("\n".join(parts), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
