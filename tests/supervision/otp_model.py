"""A small pure model of OTP's rules: what is up, and how often each worker was started.

It knows nothing of actors or clocks. The state machine beside it holds the real thing to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from telewarden.supervision import Restart, Strategy


@dataclass
class Worker:
    """A child that only counts how often it was started."""

    id: str
    restart: Restart
    up: bool = False
    starts: int = 0
    failures_to_come: int = 0


@dataclass
class Group:
    """A supervisor: its description, and the children that it has now."""

    id: str
    restart: Restart
    strategy: Strategy
    limit: int
    within: float
    described: tuple[Worker | Group, ...]
    up: bool = False
    children: dict[str, Worker | Group] = field(default_factory=dict)
    spent: list[float] = field(default_factory=list)


Node = Worker | Group


class GaveUp(Exception):  # noqa: N818 - an outcome
    """A group's intensity is spent."""


class Model:
    """The tree, and time."""

    def __init__(self, root: Group) -> None:
        self.root, self.now, self.dead = root, 0.0, False
        self.parents: dict[str, Group] = {}
        self.start(root)

    # what is done to it

    def crash(self, id_: str) -> None:
        self._ended(self.parents[id_].children[id_], failed=True)

    def leave(self, id_: str) -> None:
        self._ended(self.parents[id_].children[id_], failed=False)

    def terminate(self, group: Group, id_: str) -> None:
        node = group.children[id_]
        self.stop(node)
        if node.restart is Restart.TEMPORARY:
            del group.children[id_]

    def restart(self, group: Group, id_: str) -> bool:
        return self.start(group.children[id_])

    def delete(self, group: Group, id_: str) -> None:
        del group.children[id_]

    def add(self, group: Group, worker: Worker) -> bool:
        group.children[worker.id] = worker
        self.parents[worker.id] = group
        if not self.start(worker):
            del group.children[worker.id]
            return False
        return True

    # the rules

    def start(self, node: Node) -> bool:
        if isinstance(node, Worker):
            node.starts += 1
            node.up = not node.failures_to_come
            node.failures_to_come = max(0, node.failures_to_come - 1)
            return node.up
        node.spent, node.children = [], {child.id: child for child in node.described}
        for child in node.described:
            self.parents[child.id] = node
        for child in node.described:
            if not self.start(child):
                self.stop(node)
                return False
        node.up = True
        return True

    def stop(self, node: Node) -> None:
        node.up = False
        if isinstance(node, Group):
            for child in reversed(node.children.values()):
                self.stop(child)

    def _ended(self, node: Node, *, failed: bool) -> None:
        self.stop(node)
        group = self.parents[node.id]
        if node.restart is Restart.TEMPORARY:
            del group.children[node.id]
            return
        if node.restart is Restart.TRANSIENT and not failed:
            return
        try:
            self._restart(group, node)
        except GaveUp:
            self.stop(group)
            if group is self.root:
                self.dead = True
            else:
                self._ended(group, failed=False)  # with "shutdown": no failure to its own parent

    def _restart(self, group: Group, node: Node) -> None:
        self._spend(group)
        ids = list(group.children)
        if group.strategy is Strategy.ONE_FOR_ONE:
            concerned = [node.id]
        elif group.strategy is Strategy.REST_FOR_ONE:
            concerned = ids[ids.index(node.id) :]
        else:
            concerned = ids
        for id_ in reversed(concerned):
            self.stop(group.children[id_])
            if group.children[id_].restart is Restart.TEMPORARY:
                del group.children[id_]
        self._start_all(group, [id_ for id_ in concerned if id_ in group.children])

    def _start_all(self, group: Group, ids: list[str]) -> None:
        at = 0
        while at < len(ids):
            if self.start(group.children[ids[at]]):
                at += 1
                continue
            self._spend(group)
            if group.strategy is Strategy.ONE_FOR_ALL:
                for id_ in reversed(ids[:at]):
                    self.stop(group.children[id_])
                at = 0

    def _spend(self, group: Group) -> None:
        group.spent = [at for at in group.spent if at >= self.now - group.within]
        group.spent.append(self.now)
        if len(group.spent) > group.limit:
            raise GaveUp

    # what can be compared

    def groups(self, group: Group | None = None, path: str = "") -> dict[str, Group]:
        """Every group that is up, by path."""
        group = group or self.root
        found = {path: group}
        for child in group.children.values():
            if isinstance(child, Group) and child.up:
                found |= self.groups(child, f"{path}/{child.id}".lstrip("/"))
        return found

    def starts(self) -> dict[str, int]:
        """Of every worker below a group that is up: how often it was started."""
        if self.dead:
            return {}
        return {
            child.id: child.starts
            for group in self.groups().values()
            for child in group.children.values()
            if isinstance(child, Worker)
        }

    def standing(self) -> dict[str, list[tuple[str, bool]]]:
        """Of every group that is up: its children in order, and whether each is up."""
        if self.dead:
            return {}
        return {
            path: [(child.id, child.up) for child in group.children.values()]
            for path, group in self.groups().items()
        }
