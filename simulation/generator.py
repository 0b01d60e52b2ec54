"""From a seed to a script: who is there, which pairs, what people and operators do, what breaks."""

from __future__ import annotations

import random
from typing import Any, Final

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
REST_EVERY: Final = 60  # acts


def generate(seed: int | str, *, acts: int = 250) -> Script:
    """Make the script of a seed."""
    return _Maker(str(seed), acts).make()


class _Maker:
    def __init__(self, seed: str, acts: int) -> None:
        self.rng = random.Random(f"script {seed}")
        self.script = Script(seed=seed)
        self.wanted = acts
        self.tokens = 0
        self.alive: dict[str, tuple[str, int, str]] = {}  # by token: chat, version, word
        self.removed: set[int] = set()

    def make(self) -> Script:
        rng, script = self.rng, self.script
        script.sessions = [f"s{n}" for n in range(rng.choice((1, 1, 2, 3)))]
        self.flavour = {
            name: rng.random() < share
            for name, share in (
                ("albums", 0.3), ("answers", 0.4), ("silent", 0.3), ("filters", 0.3),
                ("dress", 0.3), ("orders", 0.4), ("errors", 0.4), ("disk", 0.15), ("clock", 0.1),
                ("members", 0.25), ("chains", 0.3), ("calm", 0.1),
            )
        }  # fmt: skip
        script.pushes = {
            "echo": rng.random() < 0.3,
            "number_channels": rng.random() < 0.3,
        }
        self._make_chats()
        self._make_pairs()
        self._make_steps()
        return script

    # Who is there

    def _make_chats(self) -> None:
        rng = self.rng
        self.sources = [f"a{n}" for n in range(rng.randint(1, 3))]
        self.targets = [f"b{n}" for n in range(rng.randint(1, 3))]
        self.ends = [f"c{n}" for n in range(rng.randint(1, 2))] if self.flavour["chains"] else []
        for name in (*self.sources, *self.targets, *self.ends):
            kind = rng.choice(("broadcast", "megagroup", "megagroup", "group"))
            if name in self.ends and kind == "group":
                kind = "megagroup"
            members = list(self.script.sessions)
            self.script.chats.append(
                {"name": name, "kind": kind, "owner": "press", "members": members}
            )

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

    def _pair(self, number: int, source: str, target: str) -> dict[str, Any]:
        rng = self.rng
        pair: dict[str, Any] = {
            "id": number,
            "session": rng.choice(self.script.sessions),
            "source": source,
            "target": target,
            "mode": rng.choice(("copy", "copy", "forward")),
        }
        if self.flavour["filters"] and rng.random() < 0.6:
            pair[rng.choice(("allow", "deny"))] = {"words": [rng.choice(WORDS)]}
        if pair["mode"] == "copy" and self.flavour["dress"]:
            pair |= self._dress()
        if rng.random() < 0.1:
            pair[rng.choice(("edits", "deletes"))] = False
        return pair

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
        at, since, acts = 0.0, 0, 0
        pace = rng.choice(PACES)
        share = 0.0 if self.flavour["calm"] else rng.choice((0.05, 0.12, 0.25))
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
                at, since = 0.0, 0
                pace = rng.choice(PACES)

    def _act(self) -> Step:
        rng = self.rng
        draw = rng.random()
        if self.flavour["orders"] and draw < 0.05:
            return self._order()
        if self.flavour["members"] and draw < 0.02:
            return self._member()
        if draw < 0.55 or not self.alive:
            return self._say()
        known = list(self.alive)
        token = rng.choice(known[-12:] if rng.random() < 0.8 else known)
        chat, version, word = self.alive[token]
        if draw < 0.85:
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
        if self.flavour["albums"] and rng.random() < 0.1:
            new = [self._new(chat) for _ in range(rng.randint(2, 4))]
            tokens, texts = [list(one) for one in zip(*new, strict=True)]
            return {"do": "album", "chat": chat, "tokens": tokens, "texts": texts}
        there = [token for token, (where, _, _) in self.alive.items() if where == chat]
        token, text = self._new(chat)
        step: Step = {"do": "say", "chat": chat, "token": token, "text": text}
        if self.flavour["answers"] and there and rng.random() < 0.3:
            step["answers"] = rng.choice(there[-8:])
        if self.flavour["silent"] and rng.random() < 0.3:
            step["silent"] = True
        return step

    def _member(self) -> Step:
        rng = self.rng
        chat, session = rng.choice(self.script.chats), rng.choice(self.script.sessions)
        name = chat["name"]
        what = rng.choice(("leave", "return", "slow", "rights", "rename"))
        if what in ("leave", "rights") and chat["kind"] == "group":
            what = "rename"
        if what == "slow":
            if chat["kind"] != "megagroup":
                what = "rename"
            else:
                return {"do": "slow", "chat": name, "seconds": rng.choice((0, 2, 10))}
        if what == "rename":
            return {"do": "rename", "chat": name, "title": f"{name} {rng.randint(1, 99)}"}
        return {"do": what, "chat": name, "session": session}

    def _order(self) -> Step:
        rng, script = self.rng, self.script
        numbers = [n for n in range(1, self.next_pair) if n not in self.removed]
        session, pair = rng.choice(script.sessions), rng.choice(numbers)
        what = rng.choice(
            ("pair_add", "pair_change", "pair_remove", "pair_pause", "pair_resume", "pair_move",
             "recover", "rotate", "backup", "overview", "retry")
        )  # fmt: skip
        match what:
            case "pair_add":
                ways = {(p["source"], p["target"]) for p in script.pairs}
                free = [(a, b) for a in self.sources for b in self.targets if (a, b) not in ways]
                if not free:
                    return {"do": "overview"}
                fields = self._pair(self.next_pair, *rng.choice(free))
                self.next_pair += 1
                return {"do": "pair_add", "fields": fields}
            case "pair_change":
                return {"do": what, "pair": pair, "fields": {"footer": f"via {rng.randint(1, 9)}"}}
            case "pair_remove" if len(numbers) > 1:
                self.removed.add(pair)
                return {"do": what, "pair": pair}
            case "pair_pause" | "pair_resume" | "retry":
                return {"do": what, "pair": pair}
            case "pair_move":
                return {"do": what, "pair": pair, "session": session}
            case "recover" | "backup":
                return {"do": what, "session": session}
            case "rotate":
                return {"do": what, "what": rng.choice(("data", "master"))}
            case _:
                return {"do": "overview"}

    # What breaks

    def _fault(self) -> Step:
        rng = self.rng
        session = rng.choice(self.script.sessions)
        draw = rng.random()
        if self.flavour["disk"] and draw < 0.1:
            how = rng.choice(("full", "readonly", "io", "busy", "slow"))
            seconds = round(rng.uniform(0.1, 6.0), 1)
            return {"do": "disk", "how": how, "seconds": seconds, "rate": rng.choice((0.2, 1.0))}
        if self.flavour["clock"] and draw < 0.1:
            return {"do": "clock", "seconds": rng.choice((-20, -3, 3, 20))}
        if draw < 0.2:
            return {"do": "cut", "session": session}
        if draw < 0.25:
            return {"do": "kill", "down": round(rng.uniform(0.05, 3.0), 2)}
        if draw < 0.26:
            return {"do": "restart", "down": round(rng.uniform(0.05, 3.0), 2)}
        if draw < 0.32:
            return {"do": "crash", "path": rng.choice(ACTORS).format(session)}
        if draw < 0.35:
            return {"do": "forget", "session": session}
        if draw < 0.38:
            return {"do": "forget", "chat": rng.choice(self.sources)}
        if draw < 0.4:
            return {"do": "network", "spikes": rng.choice((0.0, 0.05, 0.2))}
        if draw < 0.42 and self.flavour["albums"]:
            return {"do": "expire"}
        if draw < 0.5:
            order, combined = rng.choice(("told", "reversed")), rng.random() < 0.3
            return {
                "do": "pushes",
                "session": session,
                "how": rng.choice(("lose", "hold")),
                "count": rng.choice((1, 1, 2, 5)),
                "order": order,
                "combined": combined,
                "seconds": round(rng.uniform(0.05, 3.0), 2),
            }
        if draw < 0.51:
            return {"do": "still", "session": session, "times": rng.choice((1, 3, 50))}
        method = rng.choice(SENDING if rng.random() < 0.6 else METHODS)
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
            if method in CHANGES and text in OF_ONE_MESSAGE:
                text, code = ERRORS[0]
            return {"kind": "rpc_error", "text": text, "code": code, "executed": False}
        flood = {"kind": "flood_wait", "seconds": rng.choice((1, 3, 12))}
        return rng.choice(
            (
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
        )
