"""Detection of crashes, failed starts, dropped messages and ERROR lines in tests.

Owns how they are told apart, how a test declares those that it is about, and what is said of the
others. Hears every tree of the process, whoever made it. Leaves to ``plugin`` when it is looked.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from ..errors import ChildStartError
from ..supervision import (
    ChildFailed,
    ChildResumed,
    ChildStartFailed,
    Event,
    MessageDropped,
    every_tree,
)

LOGGERS: Final = frozenset({
    "telewarden", "pykka", "asyncio", "concurrent", "telethon", "uvicorn",
})  # fmt: skip
"""Whose lines at ERROR count; what an app of the user's logs is the user's."""

MACHINE_S: Final = "loop stalled"
"""A line that a busy machine writes as well; it can be declared, and need not be."""

TOO_WIDE: Final = (BaseException, Exception)
FRAMES: Final = 3  # of a traceback that are shown, the innermost: enough to find the place
LONGEST: Final = 500  # characters that are shown of an error or of a line
HOME: Final = f"{Path(__file__).parents[2]}/"

Errors = type[BaseException] | tuple[type[BaseException], ...]


class Kind(Enum):
    """What went wrong."""

    CRASH = "crashed"
    START = "did not start"
    DROPPED = "was not given a message"
    LOGGED = "logged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that a test must have declared.

    Args:
        kind: what went wrong.
        child: the child's path in its tree; for a line, its logger's name.
        about: the error and its text, the message's type, or the line.
        errors: the names of the error's class and of those above it.
        where: the innermost lines of code, outermost first.
        process: whose it was, when it was not the test's own.
    """

    kind: Kind
    child: str
    about: str
    errors: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    process: str = ""

    def __str__(self) -> str:
        whose = f"{self.process}: " if self.process else ""
        first = f"{whose}{self.child} {self.kind.value}: {self.about}"
        return "\n".join((first, *(f"    at {one}" for one in self.where)))

    @property
    def mark(self) -> str:
        """How a test would declare it."""
        error = self.errors[0].rpartition(".")[2] if self.errors else "OSError"
        match self.kind:
            case Kind.CRASH:
                return f'@pytest.mark.crashes("{self.child}", {error})'
            case Kind.START:
                return f'@pytest.mark.crashes("{self.child}", start={error})'
            case Kind.DROPPED:
                return f'@pytest.mark.crashes("{self.child}", dropped="{self.about.split()[0]}")'
        beginning = self.about.split(" child=")[0].partition("\n")[0]
        return f'@pytest.mark.crashes(logged="{beginning}")'


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a test says will happen, or may.

    Args:
        kind: what goes wrong.
        errors: names of classes, any of which it is; empty when it is told by ``pattern``.
        pattern: of a message's type as in a shell; of a line, a regular expression found in it.
        child: a child's path, as in a shell.
        possible: it need not happen.
        text: how it was written.
    """

    kind: Kind
    errors: tuple[str, ...] = ()
    pattern: str = ""
    child: str = "*"
    possible: bool = False
    text: str = ""

    def covers(self, trouble: Trouble) -> bool:
        """Whether that trouble is what was meant."""
        if trouble.kind is not self.kind:
            return False
        if self.kind is Kind.LOGGED:
            said = f"{trouble.child}: {trouble.about}"
            named = self.child == "*" or f"child={self.child}" in said
            return named and re.search(self.pattern, said) is not None
        if not fnmatchcase(trouble.child, self.child):
            return False
        if self.kind is Kind.DROPPED:
            return fnmatchcase(trouble.about.split()[0], self.pattern)
        return bool(set(self.errors) & set(trouble.errors))


def declared(
    child: str = "*",
    /,
    *errors: Errors,
    start: Errors | None = None,
    dropped: type | str | None = None,
    logged: str | None = None,
    possible: bool = False,
) -> list[Declaration]:
    """The declarations that a mark ``crashes(...)`` makes, one for each thing that it names.

    Args:
        child: whose; a path, with ``*`` as in a shell.
        errors: it crashes with this, each of them; a tuple for one of several.
        start: its start fails with this.
        dropped: a message of this type is not delivered to it.
        logged: a line at ERROR or above in which this regular expression is found, which also
            looks at its logger's name.
        possible: it need not happen.

    Raises:
        ValueError: nothing is named, or so much that it says nothing.
    """
    if not isinstance(child, str):
        raise ValueError(f'crashes({child!r}): the child comes first, "*" for any')
    found: list[Declaration] = []
    whose = "" if child == "*" and logged is not None else f'"{child}", '

    def add(kind: Kind, text: str, **how: Any) -> None:
        text = f"@pytest.mark.crashes({whose}{text})"
        found.append(Declaration(kind=kind, text=text, child=child, possible=possible, **how))

    for one in errors:
        add(Kind.CRASH, _shown(one), errors=_names(one))
    if start is not None:
        add(Kind.START, f"start={_shown(start)}", errors=_names(start))
    if dropped is not None:
        name = dropped.__name__ if isinstance(dropped, type) else dropped
        add(Kind.DROPPED, f'dropped="{name}"', pattern=name)
    if logged is not None:
        re.compile(logged)
        add(Kind.LOGGED, f'logged="{logged}"', pattern=logged)
    if not found:
        allowed = "an error's class, start=, dropped= or logged="
        raise ValueError(f"crashes() does not say what happens; give it {allowed}")
    return found


def _names(errors: Errors) -> tuple[str, ...]:
    given: tuple[object, ...] = _classes(errors)
    for one in given:
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise ValueError(f"crashes({one!r}): give a class of errors")
        if one in TOO_WIDE:
            raise ValueError(f"crashes({one.__name__}) is every error; name the one that is meant")
    return tuple(map(_name, _classes(errors)))


def _classes(errors: Errors) -> tuple[type[BaseException], ...]:
    return errors if isinstance(errors, tuple) else (errors,)


def _name(error: type[BaseException]) -> str:
    return f"{error.__module__}.{error.__qualname__}"


def _shown(errors: Errors) -> str:
    names = [getattr(one, "__name__", repr(one)) for one in _classes(errors)]
    return f"({', '.join(names)})" if isinstance(errors, tuple) else names[0]


def judge(
    troubles: Iterable[Trouble], declarations: Iterable[Declaration], *, passed: bool = True
) -> str:
    """What is to be said of a test; empty when all that happened was declared, and all of that did.

    With ``passed`` false it came to no good end, and what it declared may be missing.
    """
    came, meant = list(troubles), list(declarations)
    undeclared = [
        one
        for one in came
        if not one.about.startswith(MACHINE_S) and not any(it.covers(one) for it in meant)
    ]
    absent = [it for it in meant if passed and not it.possible and not any(map(it.covers, came))]
    return "\n".join((*_said_of_undeclared(undeclared), *_said_of_absent(absent)))


def _said_of_undeclared(troubles: list[Trouble]) -> Iterator[str]:
    if not troubles:
        return
    yield "this happened, and the test does not say that it would:"
    for one in troubles[:20]:
        yield "  " + str(one).replace("\n", "\n  ")
    if len(troubles) > 20:
        yield f"  and {len(troubles) - 20} more"
    yield "mend it; if it is what the test is about, declare it:"
    for mark in list(dict.fromkeys(one.mark for one in troubles))[:5]:
        yield f"  {mark}"


def _said_of_absent(declarations: list[Declaration]) -> Iterator[str]:
    for one in declarations:
        yield f"declared, and it did not happen: {one.text} (possible=True if it need not)"


class CrashWatch(logging.Handler):
    """Notes what goes wrong in the process from ``begin`` to ``end``, in any tree and any thread.

    Trees that were made before ``begin`` are not heard.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._noted: dict[Trouble, None] = {}
        self._guard = threading.Lock()
        self._heard = every_tree.subscribe(self._hear, kinds=tuple(_TOLD_BY))
        self.sources: list[Callable[[], Iterable[Trouble]]] = []
        """Asked at each ``take`` for what they know: of other processes, for one."""
        logging.getLogger().addHandler(self)

    def end(self) -> None:
        """Note nothing more."""
        logging.getLogger().removeHandler(self)
        self._heard.close()

    def note(self, trouble: Trouble) -> None:
        """Something went wrong; the same thing many times is one thing."""
        with self._guard:
            self._noted[trouble] = None

    def take(self) -> list[Trouble]:
        """What has been noted since the last time, oldest first."""
        with self._guard:
            taken, self._noted = list(self._noted), {}
        return [*taken, *(one for source in self.sources for one in source())]

    def emit(self, record: logging.LogRecord) -> None:
        """Note a line at ERROR or above, if it is one of those that count."""
        if record.name.partition(".")[0] in LOGGERS:
            error = record.exc_info[1] if record.exc_info else None
            self.note(_trouble(Kind.LOGGED, record.name, error, record.getMessage()))

    def _hear(self, event: Event) -> None:
        trouble = _TOLD_BY[type(event)](event)
        if trouble is not None:
            self.note(trouble)


def _of_crash(event: Any) -> Trouble:
    return _trouble(Kind.CRASH, event.child, event.exit.error)


def _of_start(event: Any) -> Trouble:
    """One that was called off has no error of its own."""
    error = event.exit.error or ChildStartError(event.child, RuntimeError(event.exit.reason))
    return _trouble(Kind.START, event.child, error)


def _of_resume(event: Any) -> Trouble:
    return _trouble(Kind.CRASH, event.child, event.error)


def _of_drop(event: Any) -> Trouble | None:
    """What a stop leaves unread is nothing to worry about; who was crashed by one has crashed."""
    if event.reason == "crashed" or (event.stopping and event.reason == "gone"):
        return None
    return Trouble(kind=Kind.DROPPED, child=event.child, about=f"{event.message} ({event.reason})")


_TOLD_BY: Final[dict[type[Event], Callable[[Any], Trouble | None]]] = {
    ChildFailed: _of_crash,
    ChildResumed: _of_resume,
    ChildStartFailed: _of_start,
    MessageDropped: _of_drop,
}


def _trouble(kind: Kind, child: str, error: BaseException | None, line: str = "") -> Trouble:
    """Words and names only: who keeps an error keeps everything that its frames hold."""
    told = "" if error is None else f"{type(error).__name__}: {error}"
    return Trouble(
        kind=kind,
        child=child,
        about=(line or told)[:LONGEST],
        errors=tuple(map(_name, type(error).__mro__[:-1])) if error is not None else (),
        where=() if error is None else tuple(_places(error.__traceback__))[-FRAMES:],
    )


def _places(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        file = code.co_filename.removeprefix(HOME)
        yield f"{file}:{traceback.tb_lineno} in {code.co_name}"
        traceback = traceback.tb_next
