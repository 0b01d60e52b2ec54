"""Changes of membership: the change, its service message, and who is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .._tl import types
from ..world.records import Account, Chat, ChatKind, Member
from ..world.rendering import View
from ..world.update_events import Draft
from ..world.world import World
from .connections import Speaker
from .delivery import Delivery


class Membership:
    """The one that changes who is in a chat.

    A notice ("somebody joined") is written into basic groups and supergroups when
    ``notice`` is asked, as Telegram does for what people do themselves.
    """

    def __init__(self, world: World, delivery: Delivery) -> None:
        self._world, self._delivery = world, delivery

    def add(
        self,
        chat: Chat,
        account: Account,
        *,
        by: Account | None = None,
        notice: bool = False,
        origin: Speaker | None = None,
    ) -> bool:
        """Bring an account in; False when it is in already."""
        member = chat.members.get(account.id)
        if member is not None and member.present:
            return False
        chat.requests.pop(account.id, None)
        inviter = by or account
        chat.members[account.id] = Member(
            account_id=account.id,
            date=self._world.now(),
            inviter_id=inviter.id,
            banned_rights=member.banned_rights if member is not None else frozenset(),
        )
        self._delivery.chat_changed(chat, [account], origin)
        if notice:
            self._notice(chat, inviter, types.MessageActionChatAddUser([account.id]), origin)
        return True

    def ask(self, chat: Chat, account: Account) -> None:
        """Note that an account would like to be let in, and tell who may decide."""
        chat.requests.setdefault(account.id, self._world.now())
        self._world.touch()
        self.tell_requests(chat)

    def tell_requests(self, chat: Chat) -> None:
        """Tell those who may let people in who has asked."""
        deciding = [
            self._world.accounts[member.account_id]
            for member in chat.members.values()
            if member.present and (member.creator or "invite_users" in member.admin_rights)
        ]
        for account in deciding:
            peer = View(self._world, account).peers.peer_of(chat)
            update = types.UpdatePendingJoinRequests(
                peer, len(chat.requests), list(chat.requests)[-5:]
            )
            self._delivery.tell([account], [update])

    def remove(
        self,
        chat: Chat,
        account: Account,
        *,
        by: Account | None = None,
        banned: bool = False,
        notice: bool = False,
        origin: Speaker | None = None,
    ) -> bool:
        """Take an account out, for good when ``banned``; False when it was not in."""
        member = chat.members.get(account.id)
        if member is None:
            if banned:
                date = self._world.now()
                chat.members[account.id] = Member(
                    account_id=account.id, date=date, inviter_id=account.id, kicked=True
                )
            return False
        was_in = member.present
        if notice and was_in:
            action = types.MessageActionChatDeleteUser(account.id)
            self._notice(chat, by or account, action, origin)
        member.left, member.kicked = True, banned or member.kicked
        member.admin_rights = frozenset()
        self._delivery.chat_changed(chat, [account], origin)
        return was_in

    def upgrade(self, group: Chat, by: Account, *, origin: Speaker | None = None) -> Chat:
        """Make a supergroup of a basic group; everybody is in it, and both say so."""
        world = self._world
        channel = Chat(
            id=world.take_channel_id(),
            kind=ChatKind.MEGAGROUP,
            title=group.title,
            date=world.now(),
            about=group.about,
            noforwards=group.noforwards,
            default_banned=group.default_banned,
            members={one: replace(member) for one, member in group.members.items()},
        )
        group.moved_to = world.add_chat(channel).id
        moved = types.MessageActionChatMigrateTo(channel.id)
        self._delivery.post(group, by, [Draft(action=moved)], origin)
        came = types.MessageActionChannelMigrateFrom(group.title, group.id)
        self._delivery.post(channel, by, [Draft(action=came)], origin)
        return channel

    def _notice(self, chat: Chat, author: Account, action: Any, origin: Speaker | None) -> None:
        if chat.kind in (ChatKind.GROUP, ChatKind.MEGAGROUP):
            self._delivery.post(chat, author, [Draft(action=action)], origin)
