"""Termination of an authorisation, and the latch on every copy of its auth key."""

from __future__ import annotations

from ....storage import Store
from ....telegram import WardenSession, log_out, parse_string
from ...context import Services
from ..flood_waits import OPENING, floods_of, refused


def proof_of(name: str) -> str:
    """What the gateway calls the client that proves a login before it becomes ``name``'s."""
    return f"{name}:proof"


def ending_of(name: str) -> str:
    """What the gateway calls the client that ends a login that was ``name``'s."""
    return f"{name}:ending"


async def refuse_early(services: Services, name: str) -> None:
    """Refuse to open a client while the call that proves a login must wait.

    Raises:
        TelegramRateLimitError: it must; no packet was sent.
    """
    egress, now = services.gateway.egress(name), services.now()
    kept, _ = await services.journal.do(lambda store: floods_of(store, egress, name))
    for row in kept:
        if (row.method, row.chat) == OPENING and row.until > now:
            raise refused(name, OPENING, row.until - now, row.until)


async def end_authorisation(services: Services, name: str, string: str, *, reason: str) -> None:
    """Log a key out that no client of the session uses any more, latch it, and let it go.

    Raises:
        Exception: what Telegram or the network said; the key is then neither ended nor latched.
    """
    parts, place = parse_string(string), ending_of(name)
    key_id = parts.key_id
    await refuse_early(services, name)
    await services.keys.acquire(key_id, session=name, temporary=True, key=parts.key)
    try:
        client = await services.gateway.open(
            place,
            WardenSession.from_string(string),
            lambda _: None,
            deadline=services.settings.connect_deadline,
        )
        token = await log_out(client, deadline=services.settings.call_deadline)
        now = services.stamp()

        def work(store: Store) -> None:
            store.latch_key(key_id, reason, now)
            if token is not None:
                store.add_future_token(name, token, now)

        await services.journal.do(work)
    finally:
        await services.gateway.close(place, deadline=services.settings.close_deadline)
        services.keys.release(key_id)
