"""Requests of programs that share a session: at the account's pace, under its floods.

What posts takes its turn in the same buckets as what the pairs send, so that an account sends no
faster for having more users. Every request passes the client's gate, as an app's own does.
"""

from __future__ import annotations

import asyncio
from typing import Final

from ....errors import TelegramRateLimitError
from ....supervision import Answer, LoopActor
from ....telegram import Action, Client, ErrorClass, Verdict, classify
from ...context import Services
from ...errors import to_public_error
from ...messages import CallShared, Probe, SharedFacts
from ..client_slot import ClientSlot
from ..internal import Hinted
from ..sender import Sender
from ..state import SessionState

LONGEST_TURN: Final = 300.0  # seconds that a post waits for its turn; longer is refused as a flood


class SharedCalls:
    """Calls for programs, for one session.

    Args:
        actor: the session actor; its mailbox gets the answers.
        slot: the client to ask.
        state: where the session stands.
        sender: whose pace it is.
    """

    __slots__ = ("_actor", "_name", "_sender", "_services", "_slot", "_state", "_under_way")

    def __init__(
        self,
        name: str,
        services: Services,
        actor: LoopActor,
        *,
        slot: ClientSlot,
        state: SessionState,
        sender: Sender,
    ) -> None:
        self._name, self._services, self._actor = name, services, actor
        self._slot, self._state, self._sender = slot, state, sender
        self._under_way: set[asyncio.Task[None]] = set()

    def call(self, message: CallShared) -> Answer:
        """Carry a request out when it is its turn."""
        answer = Answer()
        if self._slot.client is None:
            answer.fail(self._state.offline())
            return answer
        chat = message.request.chat
        if chat is None:
            self._begin(message, answer)
            return answer
        if (until := self._sender.limited_until) is not None:
            answer.fail(self._flooded(until - self._services.now(), limited=True))
            return answer
        wait = self._sender.pacer.reserve(chat, self._actor.clock.now(), message.request.cost)
        if wait <= 0:
            self._begin(message, answer)
        elif wait > LONGEST_TURN:
            answer.fail(self._flooded(wait))
        else:
            self._actor.after(wait, then=lambda: self._begin(message, answer))
        return answer

    def facts(self) -> SharedFacts:
        """Where the account is.

        Raises:
            SessionOfflineError: the session is not online.
        """
        client = self._slot.client
        if client is None:
            raise self._state.offline()
        return SharedFacts(dc_id=client.session.dc_id, user_id=client.user_id)

    def _begin(self, message: CallShared, answer: Answer) -> None:
        client = self._slot.client
        if client is None:
            answer.fail(self._state.offline())
            return
        task = asyncio.get_running_loop().create_task(self._ask(client, message, answer))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _ask(self, client: Client, message: CallShared, answer: Answer) -> None:
        """Ask and answer at once, past the mailbox: a program may ask thousands of times a second.

        It ends with its client, which a stop and a crash close; what it means for the session
        goes to the mailbox.
        """
        deadline = message.deadline or self._services.settings.call_deadline
        try:
            result = await client.call_at(message.request, message.dc_id, deadline=deadline)
        except asyncio.CancelledError:
            answer.fail(ConnectionAbortedError("the connection was closed before the answer"))
            raise
        except Exception as error:  # noqa: BLE001 - the asker is told, whatever it is
            self._refused(message, answer, error)
        else:
            answer.set(result)

    def failed(self, error: BaseException) -> Verdict:
        """Look closer where an error may mean the session; returns what it means."""
        verdict = classify(error)
        if verdict.terminal:
            self._actor.actor_ref.tell(Probe())  # which will tell whether the session has ended
        elif verdict.action is Action.HOLD_WRITES:
            self._actor.actor_ref.tell(Hinted(verdict))
        return verdict

    def _refused(self, message: CallShared, answer: Answer, error: BaseException) -> None:
        verdict = self.failed(error)
        self._slow_down(message, verdict.action, verdict.wait)
        answer.fail(to_public_error(error, session=self._name))

    def _slow_down(self, message: CallShared, action: Action, wait: float | None) -> None:
        """A flood of a program is the account's: whoever sends next sends slower."""
        chat, now = message.request.chat, self._actor.clock.now()
        if chat is None or wait is None:
            return
        if action is Action.PARK_CHAT:
            self._sender.pacer.slow_mode(chat, wait, now)
        elif action is Action.PARK_METHOD:
            self._sender.pacer.flooded(None, now)
            self._sender.pacer.flooded(chat, now)

    def _flooded(self, wait: float, *, limited: bool = False) -> TelegramRateLimitError:
        why = "the account is limited" if limited else "its turn is too far away"
        return TelegramRateLimitError(
            f"{self._name}: {why}; no packet was sent",
            session=self._name,
            kind=ErrorClass.LIMITED if limited else ErrorClass.FLOOD,
            action=Action.HOLD_WRITES if limited else Action.PARK_METHOD,
            name="PEER_FLOOD" if limited else "FLOOD_WAIT",
            advice="It may be called again at the deadline.",
            wait=wait,
            deadline=self._services.now() + wait,
        )
