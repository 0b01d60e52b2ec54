"""The judge: a small plain model of what must be in each target at rest.

For each pair and each message of its source there is exactly one outcome: a copy or forward, in
order, in the present version, gone where its source is gone; or nothing, where the pair's filters
keep it out or its source went before it was sent. And nothing else is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from telewarden.telegram import random_id_for

from .scene import Said, Scene

__all__ = ["PairModel", "Ruling", "judge"]


@dataclass(slots=True, kw_only=True)
class PairModel:
    """What is known of one pair: its way, and from which message on it carries."""

    fields: dict[str, Any]
    first: int = 0
    """Index of the first message that may be carried."""
    must: int = 0
    """Index of the first message that must be."""
    until: int | None = None
    """Index past the last one that must be; for a pair that is gone."""
    carriers: list[str] = field(default_factory=list)
    """The sessions that it belonged to, the present one last."""
    variants: list[dict[str, Any]] = field(default_factory=list)
    """What it was, or may have become, besides ``fields``."""
    gone: bool = False
    """It was removed: what it has carried stays as it is."""
    doubtful: bool = False
    """Whether it was ever made is not known."""
    unsettled: bool = False
    """Whose it is is to be asked."""
    retried: bool = False
    """Dead letters were sent again, out of order."""

    @property
    def id(self) -> int:
        return int(self.fields["id"])

    @property
    def copies(self) -> bool:
        return self.fields.get("mode") == "copy"

    @property
    def filters(self) -> bool:
        return bool(self.fields.get("allow") or self.fields.get("deny"))

    def wants(self, text: str) -> bool | None:
        """Whether the filters let a text through; ``None`` when that is not for sure."""
        found = {_wants(fields, text) for fields in (self.fields, *self.variants)}
        return found.pop() if len(found) == 1 else None

    def becomes(self, text: str) -> list[str]:
        """What a copy of a text may say."""
        return [_becomes(fields, text) for fields in (self.fields, *self.variants)]

    def always(self, name: str) -> bool:
        """Whether a switch was on all the time."""
        return all(fields.get(name, True) for fields in (self.fields, *self.variants))

    def ever(self, name: str) -> bool:
        """Whether a switch was on at some time."""
        return any(fields.get(name, True) for fields in (self.fields, *self.variants))


def _wants(fields: dict[str, Any], text: str) -> bool:
    words = fields.get("allow", {}).get("words")
    denied = fields.get("deny", {}).get("words")
    parts = text.lower().split()
    if words and not any(word in parts for word in words):
        return False
    return not (denied and any(word in parts for word in denied))


def _becomes(fields: dict[str, Any], text: str) -> str:
    for one in fields.get("replace", ()):
        text = text.replace(one["find"], one["with"])
    if fields.get("header"):
        text = f"{fields['header']}\n\n{text}"
    if fields.get("footer"):
        text = f"{text}\n\n{fields['footer']}"
    return text


@dataclass(slots=True)
class Ruling:
    """What was found: sentences; none when all is as it must be."""

    wrong: list[str] = field(default_factory=list)
    copies: int = 0


def judge(
    scene: Scene, pairs: list[PairModel], *, excused: dict[tuple[int, int], str] | None = None
) -> Ruling:
    """Compare every pair's source with its target.

    Args:
        scene: the data centre.
        pairs: all pairs that there ever were.
        excused: dead letters whose reason is a fault that was asked for, by pair and source id.
    """
    ruling = Ruling()
    explained: set[int] = set()
    for pair in pairs:
        _judge_pair(scene, pair, ruling, explained, excused or {})
    ours = {scene.accounts[name].id for name in scene.accounts if name != "press"}
    for name, handle in scene.chats.items():
        for said in scene.said.get(handle.record.id, ()):
            message = said.message
            if (
                message.author is not None
                and message.author.id in ours
                and message.action is None
                and id(message) not in explained
            ):
                ruling.wrong.append(f"{name}: {message.id} {said.texts[0]!r} came from nowhere")
    return ruling


def _judge_pair(
    scene: Scene,
    pair: PairModel,
    ruling: Ruling,
    explained: set[int],
    excused: dict[tuple[int, int], str],
) -> None:
    source = scene.chats[pair.fields["source"]].record
    entries = scene.said.get(source.id, [])
    last = 0
    for index, said in enumerate(entries):
        if said.message.action is not None:
            continue
        copies = _copies_of(scene, pair, said)
        name = f"pair {pair.id} {pair.fields.get('mode')} {said.texts[0].split(' ')[0]}"
        if len(copies) > 1:
            ruling.wrong.append(f"{name}: doubled")
        for found in copies:
            if id(found.message) in explained:
                ruling.wrong.append(f"{name}: one message for two")
            explained.add(id(found.message))
            ruling.copies += 1
            if index < pair.first:
                ruling.wrong.append(f"{name}: carried, though said before the pair was")
            if found.message.id < last and not pair.retried:
                ruling.wrong.append(f"{name}: {found.message.id} out of order")
            last = max(last, found.message.id)
        if index < pair.must and not copies:
            continue
        if pair.gone or (pair.until is not None and index >= pair.until):
            continue
        _judge_one(scene, pair, said, copies[0] if copies else None, name, ruling, excused)


def _copies_of(scene: Scene, pair: PairModel, said: Said) -> list[Said]:
    world = scene.telegram._engine.world
    found: dict[int, Said] = {}
    for session in pair.carriers:
        account = scene.accounts[session]
        source_id = said.id_for(account)
        random_id = random_id_for(pair.id, said.message.chat.peer_id, source_id)
        message = world.sent.get((account.id, random_id)) if source_id else None
        if message is not None:
            found[id(message)] = scene.of[id(message)]
    return list(found.values())


def _judge_one(
    scene: Scene,
    pair: PairModel,
    said: Said,
    found: Said | None,
    name: str,
    ruling: Ruling,
    excused: dict[tuple[int, int], str],
) -> None:
    message, wrong = said.message, ruling.wrong
    account = scene.accounts[pair.carriers[-1]]
    if (pair.id, said.id_for(account)) in excused or message.noforwards:
        return
    ours = found is None or (found.message.author is account)  # others' cannot be changed
    if message.deleted:
        gone = found is None or found.message.deleted
        if not gone and ours and pair.always("deletes"):
            wrong.append(f"{name}: deleted, its copy is not")
        return
    was = {pair.wants(text) for text in said.texts}
    if message.grouped_id is not None and pair.filters:
        was.add(None)  # an album is judged as one message with all its captions
    if len(was) > 1 or None in was:
        return  # an edit made it wanted, or unwanted: then the pair says what follows
    if found is None:
        if was == {True} and not said.options.get("unseen"):
            wrong.append(f"{name}: lost ({message.text!r})")
        return
    if was == {False}:
        wrong.append(f"{name}: carried, though the filters keep it out")
    elif found.message.deleted:
        wrong.append(f"{name}: its copy is gone, it is not")
    elif pair.copies:
        _judge_copy(scene, pair, said, found, name, ruling, ours=ours)
    else:
        if found.message.forward is None:
            wrong.append(f"{name}: is no forward")
        if found.message.text not in said.texts:
            wrong.append(f"{name}: forwarded as {found.message.text!r}")


def _judge_copy(
    scene: Scene, pair: PairModel, said: Said, found: Said, name: str, ruling: Ruling, *, ours: bool
) -> None:
    message, wrong = said.message, ruling.wrong
    may_be = [message.text] if pair.always("edits") and ours else said.texts
    if found.message.text not in [one for text in may_be for one in pair.becomes(text)]:
        wrong.append(f"{name}: says {found.message.text!r}, its source {message.text!r}")
    if found.message.forward is not None:
        wrong.append(f"{name}: is a forward")
    if found.message.silent is not message.silent:
        wrong.append(f"{name}: is {'' if found.message.silent else 'not '}silent")
    if found.message.reply_to is not None:
        answered = message.reply_to
        meant = [] if answered is None else _copies_of(scene, pair, scene.of[id(answered)])
        if found.message.reply_to not in [one.message for one in meant]:
            wrong.append(f"{name}: answers {found.message.reply_to.text!r}")
    if (found.message.media is None) is not (message.media is None):
        wrong.append(f"{name}: has another medium")
