"""The smallest script that still shows a difference."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from .script import Script

__all__ = ["shrink"]


def shrink(script: Script, differs: Callable[[Script], bool]) -> Script:
    """Leave out and simplify as long as ``differs`` holds."""
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(script):
            if differs(smaller):
                script, progress = smaller, True
                break
    return script


def _smaller(script: Script) -> Iterator[Script]:
    steps = script["steps"]
    if script["hasty"]:
        yield {**script, "hasty": False}
    for at in range(len(steps) - 1, -1, -1):
        yield {**script, "steps": steps[:at] + steps[at + 1 :]}
    for at, step in enumerate(steps):
        if len(step) > 1:
            for out in range(len(step)):
                rest = step[:out] + step[out + 1 :]
                yield {**script, "steps": [*steps[:at], rest, *steps[at + 1 :]]}
    yield from _simpler_nodes(script)


def _simpler_nodes(script: Script) -> Iterator[Script]:
    count = len(list(_nodes(script)))
    for number in range(count):
        for change in (_without_child, _without_plan, _plain):
            for variant in range(5):
                smaller = copy.deepcopy(script)
                node = list(_nodes(smaller))[number]
                if change(node, variant):
                    yield smaller


def _nodes(script: Script) -> Iterator[dict[str, Any]]:
    yield from _below(script["tree"])
    for step in script["steps"]:
        for act in step:
            if act[0] == "call" and act[2][0] == "start":
                yield from _below(act[2][1])


def _below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("children", ()):
        yield from _below(child)


def _without_child(node: dict[str, Any], number: int) -> bool:
    children = node.get("children", [])
    if number >= len(children):
        return False
    del children[number]
    return True


def _without_plan(node: dict[str, Any], number: int) -> bool:
    plan = node.get("plan", [])
    if number >= len(plan):
        return False
    if number == len(plan) - 1:
        plan.pop()
    elif plan[number] != "ok":
        plan[number] = "ok"
    else:
        return False
    return True


PLAIN = (
    ("significant", False),
    ("shutdown", "timeout"),
    ("auto", "never"),
    ("strategy", "one_for_one"),
    ("restart", "permanent"),
)


def _plain(node: dict[str, Any], number: int) -> bool:
    name, value = PLAIN[number]
    if node.get(name, value) == value:
        return False
    if name == "shutdown" and node["kind"] != "worker":
        return False
    if name == "auto" and any(c["significant"] for c in node["children"]):
        return False
    if name == "restart" and node["significant"]:
        return False
    node[name] = value
    return True
