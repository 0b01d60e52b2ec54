"""All commands, and how one is found by its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ...errors import BadCommandError
from . import backups, local, login, moving, operations, pairs, sessions, watching
from .model import Command, Surface

ALL: Final[tuple[Command, ...]] = (
    *local.COMMANDS,
    *sessions.COMMANDS,
    *login.COMMANDS,
    *moving.COMMANDS,
    *backups.COMMANDS,
    *pairs.COMMANDS,
    *operations.COMMANDS,
    *watching.COMMANDS,
)
GROUPS: Final = (
    local.STARTING,
    sessions.GROUP,
    login.GROUP,
    pairs.GROUP,
    watching.GROUP,
    operations.GROUP,
    backups.GROUP,
    moving.KEYS,
    local.TRYING,
    local.HELP,
)
"""The headings, in the order in which they are listed."""
BY_NAME: Final[Mapping[str, Command]] = MappingProxyType({one.name: one for one in ALL})
BY_SLUG: Final[Mapping[str, Command]] = MappingProxyType({one.slug: one for one in ALL})


def offered(surface: Surface) -> tuple[Command, ...]:
    """The commands of one surface."""
    return tuple(one for one in ALL if surface in one.surfaces)


def find(name: str) -> Command:
    """The command of that name, with blanks or dashes between its words.

    Raises:
        BadCommandError: there is none; with the nearest names.
    """
    found = BY_NAME.get(name) or BY_SLUG.get(name)
    if found is not None:
        return found
    near = nearest(name, BY_NAME)
    hint = f"did you mean {', '.join(near)}?" if near else "see `telewarden --help`"
    raise BadCommandError(name, f"there is no such command; {hint}")


def nearest(name: str, known: Mapping[str, object]) -> list[str]:
    """The known names that look most like one, best first."""
    from difflib import get_close_matches

    return get_close_matches(name, list(known), n=3)
