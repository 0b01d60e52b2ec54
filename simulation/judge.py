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

    @property
    def id(self) -> int:
        return int(self.fields["id"])

    @property
    def copies(self) -> bool:
        return self.fields.get("mode") == "copy"

    def wants(self, text: str) -> bool:
        """Whether the filters let a text through."""
        words = self.fields.get("allow", {}).get("words")
        denied = self.fields.get("deny", {}).get("words")
        parts = text.lower().split()
        if words and not any(word in parts for word in words):
            return False
        return not (denied and any(word in parts for word in denied))

    def becomes(self, text: str) -> str:
        """What a copy of a text says."""
        for one in self.fields.get("replace", ()):
            text = text.replace(one["find"], one["with"])
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
        found = _copy_of(scene, pair, said)
        name = f"pair {pair.id} {pair.fields.get('mode')} {said.texts[0].split(' ')[0]}"
        if found is not None:
            if id(found.message) in explained:
                ruling.wrong.append(f"{name}: one message for two")
            explained.add(id(found.message))
            ruling.copies += 1
            if index < pair.first:
                ruling.wrong.append(f"{name}: carried, though said before the pair was")
            if found.message.id < last:
                ruling.wrong.append(f"{name}: {found.message.id} out of order")
            last = max(last, found.message.id)
        if index < pair.must or (pair.until is not None and index >= pair.until):
            continue
        _judge_one(scene, pair, said, found, name, ruling, excused)


def _copy_of(scene: Scene, pair: PairModel, said: Said) -> Said | None:
    world = scene.telegram._engine.world
    for session in pair.carriers:
        account = scene.accounts[session]
        source_id = said.id_for(account)
        random_id = random_id_for(pair.id, said.message.chat.peer_id, source_id)
        message = world.sent.get((account.id, random_id))
        if message is not None:
            return scene.of[id(message)]
    return None


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
    if (pair.id, said.id_for(account)) in excused:
        return
    if message.deleted:
        if found is not None and not found.message.deleted and pair.fields.get("deletes", True):
            wrong.append(f"{name}: deleted, its copy is not")
        return
    wanted = pair.wants(message.text)
    if found is None:
        if wanted:
            wrong.append(f"{name}: lost ({message.text!r})")
        return
    if found.message.deleted:
        wrong.append(f"{name}: its copy is gone, it is not")
        return
    if pair.copies:
        may_be = said.texts if not pair.fields.get("edits", True) else [message.text]
        if found.message.text not in [pair.becomes(text) for text in may_be]:
            wrong.append(f"{name}: says {found.message.text!r}, its source {message.text!r}")
        if found.message.forward is not None:
            wrong.append(f"{name}: is a forward")
    else:
        if found.message.forward is None:
            wrong.append(f"{name}: is no forward")
        if found.message.text not in said.texts:
            wrong.append(f"{name}: forwarded as {found.message.text!r}")
