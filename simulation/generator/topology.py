"""Who is there in a script: chats, and the pairs that carry between them."""

from __future__ import annotations

from typing import Any

from .draft import WORDS, ScriptDraft

__all__ = ["Topology"]


class Topology:
    """The chats and pairs of a script."""

    def __init__(self, draft: ScriptDraft) -> None:
        self._draft = draft
        self.rng, self.script, self.flavour = draft.rng, draft.script, draft.flavour
        self._make_chats()
        self._make_pairs()

    def _make_chats(self) -> None:
        rng = self.rng
        self.sources = [f"a{n}" for n in range(rng.randint(1, 3))]
        self.targets = [f"b{n}" for n in range(rng.randint(1, 3))]
        self.ends = [f"c{n}" for n in range(rng.randint(1, 2))] if self.flavour["chains"] else []
        self.rings = (
            [f"r{n}" for n in range(rng.choice((2, 2, 3)))] if self.flavour["rings"] else []
        )
        strangers = ["x0"] if self.flavour["names"] else []
        for name in (*self.sources, *self.targets, *self.ends, *self.rings, *strangers):
            kind = rng.choice(
                self._draft.direction.kinds or ("broadcast", "megagroup", "megagroup", "group")
            )
            if name in (*self.ends, *strangers) and kind == "group":
                kind = "megagroup"
            if self.flavour["topics"] and name in (*self.sources, *self.targets):
                kind = rng.choice(("forum", "forum", "megagroup"))
            if name in self.rings and kind == "group" and len(self.script.sessions) > 1:
                kind = "megagroup"  # two accounts in one would be refused
            members = list(self.script.sessions)
            chat = {"name": name, "kind": kind, "owner": "press", "members": members}
            if kind == "forum":
                chat["topics"] = rng.randint(1, 3)
            self.script.chats.append(chat)

    def _make_pairs(self) -> None:
        rng = self.rng
        ways = [(a, b) for a in self.sources for b in self.targets]
        rng.shuffle(ways)
        ways = ways[: rng.randint(1, 4)]
        for number, (source, target) in enumerate(ways, start=1):
            self.script.pairs.append(self.pair(number, source, target))
        for number, end in enumerate(self.ends, start=len(ways) + 1):
            before = rng.choice(self.script.pairs)
            pair = self.pair(number, before["target"], end)
            pair["session"] = rng.choice(self.script.sessions)
            self.script.pairs.append(pair)
        self.next_pair = len(ways) + len(self.ends) + 1
        channels = [name for name in self.sources if self.has_name(name)]
        self.handled = []
        if self.flavour["handlers"] and channels:
            pair = self.pair(self.next_pair, rng.choice(channels), self.targets[0])
            del pair["target"]
            pair |= {"handler": "sink", "mode": "copy"}
            pair = {one: what for one, what in pair.items() if one not in ("topic", "topics")}
            self.handled.append(self.next_pair)
            self.script.pairs.append(pair)
            self.next_pair += 1
        for source, target in zip(self.rings, [*self.rings[1:], *self.rings[:1]], strict=True):
            pair = self.pair(self.next_pair, source, target)
            self.script.pairs.append(pair | {"ring": True})
            self.next_pair += 1
        if self.flavour["names"]:
            for pair in self.script.pairs:
                ends = [end for end in ("source", "target") if end in pair]
                named = [end for end in ends if self.has_name(pair[end])]
                if named and rng.random() < 0.7:
                    pair["by_name"] = [rng.choice(named)]

    def has_name(self, chat: str) -> bool:
        return any(one["name"] == chat and one["kind"] != "group" for one in self.script.chats)

    def pair(self, number: int, source: str, target: str) -> dict[str, Any]:
        rng = self.rng
        pair: dict[str, Any] = {
            "id": number,
            "session": rng.choice(self.script.sessions),
            "source": source,
            "target": target,
            "mode": rng.choice(("copy", "copy", "forward")),
        } | self._draft.direction.pair
        if self.topics(target) and rng.random() < 0.7:
            pair["topic"] = rng.randint(0, self.topics(target))
        if self.topics(source) and self.topics(target):
            places = rng.sample(range(self.topics(source) + 1), rng.randint(0, 2))
            pair["topics"] = {str(one): rng.randint(0, self.topics(target)) for one in places}
        if self.flavour["filters"] and rng.random() < 0.6:
            pair[rng.choice(("allow", "deny"))] = {"words": [rng.choice(WORDS)]}
            if pair["mode"] == "copy" and rng.random() < 0.3:
                pair["unwanted"] = "keep"
        if pair["mode"] == "copy" and self.flavour["dress"]:
            pair |= self._dress()
        if rng.random() < 0.1:
            pair[rng.choice(("edits", "deletes"))] = False
        return pair

    def topics(self, chat: str) -> int:
        return int(next(one.get("topics", 0) for one in self.script.chats if one["name"] == chat))

    def _dress(self) -> dict[str, Any]:
        rng = self.rng
        return rng.choice(
            (
                {"header": "From the desk"},
                {"footer": "via us"},
                {"replace": [{"find": "tin", "with": "zinc"}]},
                {},
            )
        )
