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
    "channels.deleteMessages",
    "messages.getHistory",
    "channels.getMessages",
    "updates.getDifference",
    "updates.getChannelDifference",
    "updates.getState",
    "*",
)


def generate(seed: int | str, *, acts: int = 250) -> Script:
    """Make the script of a seed."""
    return _Maker(str(seed), acts).make()


class _Maker:
    def __init__(self, seed: str, acts: int) -> None:
        self.rng = random.Random(f"script {seed}")
        self.script = Script(seed=seed)
        self.wanted = acts
        self.tokens = 0
        self.alive: list[tuple[str, str, int]] = []

    def make(self) -> Script:
        rng, script = self.rng, self.script
        script.sessions = [f"s{n}" for n in range(rng.choice((1, 1, 2)))]
        self._make_chats()
        self._make_steps()
        return script

    def _make_chats(self) -> None:
        rng, script = self.rng, self.script
        sources = [f"a{n}" for n in range(rng.randint(1, 3))]
        targets = [f"b{n}" for n in range(rng.randint(1, 3))]
        self.sources = sources
        for name in sources:
            kind = rng.choice(("broadcast", "megagroup"))
            script.chats.append(
                {"name": name, "kind": kind, "owner": "press", "members": list(script.sessions)}
            )
        for name in targets:
            kind = rng.choice(("broadcast", "megagroup"))
            script.chats.append(
                {"name": name, "kind": kind, "owner": "press", "members": list(script.sessions)}
            )
        ways = [(a, b) for a in sources for b in targets]
        rng.shuffle(ways)
        for number, (source, target) in enumerate(ways[: rng.randint(1, 4)], start=1):
            pair: dict[str, Any] = {
                "id": number,
                "session": rng.choice(script.sessions),
                "source": source,
                "target": target,
                "mode": rng.choice(("copy", "copy", "forward")),
            }
            script.pairs.append(pair)

    def _make_steps(self) -> None:
        rng, script = self.rng, self.script
        at, since, acts = 0.0, 0, 0
        pace = rng.choice((0.01, 0.1, 0.5))
        while acts < self.wanted:
            at += rng.expovariate(1 / pace)
            if rng.random() < 0.12:
                step = self._fault()
            else:
                step = self._act()
                acts += 1
                since += 1
            step["at"] = round(at, 4)
            script.steps.append(step)
            if since >= 60:
                script.steps.append({"do": "rest", "at": round(at, 4)})
                at, since = 0.0, 0
                pace = rng.choice((0.01, 0.1, 0.5))

    def _act(self) -> Step:
        rng = self.rng
        draw = rng.random()
        if draw < 0.55 or not self.alive:
            self.tokens += 1
            token, chat = f"m{self.tokens}", rng.choice(self.sources)
            self.alive.append((token, chat, 1))
            return {"do": "say", "chat": chat, "token": token, "text": f"{token} v1"}
        recent = self.alive[-12:] if rng.random() < 0.8 else self.alive
        token, chat, version = rng.choice(recent)
        at = self.alive.index((token, chat, version))
        if draw < 0.85:
            self.alive[at] = (token, chat, version + 1)
            return {"do": "edit", "token": token, "text": f"{token} v{version + 1}"}
        tokens = [t for t, c, _ in recent if c == chat and (t == token or rng.random() < 0.1)]
        self.alive = [one for one in self.alive if one[0] not in tokens]
        return {"do": "delete", "tokens": tokens}

    def _fault(self) -> Step:
        rng = self.rng
        session = rng.choice(self.script.sessions)
        draw = rng.random()
        if draw < 0.2:
            return {"do": "cut", "session": session}
        if draw < 0.25:
            return {"do": "kill", "down": round(rng.uniform(0.05, 3.0), 2)}
        if draw < 0.27:
            return {"do": "restart", "down": round(rng.uniform(0.05, 3.0), 2)}
        if draw < 0.32:
            path = rng.choice(
                ("registry", "journal", "health", f"sessions/session:{session}/session",
                 f"sessions/session:{session}/groups/group-1", "gateway")
            )  # fmt: skip
            return {"do": "crash", "path": path}
        if draw < 0.36:
            return {"do": "forget", "session": session}
        if draw < 0.4:
            return {"do": "forget", "chat": rng.choice(self.sources)}
        return {
            "do": "fault",
            "session": session,
            "method": rng.choice(METHODS),
            "times": rng.choice((1, 1, 1, 2, 3)),
            "after": rng.choice((0, 0, 0, 1, 2, 5)),
            "action": self._action(),
        }

    def _action(self) -> dict[str, Any]:
        rng = self.rng
        executed = rng.random() < 0.6
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
                {"kind": "flood_wait", "seconds": rng.choice((1, 3, 12))},
                {"kind": "rpc_error", "text": "RPC_CALL_FAIL", "code": 500, "executed": executed},
                {"kind": "transport_error", "code": -429},
                {"kind": "stall_writing", "seconds": round(rng.uniform(0.1, 8.0), 1)},
            )
        )
