"""The types of the flow: task → sample → prompt → request → response → answer → record → score.

This package imports none of its siblings. Everything here is immutable, except that an
`Image` reads, hashes and decodes itself at most once.
"""

from mubench_gen.types.checkpoint import Checkpoint
from mubench_gen.types.image import TURNED, Box, Image, ImagePolicy, Polygon, as_png
from mubench_gen.types.literals import (
    FORM_WORDS,
    OPEN_FORMS,
    Control,
    Form,
    Kind,
    PerLength,
    Pooling,
    Readout,
    Status,
)
from mubench_gen.types.question import (
    Question,
    RightNumber,
    RightSet,
    RightText,
    Row,
    Sample,
    Task,
    WorkedExample,
)
from mubench_gen.types.reply import Answer, Failure, Reply, Response, Turn
from mubench_gen.types.request import Message, RenderedPrompt, Request, Sampling, Text

__all__ = [
    "FORM_WORDS",
    "OPEN_FORMS",
    "TURNED",
    "Answer",
    "Box",
    "Checkpoint",
    "Control",
    "Failure",
    "Form",
    "Image",
    "ImagePolicy",
    "Kind",
    "Message",
    "PerLength",
    "Polygon",
    "Pooling",
    "Question",
    "Readout",
    "RenderedPrompt",
    "Reply",
    "Request",
    "Response",
    "RightNumber",
    "RightSet",
    "RightText",
    "Row",
    "Sample",
    "Sampling",
    "Status",
    "Task",
    "Text",
    "Turn",
    "WorkedExample",
    "as_png",
]
