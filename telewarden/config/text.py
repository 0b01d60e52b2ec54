"""Decoding of a configuration file: byte order marks and encodings are read or named."""

from __future__ import annotations

import codecs
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigError

# The longer marks first: one begins as the other does.
OTHER_ENCODINGS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
ODD_SIGNS: Final[Mapping[str, str]] = {
    "\u201c\u201d\u201e\u00ab\u00bb": 'typographic quotes; TOML wants plain "',
    "\u2018\u2019\u201a": "typographic apostrophes; TOML wants plain '",
    "\u00a0\u2007\u202f\u200b\ufeff": "a blank that is no plain space",
    "\u2013\u2014\u2212": "a typographic dash; TOML wants plain -",
}


def place_of(path: object) -> Path:
    """A path, as an app may say it.

    Raises:
        ConfigError: it is none.
    """
    if isinstance(path, str | os.PathLike):
        path_text = os.fspath(path)
        if isinstance(path_text, str) and path_text and "\0" not in path_text:
            return Path(path_text)
    raise ConfigError("config", (f"is {_shown(path)}; give the path of a TOML file",))


def read_text(path: Path) -> str:
    """The file's text.

    Raises:
        ConfigError: it cannot be read, or is no UTF-8 text.
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        way_out = "give the path of a TOML file, or write one with: telewarden init"
        why = f"cannot be read: {exc.strerror or exc}; {way_out}"
        raise ConfigError(str(path), (why,)) from exc
    for mark, name in OTHER_ENCODINGS:
        if data.startswith(mark):
            raise ConfigError(str(path), (f"is {name} text; save it as UTF-8",))
    try:
        text = data.decode("utf-8-sig")  # a mark at its begin is Windows' editors' habit
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        problem = f"line {line}: is not UTF-8 text (byte {exc.start}); save it as UTF-8"
        raise ConfigError(str(path), (problem,)) from exc
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        problem = f"line {line}: has a byte that is no text (NUL); remove it, or save it as UTF-8"
        raise ConfigError(str(path), (problem,))
    return re.sub(r"\r\n?", "\n", text)


def tables_in(text: str, *, source: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        ConfigError: it is no TOML; with what an editor may have put there.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as exc:
        raise ConfigError(source, ("is not TOML: nested too deeply",)) from exc
    except ValueError as exc:  # also of a number with thousands of digits
        raise ConfigError(source, (f"is not TOML: {exc}{_habit(str(exc), text)}",)) from exc


def _habit(said: str, text: str) -> str:
    """What is odd about the line that an error names."""
    found = re.search(r"at line (\d+)", said)
    lines = text.split("\n")
    number = int(found[1]) if found else len(lines)
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    habits = (
        f"; the line has {what}" for signs, what in ODD_SIGNS.items() if set(signs) & set(line)
    )
    return next(habits, "")


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else f"a {type(value).__name__}"
