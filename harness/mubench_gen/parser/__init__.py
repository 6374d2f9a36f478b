"""The answer parser: from a model's free text to one of the options, or to a reason why not."""

from mubench_gen.parser.labels import default_labels
from mubench_gen.parser.parse import parse_answer

__all__ = ["default_labels", "parse_answer"]
