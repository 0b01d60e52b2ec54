"""The shape of a command's description."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ...errors import BadCommandError
from .parameters import Parameter
from .shown import Block

if TYPE_CHECKING:
    from ..results.base import Result

Given = Mapping[str, Any]
Show = Callable[[Given], Iterable[Block]]

ANSWER_WITHIN: Final = 15.0  # seconds
PAIRS_WITHIN: Final = 45.0  # seconds; a pair finishes what is on its way first
CARE_WITHIN: Final = 120.0  # seconds; another data centre may have to be asked


class Needs(StrEnum):
    """What has to be there for a command to work."""

    WARDEN = "a running warden"
    STORE = "a running warden, or its store while none runs"
    NOTHING = "nothing that runs"


class Danger(StrEnum):
    """What a command may do to what there is."""

    LOOKS = "changes nothing"
    CHANGES = "changes something that can be changed back"
    HARMS = "ends or removes something"


class Surface(StrEnum):
    """Where a command is offered."""

    LINE = "command line"
    API = "HTTP API"
    BOT = "admin bot"


EVERYWHERE: Final = frozenset(Surface)
NOT_IN_CHATS: Final = frozenset({Surface.LINE, Surface.API})
LINE_ALONE: Final = frozenset({Surface.LINE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command.

    Args:
        name: its words, as ``pairs pause``.
        help: one line.
        more: what else there is to know, in sentences.
        parameters: in the order in which the command line takes those without an option's name.
        line_options: what the command line takes beside them, for itself.
        danger: what it may do; what harms is asked about before it is done.
        question: asked then; ``{name}`` stands for a parameter.
        needs: what has to be there.
        surfaces: where it is offered.
        result: the model of its result, as ``module.Class`` in ``console.results``; empty for a
            command of this process alone, which prints what it likes.
        show: the result, as JSON has it, for people.
        exit_code: the command line's exit code for a result.
        within: seconds to wait for the answer.
        group: the heading under which it is listed.
        hidden: whether lists leave it out, as another name of a command.
    """

    name: str
    help: str
    group: str
    more: str = ""
    parameters: tuple[Parameter, ...] = ()
    line_options: tuple[Parameter, ...] = ()
    danger: Danger = Danger.LOOKS
    question: str = ""
    needs: Needs = Needs.WARDEN
    surfaces: frozenset[Surface] = EVERYWHERE
    result: str = ""
    show: Show | None = None
    exit_code: Callable[[Given], int] | None = None
    within: float = ANSWER_WITHIN
    hidden: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Its words."""
        return tuple(self.name.split(" "))

    @property
    def slug(self) -> str:
        """Its name in an address."""
        return self.name.replace(" ", "-")

    def parameter(self, name: str) -> Parameter:
        """One of its parameters.

        Raises:
            BadCommandError: it has none of that name.
        """
        for one in self.parameters:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.parameters) or "none"
        raise BadCommandError(self.name, f"there is no parameter {name!r}; it has {known}")

    def read(self, given: Given) -> dict[str, Any]:
        """Every parameter with its value, from JSON's values or from texts.

        Raises:
            BadCommandError: a value cannot be used, one is missing, or there is no such parameter.
        """
        for name in given:
            self.parameter(name)
        return {
            one.name: one.read(given.get(one.name), command=self.name) for one in self.parameters
        }

    def asks(self, given: Given) -> str:
        """What to ask before it is done; empty where nothing needs to be asked."""
        if self.danger is not Danger.HARMS or given.get("dry_run"):
            return ""
        return self.question.format(**given)

    def result_model(self) -> type[Result]:
        """The class of its result; imports pydantic."""
        module, _, name = self.result.partition(".")
        room = importlib.import_module(f"..results.{module}", __package__)
        model: type[Result] = getattr(room, name)
        return model
