"""Roles, and what each may do.

Pure. A role that may only look sees how things are, and nothing of what Telegram tells about an
account's owner: chats, devices. What hands out a login or names files of the warden's machine is
for the control socket alone, whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from ..commands.model import Command, Danger


class Role(StrEnum):
    """What a caller may do."""

    OPERATOR = "operator"
    READ_ONLY = "read-only"


PRIVATE: Final = frozenset(
    {"authorisations list", "chats", "diagnostics", "pairs read", "stack", "test"}
)
"""Commands that change nothing and are the operator's all the same: they ask Telegram about an
account, or tell of the machine."""

CHANGING: Final[Mapping[str, str]] = {"safety-check": "clear"}
"""Parameters that make a command that looks change something."""

SOCKET_ONLY: Final[Mapping[str, frozenset[str]]] = {
    "export": frozenset(),
    "import": frozenset({"file"}),
    "keys rotate": frozenset(),
}
"""Commands for the control socket, with the parameters that make them so; none: always."""


def over_the_network(command: Command, given: Mapping[str, Any]) -> bool:
    """Whether it may be given over the network at all."""
    kept = SOCKET_ONLY.get(command.name)
    return kept is None or (bool(kept) and not any(given.get(one) for one in kept))


def may(role: Role, command: Command, given: Mapping[str, Any]) -> bool:
    """Whether ``role`` may give it."""
    if role is Role.OPERATOR:
        return True
    changing = CHANGING.get(command.name)
    return (
        command.danger is Danger.LOOKS
        and command.name not in PRIVATE
        and not (changing is not None and given.get(changing))
    )
