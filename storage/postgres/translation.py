"""Translation of the tables' statements from SQLite's SQL into PostgreSQL's.

Owns what the two say differently: placeholders, the least and the greatest of two values, lists
that come as JSON, an index that SQLite is told to use. All else is written so that both read it.
Each statement is translated once.
"""

# ruff: noqa: S608 - names of ours

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ..connection_port import Params
from ..schema_description import described
from .schema import HIGHEST, TYPES

TOKEN: Final = re.compile(r"\bx'[0-9a-f]*'|'(?:[^']|'')*'|%|\?|(?<![:\w]):[a-z_]\w*")
LEAST: Final = re.compile(r"\b(min|max)\(")
TABLE: Final = re.compile(r"(?:insert into|update|delete from) (\w+)")
INSERTED: Final = re.compile(r"insert into \w+ \(([^)]*)\)\s+select (.*?) from json_each\(\?\)")
LISTED: Final = re.compile(r"(\w+) in \(select value from json_each\(\?\)\)")
CHANGED: Final = re.compile(r"set (\w+) = wanted\.value")
EXTRACTED: Final = re.compile(r"json_extract\(value, '\$\[(\d+)\]'\)")

# PostgreSQL holds no NUL in a text. What stands for one is a character that means nothing (the
# first of those for private use), with a 0 behind it; where it is in a text itself, a 1 follows.
MARK: Final = "\ue000"
MARKED: Final = re.compile(f"{MARK}([01])")


@dataclass(frozen=True, slots=True)
class Query:
    """A statement as psycopg takes it; the values at ``json`` are lists or mappings as JSON."""

    text: str
    json: frozenset[int]

    def bound(self, params: Params) -> list[object] | dict[str, object]:
        """The values to fill in: a truth is a number, and a text has no NUL."""
        if isinstance(params, Mapping):
            return {name: _value(value) for name, value in params.items()}
        if not self.json:
            return [_value(value) for value in params]
        return [
            json_without_nul(str(value)) if at in self.json else _value(value)
            for at, value in enumerate(params)
        ]


@functools.cache
def translated(sql: str) -> Query:
    """The statement in PostgreSQL's words."""
    text = re.sub(r" indexed by \w+", "", sql).replace("sqlite_sequence", HIGHEST)
    if "json_each(" in text:
        text = _json(text)
    text = _least(text)
    asked = [found for found in TOKEN.finditer(text) if found[0] == "?"]
    as_json = frozenset(
        at for at, found in enumerate(asked) if text.startswith("::json", found.end())
    )
    return Query(TOKEN.sub(_token, text), as_json)


def without_nul(text: str) -> str:
    """The text as PostgreSQL can hold it; ``with_nul`` makes it what it was."""
    if MARK not in text and "\x00" not in text:
        return text
    return text.replace(MARK, f"{MARK}1").replace("\x00", f"{MARK}0")


def with_nul(text: str) -> str:
    """What ``without_nul`` was given."""
    return MARKED.sub(lambda found: "\x00" if found[1] == "0" else MARK, text)


def json_without_nul(text: str) -> str:
    """The same for the texts in a list, or in its lists, or a mapping, as JSON.

    What is nested deeper is handed over as the text that it is kept as, which has no NUL.
    """
    if MARK not in text and "\\u0000" not in text and "\\ue000" not in text:
        return text
    found = json.loads(text)
    if isinstance(found, dict):
        return json.dumps({name: _in_json(value) for name, value in found.items()})
    return json.dumps(
        [list(map(_in_json, one)) if isinstance(one, list) else _in_json(one) for one in found]
    )


def _in_json(value: object) -> object:
    return json.dumps(value) if isinstance(value, list | dict) else _value(value)


def _value(value: object) -> object:
    if isinstance(value, str):
        return without_nul(value)
    return int(value) if isinstance(value, bool) else value


def _token(found: re.Match[str]) -> str:
    word = found[0]
    if word == "?":
        return "%s"
    if word.startswith("x"):
        return f"'\\x{word[2:]}::bytea"
    if word.startswith(":"):
        return f"%({word[1:]})s"
    return word.replace("%", "%%")


def _json(sql: str) -> str:
    table = TABLE.search(sql)
    kinds = {} if table is None else _kinds(table[1])
    sql = LISTED.sub(
        lambda found: (
            f"{found[1]} in (select value::{kinds[found[1]]}"
            " from json_array_elements_text(?::json) as each(value))"
        ),
        sql,
    )
    sql = sql.replace(
        "select value from json_each(?)",
        "select value from json_array_elements_text(?::json) as each(value)",
    )
    if CHANGED.search(sql):
        sql = CHANGED.sub(lambda found: f"{found[0]}::{kinds[found[1]]}", sql)
        return sql.replace("json_each(?)", "json_each_text(?::json)")
    return INSERTED.sub(lambda found: _inserted(found, kinds), sql)


def _inserted(found: re.Match[str], kinds: Mapping[str, str]) -> str:
    columns = [one.strip() for one in found[1].split(",")]
    values = _apart(found[2])
    typed = (
        EXTRACTED.sub(rf"(value ->> \1)::{kinds[column]}", value)
        for column, value in zip(columns, values, strict=True)
    )
    head = found[0][: found[0].index("select ")]
    return (
        f"{head}select {', '.join(typed)}"
        " from json_array_elements(?::json) with ordinality as each(value, key)"
    )


def _kinds(table: str) -> dict[str, str]:
    columns = described().tables[table].columns
    return {one.name: TYPES[one.kind].partition(" collate")[0] for one in columns}


def _least(sql: str) -> str:
    """Name the function that takes the least or the greatest of several values."""
    names = {"min": "least", "max": "greatest"}
    return LEAST.sub(
        lambda found: f"{names[found[1]]}(" if len(_apart(sql[found.end() :])) > 1 else found[0],
        sql,
    )


def _apart(text: str) -> list[str]:
    """The parts of a list, as far as the bracket that ends it."""
    parts, depth, begun = list[str](), 0, 0
    for at, sign in _signs(text):
        if sign == "(":
            depth += 1
        elif sign == ")" and depth == 0:
            return [*parts, text[begun:at].strip()]
        elif sign == ")":
            depth -= 1
        elif depth == 0:
            parts.append(text[begun:at].strip())
            begun = at + 1
    return [*parts, text[begun:].strip()]


def _signs(text: str) -> Iterable[tuple[int, str]]:
    return (
        (found.start(), found[0])
        for found in re.finditer(r"'[^']*'|[(),]", text)
        if len(found[0]) == 1
    )
