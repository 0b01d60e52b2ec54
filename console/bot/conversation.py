"""The talk with one person: a line in, a command carried out, its answer out.

Owns what a line or a pressed button means, who may give it, what is asked before it is done, and
what is said. Leaves what a command does to the panel, and sending to ``outgoing``.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ...errors import BadCommandError, TelewardenError
from ...notify import bot_channel
from ...telegram import DATA_BYTES, ChatButton, Keyboard, Phase
from ..commands.catalogue import find as find_command
from ..commands.model import Command, Danger
from ..commands.parameters import SPAN, Kind, Parameter
from ..panel import Panel
from ..words import Words, translated
from .access import Allowed
from .chat_commands import CHAT_COMMANDS, MENU, ChatCommand, find, given_in, missing, read_line
from .chat_text import chat_text
from .confirmations import NO, YES, Confirmations
from .live_message import LiveMessage
from .outgoing import Outgoing
from .recovery_progress import Heard, RecoveryProgress

logger = logging.getLogger(__name__)

WATCHED: Final = 120.0  # seconds that a recovery is shown; past it /status tells the rest
CHOICES: Final = 24  # buttons of one choice
FOREVER: Final = 1e11  # seconds, until somebody says otherwise
IN_A_ROW: Final = 3  # buttons
CODE: Final = re.compile(r"\D*(?:\d[\s-]?){5,6}\D*")

NO_CODES: Final = (
    "No code or password is taken here: Telegram voids a code that is typed into a chat. If you"
    " have just typed one, ask for another at the terminal: telewarden auth SESSION --new-code"
)
LOOK_ONLY: Final = "You are on the list to look only; ask an operator."
CLOSED: Final = "This question is closed or has expired; give the command again."
BROKEN: Final = "It failed, and not in a way that is known; the warden's log has the details."
TELLS_WHOLE: Final = "/help COMMAND tells one of them whole."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A line that somebody gave: who, in which message, and where its answer goes."""

    person: Allowed
    message: int | None = None
    text: str = field(repr=False)

    @property
    def chat(self) -> int:
        """The chat, which is the person's own with the bot."""
        return self.person.user

    @property
    def who(self) -> str:
        """The name in the audit trail."""
        return f"bot:{self.person.user}"


class Conversation:
    """What the bot says and does.

    Args:
        panel: carries commands out.
        outgoing: sends.
        confirmations: the questions that are open.
        refused: notes in the audit trail who was refused what.
        now: monotonic seconds.
        sleep: how to wait.
    """

    def __init__(
        self,
        *,
        panel: Panel,
        outgoing: Outgoing,
        confirmations: Confirmations,
        refused: Callable[[str, str], None],
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._panel, self._outgoing = panel, outgoing
        self._confirmations, self._refused = confirmations, refused
        self._now, self._sleep = now, sleep
        self._watching: dict[RecoveryProgress, LiveMessage] = {}
        self._greeted: set[int] = set()
        self._own: Mapping[str, Callable[[Asked, tuple[str, ...]], Awaitable[None]]] = {
            "start": self._start,
            "help": self._help,
            "authenticate": self._authenticate,
            "alerts": self._tell_alerts,
        }

    # In

    async def typed(self, asked: Asked) -> None:
        """Somebody on the list has written something."""
        await self._greet(asked.person)
        line = read_line(asked.text)
        if line is None:
            told = NO_CODES if CODE.fullmatch(asked.text) else "Commands begin with /; see /help."
            await self._outgoing.say(asked.chat, told)
            return
        try:
            command = find(line.name)
            await self._give(asked, command, line.words)
        except BadCommandError as error:
            known = CHAT_COMMANDS.get(line.name)
            usage = "" if known is None else f"\n{known.usage}"
            await self._outgoing.say(asked.chat, f"{error}{usage}")
        except TelewardenError as error:
            await self._outgoing.say(asked.chat, str(error))
        except Exception:  # a fault of ours: the log has it, and the next command is heard
            logger.exception("command of the bot failed command=%s", line.name)
            await self._outgoing.say(asked.chat, BROKEN)

    async def pressed(self, person: Allowed, *, message: int, query: int, data: str) -> None:
        """Somebody on the list has pressed a button; one that carries a line is as if typed."""
        answer = next((one for one in (YES, NO) if data.startswith(one)), None)
        if answer is None:
            await self._outgoing.answer_press(query)
            await self.typed(Asked(person=person, text=data))
            return
        question = self._confirmations.take(data.removeprefix(answer), person.user, now=self._now())
        if question is None:
            await self._outgoing.answer_press(query, CLOSED)
            return
        await self._outgoing.answer_press(query)
        if answer == NO:
            await self._outgoing.change(person.user, message, f"{question.text}\nNot done.")
            return
        await self._outgoing.change(
            person.user, message, f"{question.text}\nYes; it is being done."
        )
        asked = Asked(person=person, text=question.command)
        try:
            await self._carry_out(asked, find(question.command), question.given)
        except TelewardenError as error:
            await self._outgoing.say(asked.chat, str(error))
        except Exception:  # a fault of ours: the log has it, and the next command is heard
            logger.exception("command of the bot failed command=%s", question.command)
            await self._outgoing.say(asked.chat, BROKEN)

    def hear(self, event: Heard) -> None:
        """Something happened to a session: who watches its recovery sees it."""
        for progress in tuple(self._watching):
            progress.hear(event)
            self._show(progress)

    # What is done

    async def _give(self, asked: Asked, chosen: ChatCommand, words: tuple[str, ...]) -> None:
        if not asked.person.may(chosen.danger):
            self._refused(asked.who, chosen.name)
            await self._outgoing.say(asked.chat, LOOK_ONLY)
            return
        if chosen.name in self._own:
            await self._own[chosen.name](asked, words)
            return
        command = chosen.command
        assert command is not None  # noqa: S101 - only the bot's own have none
        given = given_in(command, words)
        secret = any(command.parameter(name).kind is Kind.SECRET for name in given)
        if secret and asked.message is not None:  # a phone number has no place in a chat's history
            await self._outgoing.take_out(asked.chat, asked.message)
        lacking = missing(command, given)
        if lacking is None and command.name == "recover" and not given:
            lacking = command.parameter("session")
        if lacking is not None and await self._offer(asked, chosen, lacking, words):
            return
        read = command.read(given)
        if question := command.asks(read):
            await self._ask(asked, chosen, read, question)
        else:
            await self._carry_out(asked, chosen, read)

    async def _ask(
        self, asked: Asked, chosen: ChatCommand, given: Mapping[str, Any], question: str
    ) -> None:
        token = self._confirmations.ask(
            asked.person.user, chosen.name, given, text=question, now=self._now()
        )
        keyboard = ((ChatButton("Yes", f"{YES}{token}"), ChatButton("No", f"{NO}{token}")),)
        await self._outgoing.say(asked.chat, question, keyboard)

    async def _carry_out(self, asked: Asked, chosen: ChatCommand, given: Mapping[str, Any]) -> None:
        command = chosen.command
        assert command is not None  # noqa: S101 - the bot's own are carried out elsewhere
        if command.name == "recover":
            await self._recover(asked, given)
            return
        result = await self._result(command.name, given, asked)
        show = command.show
        text = "done" if show is None else chat_text(show(result))
        await self._outgoing.say(asked.chat, text, _again(asked, command))

    async def _result(self, name: str, given: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
        result = await self._panel.command(name, given, who=asked.who)
        words = Words(asked.person.language)
        told: dict[str, Any] = translated(result.model_dump(mode="json"), words)
        return told

    async def _recover(self, asked: Asked, given: Mapping[str, Any]) -> None:
        """Recover, and edit one message as it goes on."""
        progress = RecoveryProgress()
        live = LiveMessage(self._outgoing, asked.chat, sleep=self._sleep)
        self._watching[progress] = live
        try:
            result = await self._result("recover", given, asked)
            progress.expect(result["sessions"])
            live.show(progress.text)
            running = asyncio.ensure_future(live.run())
            try:
                await self._look(progress, result["sessions"], asked)
                await asyncio.wait({running}, timeout=WATCHED)
                live.end(f"{progress.text}\nThat is how it stands; /status tells the rest.")
                await running
            finally:
                running.cancel()
        finally:
            del self._watching[progress]

    async def _look(self, progress: RecoveryProgress, sessions: list[str], asked: Asked) -> None:
        """Ask each session itself: one that is online already tells nothing else."""
        for session in sessions:
            look = await self._result("login", {"session": session, "step": "look"}, asked)
            progress.found(session, Phase.ONLINE if look["renewing"] else Phase(look["phase"]))
        self._show(progress)

    def _show(self, progress: RecoveryProgress) -> None:
        live = self._watching[progress]
        if progress.done:
            live.end(progress.text)
        else:
            live.show(progress.text)

    # The bot's own commands

    async def _start(self, asked: Asked, _words: tuple[str, ...]) -> None:
        role = asked.person.role
        text = f"This is the admin bot of Telewarden. You are on its list: {role}.\nSee /help."
        await self._outgoing.say(asked.chat, text, tuple(_buttons(asked.person)))

    async def _help(self, asked: Asked, words: tuple[str, ...]) -> None:
        if words:
            await self._outgoing.say(asked.chat, _whole(find(words[0].removeprefix("/").lower())))
            return
        lines = [f"/{one.name}: {one.help}" for one in _for(asked.person)]
        await self._outgoing.say(asked.chat, "\n".join((*lines, TELLS_WHOLE)))

    async def _authenticate(self, asked: Asked, words: tuple[str, ...]) -> None:
        """Begin a login; what it asks for is typed at the terminal, never here."""
        if len(words) > 1:
            await self._outgoing.say(asked.chat, NO_CODES)
            return
        if not words:
            session = Parameter(name="session", help="Which one.", kind=Kind.NAME)
            await self._offer(asked, CHAT_COMMANDS["authenticate"], session, words)
            return
        name = words[0]
        look = await self._result("login", {"session": name, "step": "look"}, asked)
        phase = Phase(look["phase"])
        if phase is Phase.ONLINE:
            await self._outgoing.say(
                asked.chat, f"{name} is online; /renew {name} logs it in anew."
            )
            return
        if not phase.startswith("awaiting"):
            begun = await self._result("login", {"session": name, "step": "start"}, asked)
            phase = Phase(begun["phase"])
        told = (
            f"{name}: {phase}. Finish it on the warden's page, as an operator, or at the terminal"
            f" of its machine:\ntelewarden auth {name}\n"
            "Never type the code here: Telegram voids a code that it sees in a chat."
        )
        await self._outgoing.say(asked.chat, told)

    async def _tell_alerts(self, asked: Asked, words: tuple[str, ...]) -> None:
        own = bot_channel(asked.person.user)
        match words:
            case ("on",):
                await self._result("alerts resume", {"name": own}, asked)
            case ("off",):
                await self._result("alerts silence", {"name": own, "seconds": FOREVER}, asked)
            case ("off", span) if SPAN.fullmatch(span) is not None:
                await self._result("alerts silence", {"name": own, "seconds": span}, asked)
            case ():
                pass
            case _:
                raise BadCommandError("/alerts", "give on, off, or off and for how long, as 2h")
        standing = await self._result("alerts", {}, asked)
        command = find_command("alerts")
        assert command.show is not None  # noqa: S101 - it is shown on every surface
        is_on = any(one["name"] == own and one["on"] for one in standing["channels"])
        state, other = ("on", "off") if is_on else ("off", "on")
        text = f"{chat_text(command.show(standing))}\nAlerts are {state} here."
        keyboard = ((ChatButton(f"Alerts {other}", f"/alerts {other}"),),)
        await self._outgoing.say(asked.chat, text, keyboard)

    # Help with what is not said

    async def _greet(self, person: Allowed) -> None:
        """Show somebody the menu, once in this process; to a stranger there is none."""
        if person.user in self._greeted:
            return
        self._greeted.add(person.user)
        menu = [(one.name, one.help) for one in _for(person) if one.name in MENU]
        menu.sort(key=lambda one: MENU.index(one[0]))
        try:
            await self._outgoing.show_menu(person.user, menu)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody needs the menu
            logger.info("menu not shown why=%s", type(error).__name__)

    async def _offer(
        self, asked: Asked, chosen: ChatCommand, lacking: Parameter, words: tuple[str, ...]
    ) -> bool:
        """Offer what can be meant, as buttons; tells whether there is something to offer."""
        if words:  # some of it was said: what is wrong is better told
            return False
        names = await self._names(lacking, asked)
        lines = [f"/{chosen.name} {name}" for name in names]
        if chosen.name == "recover" and len(lines) > 1:
            lines.append("/recover --all")
        buttons = [
            ChatButton(line.partition(" ")[2].removeprefix("--"), line)
            for line in lines[:CHOICES]
            if len(line.encode()) <= DATA_BYTES
        ]
        if not buttons:
            return False
        rows = [buttons[at : at + IN_A_ROW] for at in range(0, len(buttons), IN_A_ROW)]
        await self._outgoing.say(asked.chat, f"Which one?\n{chosen.usage}", rows)
        return True

    async def _names(self, lacking: Parameter, asked: Asked) -> list[str]:
        if lacking.kind is Kind.NAME and lacking.name == "session":
            found = await self._result("sessions", {}, asked)
            return [one["name"] for one in found["sessions"]]
        if lacking.name == "pair":
            found = await self._result("pairs list", {}, asked)
            return [str(one["id"]) for one in found["pairs"]]
        return []


def _for(person: Allowed) -> Iterator[ChatCommand]:
    """The commands that somebody may give, by name; hidden ones are told of by nobody."""
    for name in sorted(CHAT_COMMANDS):
        one = CHAT_COMMANDS[name]
        hidden = one.command is not None and one.command.hidden and name not in MENU
        if person.may(one.danger) and not hidden:
            yield one


def _buttons(person: Allowed) -> Iterator[list[ChatButton]]:
    offered = [CHAT_COMMANDS[name] for name in MENU if person.may(CHAT_COMMANDS[name].danger)]
    buttons = [ChatButton(f"/{one.name}", f"/{one.name}") for one in offered]
    for at in range(0, len(buttons), IN_A_ROW):
        yield buttons[at : at + IN_A_ROW]


def _again(asked: Asked, command: Command) -> Keyboard:
    """A button to look once more, below what only looks."""
    line = asked.text.strip()
    if command.danger is not Danger.LOOKS or not 0 < len(line.encode()) <= DATA_BYTES:
        return ()
    return ((ChatButton("Look again", line),),)


def _whole(chosen: ChatCommand) -> str:
    command = chosen.command
    if command is None:
        return f"{chosen.usage}\n{chosen.help}"
    lines = [chosen.usage, chosen.help, command.more]
    lines += [
        f"- {one.name}: {one.help}" + (f" ({one.range})" if one.range else "")
        for one in command.parameters
    ]
    return "\n".join(filter(None, lines))
