"""Scripts: a tree and what is done to it, as plain data that both sides understand.

A node is a dict (``kind`` is worker, supervisor or dynamic), an act a tuple, a step a list of acts
that are done at once, without waiting for one before the other. ``erlang`` renders them as a term.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

__all__ = ["Act", "Node", "Script", "erlang", "is_change", "is_question", "walk"]

Node: TypeAlias = dict[str, Any]
Act: TypeAlias = tuple[Any, ...]
Script: TypeAlias = dict[str, Any]
"""``tree``: the root supervisor; ``steps``: lists of acts; ``hasty``: stopped within the last."""

QUESTIONS = frozenset({"which", "count", "spec"})


def is_question(act: Act) -> bool:
    """Whether the act only asks."""
    return act[0] == "call" and act[2][0] in QUESTIONS


def is_change(act: Act) -> bool:
    """Whether the act is a command that changes something."""
    return act[0] == "call" and not is_question(act)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in start order."""
    yield node
    for child in node.get("children", ()):
        yield from walk(child)


def erlang(script: Script, schedules: dict[int, tuple[Any, ...]]) -> str:
    """The script as an Erlang term; ``schedules`` has the order for steps of several acts."""
    steps = [
        _step(step, schedules.get(number, tuple(range(len(step)))))
        for number, step in enumerate(script["steps"])
    ]
    return f"{{{_tree(script['tree'])},[{','.join(steps)}]}}.\n"


def _step(step: list[Act], schedule: tuple[Any, ...]) -> str:
    if len(step) == 1:
        return _act(step[0])
    items = ",".join(
        "barrier" if item == "barrier" else f"{{act,{item},{_act(step[item])}}}"
        for item in schedule
    )
    return f'{{burst,"{_group(step)}",[{items}]}}'


def _group(step: list[Act]) -> str:
    """The supervisor that all acts of a step concern."""
    path: str = next((act[1] for act in step if act[0] == "call"), "")
    if not any(act[0] == "call" for act in step):
        path = step[0][1].rpartition("/")[0]
    return path


def _act(act: Act) -> str:
    match act:
        case ("call", path, request):
            return f'{{call,"{path}",{_request(path, request)}}}'
        case ("advance", seconds):
            return f"{{advance,{seconds}}}"
        case (what, path):
            return f'{{{what},"{path}"}}'
    raise ValueError(act)


def _request(path: str, request: tuple[Any, ...]) -> str:
    match request:
        case ("which",):
            return "which_children"
        case ("count",):
            return "count_children"
        case ("spec", id_):
            return f"{{get_childspec,{id_}}}"
        case ("start", node):
            return f"{{start_child,{_child(node)}}}"
        case (what, id_):
            return f"{{{what}_child,{id_}}}"
    raise ValueError(request)


def _tree(node: Node) -> str:
    return f"{{{_flags(node)},[{','.join(_children(node))}]}}"


def _children(node: Node) -> list[str]:
    if node["kind"] == "dynamic":
        return [f"{{template,{_common(node['template'])}}}"]
    return [_child(child) for child in node["children"]]


def _child(node: Node) -> str:
    if node["kind"] == "guest":
        return f"{{dynamic_child,{node['id']},{node['key']},{_plan(node)}}}"
    if node["kind"] == "worker":
        return f"{{worker,{node['id']},{node['key']},{_plan(node)},{_common(node)}}}"
    return f"{{supervisor,{node['id']},{node['key']},{_tree(node)},{_common(node)}}}"


def _plan(node: Node) -> str:
    return f"[{','.join(node['plan'])}]"


def _common(node: Node) -> str:
    shutdown = {"timeout": "5000"}.get(node["shutdown"], node["shutdown"])
    significant = str(node["significant"]).lower()
    return f"#{{restart=>{node['restart']},shutdown=>{shutdown},significant=>{significant}}}"


def _flags(node: Node) -> str:
    strategy = "simple_one_for_one" if node["kind"] == "dynamic" else node["strategy"]
    return (
        f"#{{strategy=>{strategy},intensity=>{node['intensity']},period=>{node['period']},"
        f"auto_shutdown=>{node.get('auto', 'never')}}}"
    )
