"""The OpenAPI document of the commands, made from their descriptions and result models."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from .._version import __version__
from .commands.catalogue import offered
from .commands.model import Command, Surface
from .commands.parameters import Kind, Parameter

WHERE: Final = "#/components/schemas/{model}"
TYPES: Final[dict[Kind, dict[str, Any]]] = {
    Kind.TEXT: {"type": "string"},
    Kind.SECRET: {"type": "string", "format": "password"},
    Kind.NAME: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.FLAG: {"type": "boolean"},
    Kind.CHOICE: {"type": "string"},
    Kind.SPAN: {"type": ["number", "string"], "description": "seconds, or 90s, 5min, 2h, 1d"},
    Kind.MOMENT: {
        "type": ["number", "string"],
        "description": "epoch seconds, a date, or how long ago",
    },
    Kind.FIELDS: {"type": "object"},
    Kind.INTEGERS: {"type": "array", "items": {"type": "integer"}},
    Kind.PATH: {"type": "string", "description": "a path at the warden's machine"},
    Kind.WORDS: {"type": "array", "items": {"type": "string"}},
}
ERROR: Final[dict[str, Any]] = {
    "description": "Refused or failed: the class of the error, and one sentence.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "error": {
                        "type": "object",
                        "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
                    }
                },
            }
        }
    },
}


@cache
def document() -> dict[str, Any]:
    """The document, as plain data."""
    commands = offered(Surface.API)
    models = [(one.result_model(), "serialization") for one in commands]
    places, definitions = models_json_schema(
        list(dict.fromkeys(models)),  # type: ignore[arg-type]  # each is a model and a mode
        ref_template=WHERE,
    )
    schemas = {model: places[model, mode] for model, mode in models}  # type: ignore[index]  # as above
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Telewarden",
            "version": __version__,
            "description": "Commands of a running warden, over its control socket.",
        },
        "paths": {
            f"/api/commands/{one.slug}": {"post": _operation(one, schemas[one.result_model()])}
            for one in commands
        },
        "components": {"schemas": definitions["$defs"]},
    }


def _operation(command: Command, result: dict[str, Any]) -> dict[str, Any]:
    body = {
        "type": "object",
        "additionalProperties": False,
        "properties": {one.name: _schema(one) for one in command.parameters},
        "required": [one.name for one in command.parameters if one.required],
    }
    return {
        "operationId": command.slug,
        "tags": [command.group],
        "summary": command.help,
        "description": f"{command.more}\n\nIt {command.danger}.".strip(),
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": result}}},
            "default": ERROR,
        },
    }


def _schema(parameter: Parameter) -> dict[str, Any]:
    schema = dict(TYPES[parameter.kind])
    limits = {"minimum": parameter.least, "maximum": parameter.most, "default": parameter.default}
    schema |= {name: value for name, value in limits.items() if value is not None}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    said = (parameter.help, schema.get("description", ""))
    return schema | {"description": " ".join(one for one in said if one)}
