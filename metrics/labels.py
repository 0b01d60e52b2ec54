"""Label values from small fixed sets. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OTHER: Final = "other"

SERVICES: Final = frozenset({"journal", "gateway", "registry", "health", "console"})

CAUSES: Final[Mapping[str, str]] = {
    "start": "start",
    "crash": "crash",
    "login": "login",
    "connection lost": "connection",
    "asked by the operator": "operator",
}


def kind_of(path: str) -> str:
    """What kind of child lives at ``path``: session, group, journal, ... or other.

    Supervisors are ``other``: what they supervise is counted by itself.
    """
    *above, name = path.split("/")
    if name in SERVICES and not above:
        return name
    if above and above[-1].startswith("session:") and name == "session":
        return "session"
    if above and above[-1] == "groups":
        return "group"
    return OTHER


def reason_word(reason: str) -> str:
    """A restart's reason in one word: the error's class if there was one, else the kind of end."""
    kind, _, rest = reason.partition(": ")
    word = rest if rest.isidentifier() else kind
    return word if word.isidentifier() else OTHER


def cause_class(cause: str) -> str:
    """Why a session had to come back, as one of six words."""
    return CAUSES.get(cause, OTHER)
