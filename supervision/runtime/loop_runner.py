"""A place's seat in the loop: runs one incarnation of a ``LoopActor`` after the other.

One message at a time. While an ``async def`` handler waits, so does the mailbox. Everything here
runs in the loop's thread, ``wake`` excepted.
"""

from __future__ import annotations

import asyncio
from types import CoroutineType
from typing import Any, Final

from pykka._envelope import Envelope
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from ...errors import ChildUnavailableError, DrillError
from ..policy.exit_reason import Exit, ExitKind
from .child_slot import STARTING, answer
from .control import Drill
from .failures import start_exit, take_failure
from .fencing import Term
from .future import Answer
from .loop_lifecycle import LoopLife
from .mailbox import LoopMailbox, OwnEnvelope, wrapped
from .states import Outcome

__all__ = ["LoopCell"]

BATCH: Final = 32  # messages an actor may handle before the others get their turn


class LoopCell(LoopLife):
    """The runner of loop-hosted places."""

    __slots__ = ("mailbox",)

    mailbox: LoopMailbox

    def wake(self) -> None:
        """Have the mailbox served; from any thread."""
        self._place.realm.host.enqueue(self)

    # starting

    def begin(self, incarnation: int) -> Outcome:
        """Build the next incarnation and run its ``on_start``."""
        self.incarnation, self._halting, self._ending = incarnation, None, None
        self.term = Term(self._place.path, incarnation)
        token = STARTING.set(self._place)
        try:
            self.actor = actor = self._place.build(self._place.spec.actor)  # type: ignore[assignment]
            result: Any = actor.on_start()  # type: ignore[func-returns-value]  # hooks may be async
            if type(result) is CoroutineType:
                self._step(result, self._start_done)
                return None
        except BaseException as error:  # noqa: BLE001 - nothing a child raises may reach others
            return self._start_failed(start_exit(self._place, error))
        finally:
            STARTING.reset(token)
        self._serve_from_now_on()
        return True

    def _start_done(self, _: Any, error: BaseException | None) -> None:
        if error is not None:
            self._end(self._halting or start_exit(self._place, error))
        elif self._halting is not None:
            self._finish(self._halting)
        else:
            self._serve_from_now_on()
            self._place.report_started(self.incarnation)

    def _start_failed(self, exit_: Exit) -> Outcome:
        if not self.tasks:
            self._let_go()
            return exit_
        self._end(exit_)
        return None

    def _serve_from_now_on(self) -> None:
        self._serving = True
        self.mailbox.idle = False
        self.wake()

    # serving

    def serve(self) -> None:
        """Handle waiting messages: a batch, then it is the others' turn. All of it counts."""
        mailbox, items = self.mailbox, self.mailbox.items
        left = BATCH
        while self._serving and self._task is None:
            if not items:
                mailbox.idle = True
                if not items:
                    return
                mailbox.idle = False
            if not left:
                self.wake()
                return
            left -= 1
            try:
                item = items.popleft()
            except IndexError:  # refused by another thread meanwhile
                continue
            if type(item) in SPECIAL:
                self._handle(wrapped(item))
                continue
            try:
                result = self.actor.on_receive(item)  # type: ignore[union-attr]  # it is served
            except BaseException as error:  # noqa: BLE001 - S4: nothing may reach others
                self._failed(Envelope(item), error)
                continue
            if type(result) is CoroutineType:
                self._envelope = Envelope(item)
                self._step(result, self._handled)

    def _handle(self, envelope: Envelope[Any]) -> None:
        actor, message = self.actor, envelope.message
        assert actor is not None  # noqa: S101 - only served while there is one
        if type(envelope) is OwnEnvelope and envelope.incarnation != self.incarnation:
            return
        try:
            if type(message) not in SPECIAL:
                result = actor.on_receive(message)
            elif type(message) is _ActorStop:
                self._stop_itself(envelope)
                return
            elif type(message) is Drill:
                raise DrillError(message.reason)
            else:
                result = actor._handle_receive(message)  # noqa: SLF001 - what Pykka's own loop calls
        except BaseException as error:  # noqa: BLE001 - S4: nothing a child raises may reach others
            self._failed(envelope, error)
            return
        if type(result) is CoroutineType:
            self._envelope = envelope
            self._step(result, self._handled)
        elif envelope.reply_to is not None:
            self._reply(envelope, result)

    def _handled(self, result: Any, error: BaseException | None) -> None:
        envelope, self._envelope = self._envelope, None
        assert envelope is not None  # noqa: S101 - set when the step began
        if self._halting is not None:
            self._answer_halted(envelope, result, error)
            self._finish(self._halting)
        elif error is not None:
            self._failed(envelope, error)
            self.wake()
        else:
            if envelope.reply_to is not None:
                self._reply(envelope, result)
            self.wake()

    def _answer_halted(
        self, envelope: Envelope[Any], result: Any, error: BaseException | None
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            error = ChildUnavailableError(self._place.path, "it is stopping")
        answer(envelope, value=result, error=error)

    def _reply(self, envelope: Envelope[Any], result: Any) -> None:
        if isinstance(result, Answer):
            assert envelope.reply_to is not None  # noqa: S101 - the caller looked
            result.pass_on(envelope.reply_to)
            if not result.done:
                self._owe(result)
        else:
            answer(envelope, value=result)

    def _failed(self, envelope: Envelope[Any], error: BaseException) -> None:
        exit_ = take_failure(self._place, envelope, error)
        if exit_ is not None:
            self._crash(error, exit_)

    def _stop_itself(self, envelope: Envelope[Any]) -> None:
        self._halting = Exit(ExitKind.NORMAL)
        self._finish(self._halting)
        answer(envelope)


SPECIAL: Final = frozenset(
    {Envelope, OwnEnvelope, _ActorStop, Drill, ProxyCall, ProxyGetAttr, ProxySetAttr}
)
"""Types of what waits that ``on_receive`` does not get as it is."""
