"""Line numbers of the keys in a TOML file."""

from __future__ import annotations

import re

_KEY = re.compile(r"([A-Za-z0-9_-]+)\s*=")


class Lines:
    """The tables and keys of a text, by their lines; without a text nothing is found."""

    def __init__(self, text: str) -> None:
        self._tables: dict[str, list[tuple[int, dict[str, int]]]] = {}
        top: dict[str, int] = {}
        self._top, keys = top, top
        for number, line in enumerate(text.splitlines(), start=1):
            bare = line.split("#", 1)[0].strip()
            if bare.startswith("["):
                keys = {}
                self._tables.setdefault(bare.strip("[] "), []).append((number, keys))
            elif key := _KEY.match(bare):
                keys.setdefault(key[1], number)

    def of(self, loc: tuple[int | str, ...]) -> int | None:
        """The line of a key: the n-th table of its name, then the key inside it, else the table."""
        names = [step for step in loc if isinstance(step, str)]
        wanted = next((step for step in loc if isinstance(step, int)), 0)
        if not names:
            return None
        tables = self._tables.get(names[0], [])
        if wanted >= len(tables):
            return self._top.get(names[0])
        number, keys = tables[wanted]
        return keys.get(names[1], number) if len(names) > 1 else number
