"""Ending an authorisation at Telegram, and making sure that no copy of its key is tried again."""

from __future__ import annotations

from ..telegram import WardenSession, log_out, parse_string
from .kit import Kit

__all__ = ["end_authorisation", "ending_of", "proof_of"]


def proof_of(name: str) -> str:
    """What the gateway calls the client that proves a login before it becomes ``name``'s."""
    return f"{name}:proof"


def ending_of(name: str) -> str:
    """What the gateway calls the client that ends a login that was ``name``'s."""
    return f"{name}:ending"


async def end_authorisation(kit: Kit, name: str, string: str, *, reason: str) -> None:
    """Log a key out that no client of the session uses any more, latch it, and let it go.

    Raises:
        Exception: what Telegram or the network said; the key is then neither ended nor latched.
    """
    key_id, place = parse_string(string).key_id, ending_of(name)
    await kit.keys.hold(key_id, session=name, passing=True)
    try:
        client = await kit.gateway.open(
            place,
            WardenSession.from_string(string),
            lambda _: None,
            deadline=kit.settings.connect_deadline,
        )
        await log_out(client, deadline=kit.settings.call_deadline)
        await kit.journal.do(lambda store: store.latch_key(key_id, reason, kit.now()))
    finally:
        await kit.gateway.close(place, deadline=kit.settings.close_deadline)
        kit.keys.release(key_id)
