"""Resolution of peers in requests for one account: access hash and membership checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._tl import types
from ..rpc import RpcError
from .records import Account, Chat, ChatKind, Member

if TYPE_CHECKING:
    from .world import World


class Peers:
    """What ``me`` may name, and how.

    Telegram gives each account its own access hash for a peer; one that was taken
    from another account is refused, as there.
    """

    def __init__(self, world: World, me: Account) -> None:
        self.world, self.me = world, me

    def user(self, given: Any) -> Account:
        """The account that an input user or peer names."""
        match given:
            case types.InputUserSelf() | types.InputPeerSelf():
                return self.me
            case types.InputUser() | types.InputPeerUser():
                return self._account(given.user_id, given.access_hash)
            case _:
                raise RpcError("USER_ID_INVALID")

    def channel(self, given: Any) -> Chat:
        """The channel that is named, if ``me`` may see it."""
        if not isinstance(given, (types.InputChannel, types.InputPeerChannel)):
            raise RpcError("CHANNEL_INVALID")
        chat = self.world.chat(given.channel_id, channel=True)
        peer_id = -given.channel_id
        if chat is None or not (
            given.access_hash == self.world.access_hash(self.me, peer_id)
            or (given.access_hash == 0 and self.me.bot is not None and self.member(chat))
        ):
            raise RpcError("CHANNEL_INVALID")
        self.require_view(chat)
        return chat

    def group(self, chat_id: int) -> Chat:
        """The basic group with that id, if ``me`` is or was in it."""
        chat = self.world.chat(chat_id, channel=False)
        if chat is None or self.me.id not in chat.members:
            raise RpcError("CHAT_ID_INVALID")
        return chat

    def chat(self, given: Any) -> Chat:
        """The conversation that an input peer names, private ones too."""
        match given:
            case types.InputPeerChat():
                return self.group(given.chat_id)
            case types.InputPeerChannel() | types.InputChannel():
                return self.channel(given)
            case types.InputPeerSelf() | types.InputPeerUser() | types.InputUserSelf():
                return self.world.private(self.me, self._peer_user(given))
            case types.InputUser():
                return self.world.private(self.me, self._peer_user(given))
            case _:
                raise RpcError("PEER_ID_INVALID")

    def other(self, chat: Chat) -> Account:
        """Whom ``me`` talks to in a private chat; oneself in saved messages."""
        others = [account_id for account_id in chat.members if account_id != self.me.id]
        return self.world.accounts[others[0]] if others else self.me

    def member(self, chat: Chat) -> Member | None:
        """The place of ``me`` in a chat, if there is one now."""
        member = chat.members.get(self.me.id)
        return member if member is not None and member.present else None

    def require_view(self, chat: Chat) -> None:
        """Raise CHANNEL_PRIVATE when ``me`` may not look into a channel."""
        member = chat.members.get(self.me.id)
        if member is not None and member.kicked:
            raise RpcError("CHANNEL_PRIVATE")
        if (member is None or member.left) and chat.username is None:
            raise RpcError("CHANNEL_PRIVATE")

    def peer_of(self, chat: Chat) -> Any:
        """How ``me`` calls a conversation."""
        match chat.kind:
            case ChatKind.PRIVATE:
                return types.PeerUser(self.other(chat).id)
            case ChatKind.GROUP:
                return types.PeerChat(chat.id)
            case _:
                return types.PeerChannel(chat.id)

    def _peer_user(self, given: Any) -> Account:
        try:
            return self.user(given)
        except RpcError:
            raise RpcError("PEER_ID_INVALID") from None

    def _account(self, user_id: int, access_hash: int) -> Account:
        account = self.world.accounts.get(user_id)
        if account is None:
            raise RpcError("USER_ID_INVALID")
        bot = self.me.bot
        if access_hash == 0 and bot is not None and user_id in bot.acquainted:
            return account  # a bot names those who wrote to it, and its channels, without a hash
        if account is not self.me and access_hash != self.world.access_hash(self.me, user_id):
            raise RpcError("USER_ID_INVALID")
        return account
