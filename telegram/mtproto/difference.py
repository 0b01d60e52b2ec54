"""Fetching of differences: through transient errors, and past a refused update state.

Telethon decides when a difference is asked for and applies it. Here stands what is done when it
is not given, or does not get on: wait, take Telegram's present state instead, and say where there
is a gap. Nothing is asked for again without a pause that grows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from telethon.errors import ChannelPrivateError, TypeNotFoundError

from .._tl import functions, types
from ..errors.classification import classify
from ..errors.verdict import Action, ErrorClass
from ..session import CHANNEL_MARK, WardenSession

logger = logging.getLogger(__name__)

PATIENCE: Final = (1.0, 2.0, 4.0, 8.0)  # seconds between tries to fetch missed updates
ANSWER_WITHIN: Final = 60.0  # seconds; past it the line is no good, whatever its pings say
LONGEST: Final = 60.0  # seconds before the next round, when rounds of tries have failed
SOON: Final = 60.0  # seconds; a state that is refused again within them is waited with first

Sleep = Callable[[float], Awaitable[None]]


class MissedUpdates:
    """Fetches for one client.

    Args:
        session: its live state.
        box: Telethon's, which says how far updates have been heard.
        known: what Telethon knows of chats.
        gap: called with a marked chat id, or None for any, when updates are lost for good.
        fail: called with the reason to give the line up.
        sleep: how to wait between tries.
    """

    __slots__ = ("_box", "_fail", "_gap", "_in_vain", "_known", "_refused", "_session", "_sleep")

    def __init__(
        self,
        session: WardenSession,
        box: Any,
        known: Any,
        *,
        gap: Callable[[int | None], None],
        fail: Callable[[Exception], object],
        sleep: Sleep,
    ) -> None:
        self._session, self._box, self._known = session, box, known
        self._gap, self._fail, self._sleep = gap, fail, sleep
        self._refused: dict[int | None, tuple[int, float]] = {}
        self._in_vain: dict[int | None, int] = {}

    async def fetch(self, request: Any, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        """Fetch missed updates: Telethon would wait 15 minutes upon a short trouble.

        An answer that says there is more, and stands where the question stood, would be asked for
        again at once, and again.
        """
        for pause in PATIENCE:
            result = await self._through_trouble(request, ask)
            if not _stands_still(request, result):
                self._note_gaps(request, result)
                return result
            logger.info("missed updates stand still chat=%s", _chat_of(request))
            await self._sleep(pause)
        logger.warning("missed updates given up chat=%s", _chat_of(request))
        return await self._afresh(request, ask)

    async def _through_trouble(self, request: Any, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        chat = _chat_of(request)
        times = self._in_vain.get(chat, 0)
        if times:  # whoever asks, it was not to be had the last time
            await self._sleep(min(LONGEST, PATIENCE[-1] * 2.0 ** min(times, 30)))
        for pause in PATIENCE[: 1 if times else None]:
            try:
                result = await self._difference(request, ask)
            except Exception as error:
                verdict = classify(error)
                if verdict.kind is ErrorClass.PAIR:
                    self._gap(_chat_of(request))  # Telethon asks for no more of it
                if verdict.kind not in (ErrorClass.SRV, ErrorClass.FLOOD):
                    raise
                logger.info("missed updates wait reason=%s", verdict.name)
                await self._sleep(max(pause, verdict.wait or 0.0))
            else:
                self._in_vain.pop(chat, None)
                return result
        self._in_vain[chat] = times + 1
        self._gap(chat)
        result = await self._difference(request, ask)
        self._in_vain.pop(chat, None)
        return result

    async def _difference(self, request: Any, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        chat = _chat_of(request)
        try:
            result = await self._answer(request, ask)
        except TypeNotFoundError as error:  # asked for again it would come again
            what = error.invalid_constructor_id
            logger.warning("missed updates not readable chat=%s constructor=%08x", chat, what)
        except Exception as error:
            verdict = classify(error)
            if verdict.action is not Action.RESET_UPDATES:
                raise
            logger.warning("update state refused chat=%s reason=%s", chat, verdict.name)
        else:
            self._refused.pop(chat, None)
            return result
        await self._not_too_often(chat)
        return await self._afresh(request, ask)

    async def _answer(self, request: Any, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await ask(request)
        except TimeoutError as error:
            self._fail(error)
            raise

    async def _afresh(self, request: Any, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        """Take Telegram's present state; what was before it is a gap."""
        chat = _chat_of(request)
        present = self._account_afresh if chat is None else self._channel_afresh
        try:
            return await present(request, ask)
        finally:
            self._gap(chat)  # after the state: what comes from now on is heard, all before is read

    async def _not_too_often(self, chat: int | None) -> None:
        """Wait when the state that was taken just now is refused as well."""
        loop = asyncio.get_running_loop()
        times, at = self._refused.get(chat, (0, 0.0))
        if times and loop.time() - at < SOON:
            await self._sleep(PATIENCE[min(times, len(PATIENCE)) - 1])
        else:
            times = 0
        self._refused[chat] = times + 1, loop.time()

    async def _account_afresh(self, _: Any, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        """Start from what Telegram has told by now; as if nothing had been missed."""
        state = await self._answer(functions.updates.GetStateRequest(), ask)
        self._box.set_state(state, reset=False)
        self._forget_channels()
        return types.updates.DifferenceEmpty(date=state.date, seq=state.seq)

    def _forget_channels(self) -> None:
        """Begin each with what it tells next: a state ahead of Telegram's would be deaf to that."""
        for channel in [entry for entry in self._box.map if isinstance(entry, int)]:
            del self._box.map[channel]
            self._box.possible_gaps.pop(channel, None)
            self._box.getting_diff_for.discard(channel)
            self._session.forget_update_state(channel)

    async def _channel_afresh(self, request: Any, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        """The same for a channel; one that is no dialog any more is forgotten."""
        channel = request.channel
        peer = types.InputPeerChannel(channel.channel_id, channel.access_hash)
        page = await self._answer(
            functions.messages.GetPeerDialogsRequest([types.InputDialogPeer(peer)]), ask
        )
        pts = next((dialog.pts for dialog in page.dialogs if dialog.pts), None)
        if pts is None:
            self._session.forget_update_state(channel.channel_id)
            raise ChannelPrivateError(request)  # upon which Telethon forgets it, too
        return types.updates.ChannelDifferenceEmpty(pts=pts, final=True)

    def _note_gaps(self, request: Any, result: Any) -> None:
        if isinstance(result, types.updates.DifferenceTooLong):
            self._gap(None)
        elif isinstance(result, types.updates.ChannelDifferenceTooLong):
            self._gap(_chat_of(request))
        for update in getattr(result, "other_updates", None) or ():
            if isinstance(update, types.UpdateChannelTooLong):
                channel = update.channel_id
                if channel not in self._box.map or not self._known.get(channel):
                    self._gap(-(CHANNEL_MARK + channel))


def _stands_still(request: Any, result: Any) -> bool:
    """Whether an answer says that there is more, and does not get on."""
    if isinstance(result, types.updates.DifferenceSlice):
        state = result.intermediate_state
        return bool(state.pts <= request.pts and state.qts <= request.qts)
    more = isinstance(result, types.updates.ChannelDifference) and not result.final
    return bool(more and result.pts <= request.pts)


def _chat_of(request: Any) -> int | None:
    channel = getattr(request, "channel", None)
    return None if channel is None else -(CHANNEL_MARK + channel.channel_id)
