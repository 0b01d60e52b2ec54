"""``invokeAfterMsg``: requests of one connection that wait for others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

KNOWN: Final = 1000  # requests whose outcome is remembered


class InvokeAfter:
    """What became of the latest requests, and what waits for one of them."""

    def __init__(self) -> None:
        self._ends: OrderedDict[int, bool | None] = OrderedDict()
        self._waiting: dict[int, list[Callable[[bool], None]]] = {}

    def begun(self, msg_id: int) -> None:
        """A request has come."""
        self._ends[msg_id] = None
        if len(self._ends) > KNOWN:
            self._waiting.pop(self._ends.popitem(last=False)[0], None)

    def ended(self, msg_id: int, *, well: bool) -> None:
        """A request was carried out, or refused."""
        self._ends[msg_id] = well
        for go in self._waiting.pop(msg_id, ()):
            go(well)

    def after(self, msg_id: int | None, go: Callable[[bool], None]) -> None:
        """Call ``go`` when that request has ended, with how; at once when it has, or is unknown."""
        end = True if msg_id is None else self._ends.get(msg_id, False)
        if end is None and msg_id is not None:
            self._waiting.setdefault(msg_id, []).append(go)
        else:
            go(bool(end))
