"""One connected client: requests with a deadline, a truthful probe, a close that ends.

Made by ``Gateway.open`` only. It never reconnects: when the line is lost it says so once, and
a new client is opened by whoever decides about it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from telethon.errors import TypeNotFoundError

from ..errors import PeerUnknownError
from ._tl import functions, types, utils
from .errors.classification import classify
from .events import ClientEvent, Gap, Lost, Popup, Unreadable
from .gate import Gate
from .incoming import event_of, notice_of, protection_of
from .methods import refuse_logins
from .mtproto.raw_client import WardenClient
from .notices import Popups
from .session import WardenSession

logger = logging.getLogger(__name__)

DIALOGS_A_PAGE: Final = 100  # what Telegram gives at most
LAST_WORDS: Final = 1.0  # seconds that a client gets after its transport was cut


class Client:
    """A connected session.

    A lost line is told once, as ``Lost``, and the client then cleans up after itself.
    ``protected_people`` tells of private chats whether one side protects them, as far as this
    client has asked or been told since. ``disconnected`` is a future that resolves, never raises,
    with the cause of the loss (None when it was closed here). ``last_update`` is the clock's
    reading at the last update.
    """

    def __init__(
        self,
        name: str,
        session: WardenSession,
        on_event: Callable[[ClientEvent], None],
        *,
        clock: Callable[[], float],
        make: Callable[..., WardenClient],
        gate: Gate | None = None,
    ) -> None:
        self.name, self.session = name, session
        self._on_event, self._clock = on_event, clock
        self._wire = make(
            session,
            deliver=self._deliver,
            gap=self._gap,
            unreadable=self._unreadable,
            gate=gate,
        )
        self.opened_key = session.key_id
        self._popups = Popups()
        self._started = False
        self._closing: asyncio.Task[None] | None = None
        self.disconnected: asyncio.Future[BaseException | None] = (
            asyncio.get_running_loop().create_future()
        )
        self.last_update = clock()
        self.behind = 0
        self.protected_people: dict[int, bool] = {}

    def __repr__(self) -> str:
        return f"<Client {self.name} {self.session!r}>"

    @property
    def key_id(self) -> int | None:
        """The id of the auth key in use."""
        return self.session.key_id

    @property
    def user_id(self) -> int | None:
        """The account's id."""
        return self.session.user_id

    @property
    def told_time(self) -> float | None:
        """Telegram's time at the monotonic clock's zero; ``None`` before it has said anything."""
        told: float | None = self._wire._sender.told_time  # noqa: SLF001 - as above
        return told

    @property
    def alive(self) -> bool:
        """Whether the line has not been lost, as far as is known; ``probe`` knows better."""
        return not self.disconnected.done()

    @property
    def distrusted(self) -> int:
        """Messages ignored because they could not be trusted: a second user, or the clock."""
        return self._wire._sender.distrusted  # noqa: SLF001 - ours, kept where Telethon has it

    async def start(self, *, deadline: float) -> None:
        """Connect and prove the login; the true error comes out, and nothing stays open."""
        async with asyncio.timeout(deadline):
            state = await self._wire.connect_and_invoke(functions.updates.GetStateRequest())
            self._watch()
            await self._wire.begin_updates(state)
        if self.disconnected.done():
            raise self.disconnected.result() or ConnectionAbortedError("closed while opening")
        self._started = True

    async def call(self, request: Any, *, deadline: float = 30.0) -> Any:
        """Send one TL request and return its answer.

        Raises Telethon's own errors, at once and for everything: floods, repeated random ids,
        server trouble; and without a packet what the gate refuses with, and a
        ``LoginCallError`` for what makes a login or ends it. A ``TimeoutError`` after ``deadline``
        seconds; nothing is left behind.
        """
        refuse_logins(request, session=self.name)
        return await self._answer(request, deadline=deadline)

    async def call_at(self, request: Any, dc_id: int, *, deadline: float = 30.0) -> Any:
        """Send one TL request to a data centre, where files and statistics may be.

        Raises as ``call``.
        """
        if dc_id in {0, self.session.dc_id}:
            return await self.call(request, deadline=deadline)
        refuse_logins(request, session=self.name)
        wire = self._wire
        try:
            async with asyncio.timeout(deadline):
                sender = await wire._borrow_exported_sender(dc_id)  # noqa: SLF001 - Telethon's own way
                try:
                    return await wire._call(sender, request)  # noqa: SLF001 - the same
                finally:
                    await wire._return_exported_sender(sender)  # noqa: SLF001 - the same
        except TimeoutError:
            raise TimeoutError(f"no answer from data centre {dc_id} in {deadline:g} s") from None

    def overhear(self, listener: Callable[[Any, object], None]) -> None:
        """Have ``listener`` told of updates as they come, and whose passed request told of them.

        Those that are fetched after a gap are not among them. It must not raise.
        """
        self._wire.overhear(listener)

    async def log_out(self, *, deadline: float = 30.0) -> bytes | None:
        """End the authorisation at Telegram: the key is dead afterwards, on every copy.

        Returns what lets the account log in without a code later, if Telegram gives it.
        """
        answer = await self._answer(functions.auth.LogOutRequest(), deadline=deadline)
        token: bytes | None = answer.future_auth_token
        return token

    async def _answer(self, request: Any, *, deadline: float) -> Any:
        try:
            async with asyncio.timeout(deadline):
                return await self._wire(request)
        except TimeoutError as error:
            if error.args:
                raise
            what = type(request).__name__
            raise TimeoutError(f"no answer to {what} within {deadline:g} s") from None
        except Exception as error:
            self._refused(error)
            raise

    async def call_in_turn(self, requests: Sequence[Any], *, deadline: float = 30.0) -> list[Any]:
        """Send TL requests at once; each is carried out only if the one before it was.

        They must name chats as ``peer`` does. Returns an answer or an exception for each; whatever
        follows a refusal is answered with Telethon's ``MsgWaitFailedError`` and was not done.
        One that the gate refuses is not sent, nor is any after it: that is their answer.
        """
        answers = await self._wire.in_turn(requests, deadline=deadline)
        for error in answers:
            if isinstance(error, Exception):
                self._refused(error)
        return answers

    async def probe(self, *, deadline: float = 10.0) -> float:
        """Ask Telegram for the update state and return the seconds it took.

        ``behind`` then says how many updates of the account Telegram has told that this client
        has not heard.
        """
        started = self._clock()
        state = await self.call(functions.updates.GetStateRequest(), deadline=deadline)
        self.behind = max(0, state.pts - self._wire.pts)
        return self._clock() - started

    def peer(self, chat: int) -> Any:
        """Return the address of ``chat`` (a marked id), from what is known, without asking.

        Raises:
            PeerUnknownError: this account never saw the chat; see ``learn_chats``.
        """
        if chat == self.user_id:
            return types.InputPeerSelf()
        try:
            return self.session.get_input_entity(chat)
        except ValueError:
            raise PeerUnknownError(chat) from None

    def forget_peer(self, chat: int) -> None:
        """Forget where ``chat`` is, so that it is looked for anew; an access hash may be void."""
        self.session.forget_entity(chat)
        self._wire.forget_peer(chat)

    async def learn_chats(self, *, limit: int = 500, deadline: float = 30.0) -> int:
        """Read the account's newest ``limit`` dialogs so that they can be addressed.

        From then on what is missed in their channels is caught up after a reconnect.
        Returns how many were read. Telegram limits this call: not more than once a minute.
        """
        offset: tuple[Any, int, Any] = (None, 0, types.InputPeerEmpty())
        seen, size = 0, DIALOGS_A_PAGE
        while seen < limit:
            size = min(limit - seen, size)
            try:
                page = await self.call(_dialogs(offset, size), deadline=deadline)
            except TypeNotFoundError:
                if size == 1:
                    break  # what stands behind a chat that cannot be read is not told
                size //= 2
                continue
            seen += len(page.dialogs)
            self._wire.know_channels(page)
            following = _after(page)
            if not isinstance(page, types.messages.DialogsSlice) or following is None:
                break
            if following == offset:
                break  # the same page again
            offset = following
        return seen

    def save_states(self) -> None:
        """Copy how far updates have been seen into the session."""
        self._wire.save_states()

    async def close(self, *, deadline: float = 10.0) -> bool:
        """Disconnect; return whether it went by itself within ``deadline`` seconds.

        Past the deadline the TCP connection is cut. In either case it is off afterwards.
        """
        closing = self._begin_closing()
        done, _ = await asyncio.wait({closing}, timeout=deadline)
        if not done:
            await self._cut(closing)
        elif not closing.cancelled() and (error := closing.exception()) is not None:
            logger.warning(
                "client closed badly session=%s error=%s", self.name, type(error).__name__
            )
        if self.session.refresh == self._wire.save_states:
            self.session.refresh = None
        self._lose(None)
        return bool(done)

    def end(self, reason: Exception) -> None:
        """Give an open line up at once, for a cause that is not its own; nothing more is sent."""
        if self._started:
            self._wire._sender.fail(reason)  # noqa: SLF001 - ours, kept where Telethon has it

    def _begin_closing(self) -> asyncio.Task[None]:
        if self._closing is None:
            self._closing = asyncio.create_task(self._wire.close())
        return self._closing

    async def _cut(self, closing: asyncio.Task[None]) -> None:
        logger.warning("client cut off session=%s", self.name)
        self._wire._sender.abort()  # noqa: SLF001 - ours, kept where Telethon has it
        done, _ = await asyncio.wait({closing}, timeout=LAST_WORDS)
        if not done:
            closing.cancel()
            await asyncio.wait({closing}, timeout=LAST_WORDS)

    def _watch(self) -> None:
        self._wire._sender._disconnected.add_done_callback(self._ended)  # noqa: SLF001 - the public one is a new shield at each look

    def _ended(self, future: asyncio.Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        # Telethon's update loop keeps a fatal cause to itself and then disconnects as if asked.
        self._lose(error or self._wire._updates_error)  # noqa: SLF001
        self._begin_closing()

    def _lose(self, reason: BaseException | None) -> None:
        if self.disconnected.done():
            return
        self.disconnected.set_result(reason)
        if self._started:
            self._tell(Lost(reason))

    def _deliver(self, update: Any) -> None:
        self.last_update = self._clock()
        told = None
        try:
            self._note_protection(update)
            told = event_of(update, self.user_id) or notice_of(update, self.key_id)
        except Exception:  # one update that makes no sense must not cost those behind it
            logger.exception(
                "update not understood session=%s kind=%s", self.name, type(update).__name__
            )
        if isinstance(told, Popup):
            told = self._popups.told(told.text, self._clock())
        if told is not None:
            self._tell(told)
        self.session.touch()

    def _note_protection(self, update: Any) -> None:
        """Remember that a private chat is protected; that it is not, the other side may deny."""
        if (told := protection_of(update)) is not None:
            chat, protected = told
            self.protected_people.pop(chat, None)
            if protected:
                self.protected_people[chat] = True

    def _refused(self, error: Exception) -> None:
        """A text that came before the error it is about is told once more, with its name."""
        code = getattr(error, "code", None)
        popup = self._popups.refused(classify(error).name, code, self._clock())
        if popup is not None:
            self._tell(popup)

    def _unreadable(self, constructor: int) -> None:
        self._tell(Unreadable(constructor))

    def _gap(self, chat: int | None) -> None:
        self._tell(Gap(chat))

    def _tell(self, told: ClientEvent) -> None:
        try:
            self._on_event(told)
        except Exception:  # it is somebody else's; the line goes on
            logger.exception("listener failed session=%s event=%s", self.name, type(told).__name__)


def _dialogs(offset: tuple[Any, int, Any], limit: int) -> Any:
    date, message, peer = offset
    return functions.messages.GetDialogsRequest(
        offset_date=date, offset_id=message, offset_peer=peer, limit=limit, hash=0
    )


def _after(page: Any) -> tuple[Any, int, Any] | None:
    """Where the page after this one starts, or None when nothing tells it."""
    homes = {utils.get_peer_id(home): home for home in (*page.users, *page.chats)}
    tops = {(utils.get_peer_id(one.peer_id), one.id): one for one in page.messages}
    for dialog in reversed(page.dialogs):
        if not isinstance(dialog, types.Dialog):
            continue
        chat = utils.get_peer_id(dialog.peer)
        top = tops.get((chat, dialog.top_message))
        if top is not None and chat in homes:
            return top.date, top.id, utils.get_input_peer(homes[chat])
    return None
