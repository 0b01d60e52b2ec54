"""What breaks in a script: one step for each draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..faults import DEADLY
from ..script import Step
from .draft import ScriptDraft
from .topology import Topology
from .weights import FAULTS

__all__ = ["FaultSteps"]

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
ACTORS: Final = (
    "registry",
    "journal",
    "health",
    "gateway",
    "sessions/session:{}/session",
    "sessions/session:{}/groups/group-1",
    "sessions/session:{}/groups",
)
DAY: Final = 86_400
CRASHES: Final = 3  # of the warden's own children between two rests: it gives up after ten


class FaultSteps:
    """What breaks, drawn by its weight among what may break in a script of its flavours."""

    def __init__(self, draft: ScriptDraft, topology: Topology) -> None:
        self.rng, self.script, self.flavour = draft.rng, draft.script, draft.flavour
        self._draft, self._direction, self._topology = draft, draft.direction, topology
        self.crashed = 0
        """How often one of the warden's own children has crashed since the last rest."""

    def draw(self) -> Step:
        """Draw one."""
        session = self.rng.choice(self.script.sessions)
        what = self._draft.weighted(FAULTS, self._direction.faults)
        return {"do": what} | STEPS[what](self, session)

    def _disk(self, _: str) -> Step:
        rng = self.rng
        how = rng.choice(("full", "readonly", "io", "busy", "slow"))
        seconds = round(rng.uniform(0.1, 6.0), 1)
        return {"how": how, "seconds": seconds, "rate": rng.choice((0.2, 1.0))}

    def _clock(self, _: str) -> Step:
        jumps: tuple[int, ...] = (-20, -3, 3, 20)
        if self.flavour["days"]:
            jumps = (-3 * DAY, -DAY, -3600, 3600, DAY, 3 * DAY, 40 * DAY)
        return {"seconds": self.rng.choice(jumps)}

    def _power(self, _: str) -> Step:
        keep, torn = round(self.rng.random(), 3), self.rng.random() < 0.5
        return {"keep": keep, "torn": torn} | self._down(_)

    def _down(self, _: str) -> Step:
        return {"down": round(self.rng.uniform(0.05, 3.0), 2)}

    def _handler(self, session: str) -> Step:
        if not self._topology.handled:
            return {"do": "cut", "session": session}
        how = self.rng.choice(("fails", "fails after", "slow", "refuses"))
        times = self.rng.choice((1, 1, 3, 12))
        return {"pair": self._topology.handled[0], "how": how, "times": times}

    def _second(self, _: str) -> Step:
        return {"seconds": self.rng.choice((3, 40)), "stop": self.rng.random() < 0.5}

    def _session(self, session: str) -> Step:
        return {"session": session}

    def _crash(self, session: str) -> Step:
        path = self.rng.choice(self._direction.crashes or ACTORS).format(session)
        if "/" not in path:
            self.crashed += 1
            if self.crashed > CRASHES:
                return {"do": "cut", "session": session}
        return {"path": path}

    def _forget(self, session: str) -> Step:
        if self.rng.random() < 0.5:
            return {"session": session}
        return {"chat": self.rng.choice(self._topology.sources)}

    def _network(self, _: str) -> Step:
        return {"spikes": self.rng.choice((0.0, 0.05, 0.2))}

    def _expire(self, _: str) -> Step:
        return {}

    def _void(self, session: str) -> Step:
        return {"session": session, "chat": self.rng.choice(self.script.chats)["name"]}

    def _still(self, session: str) -> Step:
        return {"session": session, "times": self.rng.choice((1, 3, 50, 3000))}

    def _pushes(self, session: str) -> Step:
        rng, wanted = self.rng, self._direction.actions
        return {
            "session": session,
            "how": rng.choice([one for one in ("lose", "hold") if one in (wanted or (one,))]),
            "count": rng.choice((1, 1, 2, 5)),
            "order": rng.choice(("told", "reversed")),
            "combined": rng.random() < 0.3,
            "seconds": round(rng.uniform(0.05, 3.0), 2),
        }

    def _rule(self, session: str) -> Step:
        """One of the loopback's own faults."""
        rng = self.rng
        usual = SENDING if rng.random() < 0.6 else METHODS
        method = rng.choice(self._direction.methods or usual)
        return {
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
        wanted = self._direction.actions
        return rng.choice([one for one in actions if not wanted or one["kind"] in wanted])


STEPS: Final[Mapping[str, Callable[[FaultSteps, str], Step]]] = {
    "disk": FaultSteps._disk,
    "clock": FaultSteps._clock,
    "power": FaultSteps._power,
    "handler": FaultSteps._handler,
    "second": FaultSteps._second,
    "exhaust": FaultSteps._session,
    "cut": FaultSteps._session,
    "kill": FaultSteps._down,
    "restart": FaultSteps._down,
    "crash": FaultSteps._crash,
    "forget": FaultSteps._forget,
    "network": FaultSteps._network,
    "expire": FaultSteps._expire,
    "void": FaultSteps._void,
    "still": FaultSteps._still,
    "pushes": FaultSteps._pushes,
    "fault": FaultSteps._rule,
}
"""What each fault is given, by its name in a script."""
