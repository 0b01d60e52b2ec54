"""What people and operators do in a run: one function for each act, by its name in a script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from telewarden.actors.pair_graph import PAIR_FAULTS
from telewarden.errors import TelewardenError
from telewarden.loopback import Fault, Silence

from .context import ACT_WITHIN, RunContext
from .judge import PairModel
from .process import CODE
from .script import Step
from .surroundings import TIME

__all__ = ["ACTS"]

ON_ITS_WAY: Final = 10.0  # virtual seconds; what was said before may not have been heard yet
LEAVES_WITHIN: Final = 120.0  # virtual seconds
GOES_ON_WITHIN: Final = 15.0  # virtual seconds; a paused pair is looked at after 20 by itself
BY_HAND: Final = ("paused by hand", "paused in the configuration")
NEVER: Final = 1 << 60

Act = Callable[[RunContext, Step], Awaitable[None]]
Work = Callable[[RunContext, Step], Awaitable[Any]]

# People


async def say(run: RunContext, step: Step) -> None:
    """Say something, perhaps as an answer, silently, below a picture, with an address."""
    names = ("answers", "silent", "picture", "above", "link", "topic")
    options = {name: step[name] for name in names if name in step}
    run.scene.say(step["chat"], step["token"], step["text"], **options)


async def album(run: RunContext, step: Step) -> None:
    """Post pictures together."""
    run.scene.album(step["chat"], step["tokens"], step["texts"])


async def edit(run: RunContext, step: Step) -> None:
    """Change what was said."""
    run.scene.edit(step["token"], step["text"])


async def delete(run: RunContext, step: Step) -> None:
    """Delete what was said."""
    run.scene.delete(step["tokens"])


async def leave(run: RunContext, step: Step) -> None:
    """A session's account leaves a chat, or is taken out; it is back when the run rests."""
    chat, account = run.scene.chats[step["chat"]], run.scene.accounts[step["session"]]
    chat.leave(account)
    name = f"return {step['chat']} {step['session']}"
    run.at_rest(name, lambda: run.scene.bring_back(chat, account))


async def come_back(run: RunContext, step: Step) -> None:
    """It comes back."""
    chat, account = run.scene.chats[step["chat"]], run.scene.accounts[step["session"]]
    run.scene.bring_back(chat, account)


async def slow(run: RunContext, step: Step) -> None:
    """Slow mode in a chat, or its end."""
    chat = run.scene.chats[step["chat"]]
    chat.set_slowmode(step["seconds"])
    run.at_rest(f"slow {step['chat']}", lambda: chat.set_slowmode(0))


async def protect(run: RunContext, step: Step) -> None:
    """A chat protects its content, or no longer."""
    run.scene.chats[step["chat"]].set_noforwards(step["on"])

    def end() -> None:  # what has been upgraded meanwhile stays as it is
        run.scene.chats[step["chat"]].set_noforwards(False)

    run.at_rest(f"protect {step['chat']}", end)


async def rights(run: RunContext, step: Step) -> None:
    """A session may not write in a chat any more; it may again when the run rests."""
    chat, account = run.scene.chats[step["chat"]], run.scene.accounts[step["session"]]
    if not chat.record.members[account.id].present:
        return
    broadcast = chat.record.kind.value == "broadcast"

    def give(allowed: bool) -> None:
        if broadcast:
            chat.set_rights(account, admin=allowed)
        else:
            chat.set_rights(account, send=allowed, media=allowed)

    give(False)
    run.at_rest(f"rights {step['chat']} {step['session']}", lambda: give(True))


async def rename(run: RunContext, step: Step) -> None:
    """A chat gets another title."""
    run.scene.chats[step["chat"]].record.title = step["title"]
    run.scene.chats[step["chat"]]._tell_all()


async def upgrade(run: RunContext, step: Step) -> None:
    """A basic group becomes a supergroup."""
    run.scene.upgrade(step["chat"])


async def pass_name(run: RunContext, step: Step) -> None:
    """A channel's public name becomes another's."""
    run.scene.pass_name(step["chat"], step["to"])


async def revoke(run: RunContext, step: Step) -> None:
    """A session's logins are ended elsewhere; an operator makes another when the run rests.

    Perhaps nothing that it sent just before is answered any more.
    """
    account = run.scene.accounts[step["session"]]
    if step.get("unanswered"):
        for method in ("messages.sendMessage", "messages.forwardMessages"):
            rule = Fault(action=Silence(executed=True), method=method, account=account)
            run.telegram.faults.add(rule)

    def end() -> None:
        run.dead.add(step["session"])
        run.telegram.revoke(account)

    timer = asyncio.get_running_loop().call_later(step["after"], end)
    run.at_rest(f"revoke {step['session']} {step['at']}", timer.cancel)  # nothing breaks at rest


# Operators


def _order(work: Work) -> Act:
    """An operator's act: it goes on beside the rest, and is answered in the end."""

    async def act(run: RunContext, step: Step) -> None:
        if not run.process.running:
            return
        run.beside(step, _answered(run, step, work))

    return act


async def _answered(
    run: RunContext, step: Step, work: Callable[[RunContext, Step], Awaitable[Any]]
) -> None:
    try:
        async with asyncio.timeout(ACT_WITHIN):
            await work(run, step)
    except TelewardenError as error:
        run.note(f"refused {step['do']}: {type(error).__name__}: {error}")
    except TimeoutError:
        run.wrong(f"operator: {step['do']} has no answer after {ACT_WITHIN:g} s")


def _pair(run: RunContext, step: Step) -> PairModel | None:
    return next((p for p in run.pairs if p.id == step["pair"] and not p.gone), None)


async def pair_add(run: RunContext, step: Step) -> None:
    """Add a pair; it carries what is said once the operator has his answer."""
    fields = step["fields"]
    warden = run.process.warden
    pair = PairModel(fields=dict(fields), carriers=[fields["session"]], newcomer=True)
    pair.first, pair.must = run.said_in(fields["source"], before=TIME.now - ON_ITS_WAY), NEVER
    pair.barred = step.get("barred", False)
    run.pairs.append(pair)
    try:
        table = run.pair_table(fields)
        number = table.pop("id")
        await run.process.call(lambda: warden.pairs.add(number, **table))
        pair.must = run.said_in(fields["source"])
    except BaseException:  # a kill, too, ends an operator's waiting: the task is cancelled then
        pair.doubtful = True  # whether it is there shows when the run rests
        raise


async def pair_change(run: RunContext, step: Step) -> None:
    """Change what a pair makes of texts."""
    warden, pair = run.process.warden, _pair(run, step)
    if pair is None:
        return
    pair.variants += [dict(pair.fields), pair.fields | step["fields"]]
    await run.process.call(lambda: warden.pairs.change(step["pair"], **step["fields"]))
    pair.fields = pair.fields | step["fields"]


async def pair_remove(run: RunContext, step: Step) -> None:
    """Remove a pair."""
    warden, pair = run.process.warden, _pair(run, step)
    if pair is None or len([p for p in run.pairs if not p.gone]) < 2:
        return
    pair.until, pair.gone = run.said_in(pair.fields["source"]), True
    await run.process.call(lambda: warden.pairs.remove(step["pair"]))


async def pair_pause(run: RunContext, step: Step) -> None:
    """Pause a pair; it goes on when the run rests."""
    warden, pair = run.process.warden, _pair(run, step)
    if pair is not None:
        run.paused.add(pair.id)
        await run.process.call(lambda: warden.pairs.pause(step["pair"], "holidays"))


async def pair_resume(run: RunContext, step: Step) -> None:
    """Let a pair go on."""
    warden, pair = run.process.warden, _pair(run, step)
    if pair is not None:
        await run.process.call(lambda: warden.pairs.resume(step["pair"]))


async def pair_move(run: RunContext, step: Step) -> None:
    """Give a pair to another session."""
    pair = _pair(run, step)
    if pair is None or pair.carriers[-1] == step["session"]:
        return
    pair.carriers.append(step["session"])  # from now on either may carry
    doubt = pair.carriers[-2] in run.dead
    pair.doubted |= doubt
    try:
        before = await run.report_of(pair.id)
        await _reassigned(run, pair, step["session"], accept_doubt=doubt)
    finally:
        pair.unsettled = True
    if before is not None and before.paused is not None:
        await _goes_on(run, pair, step["session"], before.paused)


async def _reassigned(run: RunContext, pair: PairModel, to: str, *, accept_doubt: bool) -> None:
    """Move a pair; of an account that is dead no reason holds it for ever."""
    pairs, end = run.process.warden.pairs, TIME.now + LEAVES_WITHIN
    account, ways = run.scene.accounts[to], (pair.fields["source"], pair.fields.get("target"))
    while True:
        try:
            await run.process.call(
                lambda: pairs.reassign(str(pair.id), to, accept_doubt=accept_doubt)
            )
        except TelewardenError as error:
            may = to not in run.dead and run.scene.may_work(account, *ways)
            may = may and run.scene.chats[ways[0]].record.is_channel  # others' numbers are others
            if not accept_doubt or not may or pair.gone:
                raise
            if TIME.now > end:
                run.wrong(f"pair {pair.id} of a dead account cannot be moved: {error}")
                raise
            await asyncio.sleep(10.0)
        else:
            return


async def _goes_on(run: RunContext, pair: PairModel, session: str, reason: str) -> None:
    """What had paused a pair was the trouble of the account that it was taken from."""
    account, ways = run.scene.accounts[session], (pair.fields["source"], pair.fields.get("target"))
    if reason.startswith(BY_HAND) or not run.scene.may_work(account, *ways):
        return
    if pair.barred and reason.startswith(PAIR_FAULTS):
        return  # what it would be among the others it is with any account
    end = TIME.now + GOES_ON_WITHIN
    while run.process.running and run.scene.may_work(account, *ways):
        report = await run.report_of(pair.id)
        if report is None or report.paused != reason:
            return
        if TIME.now > end:
            run.wrong(f"pair {pair.id} keeps the pause of the account before: {reason}")
            return
        await asyncio.sleep(1.0)


async def recover(run: RunContext, step: Step) -> None:
    """Let a session climb the recovery ladder."""
    warden = run.process.warden
    await run.process.call(lambda: warden.recover(step["session"]))


async def rotate(run: RunContext, step: Step) -> None:
    """Another data key, or another master key."""
    keys = run.process.warden.keys
    await run.process.call(keys.rotate_data if step["what"] == "data" else keys.rotate_master)


async def backup(run: RunContext, step: Step) -> None:
    """A backup of a session."""
    warden = run.process.warden
    await run.process.call(lambda: warden.session(step["session"]).backup())


async def restore(run: RunContext, step: Step) -> None:
    """The newest backup of a session is its login again."""
    session = run.process.warden.session(step["session"])
    backups = await run.process.call(session.backups)
    if backups:
        newest = max(one.id for one in backups)
        run.dead.add(step["session"])  # one of a login that is over needs another
        await run.process.call(lambda: session.restore(newest))


async def renew(run: RunContext, step: Step) -> None:
    """A new login is made beside the session, by code."""
    session = run.process.warden.session(step["session"])
    run.dead.add(step["session"])
    await run.process.call(session.renew)
    await run.process.call(lambda: session.login("code", CODE))


async def logout(run: RunContext, step: Step) -> None:
    """A session's login is ended; an operator makes another when the run rests."""
    run.dead.add(step["session"])
    await run.process.call(run.process.warden.session(step["session"]).logout)


async def session_delete(run: RunContext, step: Step) -> None:
    """A session is deleted, its pairs go to others; then it is registered again, and logs in."""
    name, sessions = step["session"], run.process.warden.sessions
    for pair in run.pairs:
        if not pair.gone:
            pair.unsettled = True
            pair.carriers[:0] = run.script.sessions  # whoever takes it may give it on
    run.dead.add(name)
    await run.process.call(lambda: sessions.delete(name, force=True))
    phone = run.scene.phone(name)
    await run.process.call(lambda: sessions.register(name, phone=phone))


async def overview(run: RunContext, step: Step) -> None:
    """Look at everything."""
    warden = run.process.warden
    await run.process.call(warden.overview)
    await run.process.call(warden.pairs.dead)


async def retry(run: RunContext, step: Step) -> None:
    """Send dead letters again."""
    warden, pair = run.process.warden, _pair(run, step)
    if pair is not None:
        pair.retried = True
        await run.process.call(lambda: warden.pairs.retry(step["pair"]))


ACTS: Final[dict[str, Act]] = {
    "say": say,
    "album": album,
    "edit": edit,
    "delete": delete,
    "leave": leave,
    "return": come_back,
    "slow": slow,
    "protect": protect,
    "rights": rights,
    "rename": rename,
    "upgrade": upgrade,
    "pass_name": pass_name,
    "revoke": revoke,
    "pair_add": _order(pair_add),
    "pair_change": _order(pair_change),
    "pair_remove": _order(pair_remove),
    "pair_pause": _order(pair_pause),
    "pair_resume": _order(pair_resume),
    "pair_move": _order(pair_move),
    "recover": _order(recover),
    "rotate": _order(rotate),
    "backup": _order(backup),
    "restore": _order(restore),
    "renew": _order(renew),
    "logout": _order(logout),
    "session_delete": _order(session_delete),
    "overview": _order(overview),
    "retry": _order(retry),
}
