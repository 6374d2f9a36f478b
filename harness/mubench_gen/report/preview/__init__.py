"""What a model is given of a data set: one page and one contact sheet, before a model is asked.

`gathered` decodes pictures as a run would and looks at them, `words` says the policy in plain
words, `page` writes the HTML file, and `sheet` the PNG.
"""

from mubench_gen.report.preview.gathered import Preview, gather
from mubench_gen.report.preview.page import write_preview
from mubench_gen.report.preview.sheet import write_sheet

__all__ = ["Preview", "gather", "write_preview", "write_sheet"]
