"""What people and operators do in a script: one step for each draw."""

from __future__ import annotations

from itertools import product

from ..script import Step
from .draft import WORDS, ScriptDraft
from .topology import Topology
from .weights import ACTS, ORDERS

__all__ = ["ActSteps"]


class ActSteps:
    """What is done, drawn by its weight among what may be done in a script of its flavours."""

    def __init__(self, draft: ScriptDraft, topology: Topology) -> None:
        self.rng, self.script, self.flavour = draft.rng, draft.script, draft.flavour
        self._draft, self._direction, self._topology = draft, draft.direction, topology
        self._tokens = 0
        self._alive: dict[str, tuple[str, int, str]] = {}  # by token: chat, version, word
        self._removed: set[int] = set()
        self._upgraded: set[str] = set()
        self._passed = ""  # the chat whose name a stranger has

    def draw(self) -> Step:
        """Draw one."""
        rng = self.rng
        what = self._draft.weighted(ACTS, self._direction.acts)
        if what == "order":
            return self._order()
        if what == "member":
            return self._member()
        if what in ("upgrade", "pass_name", "barred", "revoke"):
            return getattr(self, f"_{what}")() or self._say()
        if what == "say" or not self._alive:
            return self._say()
        known = list(self._alive)
        token = rng.choice(known[-12:] if rng.random() < 0.8 else known)
        chat, version, word = self._alive[token]
        if what == "edit":
            if rng.random() < 0.1:
                word = rng.choice(WORDS)
            self._alive[token] = chat, version + 1, word
            return {"do": "edit", "token": token, "text": f"{token} v{version + 1} {word}"}
        tokens = [
            one
            for one in known[-12:]
            if self._alive[one][0] == chat and (one == token or rng.random() < 0.1)
        ]
        tokens = tokens if token in tokens else [token]
        for one in tokens:
            del self._alive[one]
        return {"do": "delete", "tokens": tokens}

    def _new(self, chat: str) -> tuple[str, str]:
        self._tokens += 1
        token, word = f"m{self._tokens}", self.rng.choice(WORDS)
        self._alive[token] = chat, 1, word
        return token, f"{token} v1 {word}"

    def _say(self) -> Step:
        rng = self.rng
        chat = rng.choice(self._topology.sources)
        if self._topology.rings and rng.random() < 0.4:
            chat = rng.choice(self._topology.rings)
        elif self.flavour["names"] and rng.random() < 0.1:
            chat = "x0"
        if self.flavour["albums"] and rng.random() < 0.1:
            new = [self._new(chat) for _ in range(rng.randint(2, 4))]
            tokens, texts = [list(one) for one in zip(*new, strict=True)]
            return {"do": "album", "chat": chat, "tokens": tokens, "texts": texts}
        there = [token for token, (where, _, _) in self._alive.items() if where == chat]
        topics = self._topology.topics(chat)
        token, text = self._new(chat)
        step: Step = {"do": "say", "chat": chat, "token": token, "text": text}
        if self.flavour["answers"] and there and rng.random() < 0.3:
            step["answers"] = rng.choice(there[-8:])
        if topics:
            step["topic"] = rng.randint(0, topics)
        if self.flavour["silent"] and rng.random() < 0.3:
            step["silent"] = True
        if self.flavour["pictures"] and rng.random() < 0.2:
            step["picture"], step["above"] = True, rng.random() < 0.5
        if self.flavour["links"] and rng.random() < 0.2:
            step["link"] = rng.choice(WORDS)
        return step

    def _upgrade(self) -> Step | None:
        """A basic group becomes a supergroup: what was said before stands still."""
        groups = [one["name"] for one in self.script.chats if one["kind"] == "group"]
        groups = [name for name in groups if name not in self._upgraded]
        if not groups:
            return None
        chat = self.rng.choice(groups)
        self._upgraded.add(chat)
        self._alive = {one: what for one, what in self._alive.items() if what[0] != chat}
        return {"do": "upgrade", "chat": chat}

    def _pass_name(self) -> Step | None:
        """A stranger takes the name by which pairs have found their chat."""
        pairs = self.script.pairs
        named = [pair[end] for pair in pairs for end in pair.get("by_name", ())]
        if self._passed or not named:
            return None
        self._passed = self.rng.choice(named)
        return {"do": "pass_name", "chat": self._passed, "to": "x0"}

    def _revoke(self) -> Step | None:
        """A session's logins are ended; while the last one works, pairs may leave for it."""
        rng, dead = self.rng, self.script.sessions[:-1]
        if not dead:
            return None
        unanswered, after = rng.random() < 0.5, round(rng.uniform(0.1, 4.0), 2)
        session = rng.choice(dead)
        return {"do": "revoke", "session": session, "unanswered": unanswered, "after": after}

    def _barred(self) -> Step | None:
        """An operator wants a pair that would close a ring, or carry what another one does."""
        rng, sessions = self.rng, self.script.sessions
        pair = rng.choice([one for one in self.script.pairs if "target" in one])
        source, target = pair["source"], pair["target"]
        fields = pair | {"id": self._topology.next_pair, "session": rng.choice(sessions)}
        fields.pop("by_name", None)
        if "topics" in fields or "topic" in fields:
            return None  # where messages stand in the other chat is another matter
        its_own = self._topology.has_name(source) and source != self._passed
        if its_own and rng.random() < 0.5:
            fields["by_name"] = ["source"]
        elif not pair.get("ring"):
            fields |= {"source": target, "target": source}
        self._topology.next_pair += 1
        return {"do": "pair_add", "fields": fields, "barred": True}

    def _member(self) -> Step:
        rng = self.rng
        chat, session = rng.choice(self.script.chats), rng.choice(self.script.sessions)
        name = chat["name"]
        usual = ("leave", "return", "slow", "rights", "rename", "protect")
        what = rng.choice(self._direction.members or usual)
        if what == "protect" and self.flavour["protect"]:
            return {"do": what, "chat": name, "on": rng.random() < 0.5}
        if what in ("leave", "rights") and chat["kind"] == "group":
            what = "rename"
        if what == "slow":
            if chat["kind"] != "megagroup":
                what = "rename"
            else:
                return {"do": "slow", "chat": name, "seconds": rng.choice((0, 2, 10))}
        if what in ("rename", "protect"):
            return {"do": "rename", "chat": name, "title": f"{name} {rng.randint(1, 99)}"}
        return {"do": what, "chat": name, "session": session}

    def _order(self) -> Step:
        rng, script = self.rng, self.script
        numbers = [n for n in range(1, self._topology.next_pair) if n not in self._removed]
        session, pair = rng.choice(script.sessions), rng.choice(numbers)
        what = self._draft.weighted(ORDERS, self._direction.orders)
        match what:
            case "pair_add":
                ways = {(p["source"], p.get("target")) for p in script.pairs}
                chats = product(self._topology.sources, self._topology.targets)
                free = [way for way in chats if way not in ways]
                if not free:
                    return {"do": "overview"}
                fields = self._topology.pair(self._topology.next_pair, *rng.choice(free))
                self._topology.next_pair += 1
                return {"do": "pair_add", "fields": fields}
            case "pair_change":
                return {"do": what, "pair": pair, "fields": {"footer": f"via {rng.randint(1, 9)}"}}
            case "pair_remove" if len(numbers) > 1 and not self.flavour["barred"]:
                self._removed.add(pair)
                return {"do": what, "pair": pair}
            case "pair_pause" | "pair_resume" | "retry":
                return {"do": what, "pair": pair}
            case "pair_move":
                return {"do": what, "pair": pair, "session": session}
            case "recover" | "backup" | "restore" | "renew" | "logout" | "session_delete":
                return {"do": what, "session": session}
            case "rotate":
                return {"do": what, "what": rng.choice(("data", "master"))}
            case _:
                return {"do": "overview"}
