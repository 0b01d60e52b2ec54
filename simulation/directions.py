"""Directed scripts: what one is about, where somebody wants it to be about something.

A direction says which flavours a script has for sure, and how often what happens in it. It only
makes rare things frequent: what may happen, and what must be there at rest, is as ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["DIRECTIONS", "Direction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """What a script is about; what is not said is drawn as ever.

    Args:
        on, off: flavours that it has, and has not.
        acts, orders, faults: weights in place of the usual ones; what is not named is left out.
        share: how many of the steps are faults.
        paces: mean seconds between two steps.
        sessions: how many.
        kinds: of chats.
        methods, actions: of the loopback's faults; what happens to what is told unasked.
        crashes: paths of the actors that crash.
        members: what befalls who is in a chat.
        pair: fields of every pair.
        pushes: how the data centre numbers what it tells.
        settings: of the warden.
    """

    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    acts: Mapping[str, float] | None = None
    orders: Mapping[str, float] | None = None
    faults: Mapping[str, float] | None = None
    share: float | None = None
    paces: tuple[float, ...] = ()
    sessions: int | None = None
    kinds: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    crashes: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    pair: Mapping[str, Any] = field(default_factory=dict)
    pushes: Mapping[str, bool] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


SEND: Final = ("messages.sendMessage", "messages.forwardMessages")
LOSING: Final = ("cut_connection", "silence", "delay")

# Beside them what was missed is made up for by the next look at history, whoever has missed it.
RARE_LOOKS: Final = {"health": {"groups_every": 900.0}}

DIRECTIONS: Final[Mapping[str, Direction]] = {
    "chains": Direction(
        on=("chains", "calm"),
        off=("orders", "members"),
        acts={"say": 0.4, "edit": 0.3, "delete": 0.3},
        sessions=1,
        kinds=("megagroup", "broadcast"),
        pair={"mode": "copy"},
    ),
    "edits on the way": Direction(
        off=("errors", "disk", "clock", "orders", "members", "calm"),
        acts={"say": 0.4, "edit": 0.45, "delete": 0.15},
        faults={"cut": 0.1, "fault": 0.9},  # after each gap it is looked at what edits were missed
        share=0.1,
        paces=(0.05, 0.2),
        methods=("messages.sendMessage", "messages.sendMessage", "messages.getHistory"),
        actions=("flood_wait", "delay"),
        pair={"mode": "copy"},
    ),
    "history late": Direction(
        off=("errors", "disk", "clock", "orders", "members", "calm", "answers"),
        acts={"say": 0.4, "edit": 0.4, "delete": 0.2},
        faults={"cut": 0.4, "fault": 0.6},
        share=0.15,
        paces=(0.1, 0.3),
        methods=("messages.getHistory",),
        actions=("delay",),
        pair={"mode": "copy"},
    ),
    "answers lost": Direction(
        off=("errors", "disk", "clock", "orders", "members", "calm"),
        acts={"say": 0.5, "edit": 0.45, "delete": 0.05},
        faults={"fault": 0.8, "kill": 0.2},
        share=0.2,
        paces=(0.1, 0.5),
        methods=("messages.sendMessage",),
        actions=LOSING,
        pair={"mode": "copy"},
    ),
    "late edits": Direction(
        off=("errors", "disk", "clock", "orders", "members", "calm", "answers"),
        acts={"say": 0.3, "edit": 0.7},
        faults={"pushes": 1.0},
        share=0.2,
        paces=(0.2, 0.4),
        sessions=1,
        pair={"mode": "copy"},
    ),
    "standing still": Direction(
        off=("errors", "disk", "clock", "orders", "members", "calm"),
        faults={"still": 0.5, "cut": 0.4, "pushes": 0.1},
        share=0.2,
        paces=(2.0,),
    ),
    "numbered by seq": Direction(
        off=("errors", "disk", "clock", "orders", "members", "calm"),
        faults={"pushes": 1.0},
        share=0.3,
        kinds=("megagroup", "broadcast"),
        actions=("hold",),  # nothing is lost: what is dropped has come
        pushes={"number_channels": True, "name_channels": False},
        settings=RARE_LOOKS,
    ),
    "kills": Direction(
        off=("errors", "clock", "orders", "members", "calm"),
        on=("disk",),
        acts={"say": 0.9, "edit": 0.1},
        faults={"kill": 0.4, "crash": 0.1, "disk": 0.5},
        share=0.2,
        paces=(0.02, 0.1),
    ),
    "failing commits": Direction(
        on=("disk",),
        off=("errors", "clock", "orders", "members", "calm", "power", "second"),
        acts={"say": 0.9, "edit": 0.1},
        faults={"crash": 0.6, "disk": 0.4},
        share=0.2,
        paces=(0.02, 0.1),
        crashes=("journal", "journal", "sessions/session:{}/groups/group-1"),
    ),
    "dressed": Direction(
        on=("answers", "silent", "pictures", "calm"), off=("orders",), pair={"mode": "copy"}
    ),
    "filters": Direction(
        on=("filters", "links"),
        off=("orders", "members", "errors", "disk", "clock", "calm"),
        acts={"say": 0.5, "edit": 0.45, "delete": 0.05},
        faults={"cut": 0.4, "fault": 0.6},
        share=0.1,
        methods=("messages.sendMessage",),
        actions=("flood_wait", "delay"),
    ),
    "out of a chat": Direction(
        on=("members",),
        off=("errors", "disk", "clock", "orders", "calm"),
        acts={"say": 0.4, "edit": 0.2, "delete": 0.2, "member": 0.2},
        share=0.0,
        paces=(0.5,),
        kinds=("megagroup", "broadcast"),
        members=("leave", "return"),
        settings=RARE_LOOKS,
    ),
    "moves": Direction(
        on=("orders",),
        off=("errors", "disk", "clock", "members", "calm"),
        acts={"say": 0.7, "order": 0.3},
        orders={"pair_move": 0.6, "pair_add": 0.2, "pair_remove": 0.2},
        faults={"crash": 0.5, "cut": 0.5},
        share=0.1,
        sessions=3,
    ),
    "crashes": Direction(
        off=("errors", "disk", "clock", "members", "calm"),
        on=("orders",),
        faults={"crash": 0.6, "cut": 0.4},
        share=0.1,
    ),
    "upgrades": Direction(
        on=("upgrades",),
        off=("orders", "members", "errors", "disk", "clock"),
        acts={"say": 0.6, "edit": 0.15, "delete": 0.1, "upgrade": 0.15},
        share=0.05,
        kinds=("group", "group", "megagroup"),
    ),
    "names": Direction(
        on=("names",),
        off=("orders", "members", "errors", "disk", "clock", "calm"),
        acts={"say": 0.7, "edit": 0.1, "delete": 0.05, "pass_name": 0.15},
        faults={"cut": 0.5, "kill": 0.5},
        share=0.1,
        paces=(0.2,),
        kinds=("megagroup", "broadcast"),
    ),
    "rings": Direction(
        on=("rings",),
        off=("orders", "members", "disk", "clock", "errors"),
        faults={"cut": 0.3, "kill": 0.1, "fault": 0.6},
        share=0.1,
    ),
    "barred": Direction(
        on=("barred",),
        off=("orders", "members", "disk", "clock", "errors"),
        acts={"say": 0.8, "barred": 0.2},
        share=0.0,
        kinds=("megagroup", "broadcast"),
        paces=(0.3,),
    ),
    "void": Direction(
        on=("void",),
        off=("orders", "members", "disk", "clock", "errors", "calm"),
        faults={"void": 0.6, "cut": 0.4},
        share=0.1,
        kinds=("megagroup", "broadcast"),
        paces=(0.3,),
    ),
    "protected": Direction(
        on=("members", "protect"),
        off=("orders", "disk", "clock", "errors"),
        acts={"say": 0.6, "edit": 0.15, "delete": 0.1, "member": 0.15},
        share=0.05,
        paces=(0.3,),
    ),
    "paused moves": Direction(
        on=("orders", "members"),
        off=("disk", "clock", "errors", "calm"),
        acts={"say": 0.5, "member": 0.3, "order": 0.2},
        orders={"pair_move": 1.0},
        share=0.0,
        paces=(0.5, 1.0),
        sessions=3,
        kinds=("megagroup", "broadcast"),
    ),
    "power": Direction(
        on=("power", "orders"),
        off=("disk", "clock", "errors", "calm", "revoked"),
        faults={"power": 0.6, "kill": 0.2, "cut": 0.2},
        share=0.1,
        paces=(0.1, 0.5),
    ),
    "second process": Direction(
        on=("second",),
        off=("disk", "clock", "errors", "calm", "orders"),
        faults={"second": 0.5, "kill": 0.2, "cut": 0.3},
        share=0.05,
        paces=(0.2,),
    ),
    "clocks": Direction(
        on=("clock", "days", "orders"),
        off=("disk", "errors", "calm"),
        faults={"clock": 0.5, "kill": 0.1, "restart": 0.1, "cut": 0.3},
        share=0.1,
        paces=(0.3,),
    ),
    "logins": Direction(on=("by code",), off=("disk", "clock")),
    "dead accounts": Direction(
        on=("revoked", "orders"),
        off=("members", "disk", "clock", "errors", "calm"),
        acts={"say": 0.7, "edit": 0.1, "revoke": 0.05, "order": 0.15},
        orders={"pair_move": 1.0},
        faults={"fault": 0.8, "kill": 0.2},
        share=0.05,
        paces=(0.5, 1.0),
        sessions=3,
        methods=("messages.sendMessage",),
        actions=LOSING,
        kinds=("megagroup", "broadcast"),
    ),
    "kept down": Direction(
        on=("exhausted",),
        off=("members", "disk", "clock", "errors", "calm", "orders"),
        faults={"exhaust": 0.5, "cut": 0.5},
        share=0.03,
        paces=(0.5,),
        settings={"recovery": {"restarts": 3}},
    ),
    "topics": Direction(
        on=("topics", "answers"),
        off=("disk", "clock", "members"),
        faults={"cut": 0.4, "kill": 0.2, "fault": 0.4},
        share=0.05,
    ),
    "handlers": Direction(
        on=("handlers",),
        off=("disk", "clock", "members", "errors", "calm"),
        acts={"say": 0.5, "edit": 0.3, "delete": 0.2},
        faults={"handler": 0.6, "cut": 0.2, "kill": 0.2},
        share=0.1,
        kinds=("megagroup", "broadcast"),
    ),
    "errors": Direction(
        on=("errors", "wide"), off=("disk", "clock", "calm"), faults={"fault": 1.0}, share=0.1
    ),
    "deadly errors": Direction(
        on=("errors", "deadly"),
        off=("disk", "clock", "calm", "orders"),
        faults={"fault": 1.0},
        share=0.1,
    ),
    "accounts": Direction(
        on=("orders", "accounts"),
        off=("disk", "clock", "calm", "members"),
        acts={"say": 0.7, "edit": 0.1, "delete": 0.05, "order": 0.15},
        orders={"backup": 1, "restore": 1, "renew": 1, "logout": 0.3, "session_delete": 0.7},
        sessions=3,
        faults={"cut": 0.5, "kill": 0.3, "fault": 0.2},
        share=0.05,
        paces=(0.5, 1.0),
        kinds=("megagroup", "broadcast"),
    ),
}
