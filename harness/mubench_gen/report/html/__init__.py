"""runs → one HTML file that needs nothing else: no server, no network, no other file.

`write_page` is the entry point. `study` reads a run's statistics, `gallery` its items, `pictures`
their images; `plots` draws, `sections` and `runs` fill the variables of the template,
`document` writes the file. `rendering` puts templates, style and scripts together.
"""

from mubench_gen.report.html.document import MOST_ITEMS, Written, write_page
from mubench_gen.report.html.write_page import check_page_path

__all__ = ["MOST_ITEMS", "Written", "check_page_path", "write_page"]
