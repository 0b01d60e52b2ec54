"""What a store does to become no larger than it must; see ``ports``."""

from __future__ import annotations

from typing import Protocol

from .records import OutboxPruned


class PruningPort(Protocol):
    """Removing what is past its time, in pieces that keep nobody waiting."""

    def prune_outbox(
        self, before: float, *, limit: int = 1_000, after: tuple[float, int] | None = None
    ) -> OutboxPruned:
        """Remove what was delivered before ``before``, looking at ``limit`` rows at most.

        What waits or is dead stays, and so does a message whose edit or deletion was noted and
        not made, and every message of a pair that is reading its past. The pair still knows what
        has gone (``known``), and the newest message that it put into its target.
        """
        ...

    def prune_audit(self, before: float, *, limit: int = 1_000) -> int:
        """Remove changes noted before ``before`` among the ``limit`` oldest; return how many."""
        ...

    def prune_crashes(self, before: float, *, limit: int = 1_000) -> int:
        """Forget failures before ``before`` among the ``limit`` oldest; return how many."""
        ...

    def prune_login_codes(self, before: float, *, limit: int = 1_000) -> int:
        """Forget codes asked for before ``before``, of the ``limit`` oldest; return how many."""
        ...

    def prune_entities(self, name: str, keep: int = 5_000, *, limit: int = 1_000) -> int:
        """Forget all but the ``keep`` entities seen last, ``limit`` at most; return how many."""
        ...

    def entity_owners(self, after: str = "", *, limit: int = 1_000) -> list[str]:
        """Return the sessions that have learnt something, by name, those behind ``after``."""
        ...
