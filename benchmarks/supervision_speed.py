"""How fast supervised actors are, beside stock Pykka and Erlang in the same minute.

Each case runs in a process of its own; the cases are interleaved over the repetitions, first pinned
to one core, then free. Prints medians and ratios of medians, then how they stand to the aims.
Erlang runs when ``erl`` and ``erlc`` are there (``apt install erlang-base``).

usage: python benchmarks/supervision_speed.py [--reps 3] [--only tell] [--children 10000] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pykka

from telewarden.supervision import ChildSpec, LoopActor, RestartBudget, SupervisorSpec, Tree

now = time.perf_counter
ENDLESS = RestartBudget(limit=10**9, within=1.0)
TELLS, ASKS, CRASHES, BURST = 300_000, 10_000, 300, 1_000
BASES: dict[str, type[pykka.Actor]] = {
    "stock": pykka.ThreadingActor,
    "thread": pykka.ThreadingActor,
    "loop": LoopActor,
}
Figures = dict[str, float]


def tree_of(actor: type[pykka.Actor], count: int, *args: object) -> Tree:
    """A tree of that many of them, not started."""
    children = tuple(
        ChildSpec(id=str(number), actor=actor, args=(number, *args)) for number in range(count)
    )
    return Tree(SupervisorSpec(children=children, budget=ENDLESS))


def median(values: list[float]) -> float:
    return statistics.median(values)


# cases, each in its own process


def messages(host: str) -> Figures:
    """Messages a second from another thread, and microseconds for an answered one."""
    done = threading.Event()

    class Sink(BASES[host]):  # type: ignore[misc]  # the class is chosen by the case
        def __init__(self, _number: int) -> None:
            super().__init__()

        def on_receive(self, message: object) -> object:
            if message is None:
                done.set()
            return message

    tree = None if host == "stock" else tree_of(Sink, 1)
    if tree is not None:
        tree.start_blocking()
    ref = Sink.start(0) if tree is None else tree.ref("0")
    begun = now()
    for number in range(TELLS):
        ref.tell(number)
    ref.tell(None)
    done.wait()
    told = TELLS / (now() - begun)
    took = []
    for number in range(ASKS):
        begun = now()
        ref.ask(number)
        took.append((now() - begun) * 1e6)
    ref.stop() if tree is None else tree.stop_blocking()
    return {"tell_per_second": told, "ask_us": median(took)}


def restarts(host: str) -> Figures:
    """Milliseconds from a crash to the next incarnation's first message; and of 1,000 at once."""
    raised: dict[int, float] = {}
    up: dict[int, float] = {}
    came = threading.Semaphore(0)

    class Crashing(BASES[host]):  # type: ignore[misc]  # the class is chosen by the case
        def __init__(self, number: int, keeper: Any = None) -> None:
            super().__init__()
            self.number, self.keeper = number, keeper

        def on_start(self) -> None:
            self.actor_ref.tell("hello")

        def on_receive(self, message: object) -> None:
            if message == "hello":
                up[self.number] = now()
                came.release()
            else:
                raised[self.number] = now()
                raise ValueError(message)

        def on_failure(self, *_: object) -> None:
            if self.keeper is not None:
                self.keeper.tell(self.number)

    class Keeper(pykka.ThreadingActor):
        """The least that restarts a stock Pykka actor: no budget, no events, no kept mailbox."""

        def on_receive(self, number: int) -> None:
            refs[number] = Crashing.start(number, self.actor_ref)

    refs: dict[int, Any] = {}
    tree = None
    if host == "stock":
        keeper = Keeper.start()
        for number in range(BURST):
            keeper.tell(number)
    else:
        tree = tree_of(Crashing, BURST)
        tree.start_blocking()
        refs = {number: tree.ref(str(number)) for number in range(BURST)}
    for _ in range(BURST):
        came.acquire()
    single = []
    for _ in range(CRASHES):
        time.sleep(0.001)
        refs[0].tell("crash")
        came.acquire()
        single.append((up[0] - raised[0]) * 1e3)
    time.sleep(0.2)
    raised.clear()
    up.clear()
    for ref in list(refs.values()):
        ref.tell("crash")
    for _ in range(BURST):
        came.acquire()
    burst = (max(up.values()) - min(raised.values())) * 1e3
    pykka.ActorRegistry.stop_all(block=False) if tree is None else tree.stop_blocking()
    return {"restart_ms": median(single), "burst_ms": burst}


def scale(host: str, count: int) -> Figures:
    """Start and stop of many, newest first; a tick to all; what each costs in memory."""
    left = threading.Semaphore(0)

    class Idle(BASES[host]):  # type: ignore[misc]  # the class is chosen by the case
        def __init__(self, _number: int) -> None:
            super().__init__()

        def on_receive(self, _message: object) -> None:
            left.release()

    before = resident()
    begun = now()
    tree = None if host == "stock" else tree_of(Idle, count)
    if tree is None:
        refs = [Idle.start(number) for number in range(count)]
    else:
        tree.start_blocking()
        refs = [tree.ref(str(number)) for number in range(count)]
    figures = {"start_s": now() - begun, "kib_each": (resident() - before) / count}
    begun = now()
    if host == "loop":
        for ref in refs:
            ref.tell("tick")
        for _ in refs:
            left.acquire()
        figures["tick_ms"] = (now() - begun) * 1e3
    begun = now()
    if tree is None:
        for ref in reversed(refs):
            ref.stop(block=True)
    else:
        tree.stop_blocking()
    return figures | {"stop_s": now() - begun}


def resident() -> float:
    """KiB of memory in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024


def delay(count: int) -> Figures:
    """The longest that an ask waits while a sweep goes over ``count`` actors of the same loop."""

    class Swept(LoopActor):
        def __init__(self, _number: int) -> None:
            super().__init__()

    async def measured() -> Figures:
        async with tree_of(Swept, count) as tree:
            refs = [tree.ref(str(number)) for number in range(count)]
            worst, asked = 0.0, 0
            for ref in refs[1:]:
                ref.tell("sweep")
            while asked < 20:
                begun = now()
                await refs[0].ask("?", block=False)
                worst, asked = max(worst, now() - begun), asked + 1
            return {"worst_ask_ms": worst * 1e3}

    return asyncio.run(measured())


ERLANG = r"""
-module(beside). -behaviour(gen_server).
-export([main/0, init/1, start_link/2, handle_call/3, handle_cast/2, handle_info/2]).
init({sup, C, N}) ->
  {ok, {#{strategy => one_for_one, intensity => 100000000, period => 1},
    [#{id => I, start => {?MODULE, start_link, [C, I]}} || I <- lists:seq(1, N)]}};
init({kid, C, I}) -> self() ! hello, {ok, {C, I}}.
start_link(C, I) -> gen_server:start_link(?MODULE, {kid, C, I}, []).
handle_call(_, _, S) -> {reply, ok, S}.
handle_cast(crash, {C, I}) -> C ! {raised, I, t()}, error(boom).
handle_info(hello, {C, I} = S) -> C ! {up, I, t(), self()}, {noreply, S}.
t() -> erlang:monotonic_time(nanosecond).
ups(0, M) -> M; ups(N, M) -> receive {up, I, T, P} -> ups(N - 1, M#{I => {T, P}}) end.
raised(0, L) -> L; raised(N, L) -> receive {raised, _, T} -> raised(N - 1, [T | L]) end.
one(0, _, A) -> A;
one(K, P, A) -> timer:sleep(1), gen_server:cast(P, crash),
  receive {raised, _, T0} -> ok end, receive {up, _, T1, P1} -> ok end,
  one(K - 1, P1, [(T1 - T0) / 1.0e6 | A]).
main() ->
  logger:set_primary_config(level, none),
  {ok, S} = supervisor:start_link(?MODULE, {sup, self(), 1}), #{1 := {_, P}} = ups(1, #{}),
  L = lists:sort(one(300, P, [])), unlink(S), exit(S, shutdown),
  {ok, _} = supervisor:start_link(?MODULE, {sup, self(), 1000}), U0 = ups(1000, #{}),
  timer:sleep(200), maps:foreach(fun(_, {_, Q}) -> gen_server:cast(Q, crash) end, U0),
  R = raised(1000, []), U = ups(1000, #{}),
  B = (lists:max([T || {T, _} <- maps:values(U)]) - lists:min(R)) / 1.0e6,
  io:format("{\"restart_ms\": ~p, \"burst_ms\": ~p}~n", [lists:nth(150, L), B]), halt(0).
"""


def erlang() -> Figures:
    """Erlang's own supervisor, doing what ``restarts`` does, quietly."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "beside.erl").write_text(ERLANG)
        subprocess.run(["erlc", "beside.erl"], cwd=folder, check=True)
        said = subprocess.run(
            ["erl", "-noshell", "-pa", folder, "-run", "beside", "main"],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
    figures: Figures = json.loads(said.stdout)
    return figures


def cases(children: int) -> dict[str, Callable[[], Figures]]:
    found: dict[str, Callable[[], Figures]] = {}
    for host in BASES:
        found[f"messages.{host}"] = lambda host=host: messages(host)  # type: ignore[misc]
        found[f"restarts.{host}"] = lambda host=host: restarts(host)  # type: ignore[misc]
        found[f"scale.{host}"] = lambda host=host: scale(host, children)  # type: ignore[misc]
    found["delay.loop"] = lambda: delay(children)
    if shutil.which("erl") and shutil.which("erlc"):
        found["restarts.erlang"] = erlang
    return found


# figure, then at most (or at least) this: times the other case's figure, or alone
AIMS: tuple[tuple[str, str, str, float, str | None], ...] = (
    ("messages.loop", "tell_per_second", ">=", 2.0, "messages.stock"),
    ("messages.loop", "ask_us", "<=", 1.0, "messages.stock"),
    ("messages.thread", "tell_per_second", ">=", 2.0, "messages.stock"),
    ("messages.thread", "ask_us", "<=", 1.0, "messages.stock"),
    ("restarts.loop", "restart_ms", "<=", 0.025, None),
    ("restarts.loop", "restart_ms", "<=", 2.8, "restarts.erlang"),
    ("restarts.loop", "burst_ms", "<=", 30.0, None),
    ("restarts.loop", "burst_ms", "<=", 1.1, "restarts.erlang"),
    ("restarts.thread", "restart_ms", "<=", 0.04, None),
    ("restarts.thread", "restart_ms", "<=", 0.57, "restarts.stock"),
    ("restarts.thread", "burst_ms", "<=", 150.0, None),
    ("scale.loop", "start_s", "<=", 0.4, None),
    ("scale.loop", "stop_s", "<=", 0.4, None),
    ("scale.loop", "kib_each", "<=", 6.0, None),
    ("scale.loop", "tick_ms", "<=", 40.0, None),
    ("scale.thread", "start_s", "<=", 1.0, "scale.stock"),
    ("scale.thread", "stop_s", "<=", 1.0, "scale.stock"),
    ("scale.thread", "kib_each", "<=", 1.1, "scale.stock"),
    ("delay.loop", "worst_ask_ms", "<=", 10.0, None),
)
FREE = {("messages.loop", "tell_per_second"): 5.0, ("messages.thread", "tell_per_second"): 5.0}


def measured(name: str, *, pinned: bool, children: int) -> Figures:
    """One case in a process of its own."""
    command = [sys.executable, __file__, "--case", name, "--children", str(children)]
    if pinned:
        command.append("--pinned")
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    figures: Figures = json.loads(said.stdout.strip().splitlines()[-1])
    return figures


def compare(found: dict[str, Figures], *, pinned: bool) -> list[str]:
    lines = []
    for case, figure, relation, aim, beside in AIMS:
        if case not in found or (beside is not None and beside not in found):
            continue
        wanted = aim if pinned else FREE.get((case, figure), aim)
        value = found[case][figure]
        shown = value if beside is None else value / found[beside][figure]
        holds = shown >= wanted if relation == ">=" else shown <= wanted
        against = "" if beside is None else f" x {beside}"
        lines.append(
            f"{'ok  ' if holds else 'MISS'} {case} {figure} {shown:.4g}{against}"
            f" (aim {relation} {wanted:g})"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--children", type=int, default=10_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case")
    parser.add_argument("--pinned", action="store_true")
    arguments = parser.parse_args()
    known = cases(arguments.children)
    if arguments.case:
        if arguments.pinned:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        logging.disable(logging.CRITICAL)
        print(json.dumps(known[arguments.case]()), flush=True)
        os._exit(0)
    names = [name for name in known if arguments.only in name]
    for pinned in (True, False):
        took: dict[str, list[Figures]] = {}
        for rep in range(arguments.reps):
            turn = rep % max(1, len(names))
            for name in names[turn:] + names[:turn]:
                one = measured(name, pinned=pinned, children=arguments.children)
                took.setdefault(name, []).append(one)
        found = {
            name: {key: median([one[key] for one in all_]) for key in all_[0]}
            for name, all_ in took.items()
        }
        print("pinned to one core" if pinned else "free")
        if arguments.json:
            print(json.dumps(found, indent=1))
        for name, figures in sorted(found.items()):
            print(" ", name, " ".join(f"{key}={value:.4g}" for key, value in figures.items()))
        for line in compare(found, pinned=pinned):
            print(" ", line)


if __name__ == "__main__":
    main()
