"""Words for the type of a plugin's option: "whole number, 1 to 8", "one of s, m"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mubench_gen.plugins.option_types import variable_of

_WORDS = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "array": "list",
    "object": "JSON object",
}
_FORMATS = {
    "password": "secret",
    "path": "path",
    "file-path": "file",
    "directory-path": "folder",
    "weights": "weights, a file or folder",
}


def described_options(options: type[Any]) -> dict[str, dict[str, Any]]:
    """Each option of a class of options: its type in words, default, description."""
    schema = options.model_json_schema()
    return {
        key: {
            "type": type_words(schema["properties"][field.alias or key], schema.get("$defs", {})),
            "required": field.is_required(),
            "default": _default(field),
            "description": field.description,
        }
        for key, field in options.model_fields.items()
    }


def _default(field: Any) -> Any:
    """What holds where nothing is given; of a `Secret` its variable, as a shell writes it."""
    variable = variable_of(field)
    if variable is not None:
        return f"${variable}"
    return None if field.is_required() else field.get_default(call_default_factory=True)


def type_words(schema: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    """A JSON schema in words; `named` are the schemas that it may refer to."""
    if "$ref" in schema:
        return type_words(named[schema["$ref"].rpartition("/")[2]], named)
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if "anyOf" in schema:
        kinds = [type_words(one, named) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    kind = _FORMATS.get(schema.get("format", "")) or _WORDS.get(schema.get("type", ""), "any")
    bounds = _bounds(schema)
    return f"{kind}, {bounds}" if bounds else kind


def _bounds(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f"{least} to {most}"
    told = {
        "minimum": "{} or more",
        "maximum": "{} or less",
        "exclusiveMinimum": "above {}",
        "exclusiveMaximum": "below {}",
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
        "pattern": "matching {}",
    }
    return ", ".join(text.format(schema[key]) for key, text in told.items() if key in schema)
