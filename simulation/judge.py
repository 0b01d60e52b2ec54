"""The judge: a small plain model of what must be in each target at rest.

For each pair and each message of its source there is exactly one outcome: a copy or forward, in
order, in the present version, gone where its source is gone; or nothing, where the pair's filters
keep it out or its source went before it was sent. And nothing else is there.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

from telewarden.actors.forwarding.delivery import GONE_BEFORE
from telewarden.telegram import random_id_for

from .scene import Said, Scene, urls_of
from .sink import Sink

__all__ = ["PairModel", "Ruling", "carried_at", "judge"]

GENERAL: Final = 1  # the topic of every forum in which a message stands that names none
REMEMBERED: Final = 1 << 14  # answers that each look asks for again, of one run and a bit
ALBUM_STATES: Final = 256  # of an album that is edited; past it, whether it passes is left open

_random_id: Final = functools.lru_cache(maxsize=REMEMBERED)(random_id_for)


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
    """What it was, or may have become, besides ``fields``; its filters are the same in all."""
    newcomer: bool = False
    """It was added, and nobody has seen it ready yet."""
    gone: bool = False
    """It was removed: what it has carried stays as it is."""
    doubtful: bool = False
    """Whether it was ever made is not known."""
    unsettled: bool = False
    """Whose it is is to be asked."""
    retried: bool = False
    """Dead letters were sent again, out of order."""
    doubted: bool = False
    """It left a dead account, though nobody could say what had arrived."""
    barred: bool = False
    """It would close a ring, or carry what another pair does: it is refused, or paused."""

    @property
    def id(self) -> int:
        return int(self.fields["id"])

    @property
    def handled(self) -> bool:
        """Whether it delivers to a handler."""
        return "handler" in self.fields

    @property
    def copies(self) -> bool:
        return self.handled or self.fields.get("mode") == "copy"

    @property
    def filters(self) -> bool:
        return bool(self.fields.get("allow") or self.fields.get("deny"))

    def wants(self, words: Sequence[str]) -> bool:
        """Whether the filters let these through: a message, or an album's items together."""
        allowed = self.fields.get("allow", {}).get("words")
        if allowed and not any(_has(one, allowed) for one in words):
            return False
        return not any(self.denies(one) for one in words)

    def denies(self, words: str) -> bool:
        """Whether the filters keep out whatever says this."""
        denied = self.fields.get("deny", {}).get("words")
        return bool(denied) and _has(words, denied)

    def becomes(self, text: str) -> list[str]:
        """What a copy of a text may say."""
        return [_becomes(fields, text) for fields in (self.fields, *self.variants)]

    @property
    def follows(self) -> bool:
        """Whether copies were edited as their sources were, all the time."""
        return self.copies and self.always("edits")

    def always(self, name: str) -> bool:
        """Whether a switch was on all the time."""
        return all(fields.get(name, True) for fields in (self.fields, *self.variants))


def _has(words: str, wanted: Sequence[str]) -> bool:
    return not _single(words).isdisjoint(wanted)


@functools.lru_cache(maxsize=REMEMBERED)
def _single(words: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", words.lower()))


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
    scene: Scene,
    pairs: list[PairModel],
    *,
    excused: dict[tuple[int, int], str] | None = None,
    sink: Sink | None = None,
) -> Ruling:
    """Compare every pair's source with its target.

    Args:
        scene: the data centre.
        pairs: all pairs that there ever were.
        excused: dead letters whose reason is a fault that was asked for, by pair and source id.
        sink: where pairs with a handler deliver.
    """
    ruling = Ruling()
    explained: set[int] = set()
    rounds = _Rounds(scene, pairs)
    for pair in pairs:
        if pair.handled:
            if sink is not None:
                _judge_handled(scene, sink, pair, ruling, excused or {})
            continue
        _judge_pair(scene, pair, ruling, explained, excused or {}, rounds)
    ours = {scene.accounts[name].id for name in scene.accounts if name != "press"}
    for name in scene.chats:
        for said in scene.said_in(name):
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
    rounds: _Rounds,
) -> None:
    entries = scene.said_in(pair.fields["source"])
    last = -1
    for index, said in enumerate(entries):
        if said.message.action is not None:
            continue
        copies = _copies_of(scene, pair, said)
        name = f"pair {pair.id} {pair.fields.get('mode')} {said.texts[0].split(' ')[0]}"
        changed = pair.doubted and (said.message.deleted or len(said.texts) > 1)
        if len(copies) > 1 and not changed:
            ruling.wrong.append(f"{name}: doubled")
        if copies and pair.barred:
            ruling.wrong.append(f"{name}: carried by a pair that must not be")
        if pair.fields.get("ring") and rounds.has_been(said, pair.fields["target"]):
            if copies and not rounds.is_forgotten(said):
                ruling.wrong.append(f"{name}: goes round again")
            continue
        for found in copies:
            if id(found.message) in explained:
                ruling.wrong.append(f"{name}: one message for two")
            explained.add(id(found.message))
            ruling.copies += 1
            if index < pair.first:
                ruling.wrong.append(f"{name}: carried, though said before the pair was")
            if found.message.deleted:
                continue  # nobody sees where it stood
            if said.message.deleted and not pair.always("deletes"):
                continue  # it had been given up, came late, and the pair lets it be
            if said.forgotten and _passes(scene, pair, said) != {True}:
                continue  # it was kept out, which may be undone, and what it says by now is not
            if found.number < last and not pair.retried:
                ruling.wrong.append(f"{name}: {found.message.id} out of order")
            last = max(last, found.number)
        if index < pair.must and not copies:
            continue
        if pair.gone or pair.barred or (pair.until is not None and index >= pair.until):
            continue
        case = _Case(scene, pair, said, name, ruling)
        _judge_one(case, copies[0] if copies else None, excused)


def _judge_handled(
    scene: Scene, sink: Sink, pair: PairModel, ruling: Ruling, excused: dict[tuple[int, int], str]
) -> None:
    """What a pair's handler was handed, beside the source; the same is promised as of copies."""
    account, last, wrong = scene.accounts[pair.carriers[-1]], -1, ruling.wrong
    for index, said in enumerate(scene.said_in(pair.fields["source"])):
        message, source = said.message, said.id_for(account)
        if message.action is not None:
            continue
        name = f"pair {pair.id} handler {said.texts[0].split(' ')[0]}"
        post = sink.of(pair.id, message.chat.peer_id, source)
        if post is not None:
            ruling.copies += 1
            if index < pair.first:
                wrong.append(f"{name}: carried, though said before the pair was")
            if post.order < last and not pair.retried:
                wrong.append(f"{name}: out of order")
            last = max(last, post.order)
        over = pair.gone or (pair.until is not None and index >= pair.until)
        if over or (pair.id, source) in excused or (index < pair.must and post is None):
            continue
        passes, stays = _passes(scene, pair, said), _stays(pair, said)
        unwanted = not stays[-1] and pair.fields.get("unwanted") != "keep" and pair.follows
        if post is None:
            if passes == {True} and not message.deleted:
                wrong.append(f"{name}: lost ({message.text!r})")
        elif passes == {False}:
            wrong.append(f"{name}: carried, though the filters keep it out")
        elif post.gone:
            if not message.deleted and all(stays):
                wrong.append(f"{name}: its copy is gone, it is not")
        elif message.deleted:
            if pair.always("deletes") and not said.forgotten:
                wrong.append(f"{name}: deleted, its copy is not")
        elif unwanted and not said.forgotten:
            wrong.append(f"{name}: unwanted since an edit, its copy is not gone")
        elif (
            pair.follows
            and stays[-1]
            and not said.forgotten
            and post.texts[-1] not in pair.becomes(message.text)
        ):
            wrong.append(f"{name}: says {post.texts[-1]!r}, its source {message.text!r}")


class _Rounds:
    """Where messages have come from that pairs of a ring have carried."""

    def __init__(self, scene: Scene, pairs: list[PairModel]) -> None:
        self._came: dict[int, tuple[str, Said]] = {}
        for pair in pairs:
            if pair.fields.get("ring"):
                chat = pair.fields["source"]
                for said in scene.said_in(chat):
                    for found in _copies_of(scene, pair, said):
                        self._came[id(found.message)] = chat, said

    def is_forgotten(self, said: Said) -> bool:
        """Whether a power cut may have undone that it is known where a message came from."""
        came = self._came.get(id(said.message))
        return said.forgotten or (came is not None and came[1].forgotten)

    def has_been(self, said: Said, chat: str) -> bool:
        """Whether a message was carried on from this chat before."""
        seen = set()
        while (came := self._came.get(id(said.message))) is not None:
            if came[0] == chat:
                return True
            if id(said) in seen:
                return False
            seen.add(id(said))
            said = came[1]
        return False


def _copies_of(scene: Scene, pair: PairModel, said: Said) -> list[Said]:
    world = scene.telegram._engine.world
    found: dict[int, Said] = {}
    for session in pair.carriers:
        account = scene.accounts[session]
        source_id = said.id_for(account)
        if not source_id:
            continue
        random_id = _random_id(pair.id, said.message.chat.peer_id, source_id)
        message = world.sent.get((account.id, random_id))
        if message is not None:
            found[id(message)] = scene.of[id(message)]
    return list(found.values())


def carried_at(scene: Scene, sink: Sink, pair: PairModel, said: Said) -> float:
    """When a pair last carried a message; before all time if it never did."""
    if not pair.handled:
        return max((one.at for one in _copies_of(scene, pair, said)), default=-math.inf)
    source = said.id_for(scene.accounts[pair.carriers[-1]])
    post = sink.of(pair.id, said.message.chat.peer_id, source)
    return -math.inf if post is None else post.at


@dataclass(frozen=True, slots=True)
class _Case:
    """One message of a source that a pair must have carried, or not."""

    scene: Scene
    pair: PairModel
    said: Said
    name: str
    ruling: Ruling

    def wrong(self, what: str) -> None:
        self.ruling.wrong.append(f"{self.name}: {what}")


def _judge_one(case: _Case, found: Said | None, excused: dict[tuple[int, int], str]) -> None:
    scene, pair, said = case.scene, case.pair, case.said
    message = said.message
    if message.noforwards:
        if found is not None:
            case.wrong("carried, though it is protected")
        return
    if found is None and message.chat.noforwards and message.chat.moved_to is not None:
        return  # a basic group that was upgraded while it was protected stays so
    reason = excused.get((pair.id, said.id_for(scene.accounts[pair.carriers[-1]])))
    if reason is not None and (found is None or reason != GONE_BEFORE):
        return  # one that was given up because it is gone must not be there, whenever it came
    if found is not None:
        _judge_carried(case, found)
    elif not message.deleted and _passes(scene, pair, said) == {True}:
        case.wrong(f"lost ({message.text!r})")


def _judge_carried(case: _Case, found: Said) -> None:
    scene, pair, said = case.scene, case.pair, case.said
    message, account = said.message, scene.accounts[pair.carriers[-1]]
    # Others' messages cannot be changed, and those of groups that were upgraded are not.
    ours = not _left(said, found) and found.message.author is account
    ours = ours and not _renumbered(pair, found)
    keeps = pair.fields.get("unwanted") == "keep"
    stays = _stays(pair, said)
    if message.deleted:
        if not found.message.deleted and ours and pair.always("deletes"):
            case.wrong("deleted, its copy is not")
    elif _passes(scene, pair, said) == {False}:
        case.wrong("carried, though the filters keep it out")
    elif found.message.deleted:
        if all(stays) or keeps or not pair.follows:
            case.wrong("its copy is gone, it is not")
    elif (found.message.topic_id or GENERAL) != scene.topic_of(pair.fields, message):
        case.wrong(f"stands in topic {found.message.topic_id}")
    elif not pair.copies:
        if found.message.forward is None:
            case.wrong("is no forward")
        if found.message.text not in said.texts:
            case.wrong(f"forwarded as {found.message.text!r}")
    elif ours and pair.follows and not stays[-1] and not keeps:
        case.wrong("unwanted since an edit, its copy is not gone")
    else:
        _judge_copy(case, found, stays=stays, ours=ours)


def _left(said: Said, found: Said) -> bool:
    """Whether a copy is not followed any more: it may be forgotten which one it is.

    Or the message, or its copy, stands in a basic group that is a supergroup by now.
    """
    if said.forgotten:
        return True
    moved = [said.message.chat.moved_to, found.message.chat.moved_to]
    return any(one is not None for one in moved)


def _renumbered(pair: PairModel, found: Said) -> bool:
    """Whether another account may have had the pair since: it has numbers of its own in a group."""
    owner = pair.carriers[-1]
    since = pair.carriers[pair.carriers.index(owner) :]
    return not found.message.chat.is_channel and set(since) != {owner}


def _passes(scene: Scene, pair: PairModel, said: Said) -> set[bool]:
    """What the filters may have said when it was accepted, or sent: an album is one message."""
    if not pair.filters:
        return {True}
    group = said.message.grouped_id
    if group is None:
        return {pair.wants([words]) for words in said.words}
    entries = scene.said[said.message.chat.id]
    items = [one for one in entries if one.message.grouped_id == group]
    # One that is gone by now may have been gone then.
    may_be = [[*one.words, *([None] if one.message.deleted else ())] for one in items]
    if math.prod(map(len, may_be)) > ALBUM_STATES:
        return {True, False}
    states = ([one for one in state if one is not None] for state in product(*may_be))
    return {pair.wants(state) for state in states if state}


def _stays(pair: PairModel, said: Said) -> list[bool]:
    """Of each version whether what was sent may say it; of an album an item is looked at alone."""
    if said.message.grouped_id is not None:
        return [not pair.denies(words) for words in said.words]
    return [pair.wants([words]) for words in said.words]


def _judge_copy(case: _Case, found: Said, *, stays: list[bool], ours: bool) -> None:
    pair, said, message = case.pair, case.said, case.said.message
    present = ours and pair.follows and stays[-1]
    wanted = [text for text, stay in zip(said.texts, stays, strict=True) if stay]
    may_be = [message.text] if present else wanted if ours else said.texts
    if found.message.text not in [one for text in may_be for one in pair.becomes(text)]:
        case.wrong(f"says {found.message.text!r}, its source {message.text!r}")
    elif present and not pair.fields.get("replace") and urls_of(found.message) != urls_of(message):
        case.wrong(f"leads to {urls_of(found.message)}, its source {urls_of(message)}")
    if found.message.forward is not None:
        case.wrong("is a forward")
    if found.message.silent is not message.silent:
        case.wrong(f"is {'' if found.message.silent else 'not '}silent")
    if found.message.invert_media is not message.invert_media:
        place = "above" if found.message.invert_media else "below"
        case.wrong(f"its caption stands {place} its picture")
    if (found.message.media is None) is not (message.media is None):
        case.wrong("has another medium")
    _judge_answer(case, found)


def _judge_answer(case: _Case, found: Said) -> None:
    scene, pair = case.scene, case.pair
    answered, answers = case.said.message.reply_to, found.message.reply_to
    meant = [] if answered is None else _copies_of(scene, pair, scene.of[id(answered)])
    if answers is not None:
        if answers not in [one.message for one in meant]:
            case.wrong(f"answers {answers.text!r}")
        return
    if answered is None or answered.deleted or len(meant) != 1:
        return
    if scene.of[id(answered)].forgotten:
        return
    one = meant[0]
    there = not one.message.deleted and one.number < found.number
    there = there and one.message.chat is found.message.chat  # that was not upgraded meanwhile
    there = there and not _renumbered(pair, one)
    if there and one.message.author is found.message.author and not pair.retried:
        case.wrong(f"answers nothing, its source {answered.text!r}")
