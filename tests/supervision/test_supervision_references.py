"""S19-S21: a reference outlives restarts, the mailbox is kept, an ask is always answered."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import weakref
from dataclasses import dataclass
from typing import Any, assert_type

import pykka
import pytest
from tenacity import wait_fixed

from telewarden.errors import (
    AskTimeoutError,
    BlockingAskError,
    ChildUnavailableError,
    SupervisionError,
)
from telewarden.supervision import (
    Ask,
    ChildForgotten,
    ChildInfo,
    ChildRestarting,
    ChildSpec,
    ChildStarted,
    DeleteChild,
    DynamicSupervisor,
    LoopActor,
    MessageDropped,
    Restart,
    RestartChild,
    RestartIntensity,
    Sibling,
    StartChild,
    SupervisorSpec,
    TerminateChild,
    Tree,
    WhichChildren,
    ask_async,
)

pytestmark = [
    pytest.mark.supervision,
    pytest.mark.crashes("*", ValueError),
    pytest.mark.crashes("*", dropped="str"),
    pytest.mark.crashes("*", dropped="tuple"),
]

BOOM = ("raise", ValueError("boom"))
GENEROUS = RestartIntensity(limit=1_000_000, period=1.0)


def one(child_class: type[pykka.Actor], **more: Any) -> SupervisorSpec:
    return SupervisorSpec(
        children=(ChildSpec(id="a", actor=child_class, **more),), intensity=GENEROUS
    )


async def test_s19_a_reference_taken_once_works_after_restarts(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(one(child_class)) as grown:
        ref = grown.tree.ref("a")
        urn, inbox = ref.actor_urn, ref.actor_inbox
        for _ in range(5):
            ref.tell(BOOM)

        assert await ask_async(ref, "hello", timeout=5) == "hello"
        assert grown.tree.snapshot().find("a").incarnation == 6
        assert (ref.actor_urn, ref.actor_inbox) == (urn, inbox)
        assert grown.tree.ref("a") is ref
        assert pykka.ActorRegistry.get_by_urn(urn) is ref


async def test_s19_a_proxy_taken_once_works_after_restarts_and_shows_the_new_incarnation(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(one(child_class)) as grown:
        ref = grown.tree.ref("a")
        proxy, built = ref.proxy(), pykka.ActorProxy(actor_ref=ref)
        await ask_async(ref, "count", timeout=5)
        ref.tell(BOOM)
        await grown.expect(ChildStarted, "a", count=2)

        assert await proxy.double(21) == 42
        assert await built.count == 0
        proxy.double.defer(3)


async def test_s19_a_proxy_does_not_keep_a_dead_incarnation_in_memory(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(one(child_class)) as grown:
        proxy = grown.tree.ref("a").proxy()
        first = weakref.ref(grown.tree.ref("a").slot.actor)
        grown.tree.ref("a").tell("leave")
        await grown.expect(ChildStarted, "a", count=2)
        gc.collect()

        assert first() is None
        assert await proxy.double(2) == 4


async def test_s20_messages_sent_during_a_restart_wait_and_are_served_in_order(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(one(child_class, backoff=wait_fixed(5))) as grown:
        ref = grown.tree.ref("a")
        ref.tell(BOOM)
        await grown.expect(ChildRestarting, "a")
        answers = [ref.ask("count", block=False) for _ in range(3)]
        grown.clock.advance(5)

        assert [await grown.within(answer) for answer in answers] == [1, 2, 3]


async def test_s20_the_message_that_crashed_is_a_dead_letter_and_not_delivered_again(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(one(child_class)) as grown:
        grown.tree.ref("a").tell(BOOM)
        await grown.expect(ChildStarted, "a", count=2)
        await grown.ask("a", "count")

        assert [letter.message for letter in grown.tree.dead_letters.last()] == [BOOM]
        dropped = grown.probe.seen(MessageDropped)
        assert [(e.child, e.reason, e.message) for e in dropped] == [("a", "crashed", "tuple")]
        assert "boom" not in repr(dropped) + repr(grown.tree.dead_letters.last())


async def test_s20_the_rest_of_the_mailbox_survives_a_crash_while_it_is_being_served(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(one(child_class)) as grown:
        ref = grown.tree.ref("a")
        for _ in range(3):
            ref.tell(BOOM)
            ref.tell("count")
        assert await grown.ask("a", "count") == 2  # one told after the last crash, and this one

        assert grown.tree.dead_letters.count == 3


async def test_s20_what_does_not_fit_during_a_restart_goes_to_dead_letters(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    spec = one(child_class, backoff=wait_fixed(5), mailbox_limit=2)
    async with grow(spec) as grown:
        ref = grown.tree.ref("a")
        ref.tell(BOOM)
        await grown.expect(ChildRestarting, "a")
        for _ in range(5):
            ref.tell("count")
        with pytest.raises(ChildUnavailableError):
            await grown.ask("a", "count")
        grown.clock.advance(5)
        await grown.expect(ChildStarted, "a", count=2)

        reasons = [letter.reason for letter in grown.tree.dead_letters.last()]
        assert reasons == ["crashed", "overflow", "overflow", "overflow"]
        assert await grown.ask("a", "count") == 3


async def test_s19_not_running_now_and_gone_for_good_are_told_apart(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(one(child_class)) as grown:
        ref = grown.tree.ref("a")
        await grown.command(TerminateChild("a"))
        with pytest.raises(ChildUnavailableError):
            await ask_async(ref, "count", timeout=5)
        ref.tell("lost")
        assert ref.is_alive()

        await grown.command(RestartChild("a"))
        assert await ask_async(ref, "count", timeout=5) == 1

        await grown.command(TerminateChild("a"))
        await grown.command(DeleteChild("a"))
        with pytest.raises(pykka.ActorDeadError):
            await ask_async(ref, "count", timeout=5)
        with pytest.raises(pykka.ActorDeadError):
            ref.tell("lost")
        assert not ref.is_alive()


async def test_s13_a_temporary_child_s_arguments_are_let_go_of(
    grow: Any, child_class: type[pykka.Actor], told: Any
) -> None:
    orders = told()
    spec = SupervisorSpec(children=(ChildSpec(id="dyn", actor=DynamicSupervisor),))
    async with grow(spec) as grown:
        child = ChildSpec(id="t", actor=child_class, args=(orders,), restart=Restart.TEMPORARY)
        ref = await grown.command(StartChild(child), "dyn")
        del child
        kept = weakref.ref(orders)
        ref.tell("leave")
        del ref, orders
        await grown.expect(ChildForgotten, "dyn/t")
        for thread in threading.enumerate():
            if thread.name == "dyn/t":
                thread.join(5)
        gc.collect()

        assert kept() is None


async def test_siblings_are_known_by_their_stable_references(
    grow: Any, child_class: type[pykka.Actor], told: Any
) -> None:
    class Asks(child_class):  # type: ignore[misc, valid-type]  # the host's class
        def __init__(self, later: Any, *, earlier: Any) -> None:
            super().__init__()
            self.later, self.earlier = later, earlier

        def on_receive(self, message: Any) -> Any:
            return [self.later.actor_urn, self.earlier.actor_urn]

    spec = SupervisorSpec(
        children=(
            ChildSpec(id="a", actor=child_class),
            ChildSpec(id="b", actor=Asks, args=(Sibling("c"),), kwargs={"earlier": Sibling("a")}),
            ChildSpec(id="c", actor=child_class),
        )
    )
    async with grow(spec) as grown:
        urns = [grown.tree.ref(id_).actor_urn for id_ in ("c", "a")]

        assert await grown.ask("b", "who") == urns


# asking


async def test_a_blocking_ask_of_a_thread_is_answered_even_inside_the_loop(
    grow: Any, thread_child: type[pykka.Actor]
) -> None:
    async with grow(one(thread_child)) as grown:
        assert grown.tree.ref("a").ask("unwise, but possible", timeout=5)


async def test_a_blocking_ask_inside_the_loop_is_refused_before_anything_is_sent(
    grow: Any, loop_child: type[pykka.Actor]
) -> None:
    async with grow(one(loop_child)) as grown:
        ref = grown.tree.ref("a")
        with pytest.raises(BlockingAskError, match="ask_async"):
            ref.ask("count")
        with pytest.raises(BlockingAskError):
            ref.proxy().double(2).get()
        with pytest.raises(BlockingAskError):
            ref.stop()

        assert await ask_async(ref, "count", timeout=5) == 1


async def test_a_reply_can_be_awaited_in_the_loop(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(one(child_class)) as grown:
        assert await grown.tree.ref("a").ask("hello", block=False) == "hello"
        assert await grown.tree.ref("a").proxy().double(4) == 8


async def test_an_ask_that_is_not_answered_in_time_says_whom_it_asked(
    grow: Any, thread_child: type[pykka.Actor], gate: Any
) -> None:
    async with grow(one(thread_child)) as grown:
        with pytest.raises(AskTimeoutError, match=r"at a did not answer within 0\.01 s"):
            await ask_async(grown.tree.ref("a"), ("wait", gate), timeout=0.01)
        gate.open()


async def test_ask_async_works_with_plain_pykka_actors(thread_child: type[pykka.Actor]) -> None:
    ref = thread_child.start()

    assert await ask_async(ref, "hello", timeout=5) == "hello"
    with pytest.raises(ValueError, match="boom"):
        await ask_async(ref, BOOM, timeout=5)
    ref.stop()
    with pytest.raises(pykka.ActorDeadError):
        await ask_async(ref, "hello", timeout=5)


def test_a_child_is_asked_from_plain_threads_too(child_class: type[pykka.Actor]) -> None:
    with Tree(one(child_class)) as tree:
        ref = tree.ref("a")

        assert ref.ask("count", timeout=5) == 1
        assert ref.proxy().double(3).get(timeout=5) == 6
        assert ref.proxy().double(3).map(lambda n: n + 1).get(timeout=5) == 7
        assert ref.stop(timeout=5) is True


def test_s21_asks_racing_with_crashes_and_stops_are_all_answered(
    child_class: type[pykka.Actor],
) -> None:
    """Every ask ends in a reply, the child's error, dead or unavailable; none hangs."""
    children = tuple(
        ChildSpec(id=f"c{n}", actor=child_class, mailbox_limit=50, shutdown=5) for n in range(4)
    )
    answers: list[pykka.Future[Any]] = []
    lock = threading.Lock()
    with Tree(SupervisorSpec(children=children, intensity=GENEROUS)) as tree:
        refs = [tree.ref(f"c{n}") for n in range(4)]

        def ask_around(seed: int) -> None:
            chance, mine = random.Random(seed), []
            for _ in range(5000):
                ref = chance.choice(refs)
                roll = chance.random()
                try:
                    if roll < 0.02:
                        ref.tell(BOOM)
                    elif roll < 0.03:
                        mine.append(ref.stop(block=False))
                    else:
                        mine.append(ref.ask("count", block=False))
                except pykka.ActorDeadError:
                    continue
            with lock:
                answers.extend(mine)

        threads = [threading.Thread(target=ask_around, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        threads[0].join()
        tree.stop_blocking()
        for thread in threads:
            thread.join()

    for answer in answers:
        try:
            answer.get(timeout=5)
        except (pykka.ActorDeadError, SupervisionError):
            continue


async def test_concurrent_askers_of_one_child_each_get_their_own_answer(
    grow: Any, child_class: type[pykka.Actor]
) -> None:
    async with grow(one(child_class)) as grown:
        answers = await asyncio.gather(*(grown.ask("a", n) for n in range(500)))

        assert answers == list(range(500))


@dataclass(frozen=True, slots=True)
class Length(Ask[int]):
    text: str


async def test_who_asks_gets_the_type_that_the_message_says() -> None:
    class Counting(LoopActor):
        def on_receive(self, message: Any) -> int:
            return len(message.text)

    async with Tree(SupervisorSpec(children=(ChildSpec(id="x", actor=Counting),))) as tree:
        answer = await ask_async(tree.ref("x"), Length("four"), timeout=5)
        children = await ask_async(tree.supervisor, WhichChildren(), timeout=5)

    assert assert_type(answer, int) == 4
    assert [one.id for one in assert_type(children, tuple[ChildInfo, ...])] == ["x"]
    assert not hasattr(Length("four"), "__dict__")
