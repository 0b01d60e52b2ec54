"""All commands, and how one is found by its name.

The modules that describe them are imported when one of theirs is wanted: a command line that
carries out one command reads the descriptions of a few.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from ...errors import BadCommandError
from .model import Command, Surface

FIRST_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "local": "init run check migrate reload stop wait top mcp keygen token database store"
        " demo loopback completion help",
        "sessions": "status sessions register change change-many delete optimal workers",
        "login": "login auth renew logout authorisations recover",
        "moving": "import identify export keys",
        "backups": "backup backups restore database",
        "pairs": "pairs chats reassign changesession",
        "operations": "operations limits",
        "watching": "health test safety-check diagnostics tree drill events floods audit history"
        " stack",
        "alerts": "alerts webhooks",
    }
)
"""The modules in the order of their commands, each with the first words of those."""


@cache
def every() -> tuple[Command, ...]:
    """All of them."""
    return tuple(one for module in FIRST_WORDS for one in _described(module))


def headings() -> tuple[str, ...]:
    """The headings, in the order in which they are listed."""
    from . import alerts, backups, local, login, moving, operations, pairs, sessions, watching

    return (
        local.STARTING,
        sessions.GROUP,
        login.GROUP,
        pairs.GROUP,
        watching.GROUP,
        alerts.GROUP,
        operations.GROUP,
        backups.GROUP,
        moving.KEYS,
        local.TRYING,
        local.HELP,
    )


def beginning(word: str) -> tuple[Command, ...]:
    """The commands that begin with a word."""
    modules = (module for module, words in FIRST_WORDS.items() if word in words.split())
    return tuple(one for module in modules for one in _described(module) if one.words[0] == word)


def offered(surface: Surface) -> tuple[Command, ...]:
    """The commands of one surface."""
    return tuple(one for one in every() if surface in one.surfaces)


def find(name: str) -> Command:
    """The command of that name, with blanks or dashes between its words.

    Raises:
        BadCommandError: there is none; with the nearest names.
    """
    for one in every():
        if name in {one.name, one.slug}:
            return one
    near = nearest(name, {one.name: one for one in every()})
    hint = f"did you mean {', '.join(near)}?" if near else "see `telewarden --help`"
    raise BadCommandError(name, f"there is no such command; {hint}")


def nearest(name: str, known: Mapping[str, object]) -> list[str]:
    """The known names that look most like one, best first."""
    from difflib import get_close_matches

    return get_close_matches(name, list(known), n=3)


@cache
def _described(module: str) -> tuple[Command, ...]:
    commands: tuple[Command, ...] = importlib.import_module(f".{module}", __package__).COMMANDS
    return commands
