"""scores → what people read: tables, exports, the HTML page."""

from mubench_gen.plugins.moved_modules import moved_names

__getattr__ = moved_names("mubench_gen.report.text", ("print_report", "percent"))
