"""Runs → a folder of static pages: a board of models by tasks, and each run's items behind it.

`write_site` is the entry point. `admission` decides which runs are shown, `conditions` says how
each was made, `page` makes the board's page and the data behind it.
"""

from mubench_gen.report.leaderboard.site import Site, write_site

__all__ = ["Site", "write_site"]
