"""A local viewer of runs: `mubench-gen view`.

`sources` finds the runs under paths, `index` keeps what filters and sorts their records, `query`
asks it, `pages` makes a page of items out of the records, `images` finds the pixels, `site` renders
the page of `report.html` and keeps it current, `server` answers a browser on this machine alone.
"""

from mubench_gen.report.viewer.server import Viewer

__all__ = ["Viewer"]
