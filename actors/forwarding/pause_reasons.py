"""The reason of a pause as one text: what a person said, and what else keeps the pair. Pure.

A person's word stands before what only a plan, an answer or other pairs can settle, and each of
the two is taken away by itself. Leaves what follows from a reason to ``pausing``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from ..pair_graph import PAIR_FAULTS

BY_HAND: Final = "paused by hand"
CONFIGURED: Final = "paused in the configuration"
OTHER_CHAT: Final = "NAME_MOVED"  # until somebody says which chat is meant
NOT_JOINED: Final = "NOT_JOINED"  # an invitation's chat, which the pair may not join
JOIN_REQUESTED: Final = "JOIN_REQUESTED"  # until the chat's admins have let the account in
LASTING: Final = (CONFIGURED, OTHER_CHAT, *PAIR_FAULTS)
"""How reasons begin that no person's word takes away."""
BESIDES: Final = "; besides: "
UNTIL: Final = re.compile(r", until (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC\Z")


def hand_of(reason: str | None) -> str:
    """What a person has said of the pause; empty where nobody has."""
    return _parts(reason)[0]


def other_of(reason: str | None) -> str:
    """What keeps the pair besides, or alone; empty where nothing does."""
    return _parts(reason)[1]


def joined(hand: str, other: str) -> str:
    """Both as one reason; either may be empty."""
    return BESIDES.join(filter(None, (hand, other)))


def lasting(reason: str | None) -> str:
    """What a pause by hand does not take the place of; empty where it does."""
    other = other_of(reason)
    return other if other.startswith(LASTING) else ""


def by_plan(reason: str | None, *, enabled: bool) -> str:
    """The reason of an earlier run under a plan that has the pair on, or off; empty for none."""
    hand, other = _parts(reason)
    if not enabled:
        return joined(hand, CONFIGURED)
    return joined(hand, "" if other == CONFIGURED else other)


def end_of(reason: str | None) -> float | None:
    """Until when a pause by hand was meant, in epoch seconds; ``None`` until it is resumed."""
    found = UNTIL.search(hand_of(reason))
    return None if found is None else _stamp(found[1])


def _stamp(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _parts(reason: str | None) -> tuple[str, str]:
    if reason is None or not reason.startswith(BY_HAND):
        return "", reason or ""
    hand, _, other = reason.rpartition(BESIDES)
    return (hand, other) if hand and other.startswith(LASTING) else (reason, "")
