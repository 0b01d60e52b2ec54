"""What was found in another program's configuration, before it is written as ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import BadCommandError
from ..telegram.addressing.names import NAME, is_invitation, read_chat

CHANGES_TEXT: Final = ("replace", "header", "footer")
JOINS: Final = "it is named by an invitation, which is followed with join = true alone"


@dataclass(slots=True, kw_only=True)
class PairDraft:
    """One pair to be: where it stood, its fields as a ``[[pairs]]`` table has them, what to check.

    ``leave_out`` says why it cannot be a pair; it is written as a comment then.
    """

    title: str
    fields: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    leave_out: str = ""

    def check(self, note: str) -> None:
        """Somebody has to look at this."""
        if note not in self.notes:
            self.notes.append(note)

    def add(self, table: str, key: str, values: Iterable[Any]) -> None:
        """More values of a filter, as of ``deny.words``."""
        wanted = self.fields.setdefault(table, {}).setdefault(key, [])
        wanted += [one for one in values if one not in wanted]
        if not wanted:
            del self.fields[table][key]
        if not self.fields[table]:
            del self.fields[table]

    def replace(self, find: str, words: str, *, regex: bool = False) -> None:
        """One more replacement, in order."""
        if not find:
            self.check("a replacement of nothing was left out")
            return
        one: dict[str, Any] = {"find": find, "with": words}
        self.fields.setdefault("replace", []).append(one | ({"regex": True} if regex else {}))

    def settle(self) -> None:
        """Leave out what a forward cannot have, and say what an invitation needs."""
        dropped = [key for key in CHANGES_TEXT if key in self.fields]
        if self.fields.get("mode") == "forward" and dropped:
            for key in dropped:
                del self.fields[key]
            self.check(
                f"{', '.join(dropped)}: a forward shows the message as it is; say mode ="
                ' "copy" to change texts'
            )
        chats = (self.fields.get(one) for one in ("source", "target"))
        if any(isinstance(one, str) and is_invitation(one) for one in chats):
            self.check(JOINS)


@dataclass(slots=True, kw_only=True)
class Draft:
    """A whole configuration to be.

    Args:
        program: who wrote the file, with the versions whose format it is.
        api_id, phone: as found.
        secrets: what secrets were there, by the names they have there; none is kept.
        notes: what to check that is not one pair's.
    """

    program: str
    api_id: int | None = None
    phone: str | None = None
    secrets: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    pairs: list[PairDraft] = field(default_factory=list)


def chat_of(value: object) -> int | str:
    """A chat as ours has it; what cannot be read stays as it was, and is refused later."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    try:
        return read_chat(f"@{text}" if NAME.fullmatch(text) and text.lower() != "me" else text).chat
    except ValueError:
        return text


def anywhere(words: str, *, any_case: bool = True) -> str:
    """A pattern that is found wherever these words stand, inside others too."""
    return f"{'(?i)' if any_case else ''}{re.escape(words)}"


def api_id_of(value: object) -> int | None:
    """An api_id; ``None`` where none was filled in."""
    text = str(value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 2**31 else None


def table_of(value: object, what: str) -> Mapping[str, Any]:
    """A table where the format has one.

    Raises:
        BadCommandError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise refused(f"{what} is no table; it is not as the program writes it")
    return value


def list_of(value: object, what: str) -> list[Any]:
    """A list where the format has one; a set, or one thing alone, will do.

    Raises:
        BadCommandError: it is a table.
    """
    if value is None:
        return []
    if isinstance(value, Mapping):
        raise refused(f"{what} is a table, and should be a list")
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return list(value) if isinstance(value, list | tuple) else [value]


def refused(why: str) -> BadCommandError:
    """Why a file is not migrated; nothing has been written."""
    return BadCommandError("migrate", why)
