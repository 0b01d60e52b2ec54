"""The login flow: by code, QR code or a bot's token, with the cloud password where there is one.

One connection is kept through all steps, as Telegram wants it. How often a code may be asked
for is the login budget's to say, before any step is taken here. Codes, passwords and tokens pass
through and stay nowhere: no field, no log line, no exception holds them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self

from telethon.password import compute_check

from ...errors import NoLoginError, TelewardenError
from .._tl import errors as tg
from .._tl import functions, types, utils
from ..connecting.gateway import Gateway
from ..errors.classification import to_telewarden
from ..methods import method_name
from ..mtproto.raw_client import WardenClient
from ..notices import shown
from ..session import WardenSession
from .code_resend import resend_refusal
from .sent_codes import RESET_PENDING, CodeInfo, facts_of, payment_wanted

logger = logging.getLogger(__name__)

QR_LEAST: Final = 5.0  # seconds between two tokens, whatever the clocks say
MOVES: Final = 3  # data centres that one step may be sent on to
_MOVED = (tg.PhoneMigrateError, tg.NetworkMigrateError, tg.UserMigrateError)
_STALE = (tg.SrpIdInvalidError, tg.SrpPasswordChangedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordNeeded:
    """The account has a cloud password; ``hint`` is the owner's own reminder.

    ``reset_at`` is when a reset of it that is under way ends: from then on the login needs none.
    """

    hint: str = field(default="", repr=False)
    reset_at: datetime | None = None

    @property
    def says(self) -> str:
        """What is waited for, in a sentence, with the date of a reset."""
        if self.reset_at is None:
            return ""
        return RESET_PENDING.format(date=f"{self.reset_at:%Y-%m-%d %H:%M} UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class QrToken:
    """What the QR code shows, and until when it can be scanned."""

    url: str = field(repr=False)
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginTerms:
    """What Telegram says of a login that it grants.

    ``relogin_days`` is after how many days another code is asked for, ``password_wanted`` whether a
    cloud password would spare that, ``parallel`` how many connections of the key are allowed, and
    ``future_token`` lets the account log in without a code.
    """

    relogin_days: int | None = None
    password_wanted: bool = False
    parallel: int = 1
    future_token: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """The login succeeded; the connection is closed and ``session`` is ready to be opened."""

    user_id: int
    first_name: str = field(repr=False)
    session: WardenSession
    terms: LoginTerms
    untold: Exception | None = field(default=None, repr=False)
    """Why Telegram has not told the update state, if it has not; the first opening asks for it."""

    @property
    def string(self) -> str:
        """The session string: a secret."""
        return self.session.to_string()


class LoginFlow:
    """One login. Use it as ``async with``; leaving the block closes the connection.

    A new attempt after an error that says so (a wrong code, a wrong password) goes on in the
    same flow.

    Args:
        gateway: opens the one connection.
        name: the session's, for errors and log lines.
        deadline: seconds for each request.
        clock: wall time in epoch seconds; resending a code waits by it.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        name: str = "login",
        deadline: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.session = name, WardenSession()
        self._gateway, self._deadline, self._clock = gateway, deadline, clock
        self._stack = contextlib.AsyncExitStack()
        self._wire: WardenClient | None = None
        self._phone = ""
        self._code_hash = ""
        self._last: CodeInfo | None = None
        self._last_at = 0.0
        self._shown: QrToken | None = None
        self._until = 0.0
        self.ask_state = True
        """Whether to ask for the update state once logged in; not while that has to wait."""
        self._scanned = asyncio.Event()
        self._popup = ""
        self._closed = False

    def __repr__(self) -> str:
        return f"<LoginFlow {self.name}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the flow and its connection; who waits for a scan is told so."""
        self._closed = True
        self._scanned.set()
        await self._stack.aclose()
        self._wire = None

    async def connect(self) -> None:
        """Connect, if that is still to be done: what fails here has cost no code.

        Raises:
            TelegramError: there is no way to Telegram, or it refuses connections for now.
        """
        async with self._border():
            await self._connected()

    async def start_code(
        self, phone: str, *, tokens: Sequence[bytes] = ()
    ) -> CodeInfo | LoggedIn | PasswordNeeded:
        """Let Telegram send a code to ``phone`` (E.164); by one of ``tokens`` it needs none.

        Raises:
            TelegramError: Telegram refused, or wants to be paid for a code to this number.
        """
        digits = utils.parse_phone(phone)
        async with self._border():
            wire = await self._connected()
            request = functions.auth.SendCodeRequest(
                digits,
                self._gateway.api_id,
                wire.api_hash,
                types.CodeSettings(logout_tokens=list(tokens) or None),
            )
            try:
                sent = await self._ask(request)
            except tg.SessionPasswordNeededError:
                return await self._password_needed()
            self._phone = digits
            return await self._sent(sent)

    async def submit_email(self, address: str) -> CodeInfo:
        """Hand in the login e-mail address that Telegram wants; it sends a code there."""
        async with self._border():
            sent = await self._ask(
                functions.account.SendVerifyEmailCodeRequest(self._email_purpose, address.strip())
            )
            self._last = CodeInfo(kind="emailsetup", length=sent.length, facts=facts_of(sent))
            return self._last

    def check_resend(self) -> None:
        """Refuse what ``resend_code`` would refuse; costs nothing.

        Raises:
            TelegramRateLimitError: it is too early; ``wait`` is the seconds left.
            TelegramAuthError: Telegram told of no further way.
        """
        refusal = resend_refusal(self.name, self._last, sent=self._last_at, now=self._clock())
        if refusal is not None:
            raise refusal

    async def resend_code(self) -> CodeInfo | LoggedIn:
        """Let Telegram send the code again, in the next way it offers; never done by itself.

        Raises:
            TelegramError: as ``check_resend``, without a packet, or Telegram refused.
        """
        self.check_resend()
        async with self._border():
            return await self._sent(
                await self._ask(functions.auth.ResendCodeRequest(self._phone, self._code_hash))
            )

    async def submit_code(self, code: str) -> CodeInfo | LoggedIn | PasswordNeeded:
        """Hand in the code that the user read; one that proves an address leads to the next."""
        kind, code = "" if self._last is None else self._last.kind, code.strip()
        proof = types.EmailVerificationCode(code)
        async with self._border():
            if kind == "emailsetup":
                request = functions.account.VerifyEmailRequest(self._email_purpose, proof)
                verified = await self._ask(request)
                return await self._sent(verified.sent_code)
            if kind == "emailcode":
                request = functions.auth.SignInRequest(
                    self._phone, self._code_hash, email_verification=proof
                )
            else:
                request = functions.auth.SignInRequest(self._phone, self._code_hash, code)
            return await self._authorise(request)

    @property
    def _email_purpose(self) -> Any:
        return types.EmailVerifyPurposeLoginSetup(self._phone, self._code_hash)

    async def submit_password(self, password: str) -> LoggedIn:
        """Hand in the cloud password; parameters that went stale are fetched once more."""
        async with self._border():
            try:
                answer = await self._check(password)
            except _STALE:
                answer = await self._check(password)
            return await self._finish(answer)

    async def submit_token(self, token: str) -> LoggedIn:
        """Log in as the bot that a token of @BotFather's belongs to."""
        async with self._border():
            wire = await self._connected()
            request = functions.auth.ImportBotAuthorizationRequest(
                0, self._gateway.api_id, wire.api_hash, token
            )
            answer = await self._ask(request)
            return await self._finish(answer)

    async def start_qr(self) -> QrToken | LoggedIn | PasswordNeeded:
        """Get a token to show as a QR code."""
        async with self._border():
            await self._connected()
            return await self._token()

    async def wait_qr(
        self, *, deadline: float | None = None
    ) -> QrToken | LoggedIn | PasswordNeeded:
        """Wait for the scan. A new ``QrToken`` means that the last one is spent: show the new.

        ``deadline`` is in seconds; by default it is when the token expires. Past it the same
        token comes back while it lives.
        """
        async with self._border():
            left = self._left()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left if deadline is None else min(deadline, left)):
                    await self._scanned.wait()
            if self._shown is not None and not self._scanned.is_set() and self._left() > 0:
                return self._shown
            return await self._token()

    # -- inside

    async def _connected(self) -> WardenClient:
        if self._wire is not None and self._wire.lost:
            # Telegram knows the login by its key, which a new connection has again.
            await self._stack.aclose()
            self._wire = None
        if self._wire is None and not self._closed:
            hooks = {"deliver": self._deliver, "gap": lambda _chat: None}
            self._wire = await self._stack.enter_async_context(
                self._gateway.connect_for_login(self.name, self.session, hooks)
            )
        if self._closed or self._wire is None:
            await self._stack.aclose()  # it may have been closed while it connected
            raise NoLoginError(self.name)
        return self._wire

    def _deliver(self, update: Any) -> None:
        if isinstance(update, types.UpdateLoginToken):
            self._scanned.set()
        elif isinstance(update, types.UpdateServiceNotification) and update.popup:
            self._popup = shown(update.message)

    def _left(self) -> float:
        if self._shown is None:
            return 0.0
        return max(self._until - asyncio.get_running_loop().time(), 0.0)

    async def _ask(self, request: Any) -> Any:
        """Ask, following Telegram to another data centre, and once more when it says so."""
        wire = await self._connected()
        for left in reversed(range(MOVES)):
            try:
                async with asyncio.timeout(self._deadline):
                    return await wire(request)
            except _MOVED as moved:
                if not left:
                    raise
                await self._move(wire, moved.new_dc)
            except tg.AuthRestartError:
                if not left:
                    raise
        raise AssertionError("the last turn returns or raises")

    async def _move(self, wire: WardenClient, dc_id: int) -> None:
        logger.info("login moves session=%s dc=%d", self.name, dc_id)
        async with asyncio.timeout(self._deadline):
            await wire._switch_dc(dc_id)  # noqa: SLF001 - Telethon has no public way

    async def _sent(self, sent: Any) -> CodeInfo | LoggedIn:
        if isinstance(sent, types.auth.SentCodeSuccess):
            return await self._finish(sent.authorization)
        if isinstance(sent, types.auth.SentCodePaymentRequired):
            raise payment_wanted(self.name, sent)
        self._code_hash = sent.phone_code_hash
        self._last_at = self._clock()
        self._last = CodeInfo(
            kind=_kind(sent.type, "SentCodeType") or "unknown",
            length=getattr(sent.type, "length", None),
            resend_after=None if sent.timeout is None else float(sent.timeout),
            next_kind=_kind(sent.next_type, "CodeType"),
            facts=facts_of(sent.type),
        )
        return self._last

    async def _authorise(self, request: Any) -> LoggedIn | PasswordNeeded:
        try:
            answer = await self._ask(request)
        except tg.SessionPasswordNeededError:
            return await self._password_needed()
        if isinstance(answer, types.auth.AuthorizationSignUpRequired):
            raise tg.PhoneNumberUnoccupiedError(request=None)
        return await self._finish(answer)

    async def _password_needed(self) -> PasswordNeeded:
        settings = await self._ask(functions.account.GetPasswordRequest())
        return PasswordNeeded(hint=settings.hint or "", reset_at=settings.pending_reset_date)

    async def _check(self, password: str) -> Any:
        settings = await self._ask(functions.account.GetPasswordRequest())
        # 100,000 rounds of SHA-512: a tenth of a second that the loop need not stand still.
        proof = await asyncio.to_thread(compute_check, settings, password)
        return await self._ask(functions.auth.CheckPasswordRequest(proof))

    async def _token(self) -> QrToken | LoggedIn | PasswordNeeded:
        wire = await self._connected()
        self._scanned.clear()
        request = functions.auth.ExportLoginTokenRequest(self._gateway.api_id, wire.api_hash, [])
        try:
            answer = await self._ask(request)
            if isinstance(answer, types.auth.LoginTokenMigrateTo):
                await self._move(wire, answer.dc_id)
                answer = await self._ask(functions.auth.ImportLoginTokenRequest(answer.token))
        except tg.SessionPasswordNeededError:
            return await self._password_needed()
        if isinstance(answer, types.auth.LoginTokenSuccess):
            return await self._finish(answer.authorization)
        token = base64.urlsafe_b64encode(answer.token).decode().rstrip("=")
        # Telegram's clock says when, and how late it is there; this host's may be another.
        left = max(answer.expires.timestamp() - (wire.server_time or self._clock()), QR_LEAST)
        self._until = asyncio.get_running_loop().time() + left
        expires = datetime.fromtimestamp(self._clock() + left, tz=UTC)
        self._shown = QrToken(url=f"tg://login?token={token}", expires=expires)
        return self._shown

    async def _finish(self, granted: Any) -> LoggedIn:
        user = granted.user
        self.session.process_entities(types.contacts.ResolvedPeer(None, [], [user]))
        self.session.user_id = user.id
        untold = await self._state()
        await self.close()
        return LoggedIn(
            user_id=user.id,
            first_name=user.first_name or "",
            session=self.session,
            terms=LoginTerms(
                relogin_days=granted.otherwise_relogin_days,
                password_wanted=bool(granted.setup_password_required),
                parallel=granted.tmp_sessions or 1,
                future_token=granted.future_auth_token,
            ),
            untold=untold,
        )

    async def _state(self) -> Exception | None:
        """Ask how far updates are: from there the first opening catches up, and nothing is missed.

        The login is granted already, and is not lost for an answer that does not come.
        """
        if not self.ask_state:
            return None
        try:
            state = await self._ask(functions.updates.GetStateRequest())
        except Exception as error:  # noqa: BLE001 - whatever it is, the login is good
            logger.info("update state not told session=%s why=%s", self.name, type(error).__name__)
            return error
        self.session.set_update_state(0, state)
        return None

    @contextlib.asynccontextmanager
    async def _border(self) -> AsyncIterator[None]:
        """Let only our own errors out, without the request that held the secret."""
        self._popup = ""
        try:
            yield
        except TelewardenError:
            raise
        except Exception as error:
            if isinstance(error, tg.RPCError):
                vars(error)["method"] = method_name(getattr(error, "request", None))
                vars(error)["request"] = None
            self._gateway.refused(self.name, error)
            told = to_telewarden(error, session=self.name, now=self._clock())
            if self._popup:
                told.args = (f"{told} Telegram says: {self._popup}",)
            raise told from error


def _kind(value: Any, prefix: str) -> str | None:
    """``SentCodeTypeFlashCall`` is ``flashcall``."""
    return None if value is None else type(value).__name__.rpartition(prefix)[2].lower()
