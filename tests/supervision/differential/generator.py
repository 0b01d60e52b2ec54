"""Random scripts: any strategy, restart type, limit and plan, and whatever can be done to them."""

from __future__ import annotations

from itertools import count
from random import Random
from typing import Any

from .script import Act, Node, Script

__all__ = ["generate"]

PERIOD = 100  # seconds; Erlang counts whole ones, and the steps of time stay far from its edge
ADVANCES = (40, 150)
RESTARTS = ("permanent", "permanent", "transient", "transient", "temporary")
STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
INTENSITIES = (0, 1, 1, 2, 3, 3, 5, 12)


class Generator:
    """One script from one seed."""

    def __init__(self, seed: object, *, depth: int = 3, steps: int = 7) -> None:
        self.rng = Random(f"{seed}")
        self.keys = count(1)
        self.depth, self.length = depth, steps
        self.wild = self.rng.random()
        """How often children of this script fail, ignore or end by themselves."""

    def script(self) -> Script:
        tree = self.supervisor("root", self.rng.choice(range(1, self.depth + 1)))
        known = self.paths(tree)
        steps = [self.step(known) for _ in range(self.rng.randint(1, self.length))]
        return {"tree": tree, "steps": steps, "hasty": self.rng.random() < 0.15}

    # trees

    def supervisor(self, id_: str, depth: int) -> Node:
        rng = self.rng
        auto = rng.choice(("never", "never", "any_significant", "all_significant"))
        node = {
            **self.common(id_, auto, supervises=True),
            "kind": "supervisor",
            "strategy": rng.choice(STRATEGIES),
            "intensity": rng.choice(INTENSITIES),
            "period": PERIOD,
            "auto": auto,
        }
        ids = "abcd"[: rng.choice((0, 1, 2, 2, 3, 3, 3, 4))]
        node["children"] = [self.child(child, auto, depth - 1) for child in ids]
        return node

    def child(self, id_: str, auto: str, depth: int) -> Node:
        chance = self.rng.random()
        if depth > 0 and chance < 0.3:
            return {**self.supervisor(id_, depth), **self.common(id_, auto, supervises=True)}
        if depth > 0 and chance < 0.4:
            return self.dynamic(id_, auto)
        return self.worker(id_, auto)

    def worker(self, id_: str, auto: str) -> Node:
        return {**self.common(id_, auto), "kind": "worker", "plan": self.plan()}

    def dynamic(self, id_: str, auto: str) -> Node:
        return {
            **self.common(id_, auto, supervises=True),
            "kind": "dynamic",
            "intensity": self.rng.choice(INTENSITIES),
            "period": PERIOD,
            "template": self.common("template", "never"),
        }

    def common(self, id_: str, auto: str, *, supervises: bool = False) -> Node:
        rng = self.rng
        restart = rng.choice(RESTARTS)
        significant = auto != "never" and restart != "permanent" and rng.random() < 0.5
        shutdown = rng.choice(("timeout", "timeout", "infinity", "brutal_kill"))
        return {
            "id": id_,
            "key": next(self.keys),
            "restart": restart,
            "significant": significant,
            "shutdown": "infinity" if supervises else shutdown,
        }

    def plan(self) -> list[str]:
        """How its starts go, one after the other; all that follow go well."""
        rng = self.rng
        if rng.random() > 0.25 + 0.5 * self.wild:
            return []
        bad = ("fail", "fail", "fail", "ignore", "crash", "leave")
        first = "ok" if rng.random() < 0.85 else rng.choice(bad)
        length = rng.choice((0, 1, 1, 1, 2, 3, 4))
        return [first, *(rng.choice((*bad, "ok")) for _ in range(length))]

    # acts

    def paths(self, tree: Node, path: str = "") -> list[tuple[str, Node]]:
        """Every described node, by path."""
        found = [(path, tree)]
        for child in tree.get("children", ()):
            found += self.paths(child, f"{path}/{child['id']}".lstrip("/"))
        return found

    def step(self, known: list[tuple[str, Node]]) -> list[Act]:
        if self.rng.random() < 0.5:
            return [self.act(known)]
        groups = [(p, n) for p, n in known if n["kind"] in {"supervisor", "dynamic"}]
        path, group = groups[0] if self.rng.random() < 0.7 else self.rng.choice(groups)
        number = self.rng.choice((2, 2, 3, 3, 4))
        return [self.act_on(path, group) for _ in range(number)]

    def act(self, known: list[tuple[str, Node]]) -> Act:
        chance = self.rng.random()
        if chance < 0.12:
            return ("advance", self.rng.choice(ADVANCES))
        path, node = self.rng.choice(known)
        if node["kind"] in {"supervisor", "dynamic"} and (path == "" or chance < 0.8):
            return self.act_on(path, node)
        ways = ("crash", "crash", "leave", "kill")
        return (self.rng.choice(ways if node["kind"] == "worker" else ways[:3]), path)

    def act_on(self, path: str, group: Node) -> Act:
        """Something that is done to a supervisor or to one of its children."""
        rng = self.rng
        if group["kind"] == "dynamic":
            return self.act_on_dynamic(path, group)
        ids = [child["id"] for child in group["children"]] or ["a"]
        id_ = rng.choice(ids) if rng.random() < 0.9 else rng.choice("xy")
        below = f"{path}/{id_}".lstrip("/")
        match rng.choice(ACTS):
            case "end":
                return (rng.choice(("crash", "crash", "crash", "leave")), below)
            case "question":
                questions = (("which",), ("which",), ("count",), ("spec", id_))
                return ("call", path, rng.choice(questions))
            case "start":
                return ("call", path, ("start", self.newcomer(id_, group)))
            case what:
                return ("call", path, (what, id_))

    def newcomer(self, id_: str, group: Node) -> Node:
        rng = self.rng
        new_id = id_ if rng.random() < 0.5 else rng.choice("xy")
        auto = group["auto"] if rng.random() < 0.85 else "any_significant"
        if rng.random() < 0.15:
            node = {**self.supervisor(new_id, 1), **self.common(new_id, auto, supervises=True)}
        else:
            node = self.worker(new_id, auto)
        return node

    def act_on_dynamic(self, path: str, group: Node) -> Act:
        rng = self.rng
        id_ = rng.choice("uvw")
        match rng.choice(("start", "start", "start", "end", "terminate", "question")):
            case "start":
                template = group["template"]
                self.guests = getattr(self, "guests", 0) + 1
                id_ = f"g{self.guests}"
                plan = self.plan()
                # OTP 25 keeps who ignores its restart here for good, as a child without a process
                plan[1:] = [what if what != "ignore" else "ok" for what in plan[1:]]
                node = {**template, "id": id_, "key": next(self.keys), "plan": plan}
                self.known_guests: dict[str, list[str]] = getattr(self, "known_guests", {})
                self.known_guests.setdefault(path, []).append(id_)
                return ("call", path, ("start", {**node, "kind": "guest"}))
            case "end":
                return (rng.choice(("crash", "crash", "leave")), f"{path}/{self.guest(path)}")
            case "terminate":
                return ("call", path, ("terminate", self.guest(path)))
        return ("call", path, rng.choice((("which",), ("count",))))

    def guest(self, path: str) -> str:
        known = getattr(self, "known_guests", {}).get(path)
        return self.rng.choice(known) if known else "g1"


ACTS = (
    *["end"] * 8,
    *["terminate"] * 5,
    *["restart"] * 5,
    *["delete"] * 3,
    *["start"] * 5,
    *["question"] * 3,
)


def generate(seed: object, **how: Any) -> Script:
    """The script of a seed."""
    return Generator(seed, **how).script()
