"""Fault actions: one small value for each.

``executed`` says whether the request is carried out before things go wrong: an
answer that is lost after the deed is another test than a request that is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final

from ..rpc import RpcError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Executable:
    executed: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The request is not carried out: ``make(request)``, a TL object, is its answer.

    From Python only; for what Telegram may say by its own rules and hardly ever does.
    """

    make: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Unknown:
    """An object that no layer has; ``Answer(lambda _: Unknown())`` answers a request with one.

    As the ``media`` of a post it makes a message that nobody can read.
    """

    constructor: int = 0xFEEDBEEF

    def __bytes__(self) -> bytes:
        return self.constructor.to_bytes(4, "little") + bytes(8)

    def _bytes(self) -> bytes:
        """As Telethon asks of what stands in an object, such as the medium of a message."""
        return bytes(self)


@dataclass(frozen=True, slots=True)
class FloodWait:
    """The method is closed for ``seconds``; calls meanwhile hear how long is left."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Delay(_Executable):
    """The answer comes ``seconds`` late; the request waits too unless ``executed``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Silence(_Executable):
    """No answer ever comes; everything else goes on."""


@dataclass(frozen=True, slots=True)
class CutConnection(_Executable):
    """The TCP connection is closed instead of an answer; with ``reset``, rudely (RST)."""

    reset: bool = False


@dataclass(frozen=True, slots=True)
class BadChecksum(_Executable):
    """The answer's frame carries a wrong CRC."""


@dataclass(frozen=True, slots=True)
class BadMsgKey(_Executable):
    """The answer is encrypted so that its msg_key does not match."""


@dataclass(frozen=True, slots=True)
class Noise(_Executable):
    """``count`` bytes of noise come instead of an answer's frame."""

    count: int = 64


@dataclass(frozen=True, slots=True)
class TransportError(_Executable):
    """A transport error comes: -404 (key unknown), -429 (too many), -444 (wrong DC).

    ``raw`` sends the number three times without a frame, which Telethon reads
    differently.
    """

    code: int = -404
    raw: bool = False


@dataclass(frozen=True, slots=True)
class BadSalt:
    """The server changes the key's salt and has the client repeat the message."""


@dataclass(frozen=True, slots=True)
class BadMessage:
    """A bad_msg_notification with ``code``: 16 or 17 clock, 32 or 33 sequence, others fatal."""

    code: int = 64


@dataclass(frozen=True, slots=True)
class VoidKey:
    """The auth key dies with ``text``; with None it is forgotten and answered -404."""

    text: str | None = "AUTH_KEY_UNREGISTERED"


@dataclass(frozen=True, slots=True)
class StallReading:
    """The server stops reading the connection, for ``seconds`` or for good."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StallWriting:
    """The server stops writing to the connection, for ``seconds`` or for good."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ServiceNotice:
    """Telegram says ``text`` in its own name, and refuses with ``error`` (406) if there is one.

    Before the answer, or with ``late`` behind it. ``type`` is the notice's, ``popup`` says that it
    is to be shown at once.
    """

    text: str
    error: str | None = None
    late: bool = False
    type: str = ""
    popup: bool = True


@dataclass(frozen=True, slots=True)
class Refuse:
    """The ports refuse new connections while the rule stands. Takes no method or count."""


@dataclass(frozen=True, slots=True)
class AcceptAndClose:
    """New connections are accepted and closed at once."""


@dataclass(frozen=True, slots=True)
class AcceptAndStaySilent:
    """New connections are accepted and never answered."""


Action = (
    RpcError
    | Answer
    | FloodWait
    | Delay
    | Silence
    | CutConnection
    | BadChecksum
    | BadMsgKey
    | Noise
    | TransportError
    | BadSalt
    | BadMessage
    | VoidKey
    | StallReading
    | StallWriting
    | ServiceNotice
    | Refuse
    | AcceptAndClose
    | AcceptAndStaySilent
)

_CLASSES: Final[tuple[Any, ...]] = (
    FloodWait,
    Delay,
    Silence,
    CutConnection,
    BadChecksum,
    BadMsgKey,
    Noise,
    TransportError,
    BadSalt,
    BadMessage,
    VoidKey,
    StallReading,
    StallWriting,
    ServiceNotice,
    Refuse,
    AcceptAndClose,
    AcceptAndStaySilent,
)


def kind_of(action: Action) -> str:
    """An action's name outside Python: ``CutConnection`` is ``cut_connection``."""
    return _snake(type(action).__name__)


def action_to_json(action: Action) -> dict[str, object]:
    """An action as a JSON object with its ``kind``."""
    if isinstance(action, RpcError):
        return {
            "kind": "rpc_error",
            "text": action.text,
            "code": action.code,
            "executed": action.executed,
        }
    if isinstance(action, Answer):
        return {"kind": kind_of(action)}
    described: dict[str, object] = {f.name: getattr(action, f.name) for f in fields(action)}
    return {"kind": kind_of(action)} | described


def action_from_json(value: dict[str, Any]) -> Action:
    """The action a JSON object describes; ``ValueError`` says what is wrong and what is allowed."""
    given = dict(value)
    kind = given.pop("kind", None)
    if kind == "rpc_error":
        return _rpc_error(given)
    found = next((cls for cls in _CLASSES if _snake(cls.__name__) == kind), None)
    if found is None:
        known = ", ".join(["rpc_error", *(_snake(cls.__name__) for cls in _CLASSES)])
        raise ValueError(f"action.kind is {kind!r}; give one of {known}")
    _check_fields(str(kind), found, given)
    action: Action = found(**given)
    return action


def _rpc_error(given: dict[str, Any]) -> RpcError:
    text = given.get("text")
    if not isinstance(text, str) or not text:
        raise ValueError(f"action.text is {text!r}; give an error text such as FLOOD_WAIT_3")
    return RpcError(text, given.get("code"), executed=bool(given.get("executed", False)))


def _check_fields(kind: str, cls: Any, given: dict[str, Any]) -> None:
    known = {field.name: field for field in fields(cls)}
    unknown = sorted(set(given) - set(known))
    if unknown:
        allowed = ", ".join(known) or "none"
        raise ValueError(f"action {kind} has no {unknown[0]!r}; its fields are: {allowed}")
    missing = [n for n, f in known.items() if f.default is MISSING and n not in given]
    if missing:
        raise ValueError(f"action {kind} needs {missing[0]!r}")


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
