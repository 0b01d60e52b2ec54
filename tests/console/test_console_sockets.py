"""Addresses are taken before anything starts, or refused in one sentence."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path

import pytest

from telewarden.console import bind_tcp, bind_unix
from telewarden.errors import ListenError

pytestmark = pytest.mark.console


def test_port_0_takes_a_free_one() -> None:
    with contextlib.closing(bind_tcp("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()

        assert host == "127.0.0.1"
        assert port > 0
        with socket.create_connection((host, port), timeout=5.0):
            pass


def test_an_occupied_port_is_refused_with_the_way_out() -> None:
    with contextlib.closing(bind_tcp("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError) as refused:
            bind_tcp("127.0.0.1", port)

    assert str(refused.value) == (
        f"the console cannot listen on 127.0.0.1:{port}: another program listens there; "
        "free it or choose another"
    )


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("203.0.113.7", 0, "this machine has no such address"),
        ("-no-such-name-", 0, "no such address is known here"),
        ("127.0.0.1", 70_000, "ports go from 0 to 65535"),
        ("127.0.0.1", -1, "ports go from 0 to 65535"),
    ],
)
def test_an_address_that_cannot_be_is_refused(host: str, port: int, why: str) -> None:
    with pytest.raises(ListenError) as refused:
        bind_tcp(host, port)

    assert refused.value.why == why


def test_ipv6_is_written_with_brackets() -> None:
    with pytest.raises(ListenError, match=r"\[2001:db8::1\]:80"):
        bind_tcp("2001:db8::1", 80)


def test_the_control_socket_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    before = os.umask(0)
    try:
        listener = bind_unix(path)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    listener.close()


def test_closing_the_control_socket_removes_its_file_once(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    listener = bind_unix(path)
    listener.dup().close()  # a copy leaves the file
    still_there = path.exists()
    listener.close()
    listener.close()

    assert still_there
    assert not path.exists()


def test_a_successors_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    first = bind_unix(path)
    path.rename(tmp_path / "moved.sock")
    second = bind_unix(path)
    first.close()

    assert path.exists()
    second.close()


def test_a_socket_that_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))

    with contextlib.closing(bind_unix(path)), socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))


def test_a_socket_that_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with contextlib.closing(bind_unix(path)):
        with pytest.raises(ListenError, match="another warden listens there"):
            bind_unix(path)
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path))


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("precious")

    with pytest.raises(ListenError, match="is no socket"):
        bind_unix(path)
    assert path.read_text() == "precious"


def test_a_path_that_is_too_long_for_a_socket_says_so(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 101)

    with pytest.raises(ListenError, match=r"the path has \d+ bytes, and .* 100 at most"):
        bind_unix(path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match=r"missing/control\.sock: No such file or directory"):
        bind_unix(tmp_path / "missing" / "control.sock")
