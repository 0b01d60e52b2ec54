"""Causes for which a pair waits, with their start times. Pure but for the clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...telegram import PairReport
from ...telegram.reports import Wait, WaitKind
from .pair import PairState

Found = tuple[WaitKind, str, object]
"""The kind, in words, and what tells this wait from the next of its kind."""


class PairWaits:
    """The waits of one group's pairs; each look keeps since when it has found them.

    Args:
        session: whose pairs they are.
    """

    def __init__(self, session: str) -> None:
        self._session = session
        self._since: dict[tuple[int, WaitKind, object], float] = {}

    def report(self, state: PairState, *, online: bool, now: float) -> PairReport:
        """A pair's report with what it waits for; ``now`` is in epoch seconds."""
        pair, found = state.plan.id, tuple(_found(state, online))
        keys = {(pair, kind, mark) for kind, _, mark in found}
        since = {key: self._since.get(key, now) for key in keys}
        self._since = {key: at for key, at in self._since.items() if key[0] != pair} | since
        who = f"pair {pair} of {self._session}"
        waits = tuple(
            Wait(who=who, kind=kind, what=what, since=since[pair, kind, mark])
            for kind, what, mark in found
        )
        return replace(state.report(), waits=waits)

    def forget(self, pair: int) -> None:
        """A pair is gone."""
        self._since = {key: at for key, at in self._since.items() if key[0] != pair}


def _found(state: PairState, online: bool) -> Iterator[Found]:
    if state.paused is not None:
        yield WaitKind.PAUSED, state.paused, state.paused
        return
    if state.handler is not None and state.under_way is not None:
        count = len(state.under_way.items)
        what = f"its handler, with {_messages(count)}; {_messages(len(state.queue))} in the queue"
        yield WaitKind.HANDLER, what, state.under_way.ticket
    if not online:
        return  # its session says what that waits for
    if state.behind:
        what = f"its source's history is read first; {_messages(len(state.held))} held back"
        yield WaitKind.BEHIND, what, None
    if state.backfill is not None:
        what = f"its past is read; message {state.backfill.after} of {state.backfill.until}"
        yield WaitKind.BACKFILL, what, None
    if state.handler is None and state.under_way is not None:
        what = f"its turn to send, or Telegram's answer; {_messages(len(state.queue))} in the queue"
        yield WaitKind.PACE, what, state.under_way.ticket
    elif state.attempts and state.queue:
        yield WaitKind.RETRY, f"another try, after {state.attempts}", state.attempts


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"
