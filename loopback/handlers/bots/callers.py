"""Methods that are not for everybody: for people only, or for bots only.

By Telethon's list of methods and the pages of the methods themselves, which say who can use them.
"""

from __future__ import annotations

from typing import Any, Final

from ..._tl import functions
from ...call import Call
from ...rpc import RpcError
from ..base import Handler, Handlers

_account, _auth, _channels = functions.account, functions.auth, functions.channels
_contacts, _help, _messages = functions.contacts, functions.help, functions.messages

FOR_PEOPLE: Final = frozenset(
    {
        _account.ChangeAuthorizationSettingsRequest,
        _account.CheckUsernameRequest,
        _account.GetAuthorizationsRequest,
        _account.GetPasswordRequest,
        _account.GetPasswordSettingsRequest,
        _account.InvalidateSignInCodesRequest,
        _account.ResetAuthorizationRequest,
        _account.SetAuthorizationTTLRequest,
        _account.UpdatePasswordSettingsRequest,
        _account.UpdateProfileRequest,
        _account.UpdateStatusRequest,
        _account.UpdateUsernameRequest,
        _auth.AcceptLoginTokenRequest,
        _auth.ResetAuthorizationsRequest,
        _channels.CheckUsernameRequest,
        _channels.CreateChannelRequest,
        _channels.DeleteChannelRequest,
        _channels.InviteToChannelRequest,
        _channels.JoinChannelRequest,
        _channels.ReadHistoryRequest,
        _channels.ToggleForumRequest,
        _channels.ToggleSlowModeRequest,
        _channels.UpdateUsernameRequest,
        _contacts.AddContactRequest,
        _contacts.BlockRequest,
        _contacts.GetContactsRequest,
        _contacts.ImportContactsRequest,
        _contacts.ResolvePhoneRequest,
        _contacts.UnblockRequest,
        _help.GetAppConfigRequest,
        _help.GetNearestDcRequest,
        _help.GetTermsOfServiceUpdateRequest,
        _messages.AddChatUserRequest,
        _messages.CheckChatInviteRequest,
        _messages.CreateChatRequest,
        _messages.DeleteHistoryRequest,
        _messages.EditChatAdminRequest,
        _messages.GetBotCallbackAnswerRequest,
        _messages.GetDialogsRequest,
        _messages.GetForumTopicsRequest,
        _messages.GetHistoryRequest,
        _messages.GetChatInviteImportersRequest,
        _messages.GetPeerDialogsRequest,
        _messages.GetPeerSettingsRequest,
        _messages.GetPinnedDialogsRequest,
        _messages.GetRepliesRequest,
        _messages.ImportChatInviteRequest,
        _messages.MigrateChatRequest,
        _messages.ReadHistoryRequest,
        _messages.SearchRequest,
        _messages.StartBotRequest,
        _messages.ToggleNoForwardsRequest,
    }
)
"""What a bot is answered BOT_METHOD_INVALID to."""

FOR_BOTS: Final = frozenset(
    {
        functions.bots.GetBotCommandsRequest,
        functions.bots.ResetBotCommandsRequest,
        functions.bots.SetBotCommandsRequest,
        _messages.SetBotCallbackAnswerRequest,
    }
)
"""What a person is answered USER_BOT_REQUIRED to."""


def checked(handlers: Handlers) -> dict[type, Handler]:
    """The same handlers, which refuse whom their methods are not for."""
    return {request: _for_some(request, handler) for request, handler in handlers.items()}


def _for_some(request: type, handler: Handler) -> Handler:
    if request in FOR_PEOPLE:
        return lambda call, given: handler(_only(call, bots=False), given)
    if request in FOR_BOTS:
        return lambda call, given: handler(_only(call, bots=True), given)
    return handler


def _only(call: Call, *, bots: bool) -> Call:
    account: Any = call.authorization.account
    if account is not None and (account.bot is not None) is not bots:
        raise RpcError("USER_BOT_REQUIRED" if bots else "BOT_METHOD_INVALID")
    return call
