"""Shipments and receipts: what to do in a target chat, and the result. No Telethon."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ..errors.verdict import Verdict
from ..events import Incoming
from ..richtext import RichText

ShipmentAction = Literal["forward", "copy", "copies", "edit", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """Messages to be sent into a chat, or sent ones to be changed or deleted there.

    Args:
        action: what is done; a ``copy`` of several is an album, ``copies`` are single messages that
            go at once and arrive one behind the other.
        target: the chat, as a marked id.
        messages: what is sent, or the message as it is now; several go in one request.
        random_ids: one for each message that is sent; a repeat with the same ones is safe.
        texts: by message id, what is sent in place of its own text and other words.
        shorter: the same of those that Telegram may find too long; sent when it does.
        answers: the message in the target that is answered.
        quoted: the words that the source quotes of it are quoted, too.
        topic: the forum topic in the target.
        target_ids: the messages in the target that are changed or deleted.
        after: the newest message in the target that is known to be ours; what was sent without
            an answer is looked for behind it.
        others: messages in the target that are known to be of other messages.
        send_as: the peer in whose name it is sent, as a marked id; ``None`` for the account's own.
        silent: nobody hears a sound, whatever its messages say.
        max_stars: what may be paid for one message; 0 for nothing.
        price: what one costs, of which Telegram has told and which is paid; 0 for nothing.
        fresh: the messages have just been read anew.
        patient: where it cannot be looked for what arrived unseen, that is trouble that passes;
            without it, it is not known what became of it.
        earlier: by message id, what a copy that was sent without an answer may say, as numbers,
            where the message says something else by now.
    """

    action: ShipmentAction
    target: int
    messages: tuple[Incoming, ...] = ()
    random_ids: tuple[int, ...] = ()
    texts: Mapping[int, RichText] = field(default_factory=dict, repr=False)
    shorter: Mapping[int, RichText] = field(default_factory=dict, repr=False)
    answers: int | None = None
    quoted: bool = True
    topic: int | None = None
    target_ids: tuple[int, ...] = ()
    after: int = 0
    others: Collection[int] = frozenset()
    send_as: int | None = None
    silent: bool = False
    max_stars: int = 0
    price: int = 0
    fresh: bool = False
    patient: bool = False
    earlier: Mapping[int, frozenset[int]] = field(default_factory=dict)

    @property
    def cost(self) -> int:
        """How many messages it counts for, against the pace."""
        return max(1, len(self.messages))

    @property
    def posts(self) -> bool:
        """Whether it puts something new into the chat."""
        return self.action in {"forward", "copy", "copies"}

    @property
    def divisible(self) -> bool:
        """Whether its messages may also go in several portions, one behind the other."""
        single = bool(self.messages) and self.first.grouped_id is None
        return self.action == "copies" or (self.action == "forward" and single)

    @property
    def first(self) -> Incoming:
        """The first message; what sends or edits has one."""
        return self.messages[0]

    def singles(self) -> tuple[Shipment, ...]:
        """The same, one message at a time."""
        action: ShipmentAction = "copy" if self.action == "copies" else self.action
        return tuple(
            replace(self, action=action, messages=(message,), random_ids=(random_id,))
            for message, random_id in zip(self.messages, self.random_ids, strict=True)
        )

    def part(self, start: int, end: int | None = None) -> Shipment:
        """The same for some of its messages."""
        return replace(
            self, messages=self.messages[start:end], random_ids=self.random_ids[start:end]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What came of a shipment, by the source's message ids.

    Args:
        target_ids: what each became; ``None`` where Telegram did not tell.
        refused: what Telegram would not have, while the others went.
        repeated: how many Telegram already had, from a try whose answer was lost.
        outdated: of those, which say what their message said before.
        shortened: which said too much for Telegram and were cut.
        stars: what was paid for those that went.
        trouble: why the messages that are not named here have not been sent; without it they wait
            for one that is refused to be given up.
    """

    target_ids: Mapping[int, int | None] = field(default_factory=dict)
    refused: Mapping[int, Verdict] = field(default_factory=dict)
    repeated: int = 0
    outdated: frozenset[int] = frozenset()
    shortened: frozenset[int] = frozenset()
    stars: int = 0
    trouble: BaseException | None = field(default=None, repr=False)

    @property
    def newest(self) -> int:
        """The newest message in the target that this tells of; 0 when it tells of none."""
        return max((one or 0 for one in self.target_ids.values()), default=0)

    def plus(self, other: Receipt) -> Receipt:
        """What this and a later one tell together."""
        return Receipt(
            target_ids={**self.target_ids, **other.target_ids},
            refused={**self.refused, **other.refused},
            repeated=self.repeated + other.repeated,
            outdated=self.outdated | other.outdated,
            shortened=self.shortened | other.shortened,
            stars=self.stars + other.stars,
        )

    def tells(self, source_id: int) -> bool:
        """Whether it is known what became of that message."""
        return source_id in self.target_ids or source_id in self.refused
