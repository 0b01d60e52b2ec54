"""S14, S20, S21: what happens to a message, whatever happens to its mailbox meanwhile."""

from __future__ import annotations

from collections import deque
from queue import SimpleQueue
from typing import Any

import pytest
from pykka._envelope import Envelope

from telewarden.supervision.runtime.mailbox import NUDGE, LoopMailbox, Mailbox, Mode, ThreadMailbox

pytestmark = pytest.mark.supervision

Refused = list[tuple[Any, str]]


def made(kind: str, *, limit: int = 3) -> tuple[Mailbox, Refused]:
    refused: Refused = []

    def refuse(envelope: Envelope[Any], reason: str) -> None:
        refused.append((envelope.message, reason))

    if kind == "loop":
        return LoopMailbox(limit=limit, refuse=refuse, wake=lambda: None), refused
    return ThreadMailbox(limit=limit, refuse=refuse), refused


BOTH = pytest.mark.parametrize("kind", ["loop", "thread"])


@BOTH
def test_s20_a_held_mailbox_keeps_what_fits(kind: str) -> None:
    mailbox, refused = made(kind, limit=2)
    for n in range(4):
        mailbox.put(Envelope(n))
    mailbox.set_mode(Mode.OPEN)
    mailbox.put(Envelope(4))

    assert refused == [(2, "overflow"), (3, "overflow")]
    assert [mailbox.get().message for _ in range(3)] == [0, 1, 4]
    assert mailbox.empty()


@BOTH
@pytest.mark.parametrize(
    ("mode", "reason"), [(Mode.UNAVAILABLE, "unavailable"), (Mode.CLOSED, "gone")]
)
def test_s21_closing_answers_what_waits_and_what_still_comes(
    kind: str, mode: Mode, reason: str
) -> None:
    mailbox, refused = made(kind)
    mailbox.set_mode(Mode.OPEN)
    mailbox.put(Envelope("before"))
    mailbox.set_mode(mode)
    mailbox.put(Envelope("after"))

    assert refused == [("before", reason), ("after", reason)]


@BOTH
def test_s21_a_closed_mailbox_stays_closed(kind: str) -> None:
    mailbox, refused = made(kind)
    mailbox.set_mode(Mode.CLOSED)
    mailbox.set_mode(Mode.OPEN)
    mailbox.put(Envelope("late"))

    assert refused == [("late", "gone")]


@pytest.mark.parametrize("before", [Mode.OPEN, Mode.HELD])
def test_s21_a_loop_mailbox_closed_in_the_middle_of_a_put_refuses_that_message(
    before: Mode,
) -> None:
    mailbox, refused = made("loop")

    class ClosesBehindYou(deque[Any]):
        def append(self, envelope: Any) -> None:
            mailbox.mode = Mode.CLOSED  # closed and drained by another thread, just now
            super().append(envelope)

    assert isinstance(mailbox, LoopMailbox)
    mailbox.set_mode(before)
    mailbox.items = ClosesBehindYou()
    mailbox.put(Envelope("between"))

    assert refused == [("between", "gone")]


@pytest.mark.parametrize("before", [Mode.OPEN, Mode.HELD])
def test_s21_a_thread_mailbox_closed_in_the_middle_of_a_put_refuses_that_message(
    before: Mode,
) -> None:
    mailbox, refused = made("thread")

    class ClosesBehindYou:
        def __init__(self) -> None:
            self.queue: SimpleQueue[Any] = SimpleQueue()

        def put(self, envelope: Any) -> None:
            mailbox.mode = Mode.CLOSED  # closed and drained by another thread, just now
            self.queue.put(envelope)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.queue, name)

    assert isinstance(mailbox, ThreadMailbox)
    mailbox.set_mode(before)
    mailbox.use(ClosesBehindYou())  # type: ignore[arg-type]  # stands in for a queue
    mailbox.put(Envelope("between"))

    assert refused == [("between", "gone")]


def test_s21_what_was_told_is_refused_by_a_mailbox_closed_in_the_middle_of_it() -> None:
    refused: Refused = []

    class ClosesBehindYou(SimpleQueue):  # type: ignore[type-arg]  # of anything
        def put(self, item: Any) -> None:
            mailbox.mode = Mode.CLOSED
            super().put(item)

    mailbox = ThreadMailbox(limit=3, refuse=lambda e, why: refused.append((e.message, why)))
    mailbox.set_mode(Mode.OPEN)
    mailbox.use(ClosesBehindYou())
    mailbox.tell("between")

    assert refused == [("between", "gone")]


@BOTH
@pytest.mark.parametrize("message", [None, Envelope("inner"), NUDGE, 7])
def test_anything_can_be_told(kind: str, message: object) -> None:
    mailbox, refused = made(kind)
    for mode in (Mode.HELD, Mode.OPEN):
        mailbox.set_mode(mode)
        mailbox.tell(message)

    assert [mailbox.get().message for _ in range(2)] == [message, message]
    assert refused == []


def test_s14_control_overtakes_the_backlog_and_a_drain_leaves_it_its_wake_up() -> None:
    mailbox, refused = made("thread")
    assert isinstance(mailbox, ThreadMailbox)
    mailbox.set_mode(Mode.OPEN)
    mailbox.put(Envelope("backlog"))
    mailbox.overtake(Envelope("control"))
    mailbox.set_mode(Mode.UNAVAILABLE)

    assert mailbox.get().message == "control"
    assert refused == [("backlog", "unavailable")]


def test_an_idle_loop_mailbox_wakes_its_actor_once() -> None:
    woken: list[str] = []
    mailbox = LoopMailbox(limit=3, refuse=lambda *_: None, wake=lambda: woken.append("!"))
    mailbox.set_mode(Mode.OPEN)
    mailbox.idle = True
    mailbox.put(Envelope(1))
    mailbox.put(Envelope(2))

    assert woken == ["!"]


def test_a_thread_takes_what_waits_at_its_end_told_or_asked() -> None:
    mailbox, refused = made("thread")
    assert isinstance(mailbox, ThreadMailbox)
    mailbox.set_mode(Mode.OPEN)
    mailbox.tell("told")
    mailbox.overtake(Envelope("control"))
    mailbox.put(Envelope("asked"))

    assert [envelope.message for envelope in mailbox.take_waiting()] == ["told", "asked"]
    assert mailbox.get().message == "control"
    assert refused == []
