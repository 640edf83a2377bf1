"""The daemon: a sans-IO device on real sockets, and its control socket."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.bench.daemon import Daemon, Port, open_control, open_port
from harness.bench.links import LinkRefused
from harness.clock import WallClock
from harness.wire.datagram import Endpoint


@dataclass
class Served:
    """A daemon that runs in a thread."""

    daemon: Daemon
    thread: threading.Thread
    port: Port
    control: Path

    def ask(self, line: bytes) -> dict[str, Any]:
        """What the control socket answers to a line."""
        with socket.socket(socket.AF_UNIX) as talker:
            talker.settimeout(5.0)
            talker.connect(str(self.control))
            talker.sendall(line + b"\n")
            answer: dict[str, Any] = json.loads(talker.makefile().readline())
            return answer

    def ended(self) -> bool:
        """Whether it came to its end by itself."""
        self.thread.join(5.0)
        return not self.thread.is_alive()


@pytest.fixture
def served(echo: Any, tmp_path: Path) -> Iterator[Served]:
    """The echoing device, served on a free port."""
    port, control = open_port(Endpoint("127.0.0.1", 0)), tmp_path / "control"
    daemon = Daemon(echo, (port,), WallClock(), control)
    echo.local = port.endpoint
    thread = threading.Thread(target=daemon.run, daemon=True)
    thread.start()
    yield Served(daemon, thread, port, control)
    daemon.stop()
    thread.join(5.0)


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    """A peer's socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(5.0)
        yield opened


def test_it_answers_from_where_it_was_asked(served: Served, peer: socket.socket) -> None:
    """An answer comes from the endpoint that the request went to."""
    peer.sendto(b"ping", tuple(served.port.endpoint))

    assert peer.recvfrom(100) == (b"gnip", tuple(served.port.endpoint))


def test_a_wildcard_answers_from_the_address_that_was_asked(echo: Any, peer: socket.socket) -> None:
    """Bound to every address, it still answers from the one the request went to (RFC 7296 section 2.11)."""
    port = open_port(Endpoint("0.0.0.0", 0))
    daemon = Daemon(echo, (port,), WallClock())
    thread = threading.Thread(target=daemon.run, daemon=True)
    thread.start()

    peer.sendto(b"ping", ("127.0.0.9", port.endpoint.port))
    _, source = peer.recvfrom(100)
    daemon.stop()
    thread.join(5.0)

    assert source == ("127.0.0.9", port.endpoint.port)


def test_its_timers_fire(served: Served, echo: Any, peer: socket.socket) -> None:
    """A device that asks to be woken is woken in real time."""
    echo.peer = Endpoint(*peer.getsockname())
    echo.wakes = [WallClock().now() + 0.05]
    peer.sendto(b"", tuple(served.port.endpoint))

    heard = {peer.recv(100), peer.recv(100)}

    assert heard == {b"", b"tick"}


def test_show_lists_the_sas(served: Served) -> None:
    """The control socket shows the SAs."""
    assert served.ask(b'{"do": "show"}') == {"ok": True, "sas": []}


def test_provoke_causes_a_local_event(served: Served, echo: Any, peer: socket.socket) -> None:
    """A trigger reaches the device, and what it sends reaches the network."""
    echo.peer = Endpoint(*peer.getsockname())

    told = served.ask(b'{"do": "provoke", "trigger": "boot"}')

    assert told == {"ok": True, "outcome": "sent 1 datagram; woke up"}
    assert peer.recv(100) == b"boot"


@pytest.mark.parametrize(
    "line", [b"not json", b"{}", b'{"do": "dance"}', b"[1]", b'{"do": "provoke"}', b"\xff\xfe"]
)
def test_nonsense_is_refused_with_a_reason(served: Served, line: bytes) -> None:
    """A line that makes no sense gets an answer that says why, and the daemon serves on."""
    refused = served.ask(line)

    assert refused["ok"] is False
    assert refused["why"]
    assert served.ask(b'{"do": "show"}')["ok"]


def test_stop_ends_it_cleanly(served: Served) -> None:
    """After `stop` the daemon has ended, its sockets are closed and the control path is gone."""
    assert served.ask(b'{"do": "stop"}')["ok"]

    assert served.ended()
    assert served.port.opened.fileno() == -1
    assert not served.control.exists()


def test_it_ends_with_its_parent(echo: Any) -> None:
    """When the pipe of whoever started it closes, it stops."""
    ours, parents = os.pipe()
    daemon = Daemon(echo, (open_port(Endpoint("127.0.0.1", 0)),), WallClock())
    daemon.stop_at_end_of(ours)
    thread = threading.Thread(target=daemon.run, daemon=True)
    thread.start()

    os.close(parents)
    thread.join(5.0)
    os.close(ours)

    assert not thread.is_alive()


def test_the_control_socket_is_its_owners_alone(served: Served) -> None:
    """Nobody else can talk to it."""
    assert served.control.stat().st_mode & 0o777 == 0o600


def test_a_dead_daemons_control_socket_is_replaced(tmp_path: Path) -> None:
    """A path that nothing listens on any more is taken over."""
    path = tmp_path / "control"
    open_control(path).close()

    with open_control(path):
        assert path.is_socket()


def test_a_living_daemons_control_socket_is_left_alone(served: Served) -> None:
    """A path that another daemon serves is refused, with the path in the sentence."""
    with pytest.raises(LinkRefused, match=str(served.control)):
        open_control(served.control)
