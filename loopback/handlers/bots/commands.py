"""``bots.*``: a bot's list of commands, and ``messages.startBot``."""

from __future__ import annotations

import re
from typing import Any, Final

from ..._tl import functions, types
from ...call import Call
from ...rpc import RpcError
from ...world.records import Account, BotRecord
from ...world.update_events import Draft
from ..base import Handlers

_COMMAND: Final = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE: Final = re.compile(r"(?:[a-z]{2})?")
_START: Final = re.compile(r"[A-Za-z0-9_-]{0,64}")
_DESCRIPTION: Final = 256  # characters
_MOST: Final = 100  # commands of one list


def set_commands(call: Call, request: Any) -> bool:
    """Have another list of commands in one scope and language."""
    if len(request.commands) > _MOST:
        raise RpcError("BOT_COMMANDS_TOO_MUCH")
    for one in request.commands:
        if _COMMAND.fullmatch(one.command) is None:
            raise RpcError("BOT_COMMAND_INVALID")
        if not 1 <= len(one.description) <= _DESCRIPTION:
            raise RpcError("BOT_COMMAND_DESCRIPTION_INVALID")
    return _change(call, request, list(request.commands))


def reset_commands(call: Call, request: Any) -> bool:
    """Have no list of one's own in a scope and language any more."""
    return _change(call, request, [])


def get_commands(call: Call, request: Any) -> list[Any]:
    """The list that was set for exactly that scope and language."""
    return list(_bot(call.me).commands.get(_place(call, request), ()))


def start_bot(call: Call, request: Any) -> Any:
    """Write ``/start`` to a bot, as the button of a new chat does."""
    account = call.peers.user(request.bot)
    if account.bot is None:
        raise RpcError("BOT_INVALID")
    if _START.fullmatch(request.start_param) is None:
        raise RpcError("START_PARAM_INVALID")
    chat = call.peers.chat(request.peer)
    if chat is not call.world.private(call.me, account):
        raise RpcError("PEER_ID_INVALID")  # bots are started in groups by being added: not played
    call.world.refuse_repeats(call.me, [request.random_id])
    text = f"/start {request.start_param}".rstrip()
    draft = Draft(text=text, entities=[_command(text)], random_id=request.random_id)
    return call.delivery.answer(
        call.me, call.delivery.post(chat, call.me, [draft], call.conversation)
    )


def commands_for(bot: BotRecord, viewer: Account, language: str) -> list[Any]:
    """The commands that one account is shown: of the narrowest scope, in its language if any."""
    for scope in (f"peer:{viewer.id}", "users", "default"):
        for spoken in (language, ""):
            if bot.commands.get((scope, spoken)):
                return list(bot.commands[scope, spoken])
    return []


def _change(call: Call, request: Any, commands: list[Any]) -> bool:
    bot, place = _bot(call.me), _place(call, request)
    bot.commands.pop(place, None)
    if commands:
        bot.commands[place] = commands
    bot.version += 1
    call.world.touch()
    for account_id in bot.acquainted:
        account = call.world.accounts[account_id]
        shown = commands_for(bot, account, "")
        update = types.UpdateBotCommands(types.PeerUser(call.me.id), call.me.id, shown)
        call.delivery.tell([account], [update], call.me)
    return True


def _bot(account: Account) -> BotRecord:
    if account.bot is None:
        raise RpcError("USER_BOT_REQUIRED")
    return account.bot


def _place(call: Call, request: Any) -> tuple[str, str]:
    if _LANGUAGE.fullmatch(request.lang_code) is None:
        raise RpcError("LANG_CODE_INVALID")
    return _scope(call, request.scope), request.lang_code


def _scope(call: Call, scope: Any) -> str:
    match scope:
        case types.BotCommandScopeDefault():
            return "default"
        case types.BotCommandScopeUsers():
            return "users"
        case types.BotCommandScopeChats():
            return "chats"
        case types.BotCommandScopeChatAdmins():
            return "chat_admins"
        case types.BotCommandScopePeer(peer=types.InputPeerUser() as user):
            return f"peer:{call.peers.user(user).id}"
        case _:  # single groups, their administrators and members: not played
            raise RpcError("PEER_ID_INVALID")


def _command(text: str) -> Any:
    return types.MessageEntityBotCommand(0, len(text.split()[0]))


HANDLERS: Final[Handlers] = {
    functions.bots.SetBotCommandsRequest: set_commands,
    functions.bots.ResetBotCommandsRequest: reset_commands,
    functions.bots.GetBotCommandsRequest: get_commands,
    functions.messages.StartBotRequest: start_bot,
}
