"""Reading of a handler's options: texts, numbers, and secrets by their place."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..errors import HandlerOptionsError


class Options:
    """What a pair says under ``options``; each is read once, and what is left over is refused.

    Args:
        handler: whose they are, for errors.
        given: as configured.

    Raises:
        HandlerOptionsError: from every method, for an option that cannot be used; the value of a
            secret is in none.
    """

    def __init__(self, handler: str, given: Mapping[str, Any]) -> None:
        self._handler, self._given = handler, dict(given)

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        value = self._given.pop(name, default)
        if not isinstance(value, str):
            raise self.wrong(name, f"is a {type(value).__name__}; give a text")
        return value

    def secret(self, name: str) -> str | None:
        """A text that is named by its place: ``{ env = "NAME" }`` or ``{ file = "PATH" }``."""
        place = self._given.pop(name, None)
        if place is None:
            return None
        match place:
            case {"env": str(variable), **more} if not more:
                found = os.environ.get(variable, "").strip()
                where = f"the variable {variable} is not set"
            case {"file": str(path), **more} if not more:
                found, where = _in_file(Path(path).expanduser()), f"{path} cannot be read"
            case _:
                what = f'is a secret; name its place: {name} = {{ env = "NAME" }}, or a file'
                raise self.wrong(name, what)
        if not found:
            raise self.wrong(name, f"cannot be read: {where}")
        return found

    def number(self, name: str) -> int | None:
        """A whole number, as itself or in quotes."""
        value = self._given.pop(name, None)
        if value is None:
            return None
        if isinstance(value, bool) or not str(value).isdecimal():
            raise self.wrong(name, f"is {str(value)[:20]!r}; give a whole number")
        return int(value)

    def done(self, known: Collection[str]) -> None:
        """Refuse what nobody has read."""
        if self._given:
            name = min(self._given)
            raise self.wrong(name, f"is not known; there are: {', '.join(sorted(known))}")

    def wrong(self, name: str, what: str) -> HandlerOptionsError:
        """The error for an option that cannot be used."""
        return HandlerOptionsError(self._handler, name, what)


def _in_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        return ""
