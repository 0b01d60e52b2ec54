"""Handles on chats for tests: read, and changed from the server's side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ._tl import types
from .data_centre import DataCentre
from .threads import LoopGate, in_loop
from .world.records import Account, Chat, ChatKind, Member, Message, Topic
from .world.update_events import Draft

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADMIN: Final[Mapping[str, str]] = {
    "post": "post_messages",
    "edit": "edit_messages",
    "delete": "delete_messages",
    "invite": "invite_users",
    "ban": "ban_users",
    "pin": "pin_messages",
}


class ChatHandle:
    """A group or channel of a running data centre.

    Its methods are the server's own hand: no right is checked and no notice written;
    those concerned hear of it by updates.
    """

    def __init__(self, centre: DataCentre, record: Chat) -> None:
        self._centre, self.record = centre, record

    @property
    def gate(self) -> LoopGate:
        """The way into the loop that owns the data centre."""
        return self._centre.gate

    def __repr__(self) -> str:
        return f"ChatHandle({self.record.title!r}, {self.record.kind.value}, {self.peer_id})"

    @property
    def id(self) -> int:
        """The bare id."""
        return self.record.id

    @property
    def peer_id(self) -> int:
        """The marked id, as Telethon's ``get_peer_id`` gives it."""
        return self.record.peer_id

    @property
    def title(self) -> str:
        """Its title."""
        return self.record.title

    @property
    def username(self) -> str | None:
        """Its public name."""
        return self.record.username

    @property
    @in_loop
    def messages(self) -> list[Message]:
        """Its messages, oldest first, without those deleted."""
        return list(self.record.messages)

    @property
    @in_loop
    def texts(self) -> list[str]:
        """The texts of its messages, oldest first, notices left out."""
        return [m.text for m in self.record.messages if m.action is None]

    @property
    def members(self) -> list[int]:
        """The ids of the accounts in it."""
        return self.record.present()

    @in_loop
    def join(self, *accounts: Account) -> None:
        """Bring accounts in; one that had been banned is forgiven."""
        for account in accounts:
            self._centre.membership.add(self.record, account)

    @in_loop
    def leave(self, account: Account) -> None:
        """Take an account out; it may come back."""
        self._centre.membership.remove(self.record, account)

    @in_loop
    def kick(self, account: Account) -> None:
        """Take an account out and keep it out: a channel is private to it from now on."""
        self._centre.membership.remove(self.record, account, banned=True)

    @in_loop
    def set_rights(
        self,
        account: Account,
        *,
        send: bool | None = None,
        media: bool | None = None,
        admin: bool | None = None,
        post: bool | None = None,
        edit: bool | None = None,
        delete: bool | None = None,
        invite: bool | None = None,
        ban: bool | None = None,
        pin: bool | None = None,
    ) -> None:
        """Give (True) or take (False) a member's rights; None leaves them.

        ``send`` and ``media`` are what every member of a group has until it is taken;
        the others make an administrator, ``admin`` gives or takes all of those.
        """
        member = self._member(account)
        banned = {"send_messages": send, "send_media": media, "send_photos": media}
        banned |= {"send_docs": media}
        member.banned_rights = _changed(
            member.banned_rights, {k: None if v is None else not v for k, v in banned.items()}
        )
        if admin is not None:
            member.admin_rights = frozenset(_ADMIN.values()) if admin else frozenset()
        given = {"post": post, "edit": edit, "delete": delete}
        given |= {"invite": invite, "ban": ban, "pin": pin}
        wanted = {_ADMIN[k]: v for k, v in given.items()}
        member.admin_rights = _changed(member.admin_rights, wanted)
        self._centre.delivery.chat_changed(self.record, [account])

    @in_loop
    def set_default_rights(self, *, send: bool | None = None, media: bool | None = None) -> None:
        """What a member without special rights may do in a group."""
        wanted = {"send_messages": send, "send_media": media}
        taken = {k: None if v is None else not v for k, v in wanted.items()}
        self.record.default_banned = _changed(self.record.default_banned, taken)
        self._tell_all()

    @in_loop
    def set_noforwards(self, noforwards: bool) -> None:
        """Protect its content, or no longer: messages written from now on carry the mark."""
        self.record.noforwards = noforwards
        self._tell_all()

    @in_loop
    def new_invite(self, *, approval: bool = False) -> str:
        """A new link to come in by, in place of the old one; with ``approval`` one has to ask."""
        self.record.invite = self._centre.world.entropy(8).hex()
        self.record.approval = approval
        self._centre.world.touch()
        return f"https://t.me/+{self.record.invite}"

    @property
    @in_loop
    def requests(self) -> list[int]:
        """The ids of the accounts that have asked to be let in."""
        return list(self.record.requests)

    @in_loop
    def let_in(self, account: Account) -> None:
        """Let in an account that has asked."""
        if account.id not in self.record.requests:
            raise ValueError(f"{account.first_name} has not asked to join {self.title}")
        self._centre.membership.add(self.record, account)

    @in_loop
    def turn_away(self, account: Account) -> None:
        """Do not let in an account that has asked; it may ask again."""
        self.record.requests.pop(account.id, None)
        self._centre.world.touch()

    @in_loop
    def set_price(self, stars: int) -> None:
        """Let a message of who is no administrator cost Stars; 0 for nothing."""
        self.record.price = stars
        self._centre.world.touch()

    @in_loop
    def set_slowmode(self, seconds: int) -> None:
        """Have members wait between messages; 0 ends it."""
        self.record.slowmode = seconds
        self._tell_all()

    @in_loop
    def open_topic(self, title: str, author: Account | None = None) -> Topic:
        """Open a topic of a forum."""
        creator = author or self._owner()
        action = types.MessageActionTopicCreate(title=title, icon_color=0x6FB9F0)
        topic_id = self.record.next_message_id  # the notice below opens the topic and names it
        self._centre.delivery.post(self.record, creator, [Draft(action=action)])
        topic = Topic(
            id=topic_id,
            title=title,
            icon_color=0x6FB9F0,
            creator_id=creator.id,
            date=self._centre.world.now(),
        )
        self.record.topics[topic.id] = topic
        return topic

    @in_loop
    def close_topic(self, topic: Topic) -> None:
        """Let only administrators write in a topic."""
        topic.closed = True

    @in_loop
    def delete_messages(self, messages: Iterable[Message]) -> None:
        """Delete messages for everybody."""
        doomed, delivery = list(messages), self._centre.delivery
        if self.record.is_channel:
            delivery.delete_from_channel(self.record, doomed)
        else:
            accounts = [self._centre.world.accounts[i] for i in self.record.members]
            delivery.push_deletions(delivery.delete_for(accounts, doomed))

    @in_loop
    def edit_message(
        self, message: Message, text: str, *, entities: Iterable[Any] = (), media: Any = None
    ) -> None:
        """Give a message another text, and another medium if one is given (TL objects)."""
        message.text, message.entities = text, list(entities)
        message.media = message.media if media is None else media
        self._centre.delivery.edit(message)

    @in_loop
    def forget_updates(self) -> None:
        """Forget past events: whoever is behind hears that the difference is too long."""
        self.record.feed.forget()

    @in_loop
    def rename(self, username: str | None) -> None:
        """Take another public name, or give it up; somebody else may take the old one."""
        self.record.username = username
        self._tell_all()

    @in_loop
    def void_access_hash(self, account: Account) -> None:
        """Refuse what an account knows this channel by; its dialogs tell it anew."""
        self._centre.world.void_access_hash(account, -self.record.id)

    @in_loop
    def upgrade(self) -> ChatHandle:
        """Make a supergroup of a basic group, which nobody can write into any more."""
        return ChatHandle(self._centre, self._centre.membership.upgrade(self.record, self._owner()))

    @in_loop
    def delete(self) -> None:
        """Delete the chat: nobody can see it any more."""
        self.record.gone = True
        self._tell_all()

    def _member(self, account: Account) -> Member:
        member = self.record.members.get(account.id)
        if member is None:
            raise ValueError(f"{account.first_name} is not in {self.title}; let it join first")
        return member

    def _owner(self) -> Account:
        creator = next(m for m in self.record.members.values() if m.creator)
        return self._centre.world.accounts[creator.account_id]

    def _tell_all(self) -> None:
        accounts = [self._centre.world.accounts[i] for i in self.record.present()]
        self._centre.delivery.chat_changed(self.record, accounts)


def _changed(rights: frozenset[str], wanted: Mapping[str, bool | None]) -> frozenset[str]:
    given = {right for right, on in wanted.items() if on is True}
    taken = {right for right, on in wanted.items() if on is False}
    return (rights | given) - taken


def author_of(chat: Chat, centre: DataCentre) -> Account:
    """Who writes when nobody is named: the creator; in a private chat there is no such one."""
    if chat.kind is ChatKind.PRIVATE:
        raise ValueError("a private chat has no owner; name the author")
    creator = next(member for member in chat.members.values() if member.creator)
    return centre.world.accounts[creator.account_id]
