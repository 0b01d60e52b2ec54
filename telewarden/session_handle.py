"""The handle on one session of a running warden."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

import pykka

from .actors import (
    CallTelegram,
    Recover,
    Report,
    StartLogin,
    SubmitCode,
    SubmitPassword,
)
from .auditing import Auditor
from .care import SessionCare
from .console import LoginStep
from .operation_handles import Operations
from .storage import BackupRecord, Store
from .supervision import ask_async
from .telegram import Phase, SessionReport
from .tracking import noted

__all__ = ["SessionHandle"]

ASK_WITHIN: Final = 10.0  # seconds; the actors answer in microseconds unless something is wrong
LOGIN_WITHIN: Final = 90.0  # seconds; a login step may be sent on to another data centre

T = TypeVar("T")


class Reading(Protocol):
    """Does some reading in the running warden's database, behind what is being written."""

    def __call__(self, work: Callable[[Store], T], /) -> Awaitable[T]: ...


class SessionHandle(SessionCare):
    """One session of a running warden. Made by ``Warden.session``; good through restarts."""

    def __init__(
        self,
        name: str,
        *,
        find: Callable[[str], Awaitable[pykka.ActorRef[Any]]],
        read: Reading,
        call_deadline: float,
        operations: Operations,
        auditor: Auditor,
    ) -> None:
        self.name, self._operations, self._auditor = name, operations, auditor
        self._find, self._reading, self._call_deadline = find, read, call_deadline

    def __repr__(self) -> str:
        return f"<SessionHandle {self.name}>"

    async def call(self, request: Any, *, deadline: float | None = None) -> Any:
        """Make one Telegram request with this session's client and return its answer.

        Args:
            request: a Telethon TL request.
            deadline: seconds; the configuration's ``call_deadline`` by default.

        Raises:
            TelegramRateLimitError: it must wait until ``deadline``; a method, or a chat with slow
                mode, that has to wait already costs no packet.
            TelegramAuthError: the login or the key is the trouble.
            TelegramSessionError: the line, the account, the chat or the request is; also when the
                session is not online.
            LoginCallError: it is a step of a login, and which method is for that.

        Each of the first three has the class, the advice and, as ``__cause__``, what Telethon
        raised.
        """
        wait = (deadline or self._call_deadline) + 1.0
        return await self._ask(CallTelegram(request=request, deadline=deadline), timeout=wait)

    async def backup(self, reason: str = "by hand", *, who: str = "app") -> BackupRecord | None:
        """Keep a copy of the login, opened after writing; None if there is no login.

        The five newest of a session stay. It is an operation of the kind ``backup``.
        """
        said = f"copying the login: {reason}"
        details = {"session": self.name, "description": said, "who": who}
        async with noted(self._operations, "backup", **details) as tracked:
            record = await super().backup(reason)
            if tracked is not None:
                kept = "there is no login yet" if record is None else f"backup {record.id}, opens"
                await tracked.part(1, kept)
            return record

    async def report(self) -> SessionReport:
        """How the session is."""
        return await self._ask(Report())  # type: ignore[no-any-return]  # Pykka's ask says nothing of its answer

    async def recover(self, *, who: str = "app") -> None:
        """Let the session climb the recovery ladder now, whatever it waits for."""
        async with self._noted(who, "recover"):
            (await self._find(self.name)).tell(Recover())

    async def login(self, step: LoginStep, secret: str | None = None, *, who: str = "app") -> Phase:
        """Take one step of a login; see ``Warden.login``. The secret is kept nowhere.

        Raises:
            TelegramError: Telegram refused, with advice; a wrong code may be given again.
            LoginBudgetError: enough codes were asked for today.
            NoLoginError: no login is under way.
        """
        message: StartLogin | SubmitCode | SubmitPassword
        match step:
            case "start":
                message = StartLogin()
            case "code":
                message = SubmitCode(secret or "")
            case "password":
                message = SubmitPassword(secret or "")
        async with self._noted(who, "login") as after:
            after["step"] = step
            return await self._ask(message, timeout=LOGIN_WITHIN)  # type: ignore[no-any-return]  # as above

    def _noted(self, who: str, what: str) -> contextlib.AbstractAsyncContextManager[dict[str, Any]]:
        return self._auditor.noted(who, what, self.name)

    async def _ask(self, message: object, *, timeout: float = ASK_WITHIN) -> Any:
        return await ask_async(await self._find(self.name), message, timeout=timeout)

    async def _read(self, work: Callable[[Store], T]) -> T:
        return await self._reading(work)
