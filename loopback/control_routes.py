"""Routes of the control port: a table from method and path to action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from .chat_handles import ChatHandle
from .faults.actions import action_from_json
from .faults.rules import Fault
from .server import LoopbackTelegram
from .world.records import Account, Message

Body = Mapping[str, Any]
T = TypeVar("T")


class ControlError(Exception):
    """A request to the control port that is refused, with the HTTP status that says so."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Controls:
    """Carries out what the control port is asked.

    Accounts are named by id or phone number, chats by marked id or title.
    """

    def __init__(self, telegram: LoopbackTelegram) -> None:
        self._telegram = telegram

    def answer(self, method: str, path: str, body: Body) -> Any:
        """The JSON answer to a request; raises ``ControlError``."""
        path, _, query = path.partition("?")
        path = path.rstrip("/") or "/"
        deed = _DEEDS.get((method, path))
        if deed is not None:
            return deed(self, dict(_query(query)) | dict(body))
        if method == "DELETE" and path.startswith("/faults/"):
            return self.remove_fault(path.rpartition("/")[2])
        if any(known == path for _, known in _DEEDS):
            raise ControlError(405, f"{path} does not take {method}")
        known = ", ".join(f"{m} {p}" for m, p in sorted(_DEEDS))
        raise ControlError(404, f"there is no {path}; there is: {known}, DELETE /faults/N")

    def about(self, _body: Body) -> Any:
        """Where the data centre is."""
        tg = self._telegram
        return {"host": tg.host, "ports": tg.ports, "dc_id": tg.dc_id, "pem": tg.pem}

    def stats(self, _body: Body) -> Any:
        """What has been counted."""
        return self._telegram.stats.to_json()

    def accounts(self, _body: Body) -> Any:
        """All accounts."""
        return [self._account_out(account) for account in self._telegram.accounts]

    def add_account(self, body: Body) -> Any:
        """A new account."""
        known = {"name", "phone", "password", "username", "last_name", "dc_id", "premium"}
        options = _only(body, known)
        account = _or_refused(
            lambda: self._telegram.add_account(str(_needed(options, "name")), **_rest(options))
        )
        return self._account_out(account)

    def add_bot(self, body: Body) -> Any:
        """A new bot, with its token."""
        options = _only(body, {"name", "username", "token", "owner", "about", "dc_id"})
        name, username = str(_needed(options, "name")), str(_needed(options, "username"))
        if options.get("owner") is not None:
            options["owner"] = self._account(options["owner"])
        further = {key: options[key] for key in options if key not in ("name", "username")}
        bot = _or_refused(lambda: self._telegram.add_bot(name, username, **further))
        return self._account_out(bot) | {"token": bot.bot_token}

    def chats(self, _body: Body) -> Any:
        """All groups and channels."""
        return [_chat_out(chat) for chat in self._telegram.chats]

    def add_chat(self, body: Body) -> Any:
        """A new group (``kind: group``) or channel (broadcast, megagroup, forum)."""
        options = _only(body, {"kind", "title", "owner", "members", "noforwards", "username"})
        title, owner = str(_needed(options, "title")), self._account(_needed(options, "owner"))
        members = [self._account(given) for given in options.get("members", [])]
        kind = options.get("kind", "broadcast")
        if kind == "group":
            return _chat_out(self._telegram.add_group(title, owner=owner, members=members))
        if kind not in ("broadcast", "megagroup", "forum"):
            raise ControlError(400, f"kind is {kind!r}; give group, broadcast, megagroup or forum")
        chat = self._telegram.add_channel(
            title,
            owner=owner,
            members=members,
            megagroup=kind == "megagroup",
            forum=kind == "forum",
            noforwards=bool(options.get("noforwards", False)),
            username=options.get("username"),
        )
        return _chat_out(chat)

    def join(self, body: Body) -> Any:
        """Bring an account into a chat."""
        chat = self._chat(_needed(body, "chat"))
        chat.join(self._account(_needed(body, "account")))
        return _chat_out(chat)

    def kick(self, body: Body) -> Any:
        """Take an account out of a chat for good."""
        chat = self._chat(_needed(body, "chat"))
        chat.kick(self._account(_needed(body, "account")))
        return _chat_out(chat)

    def post(self, body: Body) -> Any:
        """Write a message: ``chat`` or ``to`` (an account), ``text``, ``author``."""
        options = _only(body, {"chat", "to", "text", "author"})
        author = self._account(options["author"]) if options.get("author") is not None else None
        target: ChatHandle | Account
        target = (
            self._account(options["to"]) if "to" in options else self._chat(_needed(body, "chat"))
        )
        text = str(_needed(options, "text"))
        return _message_out(_or_refused(lambda: self._telegram.post(target, text, author=author)))

    def history(self, body: Body) -> Any:
        """The messages of a chat, oldest first."""
        chat = self._chat(_needed(body, "chat"))
        return [_message_out(message) for message in chat.messages]

    def mint(self, body: Body) -> Any:
        """A session string for an account."""
        return {"session": self._telegram.mint(self._account(_needed(body, "account")))}

    def code(self, body: Body) -> Any:
        """The login code last sent to a number."""
        return {"code": self._telegram.sent_code(str(_needed(body, "phone")))}

    def scan(self, body: Body) -> Any:
        """Scan a QR code, by its ``url``, with a phone of an account's owner."""
        options = _only(body, {"account", "url"})
        account, url = self._account(_needed(options, "account")), str(_needed(options, "url"))
        _or_refused(lambda: self._telegram.scan_qr(account, url))
        return {"scanned": account.id}

    def cut(self, body: Body) -> Any:
        """Close an account's connections, or all."""
        return {"cut": self._telegram.cut(self._some_account(body))}

    def revoke(self, body: Body) -> Any:
        """End an account's logins; ``text`` and ``notify`` as in Python."""
        account = self._account(_needed(body, "account"))
        text, notify = str(body.get("text", "SESSION_REVOKED")), bool(body.get("notify", True))
        return {"revoked": self._telegram.revoke(account, text=text, notify=notify)}

    def faults(self, _body: Body) -> Any:
        """The rules that stand."""
        return [rule.to_json() for rule in self._telegram.faults]

    def add_fault(self, body: Body) -> Any:
        """A new rule, described as ``Fault`` is; ``action`` is an object with its ``kind``."""
        options = _only(body, {"action", "method", "account", "times", "after"})
        given = _needed(options, "action")
        if not isinstance(given, dict):
            raise ControlError(400, 'action is not an object such as {"kind": "silence"}')
        account = self._some_account(options)
        fault = _or_refused(
            lambda: Fault(
                action=action_from_json(given),
                method=str(options.get("method", "*")),
                account=account,
                times=options.get("times"),
                after=options.get("after", 0),
            )
        )
        return self._telegram.faults.add(fault).to_json()

    def remove_fault(self, number: str) -> Any:
        """One rule away."""
        if not number.isdigit() or not self._telegram.faults.remove(int(number)):
            raise ControlError(404, f"there is no rule {number}")
        return {"removed": int(number)}

    def clear_faults(self, _body: Body) -> Any:
        """All rules away."""
        count = len(self._telegram.faults)
        self._telegram.faults.clear()
        return {"removed": count}

    def _some_account(self, body: Body) -> Account | None:
        return self._account(body["account"]) if body.get("account") is not None else None

    def _account(self, given: Any) -> Account:
        for account in self._telegram.accounts:
            if str(given) in (str(account.id), account.phone, account.phone.lstrip("+")):
                return account
        raise ControlError(404, f"there is no account {given}; name it by id or phone number")

    def _chat(self, given: Any) -> ChatHandle:
        for chat in self._telegram.chats:
            if str(given) in (str(chat.peer_id), chat.title):
                return chat
        raise ControlError(404, f"there is no chat {given}; name it by marked id or title")

    def _account_out(self, account: Account) -> dict[str, Any]:
        return {
            "id": account.id,
            "name": account.first_name,
            "phone": account.phone,
            "username": account.username,
            "ban": account.ban,
            "connections": len(self._telegram.connections(account)),
            "authorizations": len(self._telegram.authorizations(account)),
        }


def _chat_out(chat: ChatHandle) -> dict[str, Any]:
    return {
        "peer_id": chat.peer_id,
        "kind": chat.record.kind.value,
        "title": chat.title,
        "username": chat.username,
        "members": chat.members,
        "messages": len(chat.record.messages),
    }


def _message_out(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "date": message.date,
        "author": message.author.id if message.author is not None else None,
        "text": message.text,
        "grouped_id": message.grouped_id,
        "forwarded": message.forward is not None,
        "service": message.action is not None,
    }


def _query(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text)


def _needed(body: Body, name: str) -> Any:
    if body.get(name) in (None, ""):
        raise ControlError(400, f"{name!r} is missing")
    return body[name]


def _only(body: Body, known: set[str]) -> dict[str, Any]:
    unknown = sorted(set(body) - known)
    if unknown:
        raise ControlError(400, f"unknown field {unknown[0]!r}; known: {', '.join(sorted(known))}")
    return dict(body)


def _rest(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "name"}


def _or_refused(deed: Callable[[], T]) -> T:
    try:
        return deed()
    except (ValueError, TypeError) as error:
        raise ControlError(400, str(error)) from error


_DEEDS: Final[Mapping[tuple[str, str], Callable[[Controls, Body], Any]]] = {
    ("GET", "/"): Controls.about,
    ("GET", "/stats"): Controls.stats,
    ("GET", "/accounts"): Controls.accounts,
    ("POST", "/accounts"): Controls.add_account,
    ("POST", "/bots"): Controls.add_bot,
    ("GET", "/chats"): Controls.chats,
    ("POST", "/chats"): Controls.add_chat,
    ("POST", "/join"): Controls.join,
    ("POST", "/kick"): Controls.kick,
    ("POST", "/post"): Controls.post,
    ("GET", "/history"): Controls.history,
    ("POST", "/mint"): Controls.mint,
    ("GET", "/code"): Controls.code,
    ("POST", "/scan"): Controls.scan,
    ("POST", "/cut"): Controls.cut,
    ("POST", "/revoke"): Controls.revoke,
    ("GET", "/faults"): Controls.faults,
    ("POST", "/faults"): Controls.add_fault,
    ("DELETE", "/faults"): Controls.clear_faults,
}
