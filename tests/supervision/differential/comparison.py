"""Whether what both sides made of a script is the same, and what may differ on purpose.

What a step does at once may happen in any order that keeps each asker's changes in theirs; Erlang
is asked for one order after the other until one agrees with what Telewarden did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations, permutations
from typing import Any, TypeAlias

from .script import Act, Node, Script, is_change, is_question, walk
from .subject import Run, Subject

__all__ = [
    "ORDERS_AT_FIRST",
    "ORDERS_AT_MOST",
    "RULES",
    "Ask",
    "agrees",
    "excuse",
    "orders",
    "steps_agree",
]

Ask: TypeAlias = Callable[[dict[int, tuple[Any, ...]]], list[Any]]
"""What Erlang makes of the script when the steps are done in the given orders."""
Orders: TypeAlias = dict[int, tuple[Any, ...]]

ORDERS_AT_MOST = 600  # tried for one script
ORDERS_AT_FIRST = 40  # tried before a rule is looked for


def agrees(script: Script, run: Run, ask: Ask, at_most: int = ORDERS_AT_MOST) -> int | None:
    """The first step that differs whatever the orders, or ``None`` when all agree.

    The start is step 0, the script's own begin with 1, the stop is the last.
    """
    best, left = -1, at_most
    todo: list[Orders] = [{}]
    while todo and left:
        left -= 1
        chosen = todo.pop()
        theirs = ask(chosen)
        at = _first_difference(script, run, theirs)
        if at is None:
            return None
        best = max(best, at)
        todo += reversed(list(_other_orders(script, chosen, at)))
    return best


def _other_orders(script: Script, chosen: Orders, differs_at: int) -> Iterator[Orders]:
    """The orders to try next: others for the steps up to the one that differs."""
    begun = max(chosen, default=-1)
    for number, step in enumerate(script["steps"]):
        if number <= begun or number >= differs_at or len(step) == 1:
            continue
        for order in orders(step)[1:]:
            yield {**chosen, number: order}


def orders(step: list[Act]) -> list[tuple[Any, ...]]:
    """All orders in which what a step does at once may happen, the likeliest first.

    ``barrier`` means that everything comes to rest before the next. A question is answered at any
    time, so also before changes that were asked for before it.
    """
    found = []
    numbers = range(len(step))
    for order in permutations(numbers):
        place = {number: at for at, number in enumerate(order)}
        changes = [n for n in numbers if is_change(step[n])]
        questions = [n for n in numbers if is_question(step[n])]
        if any(place[a] > place[b] for a, b in combinations(changes, 2)):
            continue
        if any(place[q] > place[c] for q in questions for c in changes if q < c):
            continue
        found.append(order)
    gaps = [gap for size in numbers for gap in combinations(range(1, len(step)), size)]
    return [_with_barriers(order, gap) for gap in gaps for order in found]


def _with_barriers(order: tuple[int, ...], gaps: tuple[int, ...]) -> tuple[Any, ...]:
    filled: list[Any] = []
    for at, number in enumerate(order):
        filled += ["barrier", number] if at in gaps else [number]
    return tuple(filled)


def _first_difference(script: Script, run: Run, theirs: list[Any]) -> int | None:
    # of a hasty script the last step and the stop are one, and nobody knows what came of it
    for at, (ours, erlangs) in enumerate(zip(run.steps, theirs, strict=not script["hasty"])):
        step = script["steps"][at - 1] if 0 < at <= len(script["steps"]) else []
        if not steps_agree(script, step, ours, erlangs):
            return at
    return None


def steps_agree(script: Script, step: list[Act], ours: list[Any], theirs: list[Any]) -> bool:
    """Whether a step went the same way on both sides."""
    if ours[1:3] != theirs[1:3]:
        return False
    if len(step) > 1:
        return _bursts_agree(step, ours, theirs)
    if not _answers_agree(step[0] if step else None, ours[0], theirs[0]):
        return False
    if acts_by_itself(script):  # who is stopped may have been about to leave
        return _starts(ours[3]) == _starts(theirs[3])
    return _deeds(script, ours[3]) == _deeds(script, theirs[3])


def _starts(log: list[Any]) -> Counter[int]:
    return Counter(key for what, key in log if what == "start")


def _deeds(script: Script, log: list[Any]) -> list[Any]:
    """Who was started and stopped, in order; who is stopped at the same time as others, apart."""
    guests = {node["key"] for node in newcomers(script) if node["kind"] == "guest"}
    return [[deed for deed in log if deed[1] not in guests]] + [
        [what for what, k in log if k == key] for key in sorted(guests)
    ]


def _bursts_agree(step: list[Act], ours: list[Any], theirs: list[Any]) -> bool:
    mine, yours = dict(ours[0]), dict(theirs[0])
    if mine.keys() != yours.keys():
        return False
    for number, answer in mine.items():
        act = step[number]
        if is_question(act):
            if not _glimpse_agrees(act, answer, yours[number]):
                return False
        elif ours[1] != "up" and (answer, yours[number]) == ("failed", "ok"):
            continue  # the end of the supervisor breaks a start off
        elif not _answers_agree(act, answer, yours[number]):
            return False
    return _starts(ours[3]) == _starts(theirs[3])


def _answers_agree(act: Act | None, ours: Any, theirs: Any) -> bool:
    if ours == theirs:
        return True
    if act is None or act[0] != "call":
        return False
    if act[2][0] == "count" and isinstance(ours, list) and isinstance(theirs, list):
        # a dynamic supervisor's children have a description each, simple_one_for_one's share one
        return ours[1:] == theirs[1:] and theirs[0] == ["specs", 1]
    if act[2][0] == "which" and isinstance(ours, list) and isinstance(theirs, list):
        return sorted(ours) == sorted(theirs)
    # a dynamic supervisor forgets ids; Erlang answers ok for whoever is dead
    return act[2][0] == "terminate" and (ours, theirs) == ("not_found", "ok")


def _glimpse_agrees(act: Act, ours: Any, theirs: Any) -> bool:
    """A question is answered at any time: what is just being changed is seen as it is."""
    if not isinstance(ours, list) or not isinstance(theirs, list):
        return bool(ours == theirs)
    if act[2][0] == "count":
        return [n for n, _ in ours] == [n for n, _ in theirs]
    if act[2][0] == "spec":
        return bool(ours == theirs)
    known = {row[0]: row[1] for row in theirs}
    return all(
        state in {"starting", "stopping", "idle", "restarting"} or known.get(id_) == state
        for id_, state in ours
    )


# what differs on purpose


def acts_by_itself(script: Script) -> bool:
    """Whether some child ends by itself as soon as it runs."""
    nodes = [*walk(script["tree"]), *newcomers(script)]
    return any({"crash", "leave"} & set(node.get("plan", ())) for node in nodes)


def newcomers(script: Script) -> Iterator[Node]:
    """The children that the script adds, and those below them."""
    for step in script["steps"]:
        for act in step:
            if act[0] == "call" and act[2][0] == "start":
                yield from walk(act[2][1])


def _was_abandoned(script: Script, run: Run, subject: Subject, at: int) -> bool:
    return run.abandoned > 0


def _ended_during_a_start(script: Script, run: Run, subject: Subject, at: int) -> bool:
    nodes = [*walk(script["tree"]), *newcomers(script)]
    takes_turns = subject.dawdles or any(node["kind"] == "supervisor" for node in nodes[1:])
    bursts = [step for step in script["steps"][:at] if len(step) > 1]
    return takes_turns and (acts_by_itself(script) or any(map(_breaks_a_start_off, bursts)))


def _breaks_a_start_off(step: list[Act]) -> bool:
    ends = sum(act[0] != "call" for act in step)  # each has somebody started again
    starts = sum(act[0] == "call" and act[2][0] in {"start", "restart"} for act in step)
    return ends > 0 and ends + starts > 1


def _ended_in_between(script: Script, run: Run, subject: Subject, at: int) -> bool:
    """Who ends by itself does so before or after what is asked for at once."""
    return acts_by_itself(script) and any(len(step) > 1 for step in script["steps"][:at])


def _mailbox_was_kept(script: Script, run: Run, subject: Subject, at: int) -> bool:
    """A command to a supervisor that was just being restarted waits for its next incarnation."""
    bursts = [step for step in script["steps"][:at] if len(step) > 1]
    return any(act[0] == "call" and act[1] != "" for step in bursts for act in step)


RULES: dict[str, Callable[[Script, Run, Subject, int], bool]] = {
    "nobody can be killed: who is busy is abandoned": _was_abandoned,
    "an end during another child's start is seen to at once": _ended_during_a_start,
    "an end by itself comes between what is asked for at once": _ended_in_between,
    "a supervisor's mailbox outlives it": _mailbox_was_kept,
}


def excuse(script: Script, run: Run, subject: Subject, at: int) -> str | None:
    """The rule by which a difference is meant, if there is one."""
    return next((name for name, holds in RULES.items() if holds(script, run, subject, at)), None)
