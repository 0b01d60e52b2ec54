"""From a seed to a script: who is there, which pairs, what people and operators do, what breaks."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

from .directions import DIRECTIONS, Direction
from .faults import DEADLY
from .script import Script, Step

__all__ = ["generate"]

METHODS: Final = (
    "messages.forwardMessages",
    "messages.sendMessage",
    "messages.editMessage",
    "messages.sendMultiMedia",
    "messages.sendMedia",
    "messages.getMessages",
    "messages.getHistory",
    "messages.getDialogs",
    "messages.deleteMessages",
    "channels.deleteMessages",
    "channels.getMessages",
    "channels.getChannels",
    "channels.getParticipant",
    "updates.getDifference",
    "updates.getChannelDifference",
    "updates.getState",
    "*",
)
SENDING: Final = (
    "messages.forwardMessages",
    "messages.sendMessage",
    "messages.sendMessage",
    "messages.editMessage",
    "channels.deleteMessages",
)
"""What is called most."""
ERRORS: Final = (
    ("RPC_CALL_FAIL", 500),
    ("INTERDC_2_CALL_ERROR", 500),
    ("TIMEOUT", -503),
    ("WORKER_BUSY_TOO_LONG_RETRY", 500),
    ("MSG_WAIT_FAILED", 400),
    ("PERSISTENT_TIMESTAMP_OUTDATED", 500),
    ("PEER_ID_INVALID", 400),
    ("CHANNEL_INVALID", 400),
    ("CHANNEL_PRIVATE", 400),
    ("CHAT_WRITE_FORBIDDEN", 403),
    ("CHAT_ID_INVALID", 400),
    ("MESSAGE_ID_INVALID", 400),
    ("SLOWMODE_WAIT_3", 420),
    ("FLOOD_WAIT_2", 420),
    ("FLOOD_PREMIUM_WAIT_2", 420),
    ("MSG_ID_INVALID", 400),
    ("SOMETHING_NEW_INVALID", 400),
    ("SOMETHING_NEW_FORBIDDEN", 403),
    ("FILE_REFERENCE_EXPIRED", 400),
)
WIDE: Final = (
    ("CHAT_FORWARDS_RESTRICTED", 400), ("CHAT_ADMIN_REQUIRED", 400), ("CHAT_RESTRICTED", 400),
    ("CHAT_SEND_PHOTOS_FORBIDDEN", 403), ("USER_NOT_PARTICIPANT", 400),
    ("INVITE_HASH_EXPIRED", 400), ("PREMIUM_ACCOUNT_REQUIRED", 403), ("USER_IS_BLOCKED", 400),
    ("USERNAME_NOT_OCCUPIED", 400), ("TOPIC_DELETED", 400), ("TOPIC_CLOSED", 400),
    ("ALLOW_PAYMENT_REQUIRED_5", 403), ("MEDIA_EMPTY", 400), ("MESSAGE_TOO_LONG", 400),
    ("GROUPED_MEDIA_INVALID", 400), ("INPUT_REQUEST_TOO_LONG", 400),
    ("INPUT_METHOD_INVALID", 400), ("NEVER_HEARD_OF", 404), ("HISTORY_GET_FAILED", 500),
    ("RPC_MCGET_FAIL", 500), ("AUTH_RESTART", 500), ("CONNECTION_NOT_INITED", 400),
    ("CONNECTION_LAYER_INVALID", 400), ("PERSISTENT_TIMESTAMP_INVALID", 400),
    ("PERSISTENT_TIMESTAMP_EMPTY", 400), ("TAKEOUT_INIT_DELAY_3", 420),
    ("CHAT_GUEST_SEND_FORBIDDEN", 403), ("BROADCAST_FORBIDDEN", 403), ("CHAT_FORBIDDEN", 403),
)  # fmt: skip
"""What may come besides, of each row of the table that errors are sorted by."""
CHANGES: Final = (
    "messages.editMessage",
    "messages.deleteMessages",
    "channels.deleteMessages",
)
OF_ONE_MESSAGE: Final = (
    "MESSAGE_ID_INVALID",
    "MSG_ID_INVALID",
    "SOMETHING_NEW_INVALID",
    "SOMETHING_NEW_FORBIDDEN",
    "FILE_REFERENCE_EXPIRED",
    "MEDIA_EMPTY",
    "MESSAGE_TOO_LONG",
    "GROUPED_MEDIA_INVALID",
    "INPUT_REQUEST_TOO_LONG",
    "INPUT_METHOD_INVALID",
    "NEVER_HEARD_OF",
)
"""Upon these a change is given up, as promised; there is no dead letter to excuse it by."""
WORDS: Final = ("gold", "tin", "salt")
ACTORS: Final = (
    "registry",
    "journal",
    "health",
    "gateway",
    "sessions/session:{}/session",
    "sessions/session:{}/groups/group-1",
    "sessions/session:{}/groups",
)
PACES: Final = (0.003, 0.02, 0.1, 0.5)
OWN: Final = True  # whether a session's own messages are another pair's source
DAY: Final = 86_400
CRASHES: Final = 3  # of the warden's own children between two rests: it gives up after ten
REST_EVERY: Final = 60  # acts


SHARES: Final[Mapping[str, float]] = {
    "albums": 0.3,
    "answers": 0.4,
    "silent": 0.3,
    "filters": 0.3,
    "dress": 0.3,
    "orders": 0.4,
    "errors": 0.4,
    "disk": 0.15,
    "clock": 0.1,
    "members": 0.25,
    "chains": 0.3,
    "calm": 0.1,
    "pictures": 0.2,
    "links": 0.2,
    "upgrades": 0.1,
    "names": 0.1,
    "rings": 0.1,
    "barred": 0.05,
    "void": 0.1,
    "protect": 0.1,
    "power": 0.1,
    "second": 0.05,
    "revoked": 0.05,
    "days": 0.05,
    "by code": 0.1,
    "topics": 0.1,
    "handlers": 0.1,
    "wide": 0.1,
    "deadly": 0.05,
    "accounts": 0.1,
}
"""How many scripts have a flavour: something that may happen in them."""
ACTS: Final[Mapping[str, float]] = {
    "order": 0.05,
    "member": 0.02,
    "upgrade": 0.01,
    "pass_name": 0.01,
    "barred": 0.02,
    "revoke": 0.005,
    "say": 0.5,
    "edit": 0.29,
    "delete": 0.14,
}
ORDERS: Final[Mapping[str, float]] = dict.fromkeys(
    ("pair_add", "pair_change", "pair_remove", "pair_pause", "pair_resume", "pair_move",
     "recover", "rotate", "backup", "overview", "retry",
     "restore", "renew", "logout", "session_delete"),
    1.0,
)  # fmt: skip
FAULTS: Final[Mapping[str, float]] = {
    "disk": 0.1,
    "clock": 0.1,
    "cut": 0.15,
    "kill": 0.05,
    "restart": 0.01,
    "crash": 0.06,
    "forget": 0.06,
    "network": 0.02,
    "expire": 0.02,
    "pushes": 0.08,
    "still": 0.01,
    "void": 0.05,
    "power": 0.05,
    "second": 0.02,
    "handler": 0.1,
    "fault": 0.49,
}
"""How often what is done, or breaks, among what may be in a script of its flavours."""
NEEDS: Final[Mapping[str, str]] = {
    "order": "orders",
    "member": "members",
    "disk": "disk",
    "clock": "clock",
    "expire": "albums",
    "upgrade": "upgrades",
    "pass_name": "names",
    "void": "void",
    "barred": "barred",
    "power": "power",
    "second": "second",
    "handler": "handlers",
    "revoke": "revoked",
    "exhaust": "exhausted",
    "restore": "accounts",
    "renew": "accounts",
    "logout": "accounts",
    "session_delete": "accounts",
}
"""The flavour without which something does not happen."""


def generate(seed: int | str, *, acts: int = 250, about: str | None = None) -> Script:
    """Make the script of a seed; ``about`` names what it is to be about."""
    return _Maker(str(seed), acts, DIRECTIONS[about] if about else Direction()).make()


class _Maker:
    def __init__(self, seed: str, acts: int, direction: Direction) -> None:
        self.rng = random.Random(f"script {seed}")
        self.direction = direction
        self.script = Script(seed=seed)
        self.wanted = acts
        self.tokens = 0
        self.alive: dict[str, tuple[str, int, str]] = {}  # by token: chat, version, word
        self.removed: set[int] = set()
        self.upgraded: set[str] = set()
        self.passed = False
        self.crashed = 0

    def make(self) -> Script:
        rng, script, direction = self.rng, self.script, self.direction
        count = rng.choice((1, 1, 2, 3))
        script.sessions = [f"s{n}" for n in range(direction.sessions or count)]
        self.flavour = {name: rng.random() < share for name, share in SHARES.items()}
        self.flavour |= dict.fromkeys(direction.on, True) | dict.fromkeys(direction.off, False)
        script.flavours = [name for name, there in self.flavour.items() if there]
        script.pushes = {
            "echo": rng.random() < 0.3,
            "number_channels": rng.random() < 0.3,
        } | direction.pushes
        script.settings = dict(direction.settings)
        if self.flavour["by code"]:
            script.by_code = [name for name in script.sessions if rng.random() < 0.6]
        self._make_chats()
        self._make_pairs()
        self._make_steps()
        return script

    def _draw(self, usual: Mapping[str, float], wanted: Mapping[str, float] | None) -> str:
        """One of what may be, by its weight."""
        weights = {
            name: weight
            for name, weight in (usual if wanted is None else wanted).items()
            if self.flavour.get(NEEDS.get(name, ""), True)
        }
        return self.rng.choices(list(weights), list(weights.values()))[0]

    # Who is there

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
                self.direction.kinds or ("broadcast", "megagroup", "megagroup", "group")
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
            self.script.pairs.append(self._pair(number, source, target))
        for number, end in enumerate(self.ends, start=len(ways) + 1):
            before = rng.choice(self.script.pairs)
            pair = self._pair(number, before["target"], end)
            others = [name for name in self.script.sessions if OWN or name != before["session"]]
            if others:
                pair["session"] = rng.choice(others)
                self.script.pairs.append(pair)
        self.next_pair = len(ways) + len(self.ends) + 1
        channels = [name for name in self.sources if self._has_name(name)]
        self.handled = []
        if self.flavour["handlers"] and channels:
            pair = self._pair(self.next_pair, rng.choice(channels), self.targets[0])
            del pair["target"]
            pair |= {"handler": "sink", "mode": "copy"}
            pair = {one: what for one, what in pair.items() if one not in ("topic", "topics")}
            self.handled.append(self.next_pair)
            self.script.pairs.append(pair)
            self.next_pair += 1
        for source, target in zip(self.rings, [*self.rings[1:], *self.rings[:1]], strict=True):
            pair = self._pair(self.next_pair, source, target)
            self.script.pairs.append(pair | {"ring": True})
            self.next_pair += 1
        if self.flavour["names"]:
            for pair in self.script.pairs:
                ends = [end for end in ("source", "target") if end in pair]
                named = [end for end in ends if self._has_name(pair[end])]
                if named and rng.random() < 0.7:
                    pair["by_name"] = [rng.choice(named)]

    def _has_name(self, chat: str) -> bool:
        return any(one["name"] == chat and one["kind"] != "group" for one in self.script.chats)

    def _pair(self, number: int, source: str, target: str) -> dict[str, Any]:
        rng = self.rng
        pair: dict[str, Any] = {
            "id": number,
            "session": rng.choice(self.script.sessions),
            "source": source,
            "target": target,
            "mode": rng.choice(("copy", "copy", "forward")),
        } | self.direction.pair
        if self._topics(target) and rng.random() < 0.7:
            pair["topic"] = rng.randint(0, self._topics(target))
        if self._topics(source) and self._topics(target):
            places = rng.sample(range(self._topics(source) + 1), rng.randint(0, 2))
            pair["topics"] = {str(one): rng.randint(0, self._topics(target)) for one in places}
        if self.flavour["filters"] and rng.random() < 0.6:
            pair[rng.choice(("allow", "deny"))] = {"words": [rng.choice(WORDS)]}
            if pair["mode"] == "copy" and rng.random() < 0.3:
                pair["unwanted"] = "keep"
        if pair["mode"] == "copy" and self.flavour["dress"]:
            pair |= self._dress()
        if rng.random() < 0.1:
            pair[rng.choice(("edits", "deletes"))] = False
        return pair

    def _topics(self, chat: str) -> int:
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

    # What happens

    def _make_steps(self) -> None:
        rng, script = self.rng, self.script
        direction = self.direction
        at, since, acts = 0.0, 0, 0
        paces = direction.paces or PACES
        pace = rng.choice(paces)
        share = rng.choice((0.05, 0.12, 0.25)) if direction.share is None else direction.share
        if self.flavour["calm"]:
            share = 0.0
        while acts < self.wanted:
            at += rng.expovariate(1 / pace)
            if rng.random() < share:
                step = self._fault()
                at += 0.05
            else:
                step = self._act()
                acts += 1
                since += 1
            step["at"] = round(at, 4)
            script.steps.append(step)
            if since >= REST_EVERY:
                script.steps.append({"do": "rest", "at": round(at, 4)})
                at, since, self.crashed = 0.0, 0, 0
                pace = rng.choice(paces)

    def _act(self) -> Step:
        rng = self.rng
        what = self._draw(ACTS, self.direction.acts)
        if what == "order":
            return self._order()
        if what == "member":
            return self._member()
        if what in ("upgrade", "pass_name", "barred", "revoke"):
            return getattr(self, f"_{what}")() or self._say()
        if what == "say" or not self.alive:
            return self._say()
        known = list(self.alive)
        token = rng.choice(known[-12:] if rng.random() < 0.8 else known)
        chat, version, word = self.alive[token]
        if what == "edit":
            if rng.random() < 0.1:
                word = rng.choice(WORDS)
            self.alive[token] = chat, version + 1, word
            return {"do": "edit", "token": token, "text": f"{token} v{version + 1} {word}"}
        tokens = [
            one
            for one in known[-12:]
            if self.alive[one][0] == chat and (one == token or rng.random() < 0.1)
        ]
        tokens = tokens if token in tokens else [token]
        for one in tokens:
            del self.alive[one]
        return {"do": "delete", "tokens": tokens}

    def _new(self, chat: str) -> tuple[str, str]:
        self.tokens += 1
        token, word = f"m{self.tokens}", self.rng.choice(WORDS)
        self.alive[token] = chat, 1, word
        return token, f"{token} v1 {word}"

    def _say(self) -> Step:
        rng = self.rng
        chat = rng.choice(self.sources)
        if self.rings and rng.random() < 0.4:
            chat = rng.choice(self.rings)
        elif self.flavour["names"] and rng.random() < 0.1:
            chat = "x0"
        if self.flavour["albums"] and rng.random() < 0.1:
            new = [self._new(chat) for _ in range(rng.randint(2, 4))]
            tokens, texts = [list(one) for one in zip(*new, strict=True)]
            return {"do": "album", "chat": chat, "tokens": tokens, "texts": texts}
        there = [token for token, (where, _, _) in self.alive.items() if where == chat]
        topics = self._topics(chat)
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
        groups = [name for name in groups if name not in self.upgraded]
        if not groups:
            return None
        chat = self.rng.choice(groups)
        self.upgraded.add(chat)
        self.alive = {one: what for one, what in self.alive.items() if what[0] != chat}
        return {"do": "upgrade", "chat": chat}

    def _pass_name(self) -> Step | None:
        """A stranger takes the name by which pairs have found their chat."""
        pairs = self.script.pairs
        named = [pair[end] for pair in pairs for end in pair.get("by_name", ())]
        if self.passed or not named:
            return None
        self.passed = True
        return {"do": "pass_name", "chat": self.rng.choice(named), "to": "x0"}

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
        rng = self.rng
        pair = rng.choice([one for one in self.script.pairs if "target" in one])
        source, target = pair["source"], pair["target"]
        fields = pair | {"id": self.next_pair, "session": rng.choice(self.script.sessions)}
        fields.pop("by_name", None)
        if "topics" in fields or "topic" in fields:
            return None  # where messages stand in the other chat is another matter
        if self._has_name(source) and rng.random() < 0.5:
            fields["by_name"] = ["source"]
        elif not pair.get("ring"):
            fields |= {"source": target, "target": source}
        self.next_pair += 1
        return {"do": "pair_add", "fields": fields, "barred": True}

    def _member(self) -> Step:
        rng = self.rng
        chat, session = rng.choice(self.script.chats), rng.choice(self.script.sessions)
        name = chat["name"]
        usual = ("leave", "return", "slow", "rights", "rename", "protect")
        what = rng.choice(self.direction.members or usual)
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
        numbers = [n for n in range(1, self.next_pair) if n not in self.removed]
        session, pair = rng.choice(script.sessions), rng.choice(numbers)
        what = self._draw(ORDERS, self.direction.orders)
        match what:
            case "pair_add":
                ways = {(p["source"], p.get("target")) for p in script.pairs}
                free = [(a, b) for a in self.sources for b in self.targets if (a, b) not in ways]
                if not free:
                    return {"do": "overview"}
                fields = self._pair(self.next_pair, *rng.choice(free))
                self.next_pair += 1
                return {"do": "pair_add", "fields": fields}
            case "pair_change":
                return {"do": what, "pair": pair, "fields": {"footer": f"via {rng.randint(1, 9)}"}}
            case "pair_remove" if len(numbers) > 1 and not self.flavour["barred"]:
                self.removed.add(pair)
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

    # What breaks

    def _fault(self) -> Step:
        rng = self.rng
        session = rng.choice(self.script.sessions)
        what = self._draw(FAULTS, self.direction.faults)
        match what:
            case "disk":
                how = rng.choice(("full", "readonly", "io", "busy", "slow"))
                seconds = round(rng.uniform(0.1, 6.0), 1)
                return {"do": what, "how": how, "seconds": seconds, "rate": rng.choice((0.2, 1.0))}
            case "clock":
                jumps = (-20, -3, 3, 20)
                if self.flavour["days"]:
                    jumps = (-3 * DAY, -DAY, -3600, 3600, DAY, 3 * DAY, 40 * DAY)
                return {"do": what, "seconds": rng.choice(jumps)}
            case "power":
                keep, torn = round(rng.random(), 3), rng.random() < 0.5
                down = round(rng.uniform(0.05, 3.0), 2)
                return {"do": what, "keep": keep, "torn": torn, "down": down}
            case "handler":
                if not self.handled:
                    return {"do": "cut", "session": session}
                how = rng.choice(("fails", "fails after", "slow", "refuses"))
                times = rng.choice((1, 1, 3, 12))
                return {"do": what, "pair": self.handled[0], "how": how, "times": times}
            case "second":
                return {"do": what, "seconds": rng.choice((3, 40)), "stop": rng.random() < 0.5}
            case "exhaust":
                return {"do": what, "session": session}
            case "cut":
                return {"do": what, "session": session}
            case "kill" | "restart":
                return {"do": what, "down": round(rng.uniform(0.05, 3.0), 2)}
            case "crash":
                path = rng.choice(self.direction.crashes or ACTORS).format(session)
                if "/" not in path:
                    self.crashed += 1
                    if self.crashed > CRASHES:
                        return {"do": "cut", "session": session}
                return {"do": what, "path": path}
            case "forget" if rng.random() < 0.5:
                return {"do": what, "session": session}
            case "forget":
                return {"do": what, "chat": rng.choice(self.sources)}
            case "network":
                return {"do": what, "spikes": rng.choice((0.0, 0.05, 0.2))}
            case "expire":
                return {"do": what}
            case "void":
                chat = rng.choice(self.script.chats)["name"]
                return {"do": what, "session": session, "chat": chat}
            case "still":
                return {"do": what, "session": session, "times": rng.choice((1, 3, 50, 3000))}
            case "pushes":
                return self._pushes(session)
            case _:
                return self._rule(session)

    def _pushes(self, session: str) -> Step:
        rng = self.rng
        return {
            "do": "pushes",
            "session": session,
            "how": rng.choice(("lose", "hold")),
            "count": rng.choice((1, 1, 2, 5)),
            "order": rng.choice(("told", "reversed")),
            "combined": rng.random() < 0.3,
            "seconds": round(rng.uniform(0.05, 3.0), 2),
        }

    def _rule(self, session: str) -> Step:
        """One of the loopback's own faults."""
        rng = self.rng
        usual = SENDING if rng.random() < 0.6 else METHODS
        method = rng.choice(self.direction.methods or usual)
        return {
            "do": "fault",
            "session": session,
            "method": method,
            "times": rng.choice((1, 1, 1, 2, 3)),
            "after": rng.choice((0, 0, 0, 1, 2, 5)),
            "action": self._action(method),
        }

    def _action(self, method: str) -> dict[str, Any]:
        rng = self.rng
        executed = rng.random() < 0.6
        if self.flavour["errors"] and rng.random() < 0.5 and method != "*":
            text, code = rng.choice(ERRORS)
            if self.flavour["wide"] and rng.random() < 0.7:
                text, code = rng.choice(WIDE)
            if self.flavour["deadly"] and rng.random() < 0.3:
                text, code = rng.choice([(text, 401) for text in DEADLY])
            if method in CHANGES and text in OF_ONE_MESSAGE:
                text, code = ERRORS[0]
            return {"kind": "rpc_error", "text": text, "code": code, "executed": False}
        flood = {"kind": "flood_wait", "seconds": rng.choice((1, 3, 12))}
        actions: tuple[dict[str, Any], ...] = (
            {"kind": "cut_connection", "executed": executed, "reset": rng.random() < 0.5},
            {"kind": "cut_connection", "executed": executed},
            {"kind": "silence", "executed": executed},
            {"kind": "delay", "executed": executed, "seconds": round(rng.uniform(0.1, 8.0), 1)},
            {"kind": "bad_checksum", "executed": executed},
            {"kind": "bad_msg_key", "executed": executed},
            {"kind": "noise", "executed": executed, "count": 64},
            {"kind": "bad_salt"},
            {"kind": "bad_salt"} if method == "*" else flood,
            {"kind": "rpc_error", "text": "RPC_CALL_FAIL", "code": 500, "executed": executed},
            {"kind": "transport_error", "code": -429},
            {"kind": "stall_writing", "seconds": round(rng.uniform(0.1, 8.0), 1)},
            {"kind": "stall_reading", "seconds": round(rng.uniform(0.1, 8.0), 1)},
            {"kind": "bad_message", "code": rng.choice((16, 32, 33, 64))},
        )
        wanted = self.direction.actions
        return rng.choice([one for one in actions if not wanted or one["kind"] in wanted])
