"""The graph of all pairs, and the rings in it. Pure.

Looked at one by one, pairs A -> B and B -> A are both fine, and what is said in A goes round for
ever. So they are looked at together: when a configuration is read and when a pair is added or
changed, by the names that they are given; and again when their chats are known, since a name and a
number may be one chat. Chats that are not found yet count by name, in any case.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from ..telegram.addressing.names import ME, same_chat, shown_chat
from .messages import PairPlan
from .pair_handlers import TELEGRAM

Place = Hashable
FaultName = Literal["PAIR_TO_ITSELF", "PAIR_TWICE", "PAIR_RING", "RING_DIVIDED"]
PAIR_FAULTS: Final = ("PAIR_TO_ITSELF", "PAIR_TWICE", "PAIR_RING", "RING_DIVIDED")
CHANNELS: Final = -1_000_000_000_000  # marked ids from here down are channels'
SHOWN: Final = 6  # pairs and chats of a ring that are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One pair's way.

    Args:
        pair: its number.
        source, target: places; two that are equal are one chat.
        ring: the pair may be part of a ring.
        session: whose the pair is.
        groups: which of the places are basic groups.
        carries: what is carried, and where to in the target; with equal ways and equal contents
            everything arrives twice.
        shown: source and target as somebody wrote them.
    """

    pair: int
    source: Place
    target: Place
    ring: bool = False
    session: str = ""
    groups: frozenset[int] = field(default=frozenset(), compare=False)
    carries: Hashable = None
    shown: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with pairs that are fine one by one, as one sentence."""

    name: FaultName
    pairs: tuple[int, ...]
    sentence: str

    @property
    def reason(self) -> str:
        """What a pair is paused for."""
        return f"{self.name}: {self.sentence}"


def way_of(
    plan: PairPlan,
    *,
    names: Mapping[Hashable, int] | None = None,
    source: int | None = None,
    target: int | None = None,
) -> Way | None:
    """Return a pair's way; ``None`` for one that is switched off.

    Args:
        names: which chat each name is known to be, as ``same_chat`` spells it; ``None`` where that
            is not asked, and a number is as good as another one of the same chat.
        source, target: the pair's chats, where they have been found.
    """
    if not plan.enabled:
        return None
    own = plan.handler == TELEGRAM
    return Way(
        pair=plan.id,
        source=source or _place(plan, plan.source, names),
        target=(target or _place(plan, plan.target, names)) if own else ("handler", plan.handler),
        ring=plan.ring,
        session=plan.session,
        groups=frozenset(one for one in (source, target) if one and CHANNELS < one < 0),
        carries=_carries(plan),
        shown=(shown_chat(plan.source), shown_chat(plan.target) if own else plan.handler),
    )


def _place(plan: PairPlan, chat: int | str, names: Mapping[Hashable, int] | None) -> Place:
    """Where a chat stands in the graph as long as nobody has found it."""
    if chat == ME:
        return (ME, plan.session)
    spelled = same_chat(chat)
    if names is None:
        return spelled
    return names.get(spelled, chat if isinstance(chat, int) else spelled)


def _carries(plan: PairPlan) -> str:
    contents: list[object] = [
        plan.mode,
        plan.topic,
        sorted(plan.topics.items()),
        dict(plan.options),
    ]
    contents += [plan.rules.get("allow"), plan.rules.get("deny")]
    return json.dumps(contents, sort_keys=True, default=str)


@dataclass(slots=True)
class PairGraph:
    """Ways that change while a warden runs, looked at one by one as they come.

    Used by actors of one loop within their own turns; it outlives their incarnations.
    ``names`` are the chats that names were found to be.
    """

    names: dict[Hashable, int] = field(default_factory=dict)
    _upgraded: dict[Place, int] = field(default_factory=dict)
    _ways: dict[int, Way] = field(default_factory=dict)
    _from: dict[Place, dict[int, Way]] = field(default_factory=lambda: defaultdict(dict))
    _to: dict[Place, dict[int, Way]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def ways(self) -> tuple[Way, ...]:
        """All of them."""
        return tuple(self._ways.values())

    def upgrade(self, group: int, to: int) -> None:
        """A basic group is a supergroup now: whoever begins or ends in either does so in both."""
        self._upgraded[group] = to
        for way in self.ways:
            if group in (way.source, way.target):
                self.put(way.pair, way)

    def _as_upgraded(self, way: Way) -> Way:
        source, target = (self._upgraded.get(at, at) for at in (way.source, way.target))
        if (source, target) == (way.source, way.target):
            return way
        groups = way.groups - self._upgraded.keys()
        return replace(way, source=source, target=target, groups=groups)

    def enter(self, way: Way) -> Fault | None:
        """Add a way, in place of an earlier one of its pair; or tell what it would make wrong."""
        self.put(way.pair, None)
        fault = self._fault(way)
        if fault is None:
            self.put(way.pair, way)
        return fault

    def fault(self, way: Way, changes: Mapping[int, Way | None] | None = None) -> Fault | None:
        """What a way would make wrong, once the ways of some pairs have changed."""
        tried = {**(changes or {}), way.pair: None}
        before = {pair: self._ways.get(pair) for pair in tried}
        try:
            for pair, other in tried.items():
                self.put(pair, other)
            return self._fault(way)
        finally:
            for pair, other in before.items():
                self.put(pair, other)

    def put(self, pair: int, way: Way | None) -> None:
        """Have this way of a pair, or none, whatever is wrong with it."""
        old = self._ways.pop(pair, None)
        if old is not None:
            for ways, place in ((self._from, old.source), (self._to, old.target)):
                del ways[place][pair]
                if not ways[place]:
                    del ways[place]
        if way is not None:
            way = self._as_upgraded(way)
            self._ways[pair] = way
            self._from[way.source][pair] = way
            self._to[way.target][pair] = way

    def _fault(self, way: Way) -> Fault | None:
        way = self._as_upgraded(way)
        if way.source == way.target:
            return _to_itself(way)
        for other in self._from.get(way.source, {}).values():
            if (other.target, other.carries) == (way.target, way.carries):
                return _twice([other, way])
        if way.target not in self._from or way.source not in self._to:
            return None
        return self._ring(way)

    def _ring(self, way: Way) -> Fault | None:
        back = _path(self._from, way.target, way.source)
        if back is None:
            return None
        if not way.ring:
            return _ring_of([way, *back])
        circle = self._circle(way)
        plain = next((one for one in circle if not one.ring), None)
        if plain is None:
            return _divided([way, *circle])
        there = _path(self._from, way.target, plain.source) or []
        return _ring_of([way, *there, plain, *(_path(self._from, plain.target, way.source) or [])])

    def _circle(self, way: Way) -> list[Way]:
        """The ways that would be in a ring with this one."""
        onward = _reached(lambda place: (one.target for one in self._from.get(place, {}).values()))
        back = _reached(lambda place: (one.source for one in self._to.get(place, {}).values()))
        around = onward(way.target) & back(way.source)
        ways = (one for place in around for one in self._from[place].values())
        return [one for one in ways if one.target in around]


Ways = Mapping[Place, Mapping[int, Way]]


def _reached(steps: Callable[[Place], Iterable[Place]]) -> Callable[[Place], set[Place]]:
    def search(start: Place) -> set[Place]:
        found, left = {start}, [start]
        while left:
            fresh = set(steps(left.pop())) - found
            found |= fresh
            left += fresh
        return found

    return search


def _path(leading: Ways, start: Place, end: Place) -> list[Way] | None:
    """The shortest path, way by way; empty from a place to itself."""
    came: dict[Place, Way] = {}
    left = deque([start])
    while left and end not in came and end != start:
        for one in leading.get(left.popleft(), {}).values():
            if one.target not in came and one.target != start:
                came[one.target] = one
                left.append(one.target)
    if end not in came and end != start:
        return None
    path: list[Way] = []
    while end != start:
        path.append(came[end])
        end = came[end].source
    return path[::-1]


def faults_of(ways: Iterable[Way]) -> tuple[Fault, ...]:
    """Everything that is wrong with these ways together; in time proportional to their number."""
    ways = tuple(ways)
    found = [_to_itself(way) for way in ways if way.source == way.target]
    alike: dict[Hashable, list[Way]] = defaultdict(list)
    for way in ways:
        alike[way.source, way.target, way.carries].append(way)
    found += [_twice(same) for same in alike.values() if len(same) > 1]
    rings = (_ring_among(circle) for circle in _circles(ways))
    return (*found, *(fault for fault in rings if fault is not None))


def _ring_among(ways: list[Way]) -> Fault | None:
    """A ring among ways each of which is in one, unless all of them may be."""
    plain = next((way for way in ways if not way.ring), None)
    if plain is None:
        return _divided(ways)
    leading = _leading(ways)
    return _ring_of([plain, *(_path(leading, plain.target, plain.source) or [])])


def _leading(ways: Iterable[Way]) -> dict[Place, dict[int, Way]]:
    leading: dict[Place, dict[int, Way]] = defaultdict(dict)
    for way in ways:
        leading[way.source][way.pair] = way
    return leading


def _circles(ways: Iterable[Way]) -> Iterator[list[Way]]:
    """The ways that are in rings: those inside each strongly connected part of the graph."""
    leading = _leading(way for way in ways if way.source != way.target)
    part = _parts(leading)
    circles: dict[int, list[Way]] = defaultdict(list)
    for theirs in leading.values():
        for way in theirs.values():
            if part[way.source] == part[way.target]:
                circles[part[way.source]].append(way)
    yield from circles.values()


def _parts(leading: Ways) -> dict[Place, int]:
    """Which strongly connected part each place is of (Tarjan 1972, without recursion)."""
    part: dict[Place, int] = {}
    number: dict[Place, int] = {}
    lowest: dict[Place, int] = {}
    stack: list[Place] = []
    for start in leading:
        work = [] if start in number else [(start, iter(leading[start].values()))]
        while work:
            place, rest = work[-1]
            if place not in number:
                number[place] = lowest[place] = len(number)
                stack.append(place)
            for way in rest:
                other = way.target
                if other not in number:
                    work.append((other, iter(leading.get(other, {}).values())))
                    break
                if other not in part:
                    lowest[place] = min(lowest[place], number[other])
            else:
                work.pop()
                if work:
                    before = work[-1][0]
                    lowest[before] = min(lowest[before], lowest[place])
                if lowest[place] == number[place]:
                    _close(part, stack, place, number[place])
    return part


def _close(part: dict[Place, int], stack: list[Place], place: Place, number: int) -> None:
    """Take the part that begins at ``place`` off the stack."""
    while place not in part:
        part[stack.pop()] = number


def _to_itself(way: Way) -> Fault:
    source, target = way.shown
    chats = source if source == target else f"{source}, {target}"
    return Fault(
        name="PAIR_TO_ITSELF",
        pairs=(way.pair,),
        sentence=f"pair {way.pair}: source and target are the same chat ({chats});"
        " a pair would feed itself",
    )


def _twice(ways: list[Way]) -> Fault:
    source, target = ways[-1].shown
    return Fault(
        name="PAIR_TWICE",
        pairs=tuple(way.pair for way in ways),
        sentence=f"pairs {_listed(way.pair for way in ways)} carry the same from {source} to"
        f" {target}; take one out, or tell them apart by allow, deny, topic or mode",
    )


def _ring_of(ways: list[Way]) -> Fault:
    first = min(range(len(ways)), key=lambda one: ways[one].pair)
    ways = [*ways[first:], *ways[:first]]
    chats = [way.shown[0] for way in ways]
    if len(chats) > SHOWN:
        chats = [*chats[:SHOWN], "..."]
    return Fault(
        name="PAIR_RING",
        pairs=tuple(way.pair for way in ways),
        sentence=f"pairs {_listed(way.pair for way in ways)} make a ring,"
        f" {' -> '.join([*chats, ways[0].shown[0]])}, in which a message would go round for ever;"
        " say ring = true in each of them, or take one out",
    )


def _divided(ways: Iterable[Way]) -> Fault | None:
    """A chat of a ring in which two accounts would not know each other's messages again."""
    meeting: dict[int, dict[int, Way]] = defaultdict(dict)
    for way in ways:
        for group in way.groups:
            meeting[group][way.pair] = way
    for chat, there in meeting.items():
        if len({way.session for way in there.values()}) > 1:
            pairs = sorted(there)
            return Fault(
                name="RING_DIVIDED",
                pairs=tuple(pairs),
                sentence=f"pairs {_listed(pairs)} of a ring meet in {chat}, a basic group, where"
                " each account has other numbers for the messages, so that they would go round for"
                " ever; give them to one session, or make the group a supergroup",
            )
    return None


def _listed(pairs: Iterable[int]) -> str:
    numbers = [str(one) for one in pairs]
    if len(numbers) > SHOWN:
        numbers = [*numbers[:SHOWN], f"{len(numbers) - SHOWN} more"]
    return " and ".join((", ".join(numbers[:-1]), numbers[-1]))
