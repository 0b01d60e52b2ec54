"""``telewarden mcp``: an MCP server for the agent's host that starts it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config import load_config
from ..standalone.shared_client import NAMELESS, PROGRAM


def serve(config: Path, given: Mapping[str, Any]) -> None:
    """Serve until the host hangs up.

    Raises:
        ConfigError: the configuration is wrong, or shares nothing.
        BadCommandError: the program is not there, may not use the session, or the extra is missing.
    """
    program = given["program"] or os.environ.get(PROGRAM) or NAMELESS
    asyncio.run(_serve(config, program, given["session"], write=given["write"]))


async def _serve(config: Path, program: str, session: str | None, *, write: bool) -> None:
    from ..mcp.server import serve as answer
    from ..mcp.sessions import SharedSessions

    sessions = SharedSessions(load_config(config), program=program, only=session)
    await answer(sessions, write=write)
