"""A session's login, as its actor runs it: the flow, the budget, what is kept afterwards.

Codes and passwords pass through to Telegram and are kept nowhere. How many codes were asked for
is durable: a restart never asks for another by itself, and a person at most a few times a day.
"""

from __future__ import annotations

from typing import Final

from ..errors import LoginBudgetError, NoLoginError
from ..storage import Store
from ..telegram import (
    CodeInfo,
    CodeSent,
    Event,
    LoggedIn,
    LoginFlow,
    PasswordAsked,
    PasswordNeeded,
    SignedIn,
)
from .kit import Kit
from .messages import StartLogin, SubmitCode, SubmitPassword

__all__ = ["Login", "LoginStep"]

CODES_A_DAY: Final = 3  # Telegram answers PHONE_NUMBER_FLOOD, for a day, not far above it
DAY: Final = 86_400.0  # seconds

LoginStep = StartLogin | SubmitCode | SubmitPassword


class Login:
    """At most one login under way for one session."""

    def __init__(self, name: str, phone: str, kit: Kit) -> None:
        self._name, self._phone, self._kit = name, phone, kit
        self._flow: LoginFlow | None = None

    @property
    def under_way(self) -> bool:
        """Whether a code or a password is waited for."""
        return self._flow is not None

    async def take(self, step: LoginStep) -> Event:
        """Do one step and return what it means for the session's phase.

        Raises:
            LoginBudgetError: enough codes were asked for today.
            NoLoginError: no login is under way.
            TelegramError: Telegram refused; a wrong code or password may be given again.
        """
        match step:
            case StartLogin():
                return await self._start()
            case SubmitCode(code):
                return await self._went(await self._open_flow().submit_code(code))
            case SubmitPassword(password):
                return await self._went(await self._open_flow().submit_password(password))

    async def abandon(self) -> None:
        """Close a login that is under way; nothing of it stays."""
        flow, self._flow = self._flow, None
        if flow is not None:
            await flow.close()

    async def _start(self) -> Event:
        await self.abandon()
        await self._kit.journal.do(self._spend)
        self._flow = LoginFlow(self._kit.gateway, name=self._name)
        try:
            return await self._went(await self._flow.start_code(self._phone))
        except BaseException:
            await self.abandon()
            raise

    def _spend(self, store: Store) -> None:
        now = self._kit.now()
        spent = store.login_codes(self._phone, now - DAY)
        if len(spent) >= CODES_A_DAY:
            raise LoginBudgetError(self._name, spent=len(spent), again_at=spent[0] + DAY)
        store.record_login_code(self._phone, now)

    def _open_flow(self) -> LoginFlow:
        if self._flow is None:
            raise NoLoginError(self._name)
        return self._flow

    async def _went(self, answer: CodeInfo | PasswordNeeded | LoggedIn) -> Event:
        match answer:
            case CodeInfo():
                return CodeSent()
            case PasswordNeeded():
                return PasswordAsked()
            case LoggedIn():
                await self._keep(answer)
                await self.abandon()
                return SignedIn()

    async def _keep(self, login: LoggedIn) -> None:
        key_id, dc_id = login.session.key_id, login.session.dc_id
        string, now, name = login.string, self._kit.now(), self._name
        assert key_id is not None  # noqa: S101 - a login without a key is none
        await self._kit.keys.hold(key_id, session=name)

        def work(store: Store) -> None:
            store.put_credential(name, string, key_id, dc_id, at=now)
            store.put_user_id(name, login.user_id)
            store.add_backup(name, "after login", now)
            self._kit.files(store).write(name, string, key_id=key_id, dc_id=dc_id)

        await self._kit.journal.do(work)
        login.session.take_changes()
