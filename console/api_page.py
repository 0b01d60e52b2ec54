"""The HTTP API as a page for people: the OpenAPI document, drawn as HTML.

Nothing on it is loaded from anywhere, nothing runs. Leaves what is described to ``openapi``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from itertools import groupby
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from .openapi import document

STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}"
    "code,pre{font-family:ui-monospace,monospace;font-size:.9em}"
    "pre{overflow-x:auto;padding:.5rem;border:1px solid}"
    "h3{margin-bottom:0}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}"
    "th,td{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;border-bottom:1px solid}"
)
EXAMPLES: Final[dict[str, Any]] = {"integer": 1, "boolean": True, "array": [], "object": {}}
SOCKET: Final = "curl --unix-socket control.sock http://warden"
Schema = Mapping[str, Any]


DIGEST: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{DIGEST}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


async def api_page(_: Request) -> Response:
    """The page, under a policy of its own: it runs nothing, and its style is known."""
    return HTMLResponse(_html(), headers={"content-security-policy": POLICY})


@cache
def _html() -> str:
    return "\n".join(_drawn(document()))


def _drawn(described: Schema) -> Iterator[str]:
    info = described["info"]
    yield '<!doctype html><html lang="en"><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(info['title'])} HTTP API</title><style>{STYLE}</style>"
    yield f"<h1>{escape(info['title'])} {escape(info['version'])}: HTTP API</h1>"
    yield (
        f"<p>{escape(info['description'])} Each is a POST with its parameters as a JSON object, and"
        " answers with a JSON object; an error is <code>"
        '{"error": {"type": "...", "message": "..."}}</code> with a status of 400 or above.'
        ' For programs: <a href="openapi.json">openapi.json</a>.</p>'
    )
    found = [(path, methods["post"]) for path, methods in described["paths"].items()]
    groups = groupby(found, key=lambda one: one[1]["tags"][0])
    chapters = [(name, list(commands)) for name, commands in groups]
    yield "<nav><ul>"
    for name, commands in chapters:
        links = ", ".join(_link(one["operationId"]) for _, one in commands)
        yield f"<li>{escape(name)}: {links}</li>"
    yield '<li><a href="#results">Results</a></li></ul></nav>'
    for name, commands in chapters:
        yield f"<h2>{escape(name)}</h2>"
        for path, one in commands:
            yield from _command(path, one)
    yield '<h2 id="results">Results</h2>'
    for name, schema in described["components"]["schemas"].items():
        yield from _model(name, schema)
    yield "</html>"


def _command(path: str, one: Schema) -> Iterator[str]:
    schema = one["requestBody"]["content"]["application/json"]["schema"]
    answer = one["responses"]["200"]["content"]["application/json"]["schema"]
    yield f'<h3 id="{one["operationId"]}">POST <code>{escape(path)}</code></h3>'
    yield f"<p>{escape(one['summary'])}</p>"
    yield from (f"<p>{escape(text)}</p>" for text in one["description"].split("\n\n"))
    required = schema["required"]
    if schema["properties"]:
        yield "<table><tr><th>parameter<th>type<th>what</tr>"
        for name, field in schema["properties"].items():
            kind = _type(field) + (", required" if name in required else "")
            yield f"<tr>{_cells(f'<code>{escape(name)}</code>', kind, _said(field))}</tr>"
        yield "</table>"
    body = {name: _example(name, schema["properties"][name]) for name in required}
    asked = f"{SOCKET}{path} -d '{json.dumps(body)}'"
    yield f"<p>Answered with {_type(answer)}.</p><pre>{escape(asked)}</pre>"


def _model(name: str, schema: Schema) -> Iterator[str]:
    yield f'<h3 id="{escape(name)}">{escape(name)}</h3>'
    yield f"<p>{escape(schema.get('description', ''))}</p><table><tr><th>field<th>type</tr>"
    for field, value in schema.get("properties", {}).items():
        yield f"<tr>{_cells(f'<code>{escape(field)}</code>', _type(value))}</tr>"
    yield "</table>"


def _cells(*cells: str) -> str:
    return "".join(f"<td>{cell}" for cell in cells)


def _link(name: str) -> str:
    return f'<a href="#{escape(name)}">{escape(name)}</a>'


def _said(field: Schema) -> str:
    said = str(field.get("description", ""))
    limits = {"minimum": "at least", "maximum": "at most", "default": "by default"}
    facts = [f"{word} {json.dumps(field[key])}" for key, word in limits.items() if key in field]
    return escape(" ".join((said, f"({', '.join(facts)})")) if facts else said)


def _type(schema: Schema) -> str:
    """A JSON Schema in few words, with links to the models that it names."""
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return escape(" | ".join(json.dumps(one) for one in schema["enum"]))
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}"
    return str(kind)


def _example(name: str, field: Schema) -> Any:
    if "enum" in field:
        return field["enum"][0]
    kind = field.get("type")
    return EXAMPLES.get(kind if isinstance(kind, str) else "", "alice" if name == "session" else "")
