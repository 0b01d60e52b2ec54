"""Faults that were mended once, made again while the simulator runs: does it find them?

Each takes one fix out of the running product. ``python -m simulation mutations`` plays fresh seeds
until each is found, and says after how many acts; one that is not found is a hole in the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from telewarden.actors import group_sending
from telewarden.telegram import hearing, missed, requests

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
    from telewarden.actors import group_writing

    def drawn(pair: int, chat: int, source: int, *, part: int = 0) -> int:
        import os

        return int.from_bytes(os.urandom(7), "little")

    group_writing.random_id_for = drawn  # type: ignore[assignment]


MUTATIONS: Final[dict[str, Callable[[], None]]] = {
    one.__name__: one
    for one in (
        own_messages_unheard,
        outdated_copy_crashes_its_group,
        missed_updates_without_a_pause,
        silence_is_not_carried,
        random_ids_are_drawn,
    )
}
