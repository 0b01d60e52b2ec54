"""Events of the store, one frozen value a fact; ``at`` is epoch seconds."""

from __future__ import annotations

from ..supervision import Event, frozen


@frozen
class RowsPruned(Event):
    """What was past its time is gone from the database: how many rows of which table.

    Args:
        outbox: messages that were delivered.
        seconds: how long it took, rests for live writes among it.
    """

    child: str = "journal"
    outbox: int = 0
    audit: int = 0
    crashes: int = 0
    floods: int = 0
    login_codes: int = 0
    entities: int = 0
    seconds: float = 0.0

    @property
    def rows(self) -> dict[str, int]:
        """TableAccess by table, those of which there were none among them."""
        return {
            "outbox": self.outbox,
            "audit": self.audit,
            "crashes": self.crashes,
            "floods": self.floods,
            "login_codes": self.login_codes,
            "entities": self.entities,
        }
