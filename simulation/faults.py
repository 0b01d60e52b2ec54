"""What goes wrong in a run: one function for each misfortune, by its name in a script."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from telewarden.errors import TelewardenError
from telewarden.loopback import Fault
from telewarden.loopback._tl import types
from telewarden.loopback.faults.actions import Answer, action_from_json

from .context import RunContext
from .disk import DISK
from .script import Step
from .surroundings import TIME

__all__ = ["FAULTS"]

DEADLY: Final = (
    "AUTH_KEY_UNREGISTERED", "AUTH_KEY_INVALID", "SESSION_REVOKED", "SESSION_EXPIRED",
    "USER_DEACTIVATED", "USER_DEACTIVATED_BAN", "AUTH_KEY_DUPLICATED", "AUTH_KEY_PERM_EMPTY",
    "SESSION_PASSWORD_NEEDED",
)  # fmt: skip
"""Errors upon which a session needs another login."""
CRASHES: Final = 8  # more than the worker groups may have where they are to be kept down
TOLD_WITHIN: Final = 30.0  # virtual seconds
GROUP: Final = "sessions/session:{}/groups/group-1"


async def cut(run: RunContext, step: Step) -> None:
    """A session's line breaks; what is under way on it is lost."""
    account = run.scene.accounts[step["session"]]
    for connection in run.telegram.connections(account):
        connection._transport.cut()


async def fault(run: RunContext, step: Step) -> None:
    """One of the loopback's own faults, on a method's next request or a later one."""
    account = run.scene.accounts[step["session"]] if step.get("session") else None
    rule = run.telegram.faults.add(
        Fault(
            action=action_from_json(step["action"]),
            method=step.get("method", "*"),
            account=account,
            times=step.get("times", 1),
            after=step.get("after", 0),
        )
    )
    if "text" in step["action"]:
        run.injected.append((step["action"]["text"], step.get("session"), rule))
        if step["action"]["text"] in DEADLY and account is not None:
            run.dead.add(step["session"])
    if step.get("stays"):
        run.staying.add(rule.id)


async def kill(run: RunContext, step: Step) -> None:
    """SIGKILL, and a start after a while."""
    run.forget_orders()
    run.process.kill()
    await asyncio.sleep(step.get("down", 0.5))
    await run.start()


async def power(run: RunContext, step: Step) -> None:
    """The power fails: of what was not synced only a part is there, perhaps with a torn end."""
    run.forget_orders()
    run.process.kill()
    run.log.cut(run.folder, keep=step["keep"], torn=step["torn"])
    run.undone()
    await asyncio.sleep(step.get("down", 0.5))
    await run.start()


async def second(run: RunContext, step: Step) -> None:
    """Another process is started on the folder: no session is online in both, and none is harmed.

    What the first one has let go, as it restarts, the other may have.
    """
    other = run.process.beside()
    starting = other.start()
    run.others.add(other.loop)
    try:
        await starting
        end = TIME.now + step["seconds"]
        while TIME.now < end:
            overview = await other.call(other.warden.overview)
            theirs = {one.session for one in overview.sessions if one.phase == "online"}
            if theirs and run.process.running:
                overview = await run.process.call(run.process.warden.overview)
                for one in overview.sessions:
                    if one.phase == "online" and one.session in theirs:
                        run.wrong(f"{one.session} is online in two processes")
            await asyncio.sleep(1.0)
        if step["stop"]:
            await other.stop()
    except TelewardenError as error:
        run.note(f"second process refused: {type(error).__name__}: {error}")
    other.vanish()


async def exhaust(run: RunContext, step: Step) -> None:
    """A worker group crashes until it is kept down: somebody must be told; then it is released."""
    session, group = step["session"], GROUP.format(step["session"])
    warden = run.process.warden
    if not any(pair.carriers[-1] == session and not pair.gone for pair in run.pairs):
        return
    run.exhausted.add(group)
    for _ in range(CRASHES):
        with contextlib.suppress(Exception):
            await run.process.call(lambda: warden.drill(group))
        await asyncio.sleep(0.5)
    end = TIME.now + TOLD_WITHIN
    while not await _is_told(run, session):
        if TIME.now > end:
            run.wrong(f"a worker group of {session} is kept down, and nobody is told")
            break
        await asyncio.sleep(1.0)
    await run.process.call(lambda: warden.recover(session))


async def _is_told(run: RunContext, session: str) -> bool:
    overview = await run.process.call(run.process.warden.overview)
    return any(
        one.session == session and one.health == "unhealthy" and "GROUP_QUARANTINED" in one.reason
        for one in overview.sessions
    )


async def restart(run: RunContext, step: Step) -> None:
    """A stop in good order, and a start after a while."""
    await run.orders_answered()
    await run.stop()
    await asyncio.sleep(step.get("down", 0.5))
    await run.start()


async def crash(run: RunContext, step: Step) -> None:
    """An actor crashes."""
    warden = run.process.warden
    if step["path"] == "journal":
        run.drilled = TIME.now
    with contextlib.suppress(Exception):
        await run.process.call(lambda: warden.drill(step["path"]))


async def forget(run: RunContext, step: Step) -> None:
    """Telegram forgets past updates: what is asked for is too long."""
    if step.get("chat"):
        run.scene.chats[step["chat"]].forget_updates()
    else:
        run.telegram.forget_updates(run.scene.accounts[step["session"]])


async def void(run: RunContext, step: Step) -> None:
    """What a session knows a channel by is void; its dialogs tell it anew."""
    chat, account = run.scene.chats[step["chat"]], run.scene.accounts[step["session"]]
    if chat.record.is_channel:
        chat.void_access_hash(account)


async def handler(run: RunContext, step: Step) -> None:
    """A pair's handler fails before or after its deed, is slow, or refuses."""
    run.sink.trouble.setdefault(step["pair"], deque()).extend([step["how"]] * step["times"])


async def expire(run: RunContext, step: Step) -> None:
    """Every file reference is out of date."""
    run.telegram.expire_file_references()


async def disk(run: RunContext, step: Step) -> None:
    """The disk refuses, or is slow, for some seconds."""
    DISK.refuse(step["how"], until=TIME.now + step["seconds"], rate=step.get("rate", 1.0))


async def clock(run: RunContext, step: Step) -> None:
    """The machine's clock is set: the wall jumps, the monotonic one goes on."""
    TIME.wall_offset += step["seconds"]


async def pushes(run: RunContext, step: Step) -> None:
    """What a session is told gets lost, or is kept back for a while and comes as it may."""
    account, told = run.scene.accounts[step["session"]], run.telegram.pushes
    if step["how"] == "lose":
        told.lose(account, step["count"])
        return
    told.hold(account)

    def release() -> None:
        told.release(account, order=step["order"], combined=step["combined"])

    asyncio.get_running_loop().call_later(step["seconds"], release)
    run.at_rest(f"pushes {step['session']}", release)


async def still(run: RunContext, step: Step) -> None:
    """There is more, says Telegram of what was missed, and does not get on."""
    account = run.scene.accounts[step["session"]]

    def stands(request: Any) -> Any:
        state = types.updates.State(request.pts, 0, request.date, 0, 0)
        return types.updates.DifferenceSlice([], [], [], [], [], state)

    rule = Fault(
        action=Answer(stands), method="updates.getDifference", account=account, times=step["times"]
    )
    run.telegram.faults.add(rule)


async def network(run: RunContext, step: Step) -> None:
    """Late pieces become frequent, or pieces small."""
    run.network.spikes = step["spikes"]


FAULTS: Final[dict[str, Callable[[Any, Step], Awaitable[None]]]] = {
    "cut": cut,
    "fault": fault,
    "kill": kill,
    "power": power,
    "second": second,
    "exhaust": exhaust,
    "restart": restart,
    "crash": crash,
    "forget": forget,
    "void": void,
    "handler": handler,
    "expire": expire,
    "disk": disk,
    "clock": clock,
    "network": network,
    "pushes": pushes,
    "still": still,
}
