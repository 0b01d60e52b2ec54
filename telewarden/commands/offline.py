"""Carrying out of commands on a storage folder while no warden runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..config import Config, load_config
from ..console.commands.catalogue import find
from ..console.results.base import Result
from ..console.results.sessions import Optimal, Status
from ..console.results.watching import Diagnosis, LoginTest, Safety, Tested
from ..diagnostics import diagnose
from ..errors import BadCommandError, NoSessionFitsError, NotRunningError, TelewardenError
from ..service.paths import StoragePaths
from ..standalone.offline_warden import OfflineWarden
from ..standalone.safe_session import safe_session
from ..storage import database_exists
from ..telegram import Health, own_user_request
from . import backups, moving, operations, pairs, sessions, watching
from .engine import Handlers, Handles

START: Final = "start it with telewarden run"
NOT_RUNNING: Final = "no warden runs; this is what its store tells"


async def status(engine: Handles, _who: str, *, session: str | None) -> Status:
    """How everything was left, or one session."""
    if session is not None:
        engine.session(session)
    overview = await engine.overview()
    left = sessions.status_of(overview, session, ready=False, readiness=NOT_RUNNING)
    unseen = {"health_advice": f"Nobody looks while no warden runs; {START}."}
    told = tuple(
        one.model_copy(update=unseen) if one.health == Health.UNKNOWN else one
        for one in left.sessions
    )
    return left.model_copy(update={"sessions": told})


async def optimal(engine: Handles, who: str, *, any_health: bool) -> Optimal:
    """The session for one more pair; nobody knows how healthy one is."""
    try:
        return await sessions.optimal(engine, who, any_health=any_health)
    except NoSessionFitsError:
        if any_health:
            raise
        why = f"no session counts as healthy while no warden runs; {START}, or give --any-health"
        raise BadCommandError("optimal", why) from None


async def safety(config: Config, *, session: str | None, clear: bool) -> Safety:
    """Who uses which session."""
    return await asyncio.to_thread(watching.checked, config, session, clear=clear)


async def diagnostics(config: Config) -> Diagnosis:
    """Everything that can be looked at from outside."""
    return watching.told(await asyncio.to_thread(diagnose, config))


async def test(config: Config, *, session: str | None) -> Tested:
    """Ask Telegram with each login, one after the other, under its lease."""
    async with OfflineWarden(config, purpose="telewarden test") as engine:
        known = [one.name for one in engine.sessions.list()]
        if session is not None:
            engine.session(session)
    names = known if session is None else [session]
    return Tested(sessions=tuple([await _tested(config, name) for name in names]))


async def _tested(config: Config, name: str) -> LoginTest:
    begun = time.monotonic()
    try:
        async with safe_session(config, name, purpose="telewarden test") as found:
            await found.call(own_user_request(), deadline=watching.TEST_WITHIN)
    except TelewardenError as error:
        return watching.not_good(name, error)
    return watching.good(name, time.monotonic() - begun)


ON_STORE: Final[Handlers] = {
    "status": status,
    "optimal": optimal,
    **{
        name: group[name]
        for group, names in (
            (
                sessions.HANDLERS,
                ("sessions", "register", "change", "change-many", "delete"),
            ),
            (moving.HANDLERS, ("import", "export", "keys rotate")),
            (backups.HANDLERS, tuple(backups.HANDLERS)),
            (
                pairs.HANDLERS,
                (
                    "pairs list",
                    "pairs add",
                    "pairs change",
                    "pairs remove",
                    "pairs pause",
                    "pairs resume",
                    "pairs dead",
                    "pairs retry",
                    "pairs drop",
                ),
            ),
            (operations.HANDLERS, ("operations list", "operations remove", "operations clean")),
            (watching.HANDLERS, ("audit",)),
        )
        for name in names
    },
}
ON_CONFIG: Final[Handlers] = {"safety-check": safety, "diagnostics": diagnostics, "test": test}
"""Those that take their own leases, or none."""
BEFORE_THE_FIRST_START: Final = frozenset({"diagnostics", "import", "pairs add", "register"})
"""Those that are asked just where nothing is stored yet, or with which a store may begin."""
STORES_NOTHING: Final[Mapping[str, Result]] = {
    "safety-check": Safety(sessions=(), exit_code=0),
}
"""What is true before the first start: nobody uses what is not there."""


async def carry_out_offline(path: Path, name: str, given: Mapping[str, Any], *, who: str) -> Result:
    """Do one command without a warden and return its result.

    Args:
        path: the configuration.
        name: the command's.
        given: its parameters, from JSON's values or from texts.
        who: noted in the audit trail.

    Raises:
        BadCommandError: a parameter cannot be used.
        NotRunningError: it needs a warden, or nothing is stored yet.
        FolderHeldError: a warden, or another command, has the folder; who.
        TelewardenError: whatever the work itself raises.
    """
    command, config = find(name), load_config(path)
    stored = database_exists(StoragePaths(config).database)
    if command.name in STORES_NOTHING and not stored:
        return STORES_NOTHING[command.name]
    if not stored and command.name not in BEFORE_THE_FIRST_START:
        raise NotRunningError("the warden", f"nothing is stored in {config.folder} yet; {START}")
    read = command.read(given)
    if command.name in ON_CONFIG:
        return await ON_CONFIG[command.name](config, **read)
    handler = ON_STORE.get(command.name)
    if handler is None:
        raise BadCommandError(command.name, f"needs a running warden; {START}")
    async with OfflineWarden(config, purpose=f"telewarden {command.name}") as engine:
        return await handler(engine, who, **read)
