"""A session's login flow, its budget of codes, and what is stored afterwards.

Codes and passwords pass through to Telegram and are kept nowhere. How many codes were asked for
is durable: a restart never asks for another by itself, and a person at most a few times a day.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from .... import telegram
from ....errors import (
    CredentialDamagedError,
    LoginBudgetError,
    NoLoginError,
    OtherAccountError,
    TelegramError,
)
from ....storage import Credential, Store
from ....supervision import Ask
from ...context import Services
from ...messages import StartLogin, SubmitCode, SubmitEmail, SubmitPassword
from ..flood_waits import OPENING, floods_of, persist_connect_flood, refused
from .end_authorisation import end_authorisation

logger = logging.getLogger(__name__)

CODES_A_DAY: Final = 3  # Telegram answers PHONE_NUMBER_FLOOD, for a day, not far above it
DAY: Final = 86_400.0  # seconds
TRIES: Final = 3  # wrong codes, or passwords, in one login
COOL_DOWN: Final = 900.0  # seconds after the last wrong password; Telegram counts them, too
SEND_CODE, SIGN_IN, CHECK_PASSWORD = "auth.sendCode", "auth.signIn", "auth.checkPassword"
SEND_EMAIL_CODE: Final = "account.sendVerifyEmailCode"
GET_PASSWORD = "account.getPassword"  # noqa: S105 - a name of a method
EXPORT_TOKEN = "auth.exportLoginToken"  # noqa: S105 - a name of a method, not a token


@dataclass(frozen=True, slots=True)
class Renew(Ask[telegram.QrToken | telegram.Phase]):
    """Log in anew beside the session, which works on until it is done. Answered as a login."""

    qr: bool = False


@dataclass(frozen=True, slots=True)
class StartQr(Ask[telegram.QrToken | telegram.Phase]):
    """Begin a login by QR code. Answered with a ``QrToken``, or the phase that follows."""


@dataclass(frozen=True, slots=True)
class WaitQr(Ask[telegram.QrToken | telegram.Phase]):
    """Wait for the scan. Answered with the token to show now, or the phase that follows."""

    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class ResendCode(Ask[telegram.CodeInfo | telegram.Phase]):
    """Let Telegram send the code in the next way it offers. Answered with ``CodeInfo``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginWait:
    """What a login that is under way waits for: how it comes, and the QR code to scan if any."""

    phase: telegram.Phase
    says: str = ""
    qr: telegram.QrToken | None = None


@dataclass(frozen=True, slots=True)
class LoginUnderWay(Ask[LoginWait | None]):
    """Look at a login that is under way, beside the session or not. Answered from memory."""


@dataclass(frozen=True, slots=True)
class CancelLogin(Ask[telegram.Phase]):
    """End a login that is under way. Answered with the phase."""


LoginStep = (
    StartLogin
    | SubmitCode
    | SubmitEmail
    | SubmitPassword
    | Renew
    | StartQr
    | WaitQr
    | ResendCode
    | CancelLogin
)


# The calls that a step makes, by which floods are kept; what Telegram refuses is the last, unless
# it says otherwise.
CALLS: Final[Mapping[type[LoginStep], tuple[str, ...]]] = {
    StartLogin: (SEND_CODE,),
    ResendCode: (SEND_CODE,),
    SubmitCode: (SIGN_IN,),
    SubmitEmail: (SEND_EMAIL_CODE,),
    SubmitPassword: (GET_PASSWORD, CHECK_PASSWORD),
    StartQr: (EXPORT_TOKEN,),
    WaitQr: (EXPORT_TOKEN,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a step led to, in words too, and its asker's ``answer`` where that is not the phase."""

    event: telegram.Event | None
    says: str = ""
    answer: object = field(default=None, repr=False)


class Login:
    """At most one login under way for one session."""

    def __init__(self, name: str, phone: str, services: Services) -> None:
        self._name, self.phone, self._services = name, phone, services
        self._flow: telegram.LoginFlow | None = None
        self._renewing, self._wrong = False, 0
        self._last: Step | None = None
        self._turn = asyncio.Lock()
        self._state_waits = False
        self.replaced: tuple[Credential, int] | None = None
        """The login that a renewal has replaced, and the key by which it has."""

    @property
    def under_way(self) -> bool:
        """Whether a code or a password is waited for."""
        return self._flow is not None

    @property
    def waits(self) -> Step | None:
        """What the login under way waits for, as its last step has told."""
        return self._last if self.under_way else None

    async def take(self, step: LoginStep) -> Step:
        """Do one step and return what it means for the session's phase.

        Raises:
            LoginBudgetError: enough codes were asked for today.
            NoLoginError: no login is under way.
            OtherAccountError: it is not this session's account that was logged in.
            TelegramRateLimitError: Telegram has asked to wait with this step; no packet was sent,
                no code counted.
            TelegramAuthError: a code is to be sent again and Telegram has no further way; likewise.
            TelegramError: Telegram refused; a wrong code or password may be given again, three
                times in all.
        """
        if isinstance(step, WaitQr | CancelLogin):  # the one is long, the other ends it
            self._last = await self._take(step)
            return self._last
        async with self._turn:  # of two at once the second finds what the first has led to
            self._last = await self._take(step)
            return self._last

    async def _take(self, step: LoginStep) -> Step:
        await self._refuse_early(_calls_of(step))
        if isinstance(step, ResendCode):
            self._open_flow().check_resend()  # before it costs anything
        try:
            return await self._do(step)
        except TelegramError as error:
            await self._note(step, error)
            raise

    async def _do(self, step: LoginStep) -> Step:
        match step:
            case StartLogin():
                return await self._start(qr=False, reason="before login")
            case StartQr():
                return await self._start(qr=True, reason="before login")
            case Renew(qr):
                return await self._start(qr=qr, reason="before renewal")
            case WaitQr(deadline):
                return await self._went(await self._open_flow().wait_qr(deadline=deadline))
            case ResendCode():
                flow = self._open_flow()
                await flow.connect()  # a line that is lost costs no code
                await self._services.journal.do(self._spend, wait_for_disk=False)
                info = await flow.resend_code()
                went = await self._went(info)
                return replace(went, answer=info if isinstance(info, telegram.CodeInfo) else None)
            case CancelLogin():
                self._open_flow()
                await self.abandon()
                return Step(event=telegram.LoginFailed())
            case SubmitCode(code):
                flow = self._open_flow()
                await self._own_key(flow)
                return await self._went(await flow.submit_code(code))
            case SubmitEmail(address):
                flow = self._open_flow()
                await flow.connect()
                return await self._went(await flow.submit_email(address))
            case SubmitPassword(password):
                flow = self._open_flow()  # before a backup makes an older one go
                await self._own_key(flow)
                await self._back_up("before 2FA")
                return await self._went(await flow.submit_password(password))

    async def _own_key(self, flow: telegram.LoginFlow) -> None:
        """Take the lease on the new key before it is worth anything: a full disk refuses that."""
        await flow.connect()
        if (key_id := flow.session.key_id) is not None:
            key = flow.session.parts.key
            await self._services.keys.acquire(key_id, session=self._name, temporary=True, key=key)

    async def _refuse_early(self, methods: tuple[str, ...]) -> None:
        """Raise for what Telegram has asked to wait with, in this process or an earlier one."""
        name, now, accounts = self._name, self._services.now(), self._accounts
        egress = self._services.gateway.egress(name)
        kept, cooling = await self._services.journal.do(
            lambda store: floods_of(store, egress, *accounts)
        )
        if cooling > now:
            self._services.gateway.back_off(name, cooling - now)
        waits = {(row.method, row.chat) for row in kept if row.until > now}
        self._state_waits = OPENING in waits
        for row in kept:
            if row.method in methods and (row.method, row.chat) in waits and row.chat is None:
                raise refused(name, (row.method, row.chat), row.until - now, row.until)

    async def _note(self, step: LoginStep, error: TelegramError) -> None:
        """Keep what Telegram has asked to wait with, and count what was given wrong."""
        verdict = telegram.classify(error)
        method = getattr(error.__cause__, "method", None) or (*_calls_of(step), None)[-1]
        persist_connect_flood(self._services, self._name, error)
        if verdict.action is telegram.Action.PARK_LOGIN:
            self._park(SEND_CODE, verdict.wait or DAY)
        elif verdict.action is telegram.Action.PARK_METHOD and method is not None:
            self._park(method, verdict.wait or 0.0)
        elif verdict.action in {telegram.Action.ASK_CODE, telegram.Action.ASK_PASSWORD}:
            self._wrong += 1
            if self._wrong >= TRIES:
                if verdict.action is telegram.Action.ASK_PASSWORD:
                    self._park(CHECK_PASSWORD, COOL_DOWN)
                await self.abandon()

    def _park(self, method: str, seconds: float) -> None:
        name, now, accounts = self._name, self._services.now(), self._accounts
        until = now + seconds

        def work(store: Store) -> None:
            for account in accounts:
                store.put_flood(account, method, None, until, seconds)

        self._services.journal.post(work)
        self._services.publish(
            telegram.FloodBegan(session=name, at=now, method=method, seconds=seconds, until=until)
        )

    @property
    def _accounts(self) -> tuple[str, ...]:
        """Whose floods count: Telegram's are the phone's, whatever session asks with it."""
        return (self._name, self.phone) if self.phone else (self._name,)

    async def abandon(self) -> None:
        """Close a login that is under way; nothing of it stays."""
        flow, self._flow = self._flow, None
        if flow is not None:
            await flow.close()
            if flow.session.key_id is not None:
                self._services.keys.release_temporary(flow.session.key_id)

    async def _start(self, *, qr: bool, reason: str) -> Step:
        await self.abandon()
        if not qr:
            await self._services.journal.do(self._check_budget)
        self._renewing, self._wrong = reason == "before renewal", 0
        self._flow = flow = telegram.LoginFlow(
            self._services.gateway, name=self._name, clock=self._services.now
        )
        try:
            await flow.connect()
            if not qr:  # a QR code costs no login code
                await self._services.journal.do(self._spend, wait_for_disk=False)
            await self._back_up(reason)
            answer = await (flow.start_qr() if qr else self._send_code(flow))
            return await self._went(answer)
        except BaseException:  # also a cancellation: no connection of a login may stay
            await self.abandon()
            raise

    async def _send_code(
        self, flow: telegram.LoginFlow
    ) -> telegram.CodeInfo | telegram.LoggedIn | telegram.PasswordNeeded:
        """Ask for a code; with what earlier logins and logouts gave, none may be needed."""
        name = self._name
        tokens = await self._services.journal.do(lambda store: store.future_tokens(name))
        return await flow.start_code(self.phone, tokens=tokens)

    async def _back_up(self, reason: str) -> None:
        def work(store: Store) -> None:
            with contextlib.suppress(CredentialDamagedError):  # which the login will replace
                store.add_backup(self._name, reason, self._services.stamp())

        await self._services.journal.do(work, wait_for_disk=False)

    def _check_budget(self, store: Store) -> None:
        spent = store.login_codes(self.phone, self._services.now() - DAY)
        if len(spent) >= CODES_A_DAY:
            refused = LoginBudgetError(self._name, spent=len(spent), again_at=spent[0] + DAY)
            who = f"session {self._name}"
            self._services.waiting.begin(
                who, telegram.WaitKind.LOGIN_BUDGET, str(refused), until=spent[0] + DAY
            )
            raise refused

    def _spend(self, store: Store) -> None:
        self._check_budget(store)
        store.record_login_code(self.phone, self._services.now())

    def _open_flow(self) -> telegram.LoginFlow:
        if self._flow is None:
            raise NoLoginError(self._name)
        self._flow.ask_state = not self._state_waits
        return self._flow

    async def _went(
        self,
        answer: telegram.CodeInfo | telegram.QrToken | telegram.PasswordNeeded | telegram.LoggedIn,
    ) -> Step:
        match answer:
            case telegram.CodeInfo():
                wants_email = answer.step is telegram.CodeStep.EMAIL
                return Step(
                    event=telegram.EmailAsked() if wants_email else telegram.CodeSent(),
                    says=answer.says,
                )
            case telegram.QrToken():
                return Step(event=telegram.QrShown(), answer=answer)
            case telegram.PasswordNeeded():
                return Step(event=telegram.PasswordAsked(), says=answer.says)
            case telegram.LoggedIn():
                if answer.session.key_id is not None:  # from now on it is the session's own
                    key_id, key = answer.session.key_id, answer.session.parts.key
                    await self._services.keys.acquire(key_id, session=self._name, key=key)
                await self.abandon()
                await self._keep(answer)
                return Step(event=telegram.SignedIn())

    async def _keep(self, login: telegram.LoggedIn) -> None:
        key_id, dc_id = login.session.key_id, login.session.dc_id
        terms = login.terms
        string, now, name = login.string, self._services.stamp(), self._name
        assert key_id is not None  # noqa: S101 - a login without a key is none
        untold = None if login.untold is None else telegram.classify(login.untold)
        if untold is not None and untold.action is telegram.Action.PARK_METHOD:
            self._park(OPENING[0], untold.wait or 0.0)
        await self._services.keys.acquire(key_id, session=name, key=login.session.parts.key)
        known = await self._services.journal.do(lambda store: store.session(name))
        if known is not None and known.user_id not in (None, login.user_id):
            await end_authorisation(self._services, name, string, reason="another account's")
            raise OtherAccountError(name)

        def work(store: Store) -> Credential | None:
            earlier = None
            with contextlib.suppress(CredentialDamagedError):
                earlier = store.credential(name)
            store.put_credential(name, string, key_id, dc_id, at=now)
            store.put_user_id(name, login.user_id)
            store.add_backup(name, "after login", now)
            if terms.future_token is not None:
                store.add_future_token(name, terms.future_token, now)
            _keep_terms(
                store,
                name,
                password_wanted=terms.password_wanted,
                relogin_at=None if terms.relogin_days is None else now + terms.relogin_days * DAY,
                parallel=terms.parallel,
            )
            self._services.files(store).write(name, string, key_id=key_id, dc_id=dc_id)
            return earlier

        replaced = await self._services.journal.do(work)
        self.replaced = (replaced, key_id) if replaced is not None and self._renewing else None
        login.session.take_changes()
        logger.info(
            "logged in session=%s relogin_days=%s password_wanted=%s parallel=%d",
            name,
            terms.relogin_days,
            terms.password_wanted,
            terms.parallel,
        )


def _calls_of(step: LoginStep) -> tuple[str, ...]:
    if isinstance(step, Renew):
        return (EXPORT_TOKEN,) if step.qr else (SEND_CODE,)
    return CALLS.get(type(step), ())


def _keep_terms(
    store: Store, name: str, *, password_wanted: bool, relogin_at: float | None, parallel: int
) -> None:
    """Keep what a login has told of the account, beside what is known; runs in the journal."""
    kept = store.account_facts(name)
    known = telegram.AccountFacts() if kept is None else telegram.facts_from_json(kept)
    found = replace(
        known, password_wanted=password_wanted, relogin_at=relogin_at, parallel=parallel
    )
    store.put_account_facts(name, telegram.facts_to_json(found))
