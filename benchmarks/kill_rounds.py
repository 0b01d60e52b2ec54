"""Kill -9 under load, again and again: what was said must arrive once, in order, as it is now.

A loopback data centre runs here; a whole warden runs in a process of its own, which is killed at
any moment while messages are posted, edited and deleted, and while one pair reads its past. At the
end the targets are compared with the sources: lost, doubled, out of order, edits not made,
deletions not made. All must be 0.

usage: python benchmarks/kill_rounds.py [--rounds 50] [--seed 1] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from telewarden import Warden, parse_config
from telewarden.errors import BackfillRunningError
from telewarden.loopback import ChatHandle, LoopbackTelegram, Message
from telewarden.service.loopback_server import StandIn, populate, sign_in
from telewarden.telegram import ServerAddress

ALICE, PRESS = "+9996620001", "+9996620009"
PAST_A_ROUND = 100  # messages of the past, so that most rounds kill in the middle of it
STILL_FOR = 60.0  # seconds in which nothing comes true any more: then it never will
NAMES = ("copied", "plain", "past")
PAST = 3  # the pair that is told once to forward what was said before it began
RECENT = 40  # messages among which the next one to edit or delete is chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the rounds came to; all but the first five must be 0."""

    rounds: int
    said: int
    edited: int
    deleted: int
    seconds: float
    lost: int
    doubled: int
    misplaced: int
    edits_missed: int
    deletions_missed: int

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, doubled, out of order or out of date."""
        return not (
            self.lost
            or self.doubled
            or self.misplaced
            or self.edits_missed
            or self.deletions_missed
        )


def tables(folder: Path) -> dict[str, Any]:
    chats = [(f"{name}_in", "press") for name in NAMES] + [(name, "alice") for name in NAMES]
    return {
        "telegram": {"api_id": 1},
        "storage": {"folder": "store", "master_key": {"file": "master.key", "create": True}},
        "pacing": {"per_account": 1000.0, "per_chat": 1000.0, "burst": 1000},
        "recovery": {"backoff_initial": 0.05, "backoff_max": 0.2},
        "console": {"port": 0, "socket": str(folder / "unused")},
        "sessions": [{"name": "alice", "phone": ALICE}],
        "pairs": [
            {
                "id": 1,
                "session": "alice",
                "source": "@copied_in",
                "target": "@copied_out",
                "mode": "copy",
            },
            {"id": 2, "session": "alice", "source": "@plain_in", "target": "@plain_out"},
            {
                "id": PAST,
                "session": "alice",
                "source": "@past_in",
                "target": "@past_out",
                "mode": "copy",
            },
        ],
        "loopback": {
            "accounts": [
                {"name": "alice", "phone": ALICE},
                {"name": "press", "phone": PRESS},
            ],
            "chats": [
                {
                    "username": name if name.endswith("_in") else f"{name}_out",
                    "title": name,
                    "owner": owner,
                    "members": ["alice"] if owner == "press" else [],
                }
                for name, owner in chats
            ],
        },
    }


async def be_killed(folder: Path, port: int) -> None:
    """The process that is killed: a warden on ``folder``; says so when its pairs are ready."""
    config = parse_config(tables(folder), base=folder).model_copy(update={"console": None})
    pem = (folder / "pem").read_text(encoding="ascii")
    server = ServerAddress(dc_id=2, host="127.0.0.1", port=port, pem=pem)
    async with Warden(config, server=server) as warden:
        await sign_in(warden, StandIn(server=server))
        while True:
            groups = (await warden.overview()).groups
            if sum(pair.ready for group in groups for pair in group.pairs) == len(config.pairs):
                break
            await asyncio.sleep(0.02)
        if not (folder / "ordered").exists():
            with contextlib.suppress(BackfillRunningError):
                await warden.pairs.backfill(PAST)
            (folder / "ordered").touch()
        print("ready", flush=True)
        await asyncio.Event().wait()


class Rounds:
    """The parent's side: the data centre, the chatter, the kills, the count."""

    def __init__(self, telegram: LoopbackTelegram, folder: Path, seed: int, *, past: int) -> None:
        self._telegram, self._folder = telegram, folder
        self._chance = random.Random(seed)
        config = parse_config(tables(folder), base=folder)
        assert config.loopback is not None
        self._chats = populate(telegram, config.loopback)
        self._said: dict[str, list[Message]] = {"copied": [], "plain": []}
        self._past = [telegram.post(self._chats["past_in"], f"past{n}") for n in range(past)]
        self._gone: set[int] = set()
        self._edited: set[int] = set()
        self._deletions = 0
        (folder / "pem").write_text(str(telegram.pem), encoding="ascii")

    async def run(self, rounds: int) -> Tally:
        began = time.monotonic()
        for number in range(rounds):
            child = await self._start(wait=number == 0 or self._chance.random() < 0.7)
            await self._talk(self._chance.uniform(0.0, 0.4))
            child.kill()
            await child.wait()
        self._said["past"] = self._past
        last = await self._start(wait=True)
        await self._settle()
        last.kill()
        await last.wait()
        return self._count(rounds, time.monotonic() - began)

    async def _start(self, *, wait: bool) -> asyncio.subprocess.Process:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            "--child",
            str(self._folder),
            str(self._telegram.port),
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdout is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if wait else self._chance.uniform(0.5, 2.0)):
                if not await child.stdout.readline():
                    raise RuntimeError(f"the warden ended by itself: {await child.wait()}")
        return child

    async def _talk(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for name in self._said:
                self._say(name)
            await asyncio.sleep(self._chance.uniform(0.0, 0.02))

    def _say(self, name: str) -> None:
        chat, said = self._chats[f"{name}_in"], self._said[name]
        recent = [one for one in said[-RECENT:] if not one.deleted]
        match self._chance.random():
            case low if low < 0.1 and recent and name == "copied":
                message = self._chance.choice(recent)
                chat.edit_message(message, f"{message.text.partition(' ')[0]} v{len(said)}")
                self._edited.add(message.id)
            case high if high > 0.93 and recent:
                chat.delete_messages([self._chance.choice(recent)])
                self._deletions += 1
            case _:
                said.append(self._telegram.post(chat, f"{name}{len(said)}"))

    def _expected(self, name: str) -> list[str]:
        return [message.text for message in self._said[name] if not message.deleted]

    def _arrived(self, name: str) -> list[str]:
        chat: ChatHandle = self._chats[f"{name}_out"]
        return [message.text for message in chat.messages]

    async def _settle(self) -> None:
        """Wait until all is true, as long as it goes on; a busy machine is no fault."""
        seen, until = None, 0.0
        while True:
            arrived = {name: self._arrived(name) for name in self._said}
            if all(arrived[name] == self._expected(name) for name in arrived):
                return
            if arrived != seen:
                seen, until = arrived, time.monotonic() + STILL_FOR
            if time.monotonic() > until:
                return
            await asyncio.sleep(0.05)

    def _count(self, rounds: int, seconds: float) -> Tally:
        lost = doubled = misplaced = edits = deletions = 0
        for name, said in self._said.items():
            wanted = [_key(text) for text in self._expected(name)]
            came = [_key(text) for text in self._arrived(name)]
            lost += len(set(wanted) - set(came))
            doubled += len(came) - len(set(came))
            deletions += len(set(came) - set(wanted))
            order = [one for one in came if one in set(wanted)]
            misplaced += sum(
                1 for a, b in zip(order, sorted(order, key=_number), strict=True) if a != b
            )
            texts = {_key(text): text for text in self._arrived(name)}
            edits += sum(
                1
                for one in said
                if not one.deleted and texts.get(_key(one.text), one.text) != one.text
            )
        return Tally(
            rounds=rounds,
            said=sum(len(said) for said in self._said.values()),
            edited=len(self._edited),
            deleted=self._deletions,
            seconds=seconds,
            lost=lost,
            doubled=doubled,
            misplaced=misplaced,
            edits_missed=edits,
            deletions_missed=deletions,
        )


def _key(text: str) -> str:
    return text.partition(" ")[0]


def _number(key: str) -> int:
    return int("".join(letter for letter in key if letter.isdigit()))


async def measure(rounds: int, *, seed: int = 1) -> Tally:
    """Run ``rounds`` kills and return what they came to."""
    with tempfile.TemporaryDirectory() as folder:
        async with LoopbackTelegram(code="22222") as telegram:
            return await Rounds(telegram, Path(folder), seed, past=PAST_A_ROUND * rounds).run(
                rounds
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    tally = asyncio.run(measure(given.rounds, seed=given.seed))
    if given.json:
        print(json.dumps(asdict(tally), indent=2))
    else:
        for name, value in asdict(tally).items():
            print(f"{name:18} {value:g}")
    return 0 if tally.clean else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        asyncio.run(be_killed(Path(sys.argv[2]), int(sys.argv[3])))
    else:
        sys.exit(main())
