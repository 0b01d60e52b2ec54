"""The session's current client, and the persistence of what it learns.

At most one client at a time, each with a generation of its own, so that what an earlier one
still says is told apart. Leaves opening to ``recovery`` and closing in time to the gateway.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...storage import Store
from ...supervision import LoopActor
from ...telegram import Client, ClientEvent
from ..context import Services
from .internal import Flush, Heard
from .login.end_authorisation import ending_of, proof_of
from .recovery import keep_changes

FLUSH_AFTER = 1.0  # seconds that a learnt update state may be newer than the database


class ClientSlot:
    """One session's client, or none.

    Args:
        actor: the session actor; its mailbox gets what the client tells.
    """

    __slots__ = ("_actor", "_early", "_name", "_services", "client", "generation")

    def __init__(self, name: str, services: Services, actor: LoopActor) -> None:
        self._name, self._services, self._actor = name, services, actor
        self.client: Client | None = None
        self.generation = 0
        self._early: list[Heard] = []

    @property
    def update_age(self) -> float | None:
        """Seconds since the client last heard an update; ``None`` without a client."""
        if self.client is None:
            return None
        return max(0.0, self._actor.clock.now() - self.client.last_update)

    def listen(self) -> Callable[[ClientEvent], None]:
        """Begin a generation and return where its client is to tell what it hears."""
        self.generation += 1
        self._early.clear()
        generation, actor = self.generation, self._actor

        def hear(event: ClientEvent) -> None:
            if generation == self.generation:  # a client that is being closed is not heard
                actor.actor_ref.tell(Heard(generation, event))

        return hear

    def buffer(self, message: Heard) -> None:
        """Keep what is told before the groups know of the gap in front of it."""
        self._early.append(message)

    def drain(self) -> list[Heard]:
        """What was kept, to be told now."""
        early, self._early = self._early, []
        return early

    def attach(self, client: Client) -> None:
        """Work with this client from now on."""
        self.client = client
        client.session.on_change = self._flush_soon
        self._services.shared.follow(self._name, client)
        self.flush()

    def detach(self) -> Client | None:
        """Work with none any more, what it has learnt on its way to the disk; returns it."""
        self.flush()  # what this client has learnt is what the next one starts with
        self._services.shared.leave(self._name)
        client, self.client = self.client, None
        return client

    def close_generation(self) -> None:
        """End the generation: what its client still says is not heard."""
        self.generation += 1

    def latch_key(self, key_id: int, reason: str) -> Awaitable[None]:
        """Latch a dead key; await it to let the key go as soon as nothing can use it any more."""
        now = self._services.stamp()

        def latch(store: Store) -> None:
            store.latch_key(key_id, reason, now)

        self._services.journal.post(latch)
        return self._let_go_of(key_id, latch)

    async def _let_go_of(self, key_id: int, latch: Callable[[Store], None]) -> None:
        await self._services.gateway.close(self._name)
        await self._services.journal.do(latch)  # whoever takes the key from now on is refused by it
        self._services.keys.release(key_id)

    def flush(self) -> None:
        """Have what was learnt written down; posted, never waited for."""
        changes = None if self.client is None else self.client.session.take_changes()
        if changes is not None:
            name, services = self._name, self._services
            services.journal.post(lambda store: keep_changes(store, name, changes, services))

    def _flush_soon(self) -> None:
        self._actor.after(FLUSH_AFTER, Flush())

    async def close(self) -> None:
        """Write down what was learnt, prove the clients off, then let the keys go."""
        self.close_generation()
        if self.client is not None:
            self.client.save_states()
        self.detach()
        deadline = self._services.settings.close_deadline
        for place in (self._name, proof_of(self._name), ending_of(self._name)):
            await self._services.gateway.close(place, deadline=deadline)
        self._services.keys.release_of(self._name)
