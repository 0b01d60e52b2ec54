"""Commands of the command line alone: they start a warden, or need none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .model import LINE_ALONE, NOT_IN_CHATS, Command, Danger, Given, Needs
from .parameters import Kind, argument, flag, option
from .shown import Block, grid

STARTING: Final = "Starting"
TRYING: Final = "Trying out"
HELP: Final = "Help"
SHELLS: Final = ("bash", "zsh", "fish")


def _stopping(result: Given) -> Iterator[Block]:
    yield f"process {result['pid']} stops"


EXAMPLES: Final = ("forwarding",)


def _reloaded(result: Given) -> Iterator[Block]:
    rows = [(one["key"], one["old"], one["new"], "") for one in result["applied"]]
    rows += [(one["key"], one["old"], one["new"], "restart") for one in result["needs_restart"]]
    yield grid("reloaded", ("key", "was", "is", "needs"), rows, wide=2, empty="nothing has changed")


COMMANDS: Final = (
    Command(
        name="init",
        help="Write a configuration: asks for what it needs.",
        more="With --loopback nothing is asked: it is one to play with, on a Telegram data centre"
        " of its own on 127.0.0.1. The api_id and api_hash are from my.telegram.org; the hash goes"
        " into a file of its own (0600), or stays in TELEGRAM_API_HASH.",
        group=STARTING,
        parameters=(
            option(
                "path",
                "Where to.",
                Kind.PATH,
                option=False,
                default="telewarden.toml",
                metavar="PATH",
            ),
            flag("loopback", "One to play with; needs no account."),
            option("example", "Copy one that is shipped.", Kind.CHOICE, choices=EXAMPLES),
        ),
        danger=Danger.CHANGES,
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
    Command(
        name="run",
        help="Run the sessions of the configuration until SIGTERM or Ctrl-C.",
        more="A second signal stops at once. With a [loopback] table in the configuration, a data"
        " centre of its own takes Telegram's place.",
        group=STARTING,
        parameters=(flag("verbose", "Log every step.", short="v"),),
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
    Command(
        name="check",
        help="Say whether the configuration can be run, with its secrets; starts nothing.",
        group=STARTING,
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
    Command(
        name="reload",
        help="Read the configuration again; what is not concerned works on.",
        more="All of it or nothing: what cannot be applied is named, and nothing changes. What only"
        " a restart takes over is told.",
        group=STARTING,
        danger=Danger.CHANGES,
        surfaces=NOT_IN_CHATS,
        result="process.Reloaded",
        show=_reloaded,
    ),
    Command(
        name="stop",
        help="Stop the running warden in order; the command line waits until it has.",
        more="Exit code 1 if it still runs when the time is over; it goes on stopping, and ends by"
        " itself within a minute.",
        group=STARTING,
        line_options=(option("timeout", "How long at most.", Kind.SPAN, default=90.0),),
        danger=Danger.CHANGES,
        surfaces=NOT_IN_CHATS,
        result="process.Stopping",
        show=_stopping,
    ),
    Command(
        name="wait",
        help="Wait until a warden answers; with --ready until its sessions are online.",
        more="Exit code 1 if it does not in time.",
        group=STARTING,
        parameters=(
            flag("ready", "Until all sessions that should be online are."),
            option("timeout", "How long at most.", Kind.SPAN, default=60.0),
        ),
        surfaces=LINE_ALONE,
    ),
    Command(
        name="top",
        help="Watch a running warden in the terminal, and steer it by keys.",
        more="Sessions, pairs, tree with restarts against the limit, mailboxes, floods, waits,"
        " verdicts, operations and events in tables that can be sorted (s) and searched (/). Keys"
        " recover a session (r), pause a pair or let it go on (p), crash a child (d). Needs the"
        " extra `top`.",
        group="Looking",
        parameters=(
            option("every", "Seconds between two looks.", Kind.SPAN, default=2.0, least=1),
        ),
        surfaces=LINE_ALONE,
    ),
    Command(
        name="migrate",
        help="Write another forwarder's configuration as Telewarden's; changes nothing of it.",
        more="A tgcf.config.json, telemirror's .env or mirror.config.yml, or TelegramForwarder's"
        " database; which it is is told by what is in it. What has no counterpart becomes a"
        " comment that begins with CHECK. Secrets are never copied: the comment says where they"
        " belong.",
        group=STARTING,
        parameters=(
            argument("file", "The other program's file.", Kind.PATH, metavar="FILE"),
            option("output", "Where to; else the standard output.", Kind.PATH),
            option("env", "The .env beside it, for api_id and phone.", Kind.PATH),
            flag("force", "Replace a file that is there."),
        ),
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
    Command(
        name="mcp",
        help="Be an MCP server for the agent that starts it: its tools use shared sessions.",
        more="On the standard input and output. The program's rights in [share] hold, and without"
        " --write there are no tools that write. Needs a running warden and the extra `mcp`; see"
        " docs/sharing.md.",
        group=STARTING,
        parameters=(
            option("program", "Its name in [share]; else TELEWARDEN_PROGRAM, or default."),
            option("session", "The one session to offer; else all that it may use."),
            flag("write", "Offer tools that send, edit and mark as read, too."),
        ),
        danger=Danger.CHANGES,
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
    Command(
        name="keygen",
        help="Print a fresh master key, for where storage.master_key looks.",
        group=STARTING,
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
    Command(
        name="token",
        help="Print a fresh token for the page and the HTTP API, and its hash for the file.",
        group=STARTING,
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
    Command(
        name="database restore",
        help="Put a copy in the database's place, while no warden runs; what was there is kept.",
        group="Backups",
        parameters=(
            option("file", "Which copy; else the newest that opens.", option=False, metavar="FILE"),
        ),
        danger=Danger.HARMS,
        question="Replace the database by a copy? What is there now is kept beside it.",
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
    Command(
        name="store copy",
        help="Copy the database to where another configuration has it, while no warden runs.",
        more="From a file to PostgreSQL, or back. Both have the same master key, and no session is"
        " in the other one yet. Each row is read again on both sides and compared; if one is not"
        " the same, nothing has changed.",
        group="Backups",
        parameters=(option("to", "The other configuration.", Kind.PATH, metavar="PATH"),),
        danger=Danger.CHANGES,
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
    Command(
        name="demo",
        help="Watch a supervised forwarder survive faults, on a loopback data centre.",
        more="Three accounts log in (one with two-step verification), four pairs forward, and then"
        " it strikes: crashes, a cut line, a damaged file, a flood wait, a kill -9. Exit code 0"
        " only if no message was lost or doubled and every session is healthy.",
        group=TRYING,
        parameters=(
            option("seconds", "How long it runs, about.", Kind.INTEGER, default=60, least=20),
            option(
                "port",
                "Where /metrics and the page are; 0: any.",
                Kind.INTEGER,
                default=0,
                least=0,
                most=65535,
            ),
            option("keep", "Keep the folder there, to look at it afterwards.", Kind.PATH),
        ),
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
    Command(
        name="loopback serve",
        help="Run a Telegram data centre of one's own on 127.0.0.1; prints a line when ready.",
        group=TRYING,
        parameters=(
            option(
                "port",
                "Where to listen; 0: any.",
                Kind.INTEGER,
                default=4500,
                least=0,
                most=65535,
            ),
            option("pubkey", "Where to write its public key.", Kind.PATH, default="pub.pem"),
            option("code", "The login code that everybody is sent.", default="22222"),
            option("state", "A file that keeps accounts, chats and messages.", Kind.PATH),
            option(
                "control",
                "A port to be steered by, over HTTP; 0: any.",
                Kind.INTEGER,
                least=0,
                most=65535,
            ),
            option("scenario", "A JSON file with the first accounts and chats.", Kind.PATH),
        ),
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
    Command(
        name="completion",
        help="Print the script that completes commands in a shell.",
        more='As in: eval "$(telewarden completion bash)".',
        group=HELP,
        parameters=(
            argument(
                "shell",
                "The shell that is to complete.",
                Kind.CHOICE,
                choices=SHELLS,
                metavar="SHELL",
            ),
        ),
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
    Command(
        name="help",
        help="Show what a command does, or all commands.",
        group=HELP,
        parameters=(
            option("command", "Its words.", Kind.WORDS, option=False, metavar="COMMAND..."),
        ),
        needs=Needs.NOTHING,
        surfaces=LINE_ALONE,
    ),
)
