"""The network between the processes: in memory, with latency, pieces, cuts and closed doors."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Final

from .loop import Handle, NodeLoop, Scheduler
from .surroundings import TIME

__all__ = ["Network", "SimTransport"]

FIRST_PORT: Final = 20_000


class FakeSocket:
    """What a transport says of its socket."""

    def setsockopt(self, *_: Any) -> None:
        pass

    def fileno(self) -> int:
        return -1


class FakeListener:
    """A bound port."""

    def __init__(self, network: Network, host: str, port: int) -> None:
        self.network, self.host, self.port = network, host, port

    def getsockname(self) -> tuple[str, int]:
        return self.host, self.port

    def close(self) -> None:
        self.network.bound.pop(self.port, None)


class SimServer:
    """Stands for ``asyncio.Server``."""

    sockets = ()  # no loop waits for any: a connection is made in the turn in which it is taken

    def __init__(self, network: Network, listener: FakeListener) -> None:
        self._network, self._listener = network, listener

    def close(self) -> None:
        self._network.listening.pop(self._listener.port, None)
        self._listener.close()

    async def wait_closed(self) -> None:
        pass


class Network:
    """Who listens where, and what is on its way.

    Args:
        scheduler: by whom things arrive.
        seed: what latency is drawn from.
    """

    def __init__(self, scheduler: Scheduler, seed: str) -> None:
        self.scheduler, self._seed = scheduler, seed
        self._rng = random.Random(f"network {seed}")
        self._ports = itertools.count(FIRST_PORT)
        self._numbers = itertools.count(1)
        self.bound: dict[int, FakeListener] = {}
        self.listening: dict[int, tuple[NodeLoop, Callable[[], Any]]] = {}
        self.links: dict[SimTransport, None] = {}  # the clients' ends
        self.spikes = 0.01  # how often a piece is much later than usual
        self.pieces = 0.03  # how often what is written arrives in pieces
        self.told: Callable[[SimTransport, bytes], object] | None = None
        self.dialled = 0
        self.lost_at = -math.inf  # when something that was under way was last lost

    # The server's side

    def bind(self, address: tuple[str, int], **_: Any) -> FakeListener:
        """Bind a port; 0 for a free one. Stands for ``socket.create_server``."""
        host, port = address
        port = port or next(self._ports)
        if port in self.bound:
            raise OSError(98, "Address already in use")
        listener = self.bound[port] = FakeListener(self, host, port)
        return listener

    def listen(self, loop: NodeLoop, factory: Callable[[], Any], sock: FakeListener) -> SimServer:
        """Accept connections at a bound port."""
        self.listening[sock.port] = (loop, factory)
        return SimServer(self, sock)

    # The client's side

    async def dial(
        self, loop: NodeLoop, factory: Callable[[], Any], host: str, port: int
    ) -> tuple[Any, Any]:
        """Connect to whoever listens at a port."""
        self.dialled += 1
        await asyncio.sleep(self._rng.uniform(0.0005, 0.02))
        if port in self.bound and port not in self.listening:
            await asyncio.sleep(0.001)  # accepted as soon as the server gets to it
        found = self.listening.get(port)
        if found is None:
            raise ConnectionRefusedError(111, f"Connect call failed ({host!r}, {port})")
        server_loop, server_factory = found
        number = next(self._numbers)
        rng = random.Random(f"link {self._seed} {number}")
        here = SimTransport(self, loop, rng, number)
        there = SimTransport(self, server_loop, rng, -number)
        here.peer, there.peer = there, here
        here.protocol, there.protocol = factory(), server_factory()
        loop.connections[here] = server_loop.connections[there] = self.links[here] = None
        there.arrive(0.0, there.protocol.connection_made, there)
        here.protocol.connection_made(here)
        return here, here.protocol


class SimTransport(asyncio.Transport):
    """One end of a connection."""

    def __init__(self, network: Network, loop: NodeLoop, rng: random.Random, number: int) -> None:
        super().__init__()
        self.network, self.loop, self.number = network, loop, number
        self._rng = rng
        self._context = copy_context()  # a protocol is called in the one its connection began in
        self.peer: SimTransport
        self.protocol: Any = None
        self._closing = self._lost = False
        self._paused = False
        self._kept: list[bytes] = []
        self._last = 0.0  # when the last thing arrives here
        self._base = rng.uniform(0.0003, 0.01)

    # asyncio's side

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return FakeSocket() if name == "socket" else default

    def get_protocol(self) -> Any:
        return self.protocol

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self._closing or self.peer._closing

    def write(self, data: Any) -> None:
        if self._closing or self.peer._lost:  # of a process that is dead nobody takes it
            self.network.lost_at = TIME.now
        if self._closing or not data:
            return
        data = bytes(data)
        rng, network, peer = self._rng, self.network, self.peer
        if len(data) > 1 and rng.random() < network.pieces:
            at = rng.randrange(1, len(data))
            peer.arrive(self._latency(), peer._take, data[:at])
            data = data[at:]
        peer.arrive(self._latency(), peer._take, data)

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def is_reading(self) -> bool:
        return not self._paused

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        kept, self._kept = self._kept, []
        for data in kept:
            self.loop.call_soon(self._take, data)

    def close(self) -> None:
        """Close once everything written has arrived."""
        if not self._closing:
            self._closing = True
            self.loop.call_soon(self._lose, None)
            self.peer.arrive(self._latency(), self.peer._ended)

    def abort(self) -> None:
        """Close at once."""
        if not self._closing:
            self._closing = True
            self.loop.call_soon(self._lose, None)
            if self._rng.random() < 0.5:  # what is under way arrives, or is overtaken
                self.peer.arrive(self._latency(), self.peer._ended)
            else:
                self.peer.at_once(self._latency(), self.peer._reset)

    # The network's side

    def arrive(self, latency: float, call: Callable[..., object], *args: Any) -> None:
        """Have something happen here, after all that is on its way already."""
        self._last = when = max(self._last, TIME.now + latency)
        self.network.scheduler.at(when, Handle(call, args, self.loop, self._context))

    def at_once(self, latency: float, call: Callable[..., object]) -> None:
        """Have something happen here, whatever is on its way."""
        handle = Handle(call, (), self.loop, self._context)
        self.network.scheduler.at(TIME.now + latency, handle)

    def cut(self) -> None:
        """The way breaks: both ends hear of it, what is under way is lost."""
        for end in (self, self.peer):
            end.at_once(end._latency(), end._reset)
            end._closing = True

    def vanish(self) -> None:
        """The process at this end is dead."""
        self._closing = self._lost = True
        self.network.lost_at = TIME.now
        self.loop.connections.pop(self, None)
        self.network.links.pop(self, None)
        self.peer.arrive(self._latency(), self.peer._ended)

    def _latency(self) -> float:
        rng = self._rng
        if rng.random() < self.network.spikes:
            return rng.uniform(0.05, 1.5)
        return self._base * rng.uniform(0.6, 1.6)

    def _take(self, data: bytes) -> None:
        if self._lost or self._closing:
            self.network.lost_at = TIME.now
            return
        if self._paused:
            self._kept.append(data)
            return
        if self.network.told is not None:
            self.network.told(self, data)
        self.protocol.data_received(data)

    def _ended(self) -> None:
        if self._lost:
            return
        self._closing = True
        if not self.protocol.eof_received():
            self._lose(None)

    def _reset(self) -> None:
        self._closing = True
        self._lose(ConnectionResetError(104, "Connection reset by peer"))

    def _lose(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        if self.number > 0:
            self.network.lost_at = TIME.now
        self.loop.connections.pop(self, None)
        self.network.links.pop(self, None)
        self.protocol.connection_lost(error)
