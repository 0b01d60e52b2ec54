"""The actor that serves programs which share sessions, through its own crashes too."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..actors.errors import to_public_error
from ..actors.session.sharing.calls import LONGEST_TURN
from ..actors.shared_updates import SharedUpdates
from ..api.session import SessionHandle
from ..config.share import ProgramConfig, ShareConfig
from ..console.acceptor import Acceptor
from ..errors import (
    LoginCallError,
    SessionOfflineError,
    TelegramError,
    TelegramRateLimitError,
    TelewardenError,
    UnknownSessionError,
)
from ..supervision import LoopActor, TokenBucket
from ..telegram.sharing.frames import VERSION, Frame, Kind, pack, pack_said, unpack_call
from .owner import Owner
from .program_link import ProgramLink
from .rights import may_use, program_of, refusal

if TYPE_CHECKING:
    from ..telegram.sharing.passed_request import PassedRequest

logger = logging.getLogger(__name__)

MOST: Final = 256  # programs at once
WAITING: Final = 64  # connections beside them, of programs that have not been let in yet
KNOWN: Final = 10_000  # uses and refusals that are not noted once more


class ShareActor(LoopActor):
    """Serves programs in the loop of the sessions' actors.

    Args:
        owner: the warden.
        listening: a listening Unix socket; it stays its owner's, and the next incarnation goes on
            with it.
        updates: where the updates of a session are heard.
        sleep: waits for a program's turn.
    """

    def __init__(
        self,
        *,
        owner: Owner,
        listening: socket.socket,
        updates: SharedUpdates,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        super().__init__()
        self._owner, self._updates, self._sleep = owner, updates, sleep
        self._links: set[ProgramLink] = set()
        self._greetings: set[asyncio.Task[None]] = set()
        self._acceptor = Acceptor(
            listening, self._new_link, lambda: tuple(self._links), most=MOST + WAITING, refusal=b""
        )
        self._shares: dict[tuple[str, str], TokenBucket] = {}
        self._noted: set[tuple[str, ...]] = set()

    def on_start(self) -> None:
        self._acceptor.open()

    async def on_stop(self) -> None:  # type: ignore[override]  # a LoopActor's hooks may be async
        await self._close()

    async def on_failure(  # type: ignore[override]  # a LoopActor's hooks may be async
        self, *_exc_info: object
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        await self._acceptor.close()
        for greeting in tuple(self._greetings):
            greeting.cancel()
        for link in tuple(self._links):
            link.end("stopping", "the owner of the session stops")

    def _new_link(self) -> ProgramLink:
        link = ProgramLink(self, queue=self._config.queue)
        self._links.add(link)
        return link

    @property
    def _config(self) -> ShareConfig:
        return self._owner.config.share or ShareConfig()

    # -- greeting

    def greet(self, link: ProgramLink, said: Mapping[str, Any]) -> None:
        """A program has said who it is: let it in, or say why not."""
        greeting = asyncio.get_running_loop().create_task(self._greet(link, said))
        self._greetings.add(greeting)
        greeting.add_done_callback(self._greetings.discard)

    async def _greet(self, link: ProgramLink, said: Mapping[str, Any]) -> None:
        program, session = str(said.get("program")), str(said.get("session"))
        why = self._stranger(said) or self._unwanted(program, session)
        if why is not None:
            self._note_refusal(program, session, "share", why)
            link.end("refused", why, what="the use of the session")
            return
        try:
            handle = self._owner.session(session)
            facts = await handle.shared_facts()
        except SessionOfflineError as error:
            link.end("offline", str(error), coming=error.coming)
            return
        except TelewardenError as error:
            link.end("offline", str(error), coming=True)
            return
        listen = partial(self._updates.listen, session) if said.get("updates") else None
        self._note_use(program, session)
        link.welcome(program, handle, {"dc_id": facts.dc_id, "user_id": facts.user_id}, listen)

    def _stranger(self, said: Mapping[str, Any]) -> str | None:
        """Why the two ends do not understand each other; ``None`` if they do."""
        from ..telegram.sharing.passed_request import LAYER

        if said.get("version") != VERSION:
            return "the program has another release of Telewarden; give both the same"
        if said.get("layer") != LAYER:
            theirs = said.get("layer")
            return f"the program has Telethon of layer {theirs}, its owner {LAYER}; give both one"
        return None

    def _unwanted(self, name: str, session: str) -> str | None:
        program = program_of(self._config, name)
        if program is None:
            known = ", ".join(one.name for one in self._config.programs) or "none"
            return f"there is no program {name!r} in [share]; programs are: {known}"
        if not may_use(program, session):
            return f"it is not among the program's sessions ({', '.join(program.sessions)})"
        if sum(link.busy for link in self._links) >= MOST:
            return f"{MOST} programs are connected, and no more are taken"
        try:
            self._owner.session(session)
        except UnknownSessionError as error:
            return str(error)
        return None

    def forget(self, link: ProgramLink) -> None:
        """A connection has ended."""
        self._links.discard(link)

    # -- calling

    async def carry_out(self, link: ProgramLink, frame: Frame) -> bytes:
        """Carry a call out; returns the frame that answers it."""
        from ..telegram.sharing.passed_request import NotARequestError, parse_request

        dc_id, data = unpack_call(frame.payload)
        try:
            request = parse_request(data, link.tell)
        except NotARequestError as error:
            return self._refuse(link, frame, "what it sent", str(error))
        program = program_of(self._config, link.program)
        why: str | None = "it is not a program of [share] any more"
        if program is not None:
            why = refusal(program, request.method, dc_id=dc_id)
        if program is None or why is not None:
            return self._refuse(link, frame, request.method, why or "")
        try:
            await self._take_turn(program, link.session, request)
            await self._ask(link.handle, request, dc_id)
        except Exception as error:  # noqa: BLE001 - the program is told, whatever it is
            if not request.answer:  # Telegram's own, which the owner could not read
                return self._failed(link, frame, request.method, error)
        self._count(link, "ok")
        return pack(Kind.ANSWER, frame.number, request.answer)

    async def _ask(self, session: SessionHandle, request: PassedRequest, dc_id: int) -> None:
        """Have a request carried out; one that posts nothing needs no turn in the mailbox."""
        client = self._updates.client(session.name)
        if client is None or request.chat is not None:
            await session.call_shared(request, dc_id=dc_id)
            return
        try:
            deadline = self._owner.config.telegram.call_deadline
            await client.call_at(request, dc_id, deadline=deadline)
        except TelewardenError:
            raise
        except Exception as error:
            await session.shared_call_failed(error)
            raise to_public_error(error, session=session.name) from error

    async def _take_turn(
        self, program: ProgramConfig, session: str, request: PassedRequest
    ) -> None:
        """Wait until the program's share of the account's pace has room for what it posts."""
        if program.rate_share >= 1.0 or request.chat is None:
            return
        pace = self._owner.config.pacing
        rate = pace.per_account * program.rate_share
        bucket = self._shares.get((program.name, session))
        if bucket is None or bucket.rate != rate:
            burst = max(1, int(pace.burst * program.rate_share))
            bucket = self._shares[program.name, session] = TokenBucket(rate=rate, burst=burst)
        wait = bucket.reserve(self.clock.now(), request.cost)
        if wait > 0:
            await self._sleep(min(wait, LONGEST_TURN))

    def _refuse(self, link: ProgramLink, frame: Frame, what: str, why: str) -> bytes:
        self._count(link, "refused")
        self._note_refusal(link.program, link.session, what, why)
        said = {"kind": "refused", "what": what, "why": why}
        return pack_said(Kind.FAILED, frame.number, said)

    def _failed(self, link: ProgramLink, frame: Frame, method: str, error: Exception) -> bytes:
        """What a program is told of an error: Telegram's own word where there is one."""
        told = _rpc_error(error)
        if told is not None:
            code, message = told
            self._count(link, "flood" if isinstance(error, TelegramRateLimitError) else "error")
            return pack_said(Kind.RPC_ERROR, frame.number, {"code": code, "message": message})
        if isinstance(error, LoginCallError):
            self._count(link, "refused")
            self._note_refusal(link.program, link.session, method, error.why)
            said: dict[str, object] = {"kind": "login", "what": method, "why": error.why}
            return pack_said(Kind.FAILED, frame.number, said)
        self._count(link, "failed")
        why = str(error) or type(error).__name__
        if isinstance(error, SessionOfflineError):
            said = {"kind": "offline", "why": why, "coming": error.coming}
        elif isinstance(error, UnknownSessionError):
            said = {"kind": "offline", "why": why, "coming": False}
        else:
            if not isinstance(error, TelewardenError):
                logger.warning("call failed method=%s error=%s", method, type(error).__name__)
                why = type(error).__name__
            said = {"kind": "unknown", "why": why}
        return pack_said(Kind.FAILED, frame.number, said)

    # -- noting

    def _count(self, link: ProgramLink, result: str) -> None:
        self._owner.exporter.shared_request(link.program, result)

    def _note_use(self, program: str, session: str) -> None:
        """Put the first use of a session by a program into the audit trail."""
        if self._is_new(program, session):
            self._owner.noted(_who(program), "share", session)

    def _note_refusal(self, program: str, session: str, what: str, why: str) -> None:
        """Put a refusal into the audit trail, each of its kind once."""
        if self._is_new(program, session, what, why):
            logger.warning(
                "program refused program=%s session=%s what=%s",
                _shown(program),
                _shown(session),
                what,
            )
            self._owner.refused(_who(program), f"share {what}", _shown(session), why=why)

    def _is_new(self, *key: str) -> bool:
        if key in self._noted or len(self._noted) >= KNOWN:
            return False
        self._noted.add(key)
        return True


def _rpc_error(error: Exception) -> tuple[int, str] | None:
    """Telegram's code and message, or those that it would have had for what was not asked."""
    from ..telegram.sharing.passed_request import rpc_error_of

    if isinstance(error, TelegramError) and error.__cause__ is not None:
        told = rpc_error_of(error.__cause__)
        if told is not None:
            return told
    if isinstance(error, TelegramRateLimitError):
        if error.name == "PEER_FLOOD":
            return 400, error.name
        seconds = max(1, math.ceil(error.wait or 1.0))
        name = "SLOWMODE_WAIT" if error.name == "SLOWMODE_WAIT" else "FLOOD_WAIT"
        return 420, f"{name}_{seconds}"
    return rpc_error_of(error)


def _who(program: str) -> str:
    return f"program {_shown(program)}"


def _shown(text: str) -> str:
    """A name that somebody has given himself, as a line can hold it."""
    return "".join(one if one.isprintable() else "?" for one in text[:64]) or "?"
