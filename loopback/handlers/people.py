"""Accounts looked up and described: ``users.*``, ``contacts.*``, the own profile."""

from __future__ import annotations

import re
from typing import Any, Final

from .._tl import functions, types
from ..call import Call
from ..rpc import RpcError
from ..world.records import Account, BotRecord
from ..world.rendering import View
from .base import Handlers, yes
from .bots.commands import commands_for

_USERNAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")


def get_users(call: Call, request: Any) -> Any:
    """Accounts by id and access hash; those that are wrong are left out as empty."""
    view = View(call.world, call.me)
    return [_user_or_empty(call, view, given) for given in request.id]


def get_full_user(call: Call, request: Any) -> Any:
    """One account, thinly described."""
    me, account = call.me, call.peers.user(request.id)
    language = call.authorization.device.get("lang_code", "")
    full = types.UserFull(
        id=account.id,
        blocked=account.id in me.blocked or None,
        bot_info=account.bot and _bot_info(account.id, account.bot, me, language),
        about=account.bot and (account.bot.about or None),
        settings=types.PeerSettings(),
        notify_settings=types.PeerNotifySettings(),
        common_chats_count=0,
        noforwards_my_enabled=_protects(call, account, me),
        noforwards_peer_enabled=_protects(call, account, account),
        unofficial_security_risk=account.unofficial_risk or None,
    )
    return types.users.UserFull(full, [], [View(call.world, me).user(account)])


def _protects(call: Call, other: Account, who: Account) -> bool | None:
    """Whether ``who`` protects the private chat with ``other``."""
    chat = call.world.privates.get(frozenset((call.me.id, other.id)))
    return None if chat is None or other is call.me else chat.members[who.id].protects or None


def resolve_username(call: Call, request: Any) -> Any:
    """Who or what has a username."""
    me = call.me
    if not _USERNAME.fullmatch(request.username.lstrip("@")):
        raise RpcError("USERNAME_INVALID")
    found = call.world.by_username(request.username)
    if found is None:
        raise RpcError("USERNAME_NOT_OCCUPIED")
    view = View(call.world, me)
    view.mention(found)
    if isinstance(found, Account):
        return types.contacts.ResolvedPeer(types.PeerUser(found.id), [], view.users)
    return types.contacts.ResolvedPeer(types.PeerChannel(found.id), view.chats, [])


def resolve_phone(call: Call, request: Any) -> Any:
    """Who has a phone number."""
    me = call.me
    found = call.world.account_by_phone(request.phone)
    if found is None:
        raise RpcError("PHONE_NOT_OCCUPIED")
    return types.contacts.ResolvedPeer(
        types.PeerUser(found.id), [], [View(call.world, me).user(found)]
    )


def get_contacts(call: Call, _request: Any) -> Any:
    """The account's contacts."""
    me, view = call.me, View(call.world, call.me)
    people = [call.world.accounts[i] for i in sorted(me.contacts)]
    contacts = [types.Contact(account.id, account.id in me.contacts) for account in people]
    return types.contacts.Contacts(contacts, len(contacts), [view.user(a) for a in people])


def import_contacts(call: Call, request: Any) -> Any:
    """Add those contacts whose numbers belong to somebody."""
    me, imported, people = call.me, [], []
    for given in request.contacts:
        account = call.world.account_by_phone(given.phone)
        if account is not None:
            me.contacts.add(account.id)
            people.append(account)
            imported.append(types.ImportedContact(account.id, given.client_id))
    call.world.touch()
    view = View(call.world, me)
    return types.contacts.ImportedContacts(imported, [], [], [view.user(a) for a in people])


def add_contact(call: Call, request: Any) -> Any:
    """Add one contact."""
    account = call.peers.user(request.id)
    call.me.contacts.add(account.id)
    call.world.touch()
    return call.delivery.changed(call.me, account)


def block(call: Call, request: Any) -> bool:
    """Hear no more of somebody; a bot is told so when it writes."""
    return _set_blocked(call, request.id, blocked=True)


def unblock(call: Call, request: Any) -> bool:
    """Hear of somebody again."""
    return _set_blocked(call, request.id, blocked=False)


def update_username(call: Call, request: Any) -> Any:
    """Take a username, or give it up."""
    me, name = call.me, request.username
    if name:
        _require_free(call, name)
    me.username = name or None
    call.world.touch()
    return View(call.world, me).user(me)


def check_username(call: Call, request: Any) -> bool:
    """Whether a username is free."""
    _ = call.me
    if not _USERNAME.fullmatch(request.username):
        raise RpcError("USERNAME_INVALID")
    return call.world.by_username(request.username) is None


def update_profile(call: Call, request: Any) -> Any:
    """Change one's name."""
    me = call.me
    me.first_name = request.first_name if request.first_name is not None else me.first_name
    me.last_name = request.last_name if request.last_name is not None else me.last_name
    call.world.touch()
    return View(call.world, me).user(me)


def invalidate_codes(call: Call, request: Any) -> bool:
    """Let the account's own login codes die, as clients ask when one was typed into a chat."""
    me = call.me
    for phone, sent in call.world.logins.codes.items():
        if sent.code in request.codes and call.world.account_by_phone(phone) is me:
            sent.expires = 0.0
    return True


def get_peer_settings(call: Call, request: Any) -> Any:
    """Nothing special about anybody."""
    view = View(call.world, call.me)
    view.mention(call.peers.chat(request.peer))
    return types.messages.PeerSettings(types.PeerSettings(), view.chats, view.users)


def _set_blocked(call: Call, given: Any, *, blocked: bool) -> bool:
    me, account = call.me, call.peers.user(given)
    if account is me:
        raise RpcError("CONTACT_ID_INVALID")
    (me.blocked.add if blocked else me.blocked.discard)(account.id)
    call.world.touch()
    update = types.UpdatePeerBlocked(types.PeerUser(account.id), blocked=blocked or None)
    call.delivery.tell([me], [update], account, origin=call.conversation)
    return True


def _bot_info(bot_id: int, bot: BotRecord, viewer: Account, language: str) -> Any:
    return types.BotInfo(
        user_id=bot_id,
        commands=commands_for(bot, viewer, language),
        menu_button=types.BotMenuButtonCommands(),
    )


def _user_or_empty(call: Call, view: View, given: Any) -> Any:
    try:
        return view.user(call.peers.user(given))
    except RpcError:
        return types.UserEmpty(getattr(given, "user_id", 0))


def _require_free(call: Call, name: str) -> None:
    if not _USERNAME.fullmatch(name):
        raise RpcError("USERNAME_INVALID")
    holder = call.world.by_username(name)
    if holder is call.me:
        raise RpcError("USERNAME_NOT_MODIFIED")
    if holder is not None:
        raise RpcError("USERNAME_OCCUPIED")


HANDLERS: Final[Handlers] = {
    functions.users.GetUsersRequest: get_users,
    functions.users.GetFullUserRequest: get_full_user,
    functions.contacts.ResolveUsernameRequest: resolve_username,
    functions.contacts.ResolvePhoneRequest: resolve_phone,
    functions.contacts.GetContactsRequest: get_contacts,
    functions.contacts.ImportContactsRequest: import_contacts,
    functions.contacts.AddContactRequest: add_contact,
    functions.contacts.BlockRequest: block,
    functions.contacts.UnblockRequest: unblock,
    functions.account.UpdateUsernameRequest: update_username,
    functions.account.CheckUsernameRequest: check_username,
    functions.account.UpdateProfileRequest: update_profile,
    functions.account.UpdateStatusRequest: yes,
    functions.account.InvalidateSignInCodesRequest: invalidate_codes,
    functions.messages.GetPeerSettingsRequest: get_peer_settings,
}
