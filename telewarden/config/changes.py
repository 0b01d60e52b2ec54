"""Differences between two configurations, and which of them a running warden takes over.

Pure. A value that may be a secret, or that says what people write, is not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from ..errors.redaction import path_shown, variable_shown
from ..errors.root import shown
from .model import Config
from .pairs import PairConfig
from .proxies import ProxyConfig
from .secrets import Secret
from .tables import SessionConfig

RESTART: Final = frozenset(
    {
        "telegram.api_id",
        "telegram.api_hash",
        "storage.folder",
        "storage.master_key",
        "storage.password",
        "storage.url",
        "recovery.restarts",
        "recovery.restarts_within",
        "supervision.abandoned_limit",
        "supervision.stall_after",
        "supervision.stall_fatal_after",
        "console.host",
        "console.port",
        "console.socket",
        "console.names",
        "console.open",
        "console.tokens",
        "bot.token",
        "share.socket",
        "loopback",
    }
)
"""The keys that are read at a start only; all others are live."""

LISTS: Final = ("sessions", "pairs")
WITHHELD: Final = "(not shown)"
PLAIN_OF_PAIRS: Final = frozenset({"session", "source", "target", "mode", "enabled", "handler"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """One key that says something else; ``None`` stands for a table that is not there.

    Args:
        key: its path: ``pacing.per_chat``, ``sessions.alice.priority``, ``pairs.3``.
        old: what it said, as a text.
        new: what it says.
    """

    key: str
    old: str | None
    new: str | None

    @property
    def needs_restart(self) -> bool:
        """Whether only the next start takes it over."""
        table = self.key.partition(".")[0]
        is_whole = self.key == table  # one that comes or goes, with all its keys
        return not RESTART.isdisjoint({self.key, table}) or (
            is_whole and any(key.startswith(f"{table}.") for key in RESTART)
        )


def changes_between(old: Config, new: Config) -> tuple[ConfigChange, ...]:
    """What another configuration says otherwise, in the order of its tables."""
    found: list[ConfigChange] = []
    for name in Config.model_fields:
        if name == "sessions":
            before = {one.name: one for one in old.sessions}
            found += _of_list(name, before, {one.name: one for one in new.sessions})
        elif name == "pairs":
            pairs = {str(one.id): one for one in old.pairs}
            found += _of_list(name, pairs, {str(one.id): one for one in new.pairs})
        elif name != "base":
            found += _of_table(name, getattr(old, name), getattr(new, name))
    return tuple(found)


def taken_over(old: Config, new: Config) -> Config:
    """What a running warden goes by after ``new``: what needs a restart is as it was."""
    tables: dict[str, Any] = {}
    for name in Config.model_fields:
        kept = {key.partition(".")[2] for key in RESTART if key.startswith(f"{name}.")}
        before, after = getattr(old, name), getattr(new, name)
        if name in RESTART or name == "base" or (kept and None in {before, after}):
            tables[name] = before
        elif kept:
            tables[name] = after.model_copy(update={key: getattr(before, key) for key in kept})
    return new.model_copy(update=tables)


def _of_table(name: str, old: BaseModel | None, new: BaseModel | None) -> Iterator[ConfigChange]:
    if old is None or new is None:
        if old is not new:
            yield ConfigChange(key=name, old=_there(old), new=_there(new))
        return
    for field in type(new).model_fields:
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield ConfigChange(
                key=f"{name}.{field}", old=_text(name, field, before), new=_text(name, field, after)
            )


def _of_list(table: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[ConfigChange]:
    for name in (*new, *(name for name in old if name not in new)):
        before, after = old.get(name), new.get(name)
        yield from _of_table(f"{table}.{name}", before, after)


def _there(table: BaseModel | None) -> str | None:
    match table:
        case None:
            return None
        case SessionConfig():
            return "a session"
        case PairConfig():
            return f"{shown(table.source)} to {shown(table.target)}, by {table.session}"
        case _:
            return "a table"


def _text(table: str, field: str, value: Any) -> str:
    kind = table.partition(".")[0]
    private = kind in {"loopback", "notify"} or (kind, field) == ("console", "tokens")
    if private or (kind == "pairs" and field not in PLAIN_OF_PAIRS):
        return WITHHELD
    match value:
        case Secret():
            return _place(value)
        case ProxyConfig():
            return value.kind if value.host is None else f"{value.kind} {value.host}:{value.port}"
        case str() if field == "phone":
            return f"...{value[-2:]}"
        case _:
            return "none" if value is None else shown(value)


def _place(secret: Secret) -> str:
    if secret.env is not None:
        return variable_shown(secret.env)
    if secret.file is not None:
        return path_shown(secret.file)
    return "a keyring's entry"
