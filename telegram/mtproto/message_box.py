"""The message box: order of updates by pts, qts and seq, and the gaps between them.

Telethon's box decides which difference to ask for and takes it in. Here stands how an update, or
a container of updates, is taken, as Telegram's page on updates says: those with a ``pts`` have an
order of their own, whatever the container's ``seq``; the others follow ``seq``; what leaves a gap
waits half a second for what fills it, then the difference is asked for. What the account itself
has done counts like everything else. Pinned to Telethon 1.45.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from telethon._updates import GapError
from telethon._updates.messagebox import (
    ENTRY_ACCOUNT,
    NO_SEQ,
    POSSIBLE_GAP_TIMEOUT,
    PtsInfo,
    epoch,
    next_updates_deadline,
)

from .._tl import MessageBox, types
from ..session import CHANNEL_MARK, marked_id

NEVER: Final = epoch()  # the date of what carries none
CHANGES: Final = (types.UpdateEditMessage, types.UpdateDeleteMessages)
CHANNEL_CHANGES: Final = (types.UpdateEditChannelMessage, types.UpdateDeleteChannelMessages)


class _Late(NamedTuple):
    """A container that came too early: what of it has no number of its own waits."""

    first: int
    last: int
    date: Any
    updates: list[Any]


class Box(MessageBox):  # type: ignore[misc]  # Telethon ships no types
    """Where gaps in the updates are found.

    Args:
        log: Telethon's logger.
        gap: called with a marked chat id, or None for any, when updates are lost for good.
    """

    date: Any
    seq: int
    possible_gaps: dict[Any, Any]

    def __init__(self, log: Any, gap: Callable[[int | None], None]) -> None:
        super().__init__(log)
        self._gap = gap
        self._late: list[_Late] = []
        self._late_until = 0.0
        self._waiting: dict[Any, list[Any]] = {}
        """By entry, the updates behind a gap whose difference is being asked for."""
        self._ahead: dict[int, tuple[int, float]] = {}
        """By channel, how far Telegram says it is, and until when that may be on its way."""

    @property
    def incomplete(self) -> bool:
        """Whether something waits for what is missing before it."""
        return bool(self.possible_gaps or self._late)

    # -- updates as they come

    def process_updates(self, updates: Any, chat_hashes: Any, result: list[Any]) -> Any:  # noqa: ARG002 - Telethon's signature
        """Take a container; what may be told now is added to ``result``.

        Returns its users and chats.

        Raises:
            GapError: it only says that something was missed.
        """
        date = getattr(updates, "date", None)
        if date is None:
            self.try_begin_get_diff(ENTRY_ACCOUNT, "received updatesTooLong")
            raise GapError
        users, chats = getattr(updates, "users", None) or [], getattr(updates, "chats", None) or []
        numbered, others = _sorted_out(updates)
        if users or chats:
            _name_homes((*numbered, *others), users, chats)
        self._take_numbered(numbered, result)
        last = getattr(updates, "seq", None) or NO_SEQ
        first = getattr(updates, "seq_start", None) or last
        if first == NO_SEQ:
            result.extend(others)
            if not self.incomplete and date != NEVER:
                self.date = date
        else:
            self._take_in_turn(_Late(first, last, date, others), result)
        return users, chats

    def _take_numbered(self, updates: list[Any], result: list[Any]) -> None:
        if not updates:
            return
        heard_of: set[Any] = set()
        for update in updates:
            self._apply(update, result, heard_of)
        self.reset_deadlines(heard_of, next_updates_deadline())
        if self.possible_gaps:
            self._fill_gaps(result)

    def _apply(self, update: Any, result: list[Any], heard_of: set[Any] | None = None) -> None:
        told = self.apply_pts_info(update, reset_deadlines=heard_of)
        if told is not None:
            result.append(told)

    def _fill_gaps(self, result: list[Any]) -> None:
        for gap in list(self.possible_gaps.values()):
            waiting, gap.updates = sorted(gap.updates, key=_before), []
            for update in waiting:  # what still does not fit goes back to where it was
                self._apply(update, result)
        self.possible_gaps = {
            entry: gap for entry, gap in self.possible_gaps.items() if gap.updates
        }

    # -- containers in turn

    def _take_in_turn(self, come: _Late, result: list[Any]) -> None:
        if come.first > self.seq + 1:
            if not self._late:
                self._late_until = asyncio.get_running_loop().time() + POSSIBLE_GAP_TIMEOUT
            self._late.append(come)
            return
        self._take_late(come, result)
        while self._late and (fitting := min(self._late, key=_turn)).first <= self.seq + 1:
            self._late.remove(fitting)
            self._take_late(fitting, result)

    def _take_late(self, come: _Late, result: list[Any]) -> None:
        if come.last <= self.seq:
            return  # heard already
        self.seq = come.last
        result.extend(come.updates)
        if come.date != NEVER and not self.possible_gaps:
            self.date = come.date

    # -- gaps

    def set_channel_pts(self, channel: int, pts: int) -> None:
        """Telegram says, with a channel's history, how far it is; what was not told is missed.

        Edits and deletions that are lost on the way show in no history.
        """
        self.try_set_channel_state(channel, pts)
        if self.map[channel].pts < pts:
            until = asyncio.get_running_loop().time() + POSSIBLE_GAP_TIMEOUT
            self._ahead.setdefault(channel, (pts, until))

    def check_deadlines(self) -> float:
        """When to look again, on the loop's clock; past deadlines are differences to ask for."""
        before = dict(self.possible_gaps)
        at: float = super().check_deadlines()
        for entry in self.getting_diff_for:
            self._keep(entry, before.get(entry))
        if self._ahead and not self.getting_diff_for:
            at = min(at, self._catch_up())
        if not self._late or self.getting_diff_for:
            return at
        if asyncio.get_running_loop().time() >= self._late_until:
            self.try_begin_get_diff(ENTRY_ACCOUNT, "a gap of seq")
        return min(at, self._late_until)

    def _catch_up(self) -> float:
        now = asyncio.get_running_loop().time()
        for channel, (pts, until) in list(self._ahead.items()):
            state = self.map.get(channel)
            if state is None or state.pts >= pts:
                del self._ahead[channel]
            elif until <= now:
                del self._ahead[channel]
                self.try_begin_get_diff(channel, "its history is ahead")
        return min((until for _, until in self._ahead.values()), default=math.inf)

    def try_begin_get_diff(self, entry: Any, reason: str) -> None:
        """Ask for an entry's difference, if it is known how far it has been heard."""
        gap = self.possible_gaps.get(entry)
        super().try_begin_get_diff(entry, reason)
        self._keep(entry, gap)

    def _keep(self, entry: Any, gap: Any) -> None:
        if entry is ENTRY_ACCOUNT and entry in self.getting_diff_for:
            self._late_until = math.inf  # whatever it brings, ``settle`` comes next
        if gap is not None and entry in self.getting_diff_for:
            self._waiting.setdefault(entry, []).extend(gap.updates)

    def settle(self) -> list[Any]:
        """What waited behind gaps, once the differences were asked for; to be told now.

        A difference that does not reach up to it would not do so the next time either: that is a
        gap for good, and what waited is taken as it is.
        """
        result: list[Any] = []
        if self.getting_diff_for:
            return result
        waiting, self._waiting = self._waiting, {}
        for entry, updates in waiting.items():
            self._settle_entry(entry, sorted(updates, key=_before), result)
        late, self._late = self._late, []
        for come in sorted(late, key=_turn):
            self._take_late(come, result)
        return result

    def _settle_entry(self, entry: Any, updates: list[Any], result: list[Any]) -> None:
        for update in updates:
            state, begins = self.map.get(entry), _before(update)
            if state is not None and state.pts < begins:
                self._gap(-(CHANNEL_MARK + entry) if isinstance(entry, int) else None)
                state.pts = begins
            self._apply(update, result)

    # -- differences

    def get_channel_difference(self, chat_hashes: Any) -> Any:
        """Return what is to be asked for next, of a channel.

        One whose access hash is not known just now, as while it is looked for anew, Telethon 1.45
        drops without a word: what it would have told is a gap.
        """
        wanted = {one for one in self.getting_diff_for if isinstance(one, int)}
        request = super().get_channel_difference(chat_hashes)
        for dropped in wanted - self.getting_diff_for:
            self._gap(-(CHANNEL_MARK + dropped))
        return request

    # Telethon takes the difference's end for how far it has heard, and then its edits and
    # deletions, which come before that end, for ones that it has heard already.

    def apply_channel_difference(self, request: Any, diff: Any, chat_hashes: Any) -> Any:
        """Take a channel's difference."""
        diff.final = diff.final or not isinstance(diff, types.updates.ChannelDifference)
        told, users, chats = super().apply_channel_difference(request, diff, chat_hashes)
        entry = request.channel.channel_id
        if isinstance(diff, types.updates.ChannelDifferenceTooLong):
            # It ends as any final one does; Telethon would ask again from there.
            self.end_get_diff(entry)
            self.reset_channel_deadline(entry, diff.timeout)
        return _with_changes(diff, told, CHANNEL_CHANGES), users, chats

    def apply_difference_type(self, diff: Any, chat_hashes: Any) -> Any:
        """Take the account's difference, or a slice of it."""
        told, users, chats = super().apply_difference_type(diff, chat_hashes)
        return _with_changes(diff, told, CHANGES), users, chats

    def _trace(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Write no text for each step that is taken."""


def _turn(come: _Late) -> int:
    return come.first


def _sorted_out(updates: Any) -> tuple[list[Any], list[Any]]:
    """The updates of a container: those with an order of their own, by it, and the others."""
    each = getattr(updates, "updates", None)
    if each is None:
        each = [updates.update if isinstance(updates, types.UpdateShort) else updates]
    numbered: list[Any] = []
    others: list[Any] = []
    for update in each:
        own = PtsInfo.from_update(update) or isinstance(update, types.UpdateChannelTooLong)
        (numbered if own else others).append(update)
    if len(numbered) > 1:
        # What has been read may be told first, with the number of the message that it is about.
        numbered.sort(key=_before)
    return numbered, others


def _before(update: Any) -> int:
    """The number that must have been reached before an update."""
    info = PtsInfo.from_update(update)
    return 0 if info is None else int(info.pts) - int(info.pts_count)


def _name_homes(updates: Iterable[Any], users: list[Any], chats: list[Any]) -> None:
    homes = {marked_id(home): home for home in (*users, *chats)}
    for update in updates:
        update._entities = homes  # noqa: SLF001 - where Telethon's own events look


def _with_changes(diff: Any, told: list[Any], kinds: tuple[type[Any], ...]) -> list[Any]:
    """What a difference tells, with the edits and deletions that Telethon has left out."""
    known = {id(update) for update in told}
    others = getattr(diff, "other_updates", None) or ()
    left_out = [one for one in others if isinstance(one, kinds) and id(one) not in known]
    return [*told, *left_out]
