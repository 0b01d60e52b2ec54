"""From a crash to the next incarnation's first message, beside stock Pykka and Erlang.

Quiet, and with every crash reported in the log; one at a time, a millisecond apart (``restart_ms``)
or each right after the one before (``again_ms``), and 1,000 at once; and with 10, 1,000 and 10,000
siblings. A subscriber counts every event. Stock Pykka has no supervisor: beside it
stands the least that restarts an actor, without a limit, events, order or a kept mailbox. Erlang
runs when ``erl`` and ``erlc`` are there (``apt install erlang-base``).

usage: python benchmarks/supervision_restarts.py [--reps 3] [--only quiet,siblings] [--how pinned]
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import queue
import shutil
import statistics
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import pykka
from side_by_side import Aim, Cases, Figures, main

from telewarden.supervision import ChildSpec, LoopActor, RestartIntensity, SupervisorSpec, Tree

now = time.perf_counter
ENDLESS = RestartIntensity(limit=10**9, period=1.0)
CRASHES, BURST = 300, 1_000
BASES: dict[str, type[pykka.Actor]] = {"thread": pykka.ThreadingActor, "loop": LoopActor}


class Times:
    """When each child raised, and when its next incarnation handled a message."""

    def __init__(self) -> None:
        self.raised: dict[int, float] = {}
        self.up: dict[int, float] = {}
        self.came: queue.SimpleQueue[int] = queue.SimpleQueue()

    def wait(self, count: int) -> None:
        for _ in range(count):
            self.came.get()

    def single(self, ref: Any, number: int, *, pause: float = 0.001) -> float:
        """The median of many, one at a time and so many seconds apart, in milliseconds."""
        took = []
        for _ in range(CRASHES):
            if pause:
                time.sleep(pause)
            ref.tell("crash")
            self.came.get()
            took.append((self.up[number] - self.raised[number]) * 1e3)
        return statistics.median(took)

    def figures(self, refs: list[Any]) -> Figures:
        """One at a time with and without a pause between them, and all at once."""
        return {
            "restart_ms": self.single(refs[0], 0),
            "again_ms": self.single(refs[0], 0, pause=0.0),
            "burst_ms": self.burst(refs),
        }

    def burst(self, refs: list[Any]) -> float:
        """From the first raise to the last that is back, in milliseconds."""
        time.sleep(0.2)
        self.raised.clear()
        self.up.clear()
        for ref in refs:
            ref.tell("crash")
        self.wait(len(refs))
        return (max(self.up.values()) - min(self.raised.values())) * 1e3


class Crashing:
    """Says hello to itself when it starts; raises at anything else."""

    def __init__(self, times: Times, number: int, keeper: Any = None) -> None:
        super().__init__()
        self.times, self.number, self.keeper = times, number, keeper

    def on_start(self) -> None:
        self.actor_ref.tell("hello")  # type: ignore[attr-defined]  # mixed into an actor

    def on_receive(self, message: object) -> None:
        if message == "hello":
            self.times.up[self.number] = now()
            self.times.came.put(self.number)
        else:
            self.times.raised[self.number] = now()
            raise ValueError(message)


def log_to_nowhere() -> None:
    """Format every line, and write it where it costs nothing."""
    logging.disable(logging.NOTSET)
    logging.basicConfig(
        stream=open(os.devnull, "w"),  # noqa: SIM115 - as long as the process
        level=logging.INFO,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
    )


def supervised(host: str, *, logged: bool = False) -> Figures:
    """In a tree of ours."""
    times, tree = grown(host, BURST)
    if logged:
        log_to_nowhere()
    figures = times.figures([tree.ref(str(number)) for number in range(BURST)])
    tree.stop_blocking()
    return figures


def grown(host: str, count: int) -> tuple[Times, Tree]:
    """A running tree of that many, with somebody who counts its events."""
    times, seen = Times(), []
    actor = type("Child", (Crashing, BASES[host]), {})
    children = tuple(
        ChildSpec(id=str(number), actor=actor, args=(times, number)) for number in range(count)
    )
    tree = Tree(SupervisorSpec(children=children, intensity=ENDLESS))
    tree.events.subscribe(lambda _event: seen.append(None))
    tree.start_blocking()
    times.wait(count)
    return times, tree


def siblings(host: str, count: int) -> Figures:
    """The first, the middle and the last of many."""
    times, tree = grown(host, count)
    took = [times.single(tree.ref(str(n)), n) for n in (0, count // 2, count - 1)]
    tree.stop_blocking()
    return {"restart_ms": statistics.median(took)}


def stock(*, logged: bool = False) -> Figures:
    """Plain Pykka: an actor that starts another one when it is told of a death."""
    times, refs = Times(), {}

    class Child(Crashing, pykka.ThreadingActor):
        def on_failure(self, *_: object) -> None:
            self.keeper.tell(self.number)

    class Keeper(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            if isinstance(message, int):
                refs[message] = Child.start(times, message, self.actor_ref)
            else:
                refs[message[0]].tell(message[1])

    class Latest:
        """Whoever lives under that number now; only the keeper knows for certain."""

        def __init__(self, number: int) -> None:
            self.number = number

        def tell(self, message: object) -> None:
            keeper.tell((self.number, message))

    keeper = Keeper.start()
    for number in range(BURST):
        keeper.tell(number)
    times.wait(BURST)
    if logged:
        log_to_nowhere()
    return times.figures([Latest(number) for number in range(BURST)])


ERLANG = r"""
-module(beside). -behaviour(gen_server).
-export([main/1, init/1, start_link/2, handle_call/3, handle_cast/2, handle_info/2]).
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
one(0, _, P, A) -> {lists:nth(150, lists:sort(A)), P};
one(K, Z, P, A) -> case Z of 0 -> ok; _ -> timer:sleep(Z) end, gen_server:cast(P, crash),
  receive {raised, _, T0} -> ok end, receive {up, _, T1, P1} -> ok end,
  one(K - 1, Z, P1, [(T1 - T0) / 1.0e6 | A]).
main([Log, Out]) ->
  case Log of "quiet" -> logger:set_primary_config(level, none); _ -> ok end,
  {ok, S} = supervisor:start_link(?MODULE, {sup, self(), 1}), #{1 := {_, P}} = ups(1, #{}),
  {L, P1} = one(300, 1, P, []), {G, _} = one(300, 0, P1, []), unlink(S), exit(S, shutdown),
  {ok, _} = supervisor:start_link(?MODULE, {sup, self(), 1000}), U0 = ups(1000, #{}),
  timer:sleep(200), maps:foreach(fun(_, {_, Q}) -> gen_server:cast(Q, crash) end, U0),
  R = raised(1000, []), U = ups(1000, #{}),
  B = (lists:max([T || {T, _} <- maps:values(U)]) - lists:min(R)) / 1.0e6,
  {ok, F} = file:open(Out, [write]),
  io:format(F, "{\"restart_ms\": ~p, \"again_ms\": ~p, \"burst_ms\": ~p}", [L, G, B]),
  file:close(F), halt(0).
"""


def erlang(log: str) -> Figures:
    """Erlang's own supervisor; its log goes nowhere too."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "beside.erl").write_text(ERLANG)
        subprocess.run(["erlc", "beside.erl"], cwd=folder, check=True)
        out = Path(folder) / "figures.json"
        subprocess.run(
            ["erl", "-noshell", "-pa", folder, "-run", "beside", "main", log, str(out)],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )
        figures: Figures = json.loads(out.read_text())
    return figures


def cases(_arguments: argparse.Namespace) -> Cases:
    found = {"quiet.stock": stock, "logged.stock": partial(stock, logged=True)}
    for host in BASES:
        found[f"quiet.{host}"] = partial(supervised, host)
        found[f"logged.{host}"] = partial(supervised, host, logged=True)
    if shutil.which("erl") and shutil.which("erlc"):
        found["quiet.erlang"] = partial(erlang, "quiet")
        found["logged.erlang"] = partial(erlang, "logged")
    for count in (10, 1_000, 10_000):
        found[f"siblings.loop.{count}"] = partial(siblings, "loop", count)
    for count in (10, 1_000):
        found[f"siblings.thread.{count}"] = partial(siblings, "thread", count)
    return found


# the ratios to stock Pykka and Erlang are what the absolute aims are on an undisturbed machine
AIMS = (
    Aim("quiet.loop", "restart_ms", "<=", 0.025),
    Aim("quiet.loop", "again_ms", "<=", 0.025),
    Aim("quiet.loop", "restart_ms", "<=", 0.36, "quiet.stock"),
    Aim("quiet.loop", "restart_ms", "<=", 2.8, "quiet.erlang"),
    Aim("quiet.loop", "burst_ms", "<=", 30.0),
    Aim("quiet.loop", "burst_ms", "<=", 0.155, "quiet.stock"),
    Aim("quiet.loop", "burst_ms", "<=", 1.07, "quiet.erlang"),
    Aim("logged.loop", "restart_ms", "<=", 1.0, "logged.erlang"),
    Aim("quiet.thread", "restart_ms", "<=", 0.04),
    Aim("quiet.thread", "again_ms", "<=", 0.04),
    Aim("quiet.thread", "restart_ms", "<=", 0.57, "quiet.stock"),
    Aim("quiet.thread", "burst_ms", "<=", 150.0),
    Aim("quiet.thread", "burst_ms", "<=", 0.78, "quiet.stock"),
    Aim("siblings.loop.1000", "restart_ms", "<=", 1.25, "siblings.loop.10"),
    Aim("siblings.loop.10000", "restart_ms", "<=", 1.25, "siblings.loop.10"),
    Aim("siblings.thread.1000", "restart_ms", "<=", 1.25, "siblings.thread.10"),
)

if __name__ == "__main__":
    main(__doc__, cases, AIMS)
