"""How other threads wake the loop that a tree lives in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from telewarden.supervision.runtime.event_loop import LoopHost

pytestmark = pytest.mark.supervision


class NoReaders(asyncio.SelectorEventLoop):
    """A loop that cannot listen to a descriptor, as on other systems."""

    def add_reader(self, *_: Any) -> None:
        raise NotImplementedError


def from_a_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


@pytest.mark.parametrize("kind", [asyncio.SelectorEventLoop, NoReaders])
@pytest.mark.parametrize("opened", [True, False])
def test_a_thread_wakes_the_loop_with_or_without_a_bell(
    kind: type[asyncio.AbstractEventLoop], opened: bool
) -> None:
    async def woken() -> list[int]:
        host = LoopHost(asyncio.get_running_loop())
        if opened:
            host.open()
        came = asyncio.Event()
        calls: list[int] = []
        from_a_thread(lambda: (host.call_soon(calls.append, 1), host.call_soon(calls.append, 2)))
        from_a_thread(lambda: host.call_soon(came.set))
        async with asyncio.timeout(30):
            await came.wait()
        host.close()
        return calls

    with asyncio.Runner(loop_factory=kind) as runner:
        assert runner.run(woken()) == [1, 2]


async def test_what_was_posted_when_the_bell_is_taken_down_is_still_done() -> None:
    host = LoopHost(asyncio.get_running_loop())
    host.open()
    calls: list[int] = []
    from_a_thread(lambda: host.call_soon(calls.append, 1))

    host.close()
    host.close()

    assert calls == [1]


async def test_a_host_without_its_bell_is_woken_as_every_loop_is() -> None:
    host = LoopHost(asyncio.get_running_loop())
    host.open()
    host.close()
    came = asyncio.Event()

    from_a_thread(lambda: host.call_soon(came.set))

    async with asyncio.timeout(30):
        await came.wait()
