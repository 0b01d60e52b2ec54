"""What goes wrong in a run: one function for each misfortune, by its name in a script."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from telewarden.loopback import Fault
from telewarden.loopback._tl import types
from telewarden.loopback.faults.actions import Answer, action_from_json

from .disk import DISK
from .script import Step
from .surroundings import TIME

if TYPE_CHECKING:
    from .run import Run

__all__ = ["FAULTS"]


async def cut(run: Run, step: Step) -> None:
    """A session's line breaks; what is under way on it is lost."""
    account = run.scene.accounts[step["session"]]
    for connection in run.telegram.connections(account):
        connection._transport.cut()


async def fault(run: Run, step: Step) -> None:
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
        run.injected.add(step["action"]["text"])
    if step.get("stays"):
        run.staying.add(rule.id)


async def kill(run: Run, step: Step) -> None:
    """SIGKILL, and a start after a while."""
    run.forget_orders()
    run.process.kill()
    await asyncio.sleep(step.get("down", 0.5))
    await run.start()


async def restart(run: Run, step: Step) -> None:
    """A stop in good order, and a start after a while."""
    await run.orders_answered()
    await run.stop()
    await asyncio.sleep(step.get("down", 0.5))
    await run.start()


async def crash(run: Run, step: Step) -> None:
    """An actor crashes."""
    warden = run.process.warden
    with contextlib.suppress(Exception):
        await run.process.call(lambda: warden.drill(step["path"]))


async def forget(run: Run, step: Step) -> None:
    """Telegram forgets past updates: what is asked for is too long."""
    if step.get("chat"):
        run.scene.chats[step["chat"]].forget_updates()
    else:
        run.telegram.forget_updates(run.scene.accounts[step["session"]])


async def void(run: Run, step: Step) -> None:
    """What a session knows a channel by is void; its dialogs tell it anew."""
    chat, account = run.scene.chats[step["chat"]], run.scene.accounts[step["session"]]
    if chat.record.is_channel:
        chat.void_access_hash(account)


async def expire(run: Run, step: Step) -> None:
    """Every file reference is out of date."""
    run.telegram.expire_file_references()


async def disk(run: Run, step: Step) -> None:
    """The disk refuses, or is slow, for some seconds."""
    DISK.refuse(step["how"], until=TIME.now + step["seconds"], rate=step.get("rate", 1.0))


async def clock(run: Run, step: Step) -> None:
    """The machine's clock is set: the wall jumps, the monotonic one goes on."""
    TIME.wall_offset += step["seconds"]


async def pushes(run: Run, step: Step) -> None:
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


async def still(run: Run, step: Step) -> None:
    """There is more, says Telegram of what was missed, and does not get on."""
    account = run.scene.accounts[step["session"]]

    def stands(request: Any) -> Any:
        state = types.updates.State(request.pts, 0, request.date, 0, 0)
        return types.updates.DifferenceSlice([], [], [], [], [], state)

    rule = Fault(
        action=Answer(stands), method="updates.getDifference", account=account, times=step["times"]
    )
    run.telegram.faults.add(rule)


async def network(run: Run, step: Step) -> None:
    """Late pieces become frequent, or pieces small."""
    run.network.spikes = step["spikes"]


FAULTS: Final[dict[str, Callable[[Any, Step], Awaitable[None]]]] = {
    "cut": cut,
    "fault": fault,
    "kill": kill,
    "restart": restart,
    "crash": crash,
    "forget": forget,
    "void": void,
    "expire": expire,
    "disk": disk,
    "clock": clock,
    "network": network,
    "pushes": pushes,
    "still": still,
}
