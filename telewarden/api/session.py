"""The typed handle on one session of a running warden."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, Protocol, TypeVar

import pykka

from ..actors import (
    AwaitOnline,
    CallShared,
    CallTelegram,
    Recover,
    Report,
    StartLogin,
    SubmitCode,
    SubmitEmail,
    SubmitPassword,
)
from ..actors.forwarding.pausing import MONITOR
from ..actors.messages import BY_MONITOR, BY_OPERATOR, AskSharedFacts, SharedCallFailed, SharedFacts
from ..actors.session.sharing.calls import LONGEST_TURN
from ..errors import (
    ChildUnavailableError,
    InvalidRecordError,
    SessionOfflineError,
    UnknownRecordError,
)
from ..storage import Store
from ..supervision import Ask, ask_async
from ..telegram import (
    Authorisation,
    Phase,
    SessionReport,
    authorisations_in,
    list_authorisations,
    reset_authorisation,
)
from .audit import Auditor
from .checks import a_long, a_number, a_passed_request, a_request, a_text, an_error, seconds
from .operations import Operations
from .registry_client import going_on
from .session_maintenance import SessionMaintenance

ASK_WITHIN: Final = 10.0  # seconds; the actors answer in microseconds unless something is wrong
ASK_AGAIN: Final = 0.05  # seconds between two tries to find an actor that is starting again
LOGIN_WITHIN: Final = 90.0  # seconds; a login step may be sent on to another data centre

LoginStep = Literal["start", "code", "email", "password"]

R = TypeVar("R")
T = TypeVar("T")


class Reading(Protocol):
    """Does some reading in the running warden's database, behind what is being written."""

    def __call__(self, work: Callable[[Store], T], /) -> Awaitable[T]: ...


class SessionHandle(SessionMaintenance):
    """One session of a running warden. Made by ``Warden.session``; good through restarts."""

    def __init__(
        self,
        name: str,
        *,
        find: Callable[[str], Awaitable[pykka.ActorRef[Any]]],
        release: Callable[[str], Awaitable[None]],
        read: Reading,
        call_deadline: float,
        patience: float,
        signing: asyncio.Task[None] | None,
        operations: Operations,
        auditor: Auditor,
    ) -> None:
        self.name, self._operations, self._auditor = name, operations, auditor
        self._find, self._release = find, release
        self._reading, self._call_deadline = read, call_deadline
        self._patience, self._signing = patience, signing

    def __repr__(self) -> str:
        return f"<SessionHandle {self.name}>"

    async def wait_online(self, timeout: float | None = None) -> SessionReport:
        """Wait until the session is online, and return how it is.

        Args:
            timeout: seconds; the configuration's ``online_deadline`` by default.

        Raises:
            SessionOfflineError: it did not come in time, or does not come by itself: of one that
                needs a login, is quarantined or tries nothing until later it is said at once.
            InvalidRecordError: the timeout is no number of seconds.

        Example::

            report = await warden.session("alice").wait_online(30.0)
        """
        patience = seconds("timeout", timeout, default=self._patience)
        await self._come_online(time.monotonic() + patience)
        return await self.report()

    async def call(
        self, request: Any, *, deadline: float | None = None, patience: float | None = None
    ) -> Any:
        """Make one Telegram request with this session's client and return its answer.

        Args:
            request: a Telethon TL request.
            deadline: seconds; the configuration's ``call_deadline`` by default.
            patience: seconds to wait for a session that is coming online, as after a start; the
                configuration's ``online_deadline`` by default.

        Raises:
            SessionOfflineError: it is not online; see ``wait_online``. Telegram was not asked.
            TelegramRateLimitError: it must wait until ``deadline``; a method, or a chat with slow
                mode, that has to wait already costs no packet.
            TelegramAuthError: the login or the key is the trouble.
            TelegramSessionError: the line, the account, the chat or the request is.
            LoginCallError: it makes a login or ends it, and which method is for that.
            InvalidRecordError: it is no request, or a time no number of seconds.

        Each of the first four has the class, the advice and, as ``__cause__``, what Telethon
        raised.

        Example::

            from telethon.tl.functions.help import GetNearestDcRequest

            nearest = await warden.session("alice").call(GetNearestDcRequest())
        """
        within = seconds("deadline", deadline, default=self._call_deadline)
        end = time.monotonic() + seconds("patience", patience, default=self._patience)
        message = CallTelegram(request=a_request(request), deadline=within)
        return await self._when_online(message, timeout=within + 1.0, end=end)

    async def call_shared(self, request: Any, *, dc_id: int = 0) -> Any:
        """Carry out what a program has written, at the account's pace; for ``[share]`` alone.

        Args:
            request: a ``PassedRequest``.
            dc_id: the data centre that is asked, 0 for the session's own.

        Raises:
            Exception: as ``call``.
        """
        within = self._call_deadline
        asked = a_passed_request(request)
        message = CallShared(request=asked, deadline=within, dc_id=a_number("dc_id", dc_id))
        end = time.monotonic() + self._patience
        return await self._when_online(message, timeout=within + LONGEST_TURN + 1.0, end=end)

    async def shared_call_failed(self, error: Exception) -> None:
        """Have its actor look closer where an error may mean the session; for ``[share]`` alone."""
        (await self._find(self.name)).tell(SharedCallFailed(an_error(error)))

    async def shared_facts(self) -> SharedFacts:
        """Who and where the account is, as a program that shares it is told.

        Raises:
            SessionOfflineError: it is not online.
        """
        return await self._ask(AskSharedFacts())

    async def _when_online(self, message: Ask[R], *, timeout: float, end: float) -> R:
        """Ask its actor, again when it is online where it was not, no longer than ``end``."""
        while True:
            try:
                return await self._ask(message, timeout=timeout)
            except SessionOfflineError as error:
                if not self._may_come(error, end):
                    raise
            await self._come_online(end)

    async def authorisations(self) -> tuple[Authorisation, ...]:
        """All logins of this session's account, its own first.

        Raises:
            Exception: as ``call``.
        """
        return authorisations_in(await self.call(list_authorisations()))

    async def end_authorisation(self, number: int, *, who: str = "app") -> Authorisation:
        """End another login of the account, for good; returns what it was.

        Args:
            number: its ``hash``, as ``authorisations`` lists it.
            who: noted in the audit trail.

        Raises:
            UnknownRecordError: the account has no such login; nothing has changed.
            LoginCallError: it is the session's own; ``logout`` ends that.
            TelegramRateLimitError: this session's login is younger than a day, and may not yet.
            Exception: as ``call``.
        """
        a_long("number", number)
        async with self._noted(who, "end authorisation") as after:
            after["hash"] = number
            found = {one.hash: one for one in await self.authorisations()}
            if number not in found:
                raise UnknownRecordError(f"authorisation of {self.name}", number)
            await self.call(reset_authorisation(number))
            after["device"] = found[number].device
            return found[number]

    async def _come_online(self, end: float) -> None:
        """Wait until it is online, through crashes of its actor, no longer than ``end``."""
        await self._signed_in(max(0.0, end - time.monotonic()))
        while True:
            left = max(0.0, end - time.monotonic())
            try:
                await self._ask(AwaitOnline(left), timeout=left + 1.0)
            except ChildUnavailableError:
                if time.monotonic() >= end:
                    raise
                await asyncio.sleep(ASK_AGAIN)
            else:
                return

    def _may_come(self, error: SessionOfflineError, end: float) -> bool:
        """Whether there is anything to wait for: it comes by itself, or is being logged in."""
        return time.monotonic() < end and (error.coming or self._is_signing_in())

    async def report(self) -> SessionReport:
        """How the session is: its phase and health, since when, and what it waits for.

        Times are epoch seconds.

        Raises:
            ChildUnavailableError: its actor is being restarted; ask again.

        Example::

            report = await warden.session("alice").report()
            print(report.phase, report.health, report.waits)
        """
        return await self._ask(Report())

    async def recover(self, *, who: str = "app") -> None:
        """Let the session climb the recovery ladder now, whatever it waits for.

        A quarantine ends first. It returns at once; ``wait_online`` tells how it went.

        Example::

            await warden.session("alice").recover()
            await warden.session("alice").wait_online()
        """
        async with self._noted(who, "recover"):
            with going_on(self.name):
                await self._release(self.name)
                cause = BY_MONITOR if who == MONITOR else BY_OPERATOR
                (await self._find(self.name)).tell(Recover(cause))

    async def login(self, step: LoginStep, secret: str | None = None, *, who: str = "app") -> Phase:
        """Take one step of a login by code. The secret is kept nowhere.

        Args:
            step: ``start`` has Telegram send a code; ``code`` and ``password`` hand one in.
            secret: the code, or the password of an account that has one.
            who: noted in the audit trail.

        Returns the phase that follows: ``awaiting_code``, ``awaiting_password``, or where a
        session stands that has been logged in.

        The phase that follows says what is waited for, the report's ``reason`` how it comes: where
        a code was sent, or what Telegram wants first.

        Raises:
            TelegramError: Telegram refused, with advice; a wrong code may be given again.
            LoginBudgetError: enough codes were asked for today.
            NoLoginError: no login is under way.

        Example::

            alice = warden.session("alice")
            await alice.login("start")
            if await alice.login("code", input("code: ")) == "awaiting_password":
                await alice.login("password", input("password: "))
        """
        if secret is not None:
            a_text("secret", secret, "the code, the address or the password, as a text")
        message: StartLogin | SubmitCode | SubmitEmail | SubmitPassword
        match step:
            case "start":
                message = StartLogin()
            case "code":
                message = SubmitCode(secret or "")
            case "email":
                message = SubmitEmail(secret or "")
            case "password":
                message = SubmitPassword(secret or "")
            case _:
                raise InvalidRecordError("step", step, "start, code, email or password")
        async with self._noted(who, "login") as after:
            after["step"] = step
            return await self._ask(message, timeout=LOGIN_WITHIN)

    def _is_signing_in(self) -> bool:
        """Whether the warden is logging its sessions in, on a data centre of its own."""
        return self._signing is not None and not self._signing.done()

    async def _signed_in(self, within: float) -> None:
        if self._signing is not None:
            await asyncio.wait({self._signing}, timeout=within)

    async def _ask(self, message: Ask[R], *, timeout: float = ASK_WITHIN) -> R:
        with going_on(self.name):
            return await ask_async(await self._find(self.name), message, timeout=timeout)

    async def _read(self, work: Callable[[Store], T]) -> T:
        return await self._reading(work)
