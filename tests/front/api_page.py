"""The page of what is imported from ``telewarden``, made from its docstrings.

``python tests/front/api_page.py`` writes ``docs/api.md`` anew.
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

import telewarden
from telewarden.api.alerts import Alerts
from telewarden.api.operations import Operations
from telewarden.api.pairs import Pairs
from telewarden.api.registry import Registry
from telewarden.api.sessions import Sessions

PAGE: Final = Path(__file__).parents[2] / "docs" / "api.md"

HEAD: Final = """\
# What is imported from `telewarden`

This page is made from the docstrings (`tests/front/api_page.py`). Everything else, as events and
the supervisor, is in the rooms: `telewarden.supervision`, `telewarden.telegram`,
`telewarden.storage`, `telewarden.actors`, `telewarden.loopback`, `telewarden.testing`.
"""

HANDLES: Final[dict[str, type]] = {
    "warden.sessions": Sessions,
    "warden.pairs": Pairs,
    "warden.operations": Operations,
    "warden.registry": Registry,
    "warden.alerts": Alerts,
}
"""What a warden's attributes offer, whose classes nobody imports."""


def page() -> str:
    """The whole page."""
    return "\n".join((HEAD, *_names(), *_handles())).rstrip() + "\n"


def _names() -> Iterator[str]:
    for name in telewarden.__all__:
        if not name.startswith("_"):
            yield from _entry(name, getattr(telewarden, name))


def _handles() -> Iterator[str]:
    for name, kind in HANDLES.items():
        yield f"## `{name}`\n"
        yield f"{_prose(kind)}\n"
        yield from _methods(kind)


def _entry(name: str, thing: Any) -> Iterator[str]:
    yield f"## `{name}{_arguments(thing)}`\n"
    yield f"{_prose(thing)}\n"
    if isinstance(thing, type) and issubclass(thing, enum.Enum):
        yield "One of " + ", ".join(f"`{one.value}`" for one in thing) + ".\n"
    elif isinstance(thing, type):
        yield from _methods(thing)


def _methods(kind: type) -> Iterator[str]:
    for name, method in inspect.getmembers(kind, inspect.isroutine):
        ours = (getattr(method, "__module__", "") or "").startswith("telewarden")
        if ours and not name.startswith("_") and inspect.getdoc(method):
            before = "await " if inspect.iscoroutinefunction(method) else ""
            yield f"### `{before}{name}{_arguments(method)}`\n"
            yield f"{_prose(method)}\n"


def _arguments(thing: Any) -> str:
    """The names and defaults of what it takes; types are in the docstrings' words."""
    if isinstance(thing, type) and issubclass(thing, enum.Enum | BaseException | BaseModel):
        return ""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    bare = [
        one.replace(annotation=inspect.Parameter.empty)
        for one in signature.parameters.values()
        if one.name != "self"
    ]
    return re.sub(r"<function .*? at 0x\w+>", "...", str(inspect.Signature(bare)))


def _prose(thing: Any) -> str:
    """A docstring as Markdown: headings of sections in bold, code as code."""
    text = inspect.getdoc(thing) or ""
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    lines: list[str] = []
    for line in text.splitlines():
        if re.fullmatch(r"(Args|Raises|Returns|Yields|Attributes):", line):
            lines += [f"**{line.removesuffix(':')}**", ""]
        elif item := re.match(r"    (\*{0,2}[\w, ]+): (.+)", line):
            lines.append(f"- `{item[1]}`: {item[2]}")
        elif re.match(r"        \S", line) and lines and lines[-1].startswith(("- ", "  ")):
            lines.append(f"  {line.strip()}")
        elif line.endswith("::"):
            lines.append(line.removesuffix(":"))
        else:
            lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
