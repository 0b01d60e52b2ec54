"""What the senders of channels and webhooks share: clocks, the store, counters, and their actor."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..storage import Epoch
from .notify_store import NotifyStore

T = TypeVar("T")


class NotificationCounter(Protocol):
    """Counts messages out."""

    def notification(self, channel: str, outcome: str, *, amount: int = 1) -> None: ...
    def notifications_waiting(self, waiting: Mapping[str, int]) -> None: ...


class SenderOwner(Protocol):
    """The actor that has a sender: its work beside the mailbox, its timers, its chance."""

    @property
    def rng(self) -> random.Random: ...

    def pipe(self, awaitable: Awaitable[T], *, then: Callable[[T], object]) -> object:
        """Do something beside the mailbox, and go on with its result in the mailbox's turn."""

    def send_due(self) -> None:
        """Send whatever is due, by any sender."""

    def wake_at(self, due: float) -> None:
        """Look again then, in epoch seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderContext:
    """What a sender works with.

    Args:
        owner: the actor that has it.
        store: keeps what is owed.
        epoch: the clocks.
        counter: counts what goes out.
        new_id: makes ids that are unique for ever.
    """

    owner: SenderOwner
    store: NotifyStore
    epoch: Epoch
    counter: NotificationCounter
    new_id: Callable[[], str]
