"""Faults that were mended once, made again while the simulator runs: does it find them?

Each takes one fix out of the running product. ``python -m simulation mutations`` plays fresh seeds
until each is found, and says after how many acts; one that is not found is a hole in the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from telewarden.actors import (
    group_sending,
    group_writing,
    packing,
    revisions,
    rules,
    workgroups,
)
from telewarden.telegram import deliveries, hearing, missed, requests

__all__ = ["MUTATIONS"]


def own_messages_unheard() -> None:
    """What the account does itself is dropped, as Telethon does by default."""
    hearing.HearingClient._hear_answer = lambda *_: None  # type: ignore[method-assign]


def outdated_copy_crashes_its_group() -> None:
    """A copy that had arrived unseen and is outdated ends its worker group."""

    def crash(*_: Any) -> None:
        raise UnboundLocalError("pair")

    group_sending.Sending._complete_outdated = crash  # type: ignore[method-assign]


def missed_updates_without_a_pause() -> None:
    """A difference that does not get on is asked for again at once."""
    missed.PATIENCE = (0.0,) * 5_000  # type: ignore[misc]


def silence_is_not_carried() -> None:
    """Copies and forwards make a noise where their source makes none."""
    for name in ("copy_request", "forward_request"):
        made = getattr(requests, name)

        def loud(*args: Any, made: Any = made, **kwargs: Any) -> Any:
            request = made(*args, **kwargs)
            request.silent = None
            return request

        from telewarden.telegram import orders

        setattr(orders, name, loud)


def random_ids_are_drawn() -> None:
    """A copy's random id is another one at each try."""

    def drawn(pair: int, chat: int, source: int, *, part: int = 0) -> int:
        import os

        return int.from_bytes(os.urandom(7), "little")

    packing.random_id_for = drawn  # type: ignore[assignment]


def edits_of_what_waits_are_dropped() -> None:
    """What is told of a message that is held back, read or written does not change it."""
    revisions.Revisions.newest = lambda _, message: message  # type: ignore[method-assign]
    revisions.Revisions.knows = lambda *_: False  # type: ignore[method-assign]


def deletions_of_what_waits_are_dropped() -> None:
    """A message that is deleted before it was sent is sent."""
    revisions.Revisions.gone = lambda *_: None  # type: ignore[method-assign]


def a_copy_found_is_never_outdated() -> None:
    """A copy whose answer was lost is taken to say what its source says by now."""
    find = deliveries._find

    async def found(*args: Any) -> tuple[int | None, bool]:
        target, _ = await find(*args)
        return target, False

    deliveries._find = found  # type: ignore[assignment]


def older_edits_are_made_over_newer_ones() -> None:
    """Edits are made in the order in which they are told, and they are told again after a gap."""
    from telewarden.actors import pairstate

    revisions.is_older = lambda *_: False  # type: ignore[assignment]
    if hasattr(pairstate, "is_older"):
        pairstate.is_older = lambda *_: False


def the_mark_is_written_without_the_rows() -> None:
    """A commit that accepts messages is cut in the middle: only the mark is on the disk."""
    write = group_writing.Entries.write
    count = iter(range(1, 1 << 60))

    def half(self: Any, store: Any, pair: int) -> None:
        if next(count) % 20:
            write(self, store, pair)

    group_writing.Entries.write = half  # type: ignore[method-assign]


def answers_refer_to_anything() -> None:
    """A copy that answers refers to the newest message of the target."""
    make = requests._reply

    def reply(reply_to: int | None, topic: int | None) -> Any:
        return make(None if reply_to is None else 1, topic)

    requests._reply = reply  # type: ignore[assignment]


def filters_are_not_asked() -> None:
    """Everything is let through."""
    rules.Rules.lets_through = lambda *_: True  # type: ignore[method-assign]


def keys_are_used_twice() -> None:
    """Before a new client is opened, the old one is not closed."""
    from telewarden.telegram import client

    async def close(self: Any, *, deadline: float = 10.0) -> bool:
        return bool(deadline) and self.name is not None

    client.Client.close = close  # type: ignore[method-assign]


def a_pair_let_go_of_is_not_given_back() -> None:
    """A group's word that it let a pair go is not followed by another look at who is to have it."""
    ready = workgroups.WorkerGroups.ready

    def deaf(self: Any, message: Any) -> bool:
        known = self._groups.get(message.group)
        told = None if known is None else known.told
        if message.again and known is not None:
            known.has = frozenset()  # then nothing looks let go of
            ready(self, message)
            known.told = told
            return False
        return ready(self, message)

    workgroups.WorkerGroups.ready = deaf  # type: ignore[method-assign]


def a_chat_returned_to_is_not_compared() -> None:
    """What is deleted while the account is out of a chat stays."""
    hearing.HearingClient._note_returns = lambda *_: None  # type: ignore[method-assign]


MUTATIONS: Final[dict[str, Callable[[], None]]] = {
    one.__name__: one
    for one in (
        own_messages_unheard,
        outdated_copy_crashes_its_group,
        missed_updates_without_a_pause,
        silence_is_not_carried,
        random_ids_are_drawn,
        edits_of_what_waits_are_dropped,
        deletions_of_what_waits_are_dropped,
        a_copy_found_is_never_outdated,
        older_edits_are_made_over_newer_ones,
        the_mark_is_written_without_the_rows,
        answers_refer_to_anything,
        filters_are_not_asked,
        keys_are_used_twice,
        a_pair_let_go_of_is_not_given_back,
        a_chat_returned_to_is_not_compared,
    )
}
