"""The server: which tools it offers, and the wire to who started it.

On the standard output there is the protocol and nothing else; the log goes to standard error.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from .._version import __version__
from ..errors import BadCommandError
from .complaints import complaint
from .reading import Reading
from .results import OTHERS
from .sessions import SharedSessions
from .writing import Writing

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

logger = logging.getLogger(__name__)

Tool = Callable[..., Awaitable[Any]]
INSTRUCTIONS: Final = (
    "Telegram accounts, by way of a running Telewarden that owns their logins. Begin with"
    f" list_sessions and list_chats. {OTHERS} When an error says how long to wait, wait."
)


async def serve(sessions: SharedSessions, *, write: bool) -> None:
    """Answer on standard input and output until the other end hangs up.

    Raises:
        BadCommandError: the extra is not installed.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    if write and sessions.read_only:
        logger.warning(
            "no tools that write program=%s; [share] has it read_only, say read_only = false there",
            sessions.program,
        )
    server = server_of(sessions, may_write=write and not sessions.read_only)
    await server.run_stdio_async()


def server_of(sessions: SharedSessions, *, may_write: bool) -> MCPServer[None]:
    """The server with its tools; those that write are not there unless it may.

    Raises:
        BadCommandError: the extra is not installed.
    """
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.types import ToolAnnotations
    except ImportError as missing:
        raise BadCommandError(
            "mcp", "it needs the MCP SDK; install it with: pip install 'telewarden[mcp]'"
        ) from missing

    @asynccontextmanager
    async def until_the_end(_: MCPServer[None]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await sessions.close()

    server = MCPServer[None](
        "telewarden",
        instructions=INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
        lifespan=until_the_end,
    )
    looks = ToolAnnotations(read_only_hint=True, open_world_hint=True)
    reading = Reading(sessions, may_write=may_write)
    for tool in (
        reading.list_sessions,
        reading.list_chats,
        reading.get_chat,
        reading.read_messages,
        reading.read_message,
    ):
        server.add_tool(_explained(tool), annotations=looks)
    if may_write:
        writing = Writing(sessions)
        posts = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)
        changes = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)
        server.add_tool(_explained(writing.send_message), annotations=posts)
        server.add_tool(_explained(writing.reply_to_message), annotations=posts)
        server.add_tool(_explained(writing.edit_message), annotations=changes)
        server.add_tool(_explained(writing.mark_read), annotations=posts)
    return server


def _explained(tool: Tool) -> Tool:
    """The tool, whose errors are sentences for who called it."""
    from mcp.server.mcpserver.exceptions import ToolError

    @functools.wraps(tool)
    async def explained(*args: Any, **given: Any) -> Any:
        try:
            return await tool(*args, **given)
        except Exception as error:
            told = complaint(error)
            if told is None:
                raise
            raise ToolError(told) from error

    return explained
