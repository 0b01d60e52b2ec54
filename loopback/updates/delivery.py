"""Delivery of written, edited and deleted messages to everybody concerned.

It counts the events of accounts and channels (``pts``) and says who is concerned; ``pushes``
has what is sent unasked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .._tl import types
from ..world.feed import Event, EventKind
from ..world.records import Account, Chat, ChatKind, Message
from ..world.rendering import View
from ..world.update_events import Draft, Happening
from ..world.world import World
from .connections import Speaker
from .pushes import Pushes


class Delivery:
    """The one that changes messages."""

    def __init__(self, world: World, pushes: Pushes) -> None:
        self._world, self._pushes = world, pushes

    # Changes

    def write(self, chat: Chat, author: Account, drafts: Iterable[Draft]) -> list[Happening]:
        """Put messages into a chat, in order; tell nobody yet."""
        happenings = [self._written(chat, author, draft) for draft in drafts]
        self._world.touch()
        return happenings

    def post(
        self,
        chat: Chat,
        author: Account,
        drafts: Sequence[Draft],
        origin: Speaker | None = None,
    ) -> list[Happening]:
        """Put messages into a chat and push them to all but ``origin``."""
        happenings = self.write(chat, author, drafts)
        self.push(happenings, origin=origin)
        return happenings

    def edit(self, message: Message, origin: Speaker | None = None) -> Happening:
        """Tell that a message, changed by the caller, has been edited now."""
        message.edit_date = self._world.now()
        happening = self._count(message, EventKind.EDIT)
        self._world.touch()
        self.push([happening], origin=origin)
        return happening

    def delete_from_channel(
        self, chat: Chat, messages: Iterable[Message], origin: Speaker | None = None
    ) -> Event[Message] | None:
        """Delete messages of a channel; None when there was nothing to delete."""
        doomed = [message for message in messages if not message.deleted]
        if not doomed:
            return None
        for message in doomed:
            self._remove(message)
        ids = tuple(message.id for message in doomed)
        event = chat.feed.add_deletion(ids, date=self._world.now())
        self._world.touch()
        self.push([Happening(chat, {0: event})], origin=origin)
        return event

    def delete_for(
        self, accounts: Iterable[Account], messages: Sequence[Message]
    ) -> dict[int, Event[Message]]:
        """Delete messages from accounts' own boxes; returns each one's event. Pushes nothing."""
        events: dict[int, Event[Message]] = {}
        for account in accounts:
            ids = tuple(i for m in messages if (i := m.ids.pop(account.id, 0)))
            for message_id in ids:
                account.box.pop(message_id, None)
            if ids:
                events[account.id] = account.feed.add_deletion(ids, date=self._world.now())
        for message in messages:
            if not message.ids:
                self._remove(message)
        self._world.touch()
        return events

    # Telling

    def push_deletions(
        self, events: dict[int, Event[Message]], origin: Speaker | None = None
    ) -> None:
        """Push to each account what went from its own box."""
        for account_id, event in events.items():
            account = self._world.accounts[account_id]
            self.tell(
                [account], [self.update(View(self._world, account), None, event)], origin=origin
            )

    def push(self, happenings: Sequence[Happening], *, origin: Speaker | None = None) -> None:
        """Push events to the connections of everybody concerned; ``origin`` has its answer."""
        if not happenings:
            return
        chat = happenings[0].chat
        for account_id in chat.present():
            account = self._world.accounts[account_id]
            listeners = self._pushes.listeners(account, origin)
            if listeners:
                updates = self.updates(account, happenings)
                self._pushes.send(account, updates, listeners, origin=origin)

    def tell(
        self,
        accounts: Iterable[Account],
        updates: Sequence[Any],
        *mentioned: Account | Chat,
        origin: Speaker | None = None,
    ) -> None:
        """Push updates that carry no pts, with whomever they mention."""
        for account in accounts:
            view = View(self._world, account)
            view.mention(*mentioned)
            listeners = self._pushes.listeners(account, origin)
            bundle = self._bundle(list(updates), view)
            self._pushes.send(account, bundle, listeners, origin=origin)

    def chat_changed(
        self, chat: Chat, accounts: Iterable[Account], origin: Speaker | None = None
    ) -> None:
        """Tell accounts that their place in a chat, or the chat, is not what it was."""
        update = types.UpdateChannel(chat.id) if chat.is_channel else types.UpdateChat(chat.id)
        self._world.touch()
        self.tell(accounts, [update], chat, origin=origin)

    def updates(self, account: Account, happenings: Iterable[Happening], *first: Any) -> Any:
        """Events as Updates for one account, ``first`` ones before them."""
        view = View(self._world, account)
        told = list(first)
        for happening in happenings:
            event = happening.event_for(account.id)
            if event is not None:
                told.append(self.update(view, happening.chat, event))
        return self._bundle(told, view)

    def answer(self, account: Account, happenings: Sequence[Happening]) -> Any:
        """Events as the answer to the request that caused them: ids by random_id come first."""
        first = []
        for happening in happenings:
            message = happening.message
            if message is not None and message.random_id is not None and not message.edit_date:
                first.append(types.UpdateMessageID(message.id_for(account.id), message.random_id))
        return self.updates(account, happenings, *first)

    def changed(self, account: Account, *mentioned: Account | Chat) -> Any:
        """Updates without an event, as the answer to a change of chats or people."""
        view = View(self._world, account)
        view.mention(*mentioned)
        return self._bundle([], view)

    def update(self, view: View, chat: Chat | None, event: Event[Message]) -> Any:
        """One event as the update that tells it; ``chat`` is None for an account's own."""
        channel = chat is not None and chat.is_channel
        if event.kind is EventKind.DELETE:
            if channel and chat is not None:
                view.mention(chat)
                return types.UpdateDeleteChannelMessages(
                    chat.id, list(event.ids), event.pts, event.count
                )
            return types.UpdateDeleteMessages(list(event.ids), event.pts, event.count)
        cls = {
            (EventKind.NEW, False): types.UpdateNewMessage,
            (EventKind.NEW, True): types.UpdateNewChannelMessage,
            (EventKind.EDIT, False): types.UpdateEditMessage,
            (EventKind.EDIT, True): types.UpdateEditChannelMessage,
        }[event.kind, channel]
        return cls(view.message(event.message), event.pts, event.count)

    def _bundle(self, updates: list[Any], view: View) -> Any:
        # An answer has no place in the order of what is sent unasked: its seq is 0.
        return types.Updates(updates, view.users, view.chats, self._world.now(), 0)

    def _written(self, chat: Chat, author: Account, draft: Draft) -> Happening:
        message = Message(
            id=0,
            chat=chat,
            author=author,
            date=self._world.now(),
            sent_as=draft.sent_as,
            text=draft.text,
            entities=list(draft.entities),
            media=draft.media,
            action=draft.action,
            reply_to=draft.reply_to,
            topic_id=draft.topic_id,
            grouped_id=draft.grouped_id,
            forward=draft.forward,
            silent=draft.silent,
            noforwards=draft.noforwards,
            invert_media=draft.invert_media,
            quote=draft.quote,
            further=dict(draft.further),
            random_id=draft.random_id,
            post=chat.kind is ChatKind.BROADCAST,
        )
        self._number(message)
        self._acquaint(chat, author)
        chat.messages.append(message)
        if draft.random_id is not None:
            self._world.remember_sending(author, draft.random_id, message)
        return self._count(message, EventKind.NEW)

    def _number(self, message: Message) -> None:
        chat = message.chat
        if chat.is_channel:
            message.id = chat.next_message_id
            chat.next_message_id += 1
            chat.by_id[message.id] = message
            return
        author_id = message.author.id if message.author is not None else 0
        for account_id in chat.present():
            account = self._world.accounts[account_id]
            if chat.kind is ChatKind.PRIVATE and author_id in account.blocked:
                continue
            message.ids[account_id] = account.next_message_id
            account.box[account.next_message_id] = message
            account.next_message_id += 1
        message.id = message.ids.get(author_id, 0) or next(iter(message.ids.values()), 0)

    def _acquaint(self, chat: Chat, author: Account) -> None:
        """Let a bot that somebody writes to answer from now on."""
        if chat.kind is ChatKind.PRIVATE:
            for bot in (self._world.accounts[account_id].bot for account_id in chat.members):
                if bot is not None:
                    bot.acquainted.add(author.id)

    def _count(self, message: Message, kind: EventKind) -> Happening:
        chat, date = message.chat, self._world.now()
        if chat.is_channel:
            event = chat.feed.add_message(kind, message, date=date)
            return Happening(chat, {0: event}, message)
        accounts = self._world.accounts
        events = {
            account_id: accounts[account_id].feed.add_message(kind, message, date=date)
            for account_id in message.ids
        }
        return Happening(chat, events, message)

    def _remove(self, message: Message) -> None:
        message.deleted = True
        chat = message.chat
        chat.by_id.pop(message.id, None)
        if message in chat.messages:
            chat.messages.remove(message)


def unknown_update(body: bytes, now: int) -> bytes:
    """A container of updates as it is sent, with one in it that is written as ``body``."""
    nobody, one = types.Updates([], [], [], now, 0), (1).to_bytes(4, "little")
    plain = bytes(nobody)
    return plain[:8] + one + body + plain[12:]  # the number of updates stands behind two ids


def service_notification(text: str, *, kind: str = "", popup: bool = True) -> Any:
    """What Telegram says in its own name, to be shown at once if it is a ``popup``."""
    return types.UpdateServiceNotification(
        kind, text, types.MessageMediaEmpty(), [], popup=popup or None
    )
