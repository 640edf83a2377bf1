"""The daemon: a sans-IO device on real sockets, and its control socket."""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from harness.bench.control import MOST, open_control
from harness.bench.daemon import Daemon, Refusal
from harness.bench.links import LinkRefused
from harness.bench.ports import Port, open_port
from harness.clock import WallClock
from harness.profile import DEFAULT, Configuration
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


@contextlib.contextmanager
def running(daemon: Daemon) -> Iterator[Callable[[Path, bytes], dict[str, Any]]]:
    """A daemon that runs in a thread while this holds; gives the way to ask its control socket."""
    thread = threading.Thread(target=daemon.run, daemon=True)
    thread.start()
    yield lambda control, line: Served(daemon, thread, None, control).ask(line)
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


def test_show_lists_the_sas(served: Served, peer: socket.socket) -> None:
    """The control socket shows what the device has."""
    peer.sendto(b"ping", tuple(served.port.endpoint))
    peer.recv(100)

    assert served.ask(b'{"do": "show"}') == {"ok": True, "sas": [{"heard": b"ping".hex()}]}


def test_many_datagrams_are_served_in_one_turn(served: Served, peer: socket.socket) -> None:
    """Each of a burst of datagrams gets its answer, in the order in which they came."""
    burst = [bytes([number]) * 8 for number in range(200)]
    for octets in burst:
        peer.sendto(octets, tuple(served.port.endpoint))

    assert [peer.recv(100) for _ in burst] == burst


def test_it_serves_several_addresses_of_both_families(echo: Any) -> None:
    """Two IPv4 addresses and one of IPv6, each answering for itself."""
    ports = [open_port(Endpoint(address, 0)) for address in ("127.0.0.1", "127.0.0.2", "::1")]
    daemon = Daemon(echo, ports, WallClock())
    thread = threading.Thread(target=daemon.run, daemon=True)
    thread.start()
    heard = []
    for port in ports:
        with socket.socket(port.opened.family, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5.0)
            asking.sendto(b"ping", tuple(port.endpoint))
            data, source = asking.recvfrom(100)
            heard.append((data, Endpoint(*source[:2])))
    daemon.stop()
    thread.join(5.0)

    assert heard == [(b"gnip", port.endpoint) for port in ports]


def test_an_answer_longer_than_the_socket_takes_at_once_arrives_whole(echo: Any, tmp_path: Path) -> None:
    """Who asks for a long list and reads slowly gets all of it, and the daemon waits for nobody."""
    echo.heard = [(0.0, bytes(1000))] * 2000
    control = tmp_path / "control"
    daemon = Daemon(echo, (open_port(Endpoint("127.0.0.1", 0)),), WallClock(), control)
    thread = threading.Thread(target=daemon.run, daemon=True)
    thread.start()
    with socket.socket(socket.AF_UNIX) as slow, socket.socket(socket.AF_UNIX) as quick:
        for talker in (slow, quick):
            talker.settimeout(5.0)
            talker.connect(str(control))
        slow.sendall(b'{"do": "show"}\n')
        quick.sendall(b"nonsense\n")
        first = quick.makefile().readline()
        answer = json.loads(slow.makefile().readline())
    daemon.stop()
    thread.join(5.0)

    assert not json.loads(first)["ok"]
    assert len(answer["sas"]) == 2000


def test_reload_takes_the_configuration_on_file(echo: Any, tmp_path: Path) -> None:
    """`reload` reads again and hands the device what it read."""
    control, other = tmp_path / "control", replace(DEFAULT, cookie_threshold=7)
    daemon = Daemon(echo, (), WallClock(), control, reread=lambda: other)

    with running(daemon) as ask:
        told = ask(control, b'{"do": "reload"}')

    assert told == {"ok": True, "outcome": "reconfigured"}
    assert echo.configuration is other


def test_a_refused_file_changes_nothing(echo: Any, tmp_path: Path) -> None:
    """A file that can't be taken leaves the device as it is; line and reason are told."""
    control = tmp_path / "control"

    def refuse() -> Configuration:
        raise Refusal("router.cfg:3: static crypto maps don't support it")

    with running(Daemon(echo, (), WallClock(), control, reread=refuse)) as ask:
        told = ask(control, b'{"do": "reload"}')

    assert told == {"ok": False, "why": "router.cfg:3: static crypto maps don't support it"}
    assert echo.configuration is DEFAULT


def test_without_a_file_there_is_nothing_to_reload(served: Served) -> None:
    """A daemon of the default configuration says so."""
    assert served.ask(b'{"do": "reload"}') == {
        "ok": False,
        "why": "it was started without a configuration file",
    }


def test_clear_reaches_the_device(served: Served, echo: Any, peer: socket.socket) -> None:
    """`clear` is the operator's trigger of that name."""
    echo.peer = Endpoint(*peer.getsockname())

    assert served.ask(b'{"do": "clear"}')["ok"]
    assert peer.recv(100) == b"clear"


def test_provoke_causes_a_local_event(served: Served, echo: Any, peer: socket.socket) -> None:
    """A trigger reaches the device, and what it sends reaches the network."""
    echo.peer = Endpoint(*peer.getsockname())

    told = served.ask(b'{"do": "provoke", "trigger": "boot"}')

    assert told == {"ok": True, "outcome": "sent 1 datagram; woke up"}
    assert peer.recv(100) == b"boot"


@pytest.mark.parametrize(
    "line", [b"not json", b"{}", b'{"do": "dance"}', b"[1]", b'{"do": "provoke"}', b"\xff\xfe", b"[" * 50_000]
)
def test_nonsense_is_refused_with_a_reason(served: Served, line: bytes) -> None:
    """A line that makes no sense gets an answer that says why, and the daemon serves on."""
    refused = served.ask(line)

    assert refused["ok"] is False
    assert refused["why"]
    assert served.ask(b'{"do": "show"}')["ok"]


def test_who_keeps_too_many_connections_is_hung_up_on(served: Served) -> None:
    """More talkers than are allowed end neither the daemon nor the others; once some are gone there is room again."""
    with contextlib.ExitStack() as stack:
        talkers = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(MOST + 1)]
        for talker in talkers:
            talker.settimeout(5.0)
            talker.connect(str(served.control))
        talkers[0].sendall(b'{"do": "show"}\n')

        assert talkers[0].recv(100)
        assert talkers[-1].recv(100) == b""
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
