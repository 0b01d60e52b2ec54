"""What traces cost a message's way: off, off again (how much two equal runs differ), and on.

Each arm is a forwarder in a process of its own, as in ``forwarding_speed``, one after the other in
turn. "on" is OpenTelemetry's SDK with every span made and none exported.

usage: python benchmarks/traces_off.py [--messages 2000] [--repeats 5] [--mode copy]
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import statistics
import sys
import tempfile
from pathlib import Path

from forwarding_speed import Course

from telewarden.loopback import LoopbackTelegram

SDK = {"OTEL_PYTHON_TRACER_PROVIDER": "sdk_tracer_provider"}
SWITCHED_OFF = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "telewarden"}
ARMS: dict[str, dict[str, str]] = {
    "off": {},
    "off again": {},
    "SDK there, switched off": SDK | SWITCHED_OFF,
    "on": SDK,
}
FIGURES = ("cpu_ms_per_message", "latency_p50_ms", "messages_per_second")

Runs = dict[str, list[dict[str, float]]]


async def measure(messages: int, mode: str, repeats: int) -> Runs:
    """Let all arms run in turn, ``repeats`` times."""
    runs: Runs = {arm: [] for arm in ARMS}
    for _ in range(repeats):
        for arm, environment in ARMS.items():
            os.environ.update(environment)
            with tempfile.TemporaryDirectory() as folder:
                async with LoopbackTelegram(code="22222") as telegram:
                    runs[arm].append(
                        await Course(telegram, Path(folder), mode).run("guarded", messages)
                    )
            for name in environment:
                del os.environ[name]
    return runs


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--mode", choices=("forward", "copy"), default="copy")
    given = parser.parse_args()
    runs = asyncio.run(measure(given.messages, given.mode, given.repeats))
    print("ratio to the run of 'off' in the same round: median (lowest to highest)")
    for arm in list(ARMS)[1:]:
        for figure in FIGURES:
            ratios = [
                one[figure] / off[figure] for one, off in zip(runs[arm], runs["off"], strict=True)
            ]
            told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            print(f"  {arm:24} {figure:22} {told}")
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    sys.exit(main())
