"""Handling of login requests in a session actor: replies, and moves the phase.

A login waits while copies of the present one are tried, for they may do. A renewal runs beside
the session, which works on. Leaves the flow and its budget to ``login``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from ...supervision import Answer
from ...telegram import (
    CodeSent,
    EmailAsked,
    Event,
    LoginFailed,
    PasswordAsked,
    Phase,
    QrShown,
    QrToken,
    SignedIn,
    Wait,
    WaitKind,
    classify,
)
from ..context import Services
from ..messages import StartLogin
from .control import SessionControl
from .internal import Flush, LoginRequested
from .login.end_authorisation import end_authorisation
from .login.steps import Login, LoginStep, LoginWait, Step

logger = logging.getLogger(__name__)

AT_WORK: Final = frozenset({Phase.CONNECTING, Phase.ONLINE, Phase.WAITING, Phase.RECOVERING})
LOGGING_IN: Final = frozenset(
    {Phase.AWAITING_CODE, Phase.AWAITING_EMAIL, Phase.AWAITING_PASSWORD, Phase.AWAITING_QR},
)
BESIDE: Final[Mapping[type[Event], Phase]] = {
    CodeSent: Phase.AWAITING_CODE,
    EmailAsked: Phase.AWAITING_EMAIL,
    PasswordAsked: Phase.AWAITING_PASSWORD,
    QrShown: Phase.AWAITING_QR,
}


class LoginHandler:
    """Takes the steps of one session's logins.

    Args:
        phone: in E.164; asked for by a login only.
        actor: the session, whose phase follows.
    """

    __slots__ = ("_actor", "_login", "_name", "_queue", "_services", "_since")

    def __init__(self, name: str, phone: str, services: Services, actor: SessionControl) -> None:
        self._name, self._services, self._actor = name, services, actor
        self._login = Login(name, phone, services)
        self._queue: list[Answer] = []
        self._since = 0.0  # the last step, in epoch seconds

    def declared(self, phone: str | None) -> None:
        """The session has this number; a login under way goes on with the one it began with."""
        self._login.phone = phone or ""

    def take(self, message: LoginStep) -> Answer:
        """Take one step; answered when Telegram has answered."""
        answer = Answer()
        if isinstance(message, StartLogin) and self._actor.recovering:
            self._queue.append(answer)  # the copies may do
        elif isinstance(message, StartLogin) and self._actor.phase is Phase.ONLINE:
            answer.set(self._actor.phase)
        else:
            self._start(message, answer)
        return answer

    @property
    def under_way(self) -> LoginWait | None:
        """What a login that is under way waits for, also one beside a session that works on."""
        step = self._login.waits
        if step is None or step.event is None or type(step.event) not in BESIDE:
            return None
        qr = step.answer if isinstance(step.answer, QrToken) else None
        return LoginWait(phase=BESIDE[type(step.event)], says=step.says, qr=qr)

    def waits(self) -> Iterator[Wait]:
        """What a login waits for that is beside the session, which works on."""
        login = self.under_way
        if login is not None and self._actor.phase in AT_WORK:
            what = f"a new login, {login.phase}; go on with: telewarden auth {self._name}"
            who = f"session {self._name}"
            yield Wait(who=who, kind=WaitKind.LOGIN, what=what, since=self._since)

    def _start(self, message: LoginStep, answer: Answer) -> None:
        self._actor.pipe(
            self._login.take(message),
            then=partial(self._went, answer),
            otherwise=partial(self._went_wrong, answer),
        )

    def recovery_over(self) -> None:
        """A recovery has ended, well or not: whoever waited to log in is served now."""
        queue, self._queue = self._queue, []
        for answer in queue:
            self._actor.actor_ref.tell(LoginRequested(answer))

    def wanted(self, message: LoginRequested) -> None:
        """Serve one who waited for a recovery to end."""
        if self._actor.phase is Phase.ONLINE:
            message.answer.set(self._actor.phase)
        else:
            self._start(StartLogin(), message.answer)

    def _went(self, answer: Answer, step: Step) -> None:
        """A step is done: move the phase along, and answer."""
        event = step.event
        beside = self._actor.phase
        self._since = self._services.now()
        if event is not None and beside in AT_WORK:  # a renewal: the session works on
            if isinstance(event, SignedIn):
                self._actor.switch("renewal")
            self._actor.tell_monitor()
            answer.set(step.answer or BESIDE.get(type(event), beside))
            return
        if event is not None:
            self._follow(event, step.says)
        answer.set(step.answer or self._actor.phase)

    def _went_wrong(self, answer: Answer, error: BaseException) -> None:
        if not self._login.under_way and self._actor.phase in LOGGING_IN:
            self._actor.enter(LoginFailed(), f"login failed: {classify(error).name}")
        self._actor.tell_monitor()  # of one beside its phase tells nothing
        answer.fail(error)

    def _follow(self, event: Event, says: str) -> None:
        if self._actor.phase not in LOGGING_IN:
            if isinstance(event, LoginFailed):
                return  # what else ended it has said so
            if isinstance(event, SignedIn | PasswordAsked):
                self._actor.enter(CodeSent(), "logged in without a code")
        self._actor.enter(event, says or "logging in")
        if isinstance(event, SignedIn):
            self._actor.begin(cause="login")

    def give_up(self, reason: str) -> None:
        """The session has another login: the one that is waited for is not needed any more."""
        if self._actor.phase in LOGGING_IN:
            self._actor.enter(LoginFailed(), reason)
            self._actor.pipe(self.abandon(), done=lambda _: Flush())

    async def abandon(self) -> None:
        """Close a login that is under way; nothing of it stays."""
        await self._login.abandon()

    def end_replaced(self, key_id: int | None) -> bool:
        """The login of this key works: end the one that it replaces; tells whether there is one.

        A session that came back by another login, as by a backup, ends none: it may be its own.
        """
        if self._login.replaced is None:
            return False
        (replaced, by), self._login.replaced = self._login.replaced, None
        if key_id == by:
            self._actor.pipe(
                end_authorisation(
                    self._services, self._name, replaced.session_string, reason="renewed"
                ),
                then=lambda _: self._key_ended(None),
                otherwise=self._key_ended,
            )
        return key_id == by

    def _key_ended(self, error: BaseException | None) -> None:
        """The replaced login is ended, or a person has to."""
        if error is None:
            logger.info("replaced login ended session=%s", self._name)
        else:
            logger.warning(
                "replaced login not ended session=%s why=%s; end it in Telegram's list of devices",
                self._name,
                classify(error).name,
            )
