"""The data centre's side of a run: people, chats, what they do, and all that was ever said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from telewarden.loopback import LoopbackTelegram
from telewarden.loopback._tl import types
from telewarden.loopback.chat_handles import author_of
from telewarden.loopback.world.records import Account, Chat, Message
from telewarden.loopback.world.update_events import Draft
from telewarden.telegram import ServerAddress

from .script import Script

__all__ = ["Said", "Scene", "urls_of"]


def urls_of(message: Message) -> list[str]:
    """The addresses behind a message's words."""
    return [url for one in message.entities if (url := getattr(one, "url", None))]


@dataclass(slots=True, eq=False)
class Said:
    """One message, whoever wrote it, with the numbers and texts that it ever had."""

    message: Message
    ids: dict[int, int]
    at: float
    number: int
    """Of all messages of the run."""
    texts: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    """To each text what a filter sees: also the addresses behind words."""

    forgotten: bool = False
    """That it is known which copy it became may have been undone by a power cut."""

    def note(self) -> None:
        """It says something else from now on."""
        message = self.message
        self.texts.append(message.text)
        self.words.append(" ".join((message.text, *urls_of(message))))

    def id_for(self, account: Account) -> int:
        """The number by which an account knows it, or knew it."""
        return self.message.id if self.message.chat.is_channel else self.ids.get(account.id, 0)


class Scene:
    """Accounts and chats of one script, in one data centre.

    Args:
        telegram: the data centre.
        script: what is wanted.
    """

    def __init__(self, telegram: LoopbackTelegram, script: Script) -> None:
        self.telegram = telegram
        self.press = telegram.add_account("press", phone="+9996629999")
        self.accounts = {"press": self.press} | {
            name: telegram.add_account(name, phone=self.phone(name)) for name in script.sessions
        }
        self.said: dict[Any, list[Said]] = {}
        self.of: dict[int, Said] = {}
        self.by_token: dict[str, Said] = {}
        self._write = telegram._engine.delivery.write
        telegram._engine.delivery.write = self._written  # type: ignore[method-assign]
        self._edit = telegram._engine.delivery.edit
        telegram._engine.delivery.edit = self._edited  # type: ignore[method-assign]
        self.chats = {chat["name"]: self._made(chat) for chat in script.chats}
        self.before: dict[str, list[Chat]] = {}
        """By name, the basic groups that chats were once."""

    @staticmethod
    def phone(name: str) -> str:
        """A session's number."""
        return f"+99966200{int(name[1:]):02}"

    @property
    def server(self) -> ServerAddress:
        """Where the data centre is."""
        dc_id, host, port = self.telegram.address
        return ServerAddress(dc_id=dc_id, host=host, port=port, pem=self.telegram.pem)

    def _made(self, chat: dict[str, Any]) -> Any:
        owner = self.accounts[chat["owner"]]
        members = [self.accounts[name] for name in chat["members"] if name != chat["owner"]]
        if chat["kind"] == "group":
            return self.telegram.add_group(chat["name"], owner=owner, members=members)
        handle = self.telegram.add_channel(
            chat["name"],
            owner=owner,
            members=members,
            megagroup=chat["kind"] == "megagroup",
            forum=chat["kind"] == "forum",
            username=self.public_name(chat["name"]),
        )
        for title in range(chat.get("topics", 0)):
            handle.open_topic(f"topic {title}")
        if chat["kind"] == "broadcast":
            for member in members:
                handle.set_rights(member, admin=True)
        return handle

    @staticmethod
    def public_name(chat: str) -> str:
        """The name by which everybody finds a channel; at first."""
        return f"chat_{chat}"

    def said_in(self, chat: str) -> list[Said]:
        """All that was ever said in a chat, also while it was a basic group."""
        records = (*self.before.get(chat, ()), self.chats[chat].record)
        return [said for record in records for said in self.said.get(record.id, ())]

    def may_work(self, account: Account, source: str, target: str | None) -> bool:
        """Whether an account may read one chat and write into another as things are."""
        if target is None:
            return self.chats[source].record.members[account.id].present
        here, there = self.chats[source].record, self.chats[target].record
        member, writer = here.members[account.id], there.members[account.id]
        broadcast = there.kind.value == "broadcast"
        allowed = writer.admin if broadcast else not writer.banned_rights
        return member.present and writer.present and allowed

    def _written(self, chat: Any, author: Any, drafts: Any) -> Any:
        from .surroundings import TIME

        happenings = self._write(chat, author, drafts)
        for one in happenings:
            message = one.message
            said = Said(message, dict(message.ids), TIME.now, len(self.of))
            said.note()
            self.said.setdefault(chat.id, []).append(said)
            self.of[id(message)] = said
        return happenings

    def _edited(self, message: Message, *args: Any, **kwargs: Any) -> Any:
        self.of[id(message)].note()
        return self._edit(message, *args, **kwargs)

    # What people do

    def say(self, chat: str, token: str, text: str, **options: Any) -> None:
        """Say something; ``token`` is how it is spoken of afterwards."""
        handle = self.chats[chat]
        answers = self.by_token.get(options.pop("answers", ""))
        reply_to = None
        if answers is not None and not answers.message.deleted:
            reply_to = answers.message
        if topic := options.pop("topic", 0):
            options["topic_id"] = self.topic(chat, topic)
        if reply_to is not None:  # an answer stands where what it answers does
            options["topic_id"] = reply_to.topic_id
        if options.pop("picture", False):
            options["media"] = self._picture()
        options["invert_media"] = options.pop("above", False)
        if link := options.pop("link", ""):
            url = f"https://example.org/{link}"
            options["entities"] = [types.MessageEntityTextUrl(0, len(token), url)]
        message = self.telegram.post(handle, text, reply_to=reply_to, **options)
        self.by_token[token] = self.of[id(message)]

    def album(self, chat: str, tokens: Sequence[str], texts: Sequence[str]) -> None:
        """Post pictures together; each has a token, and a caption that says which."""
        handle = self.chats[chat]
        group = self.telegram._engine.world.random_long()
        drafts = [Draft(text=text, media=self._picture(), grouped_id=group) for text in texts]
        writer = author_of(handle.record, self.telegram._engine)
        for token, one in zip(
            tokens, self.telegram._engine.delivery.post(handle.record, writer, drafts), strict=True
        ):
            self.by_token[token] = self.of[id(one.message)]

    def _picture(self) -> Any:
        stored = self.telegram._engine.world.files.store(
            b"picture", photo=True, name="picture.jpg", mime_type="image/jpeg"
        )
        photo = types.Photo(
            id=stored.id,
            access_hash=stored.access_hash,
            file_reference=stored.reference,
            date=self.telegram._engine.world.now(),
            sizes=[types.PhotoSize("x", 320, 240, 7)],
            dc_id=2,
        )
        return types.MessageMediaPhoto(photo=photo)

    def bring_back(self, chat: Any, account: Account) -> None:
        """Let an account into a chat again, with the rights that it had."""
        if not chat.record.members[account.id].present:
            chat.join(account)
        if chat.record.kind.value == "broadcast":
            chat.set_rights(account, admin=True)

    def topic(self, chat: str, number: int) -> int:
        """A forum's topic by its place among them; 0 is "General"."""
        return [1, *self.chats[chat].record.topics][number]

    def topics_of(self, pair: dict[str, Any]) -> dict[int, int]:
        """Which topic of a pair's source goes into which of its target."""
        source, target = pair["source"], pair.get("target", "")
        return {
            self.topic(source, int(here)): self.topic(target, there)
            for here, there in pair.get("topics", {}).items()
        }

    def topic_of(self, pair: dict[str, Any], message: Message) -> int:
        """In which topic of a pair's target what a message becomes must stand; 1 is "General"."""
        present = self.topic(pair["target"], pair["topic"]) if "topic" in pair else 1
        return self.topics_of(pair).get(message.topic_id or 1, present)

    def upgrade(self, chat: str) -> None:
        """A basic group becomes a supergroup, with another number."""
        handle = self.chats[chat]
        if not handle.record.is_channel:
            self.chats[chat] = handle.upgrade()
            self.before.setdefault(chat, []).append(handle.record)

    def pass_name(self, chat: str, to: str) -> None:
        """A channel gives up its name, and another one takes it."""
        if self.chats[chat].username == self.public_name(chat):
            self.chats[chat].rename(f"former_{chat}")
            self.chats[to].rename(self.public_name(chat))

    def edit(self, token: str, text: str) -> None:
        """Change what was said."""
        said = self.by_token.get(token)
        if said is None or said.message.deleted or said.message.chat.moved_to is not None:
            return
        self._handle(said).edit_message(said.message, text)

    def delete(self, tokens: Sequence[str]) -> None:
        """Delete what was said."""
        found = [self.by_token[token] for token in tokens if token in self.by_token]
        found = [
            said
            for said in found
            if not said.message.deleted and said.message.chat.moved_to is None
        ]
        if found:
            self._handle(found[0]).delete_messages([said.message for said in found])

    def _handle(self, said: Said) -> Any:
        return next(h for h in self.chats.values() if h.record is said.message.chat)
