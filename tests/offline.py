"""Nothing in the suite sends a packet off 127.0.0.1: no test, example or snippet, in no process.

Where it is allowed (root), each test process works in a network namespace that has a loopback
device and no way out; its children inherit it. The kernel counts what was to leave and found no
route, and a test that made it count fails. An audit hook names who it was, where that was Python
in the test's own process; without the right to a namespace the hook alone stands in the way.
"""

from __future__ import annotations

import ctypes
import fcntl
import ipaddress
import socket
import struct
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

CLONE_NEWNET: Final = 0x40000000  # linux/sched.h
SIOCSIFFLAGS: Final = 0x8914  # linux/sockios.h
UP_AND_RUNNING: Final = 0x1 | 0x40  # linux/if.h
NAMES: Final = frozenset({"", "localhost", "ip6-localhost", socket.gethostname()})
SENDING: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})

tried: list[str] = []  # by this process, since the test began


def close_in() -> bool:
    """Leave the machine's network for one without a way out; tells whether that is allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare") or libc.unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", UP_AND_RUNNING)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)
    return True


def unrouted() -> int:
    """How many packets of this namespace were to leave the machine and found no way."""
    lines = [line.split() for line in _counters("snmp").splitlines() if line.startswith("Ip:")]
    four = int(dict(zip(*lines, strict=True))["OutNoRoutes"])
    six = dict(line.split() for line in _counters("snmp6").splitlines())
    return four + int(six.get("Ip6OutNoRoutes", 0))


def _counters(name: str) -> str:
    try:
        return Path("/proc/thread-self/net", name).read_text(encoding="ascii")
    except FileNotFoundError:  # a kernel without IPv6
        return ""


def leaves(event: str, args: tuple[Any, ...]) -> str | None:
    """Where to a socket's event would send a packet, if that is off this machine."""
    if event == "socket.getaddrinfo":
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
        return None if host is None or host in NAMES or _numeric(host) else f"the name {host}"
    if event not in SENDING or args[0].family not in (socket.AF_INET, socket.AF_INET6):
        return None
    host = args[1][0] if args[1] else ""
    return None if host in NAMES or _local(host) else str(args[1])


def _numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _local(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False  # a name that the socket is to look up
    return address.is_loopback or address.is_unspecified


CLOSED_IN: Final = close_in()


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if not event.startswith("socket.") or (where := leaves(event, args)) is None:
        return
    tried.append(f"{event} to {where}\n{''.join(traceback.format_stack(limit=12)[:-1])}")
    if not CLOSED_IN:
        raise PermissionError(f"tests stay on 127.0.0.1; this goes to {where}")


sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def stays_on_this_machine() -> Iterator[None]:
    """Fail a test that was about to send something off 127.0.0.1, be it by a process it started."""
    tried.clear()
    before = unrouted() if CLOSED_IN else 0
    yield
    went, culprits = (unrouted() if CLOSED_IN else 0) - before, list(tried)
    tried.clear()
    if went or (culprits and not CLOSED_IN):
        told = "\n".join(culprits) or "by a process that it started, or by other than Python"
        pytest.fail(f"{went} packets were to leave this machine:\n{told}", pytrace=False)
