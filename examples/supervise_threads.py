"""Supervise three ordinary Pykka actors: nothing about them knows that they are supervised.

    python examples/supervise_threads.py

A counter, a printer that asks the counter, and a worker that fails every third job. The worker
comes back by itself, with its reference and its waiting jobs; when it fails too often it is put in
quarantine, and the other two go on.
"""

from __future__ import annotations

import logging

import pykka
from tenacity import wait_random_exponential

from telewarden.supervision import (
    ChildQuarantined,
    ChildRestarting,
    ChildSpec,
    EventProbe,
    RestartChild,
    RestartIntensity,
    Sibling,
    Strategy,
    SupervisorSpec,
    Tree,
)


class Counter(pykka.ThreadingActor):
    """Counts."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def add(self) -> int:
        self.count += 1
        return self.count


class Printer(pykka.ThreadingActor):
    """Prints a numbered line."""

    def __init__(self, counter: pykka.ActorRef[Counter]) -> None:
        super().__init__()
        self._counter = counter.proxy()

    def line(self, text: str) -> None:
        print(f"{self._counter.add().get(timeout=1)}: {text}")


class Worker(pykka.ThreadingActor):
    """Does jobs; every third one is too much for it."""

    def __init__(self, printer: pykka.ActorRef[Printer]) -> None:
        super().__init__()
        self._printer = printer.proxy()

    def work(self, job: int) -> None:
        if job % 3 == 0:
            raise RuntimeError("too much")
        self._printer.line(f"job {job} done").get(timeout=1)


SPEC = SupervisorSpec(
    strategy=Strategy.REST_FOR_ONE,  # a later child uses an earlier one, by its stable reference
    children=(
        ChildSpec(id="counter", actor=Counter),
        ChildSpec(id="printer", actor=Printer, args=(Sibling("counter"),)),
        ChildSpec(
            id="worker",
            actor=Worker,
            args=(Sibling("printer"),),
            backoff=wait_random_exponential(multiplier=0.01, max=0.1),
            intensity=RestartIntensity(limit=3, period=60.0),
        ),
    ),
)


def main() -> None:
    logging.basicConfig(level=logging.ERROR)  # INFO shows every start, restart and stop
    with Tree(SPEC, name="example") as tree:
        probe = EventProbe(tree.events)
        tree.events.subscribe(
            lambda event: print(f"   {event.child} restarts: {event.reason}"),
            kinds=(ChildRestarting,),
        )
        worker = tree.ref("worker").proxy()
        for job in range(1, 14):
            worker.work.defer(job)
        probe.expect(ChildQuarantined, "worker").get(timeout=10)
        print(tree.snapshot().as_text())

        tree.supervisor.ask(RestartChild("worker"), timeout=10)
        worker.work(100).get(timeout=10)
        print(tree.stop_blocking().as_text())


if __name__ == "__main__":
    main()
