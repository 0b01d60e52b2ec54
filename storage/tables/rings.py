"""Data access for ``ring_messages``: each message at most once in a chat of a ring.

Owns ``ring_messages``. Before a pair of a ring sends a message it asks here whether it may. A
message that another pair of a ring has put into the source is known by its number there; where
that is not known yet, as its sender's answer is on its way or was lost, by what it says, and then
it waits until it is known. From it the way leads back to what somebody else said, and from there
to every chat that this has come into, or is about to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from .connection import TableAccess

RingVerdict = Literal["go", "stay", "wait"]

GRACE: Final = 0.5  # seconds in which a copy's number is told; until then anything may be a copy
KEPT: Final = 90 * 86_400.0  # seconds for which a message is known to have gone round
TEXT_BITS: Final = 31  # of where a forward comes from; what is above is the second
NO_PAIR: Final = 0  # whose row says that a basic group has become a supergroup
TIDIED: Final = 20  # rows that are looked at for age at a time

Message = tuple[int, int]  # a chat and a number in it


class RingRows(TableAccess):
    """Messages that pairs of a ring have carried, or are about to."""

    def ring(
        self,
        pair_id: int,
        source: int,
        target: int,
        versions: Mapping[int, tuple[int, int]],
        at: float,
    ) -> dict[int, RingVerdict]:
        """Tell which messages of ``source`` go on to ``target``; those that may count as gone.

        Args:
            pair_id: who would carry them.
            source, target: chats.
            versions: by message, what it says, as a number, and where it comes from; for one that
                was not forwarded the former again.
            at: epoch seconds.
        """
        with self.transaction():
            self._tidy(at)
            found: dict[int, RingVerdict] = {
                one: self._verdict(pair_id, (source, one), target, version, at)
                for one, version in versions.items()
            }
            going = [(pair_id, source, one, target, at) for one in found if found[one] == "go"]
            if going:
                self._sync_when_stored()  # or a power cut lets it go round again
            self._run_many(
                "insert into ring_messages (pair_id, source_chat, source_id, target_chat, at)"
                " values (?, ?, ?, ?, ?) on conflict do nothing",
                going,
            )
        return found

    def upgrade_in_ring(self, group: int, to: int, at: float) -> None:
        """Note that what is known of a basic group's messages holds for its supergroup."""
        self._run(
            "insert into ring_messages (pair_id, source_chat, source_id, target_chat, at)"
            " values (?, ?, 0, ?, ?) on conflict do nothing",
            (NO_PAIR, group, to, at),
        )

    def _verdict(
        self, pair_id: int, message: Message, target: int, version: tuple[int, int], at: float
    ) -> RingVerdict:
        begun = self._one(
            "select 1 from ring_messages where pair_id = ? and source_chat = ? and source_id = ?",
            (pair_id, *message),
        )
        if begun is not None:
            return "go"
        origin = self._origin(message)
        if origin == message:
            unsure = self._unsure(pair_id, message, version, at)
            if unsure is not None:
                return unsure
        return "stay" if target in self._been(origin) else "go"

    def _origin(self, message: Message) -> Message:
        """What somebody else said that came here as ``message``; itself if nobody carried it."""
        seen = {message}
        while True:
            row = self._one(
                "select source_chat, source_id from ring_messages"
                " where target_chat = ? and target_id = ?",
                message,
            )
            if row is None or row in seen:
                return message
            message = row
            seen.add(message)

    def _been(self, origin: Message) -> set[int]:
        """The chats that a message is in, or on its way into."""
        chats, left = {origin[0]}, [origin]
        while left:
            for chat, number in self._all(
                "select target_chat, target_id from ring_messages"
                " where source_chat = ? and source_id = ?",
                left.pop(),
            ):
                if chat not in chats and number is not None:
                    left.append((chat, number))
                chats.add(chat)
        for group in tuple(chats):
            chats.update(
                to
                for (to,) in self._all(
                    "select target_chat from ring_messages where pair_id = ? and source_chat = ?",
                    (NO_PAIR, group),
                )
            )
        return chats

    def _unsure(
        self, pair_id: int, message: Message, version: tuple[int, int], at: float
    ) -> RingVerdict | None:
        """Whether a message may be one of those whose numbers in this chat are not known."""
        rows = self._all(
            "select o.state, o.version is null or o.version in (?, ?) or exists (select 1 from"
            " sent_versions s where s.pair_id = o.pair_id and s.source_id = o.source_id"
            " and s.version in (?, ?)), o.version >> ? = ? >> ? from ring_messages r join outbox o"
            " on o.pair_id = r.pair_id and o.source_id = r.source_id"
            " and o.source_chat = r.source_chat"
            " where r.target_chat = ? and r.target_id is null and o.state in ('pending', 'done')",
            (*version, *version, TEXT_BITS, version[1], TEXT_BITS, message[0]),
        )
        forwarded = version[0] != version[1]  # an edit may have come between: the second counts
        if any(
            (alike or (near and forwarded)) and state == "pending" for state, alike, near in rows
        ):
            return "wait"
        if any(alike for _, alike, _ in rows):
            return "stay"
        if any(state == "pending" for state, *_ in rows) and self._young(pair_id, message[1], at):
            return "wait"
        return None

    def _young(self, pair_id: int, source_id: int, at: float) -> bool:
        row = self._one(
            "select enqueued_at from outbox where pair_id = ? and source_id = ?",
            (pair_id, source_id),
        )
        return row is not None and 0 <= at - row[0] < GRACE

    def _tidy(self, at: float) -> None:
        self._run(
            "delete from ring_messages where rowid in"
            " (select rowid from ring_messages where at < ? order by at limit ?)",
            (at - KEPT, TIDIED),
        )
