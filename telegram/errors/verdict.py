"""The verdict on an error: its class, the action that follows, the wait time.

Only the words and the value live here. ``classification`` decides, ``table`` is the table it
decides by. Nothing in this module knows Telethon.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ErrorClass(StrEnum):
    """What kind of trouble an error is; small enough to be a metric label."""

    NET = "net"
    SRV = "srv"
    FLOOD = "flood"
    LOGIN = "login"
    TWO_FA = "two_fa"
    REVOKED = "revoked"
    BANNED = "banned"
    LIMITED = "limited"
    DUP = "dup"
    CORRUPT = "corrupt"
    PAIR = "pair"
    MESSAGE = "message"
    CONFIG = "config"
    BUG = "bug"
    DELIVERED = "delivered"
    INTERNAL = "internal"


class Action(StrEnum):
    """What is done about an error, by the actor that it reaches."""

    RECONNECT = (
        "reconnect"  # a new connection after a jittered backoff; says nothing bad of the session
    )
    REQUEUE = (
        "requeue"  # the job goes back to its queue; whoever believed to be connected reconnects
    )
    REBUILD = "rebuild"  # throw the client away and build a fresh one
    REBUILD_ONCE = "rebuild_once"  # the same, and hold the session if it comes again
    CHECK_CLOCK = "check_clock"  # compare the clock, then a fresh client
    COOL_ADDRESS = "cool_address"  # nothing connects from this address until the wait is over
    RETRY = "retry"  # the same request again, after a backoff; no restart
    RESET_UPDATES = "reset_updates"  # forget that chat's update state and read its history
    ACCEPT = "accept"  # it has happened already: count it as done
    SWITCH_DC = "switch_dc"  # log in at the data centre that Telegram names
    PARK_METHOD = "park_method"  # this method of this account waits; all others go on
    PARK_CHAT = "park_chat"  # this chat waits
    PARK_ACTION = "park_action"  # this one operation may be tried again at the deadline
    PARK_LOGIN = "park_login"  # no login of this phone until the deadline
    LIMIT = "limit"  # nothing more to strangers; reading goes on
    HOLD_WRITES = "hold_writes"  # stop writing, keep the session, look once a day
    STOP_ACTION = "stop_action"  # this operation is not to be tried again
    TRY_OTHER_COPY = "try_other_copy"  # slow tries, then another copy if its key differs
    NEW_LOGIN = "new_login"  # the key is dead: hold, latch it, ask for a login
    LATCH = "latch"  # the key is dead on every copy; find the second owner
    FREEZE = "freeze"  # the account is gone: stop its pairs, no login
    HOLD = "hold"  # stop and ask a person; delete nothing
    HOLD_API = "hold_api"  # every session of this api_id stops
    ASK_PASSWORD = "ask_password"  # noqa: S105 - a name of an action, not a password
    REFETCH_PASSWORD = "refetch_password"  # noqa: S105 - the same
    ASK_CODE = "ask_code"  # ask again, never resend by itself, three times at most
    NEW_QR = "new_qr"  # a fresh token
    STOP_LOGIN = "stop_login"  # this login cannot succeed as it is
    FIND_OWNER = "find_owner"  # somebody else has the file open
    QUARANTINE_FILE = "quarantine_file"  # move the file aside, rebuild it from another copy
    CONVERT_FILE = "convert_file"  # a file of another program or version
    NEXT_COPY = "next_copy"  # this copy is damaged, take the next
    DISABLE_PAIR = "disable_pair"  # the pair stops, the session stays as it is
    PAUSE_PAIR = "pause_pair"  # the pair waits for a right or a place
    RESOLVE_PEER = "resolve_peer"  # look the chat up once through the dialogs, then disable
    PAY_ALLOWED = "pay_allowed"  # again for its price, if the pair may pay that; else it waits
    SEND_PLAIN = "send_plain"  # again, without what it answers or quotes
    DROP_MESSAGE = "drop_message"  # this job has no sense any more
    LEAVE_MESSAGE = "leave_message"  # only the account that sent it may change it
    REPAIR_MESSAGE = "repair_message"  # split or strip once, else dead letter
    REFETCH_MESSAGE = "refetch_message"  # read the message anew, once
    DEAD_LETTER = "dead_letter"  # keep the job aside with its reason


class Moment(StrEnum):
    """When an error came: the same ``struct.error`` is a damaged string or a code fault."""

    REQUEST = "request"
    OPENING = "opening"


_KEY_IS_DEAD: Final = frozenset({ErrorClass.REVOKED, ErrorClass.DUP, ErrorClass.BANNED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one error means.

    ``wait`` is in seconds, or None when Telegram dictates no time. ``terminal`` says that the
    session must not be started again by itself. ``name`` is Telegram's word (``FLOOD_WAIT``)
    or, for errors that are not Telegram's, the exception's in the same style.
    """

    kind: ErrorClass
    action: Action
    name: str
    advice: str
    wait: float | None = None
    terminal: bool = False

    @property
    def latches_key(self) -> bool:
        """Whether no copy of the auth key may ever be tried again."""
        return self.terminal and self.kind in _KEY_IS_DEAD
