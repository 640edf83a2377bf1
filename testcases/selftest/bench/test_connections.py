"""The daemon on TCP (RFC 9329): streams of IKE messages in and out, and what it does with other streams."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.bench import connections
from harness.bench.connections import Listener
from harness.bench.daemon import Daemon
from harness.bench.links import LinkRefused, UdpLink, UdpPorts
from harness.bench.ports import open_port
from harness.bench.streams import PeerStreams
from harness.bench.taps import Tap
from harness.clock import SeededEntropy, WallClock
from harness.peer import Initiator, Request
from harness.profile import DEFAULT
from harness.responder import Responder
from harness.wire import v2
from harness.wire.datagram import TCP_STREAM, Datagram, Endpoint
from harness.wire.stream import PREFIX, Stream, framed

HERE = "127.0.0.1"


@contextlib.contextmanager
def _serving() -> Iterator[tuple[Responder, Endpoint]]:
    responder = Responder(DEFAULT, SeededEntropy(1))
    with Listener(Endpoint(HERE, 0)) as listener, open_port(Endpoint(HERE, 0)) as port:
        daemon = Daemon(responder, (port,), WallClock(), tcp=(listener,))
        thread = threading.Thread(target=daemon.run, daemon=True)
        thread.start()
        try:
            yield responder, listener.endpoint
        finally:
            daemon.stop()
            daemon.stop()
            thread.join(5.0)


@pytest.fixture
def call() -> Iterator[Callable[[Endpoint], "Caller"]]:
    """Makes peers that call somewhere; their connections are closed at the end."""
    callers: list[Caller] = []

    def calling(there: Endpoint) -> Caller:
        callers.append(Caller(there))
        return callers[-1]

    yield calling
    for caller in callers:
        caller.opened.close()


@pytest.fixture
def serving() -> Iterator[tuple[Responder, Endpoint]]:
    """A responder on a TCP port, and where that is."""
    with _serving() as served:
        yield served


Call = Callable[[Endpoint], "Caller"]


class Caller:
    """A peer on one connection at a time."""

    def __init__(self, there: Endpoint) -> None:
        self.there = there
        self.opened = self._connected()
        here = Endpoint(*self.opened.getsockname())
        self.end = Initiator("alice", DEFAULT.mirrored(), SeededEntropy(2), here, here, there, there)
        self.end.speaks_tcp()

    def _connected(self) -> socket.socket:
        self.stream = Stream(prefixed=False)
        opened = socket.create_connection(tuple(self.there), timeout=5.0)
        opened.sendall(PREFIX)
        return opened

    def reconnect(self) -> None:
        """Go on over a new connection."""
        self.opened.close()
        self.opened = self._connected()
        self.end.ike.local = Endpoint(*self.opened.getsockname())

    def play(self, script: Any) -> Any:
        """Perform a script or one action; the last answer."""
        if isinstance(script, Request):
            return self._ask(script)
        answer = None
        with contextlib.suppress(StopIteration):
            while True:
                answer = self._ask(script.send(answer))
        return answer

    def _ask(self, request: Request) -> Any:
        self.opened.sendall(framed(request.data))
        while True:
            octets = self.opened.recv(65_535)
            assert octets, "the connection was closed"
            for message in self.stream.feed(octets):
                datagram = Datagram(request.destination, request.source, message, TCP_STREAM)
                received = self.end.receive(datagram, 0.0)
                if received.message is not None and request.answered_by(received.message):
                    return received.message


def _is_closed(opened: socket.socket) -> bool:
    try:
        return opened.recv(100) == b""
    except ConnectionResetError:
        return True


def test_an_ike_sa_comes_up_over_a_connection(serving: tuple[Responder, Endpoint], call: Call) -> None:
    """Prefix, lengths and markers make IKE over TCP (section 4, figure 3)."""
    caller = call(serving[1])
    caller.play(caller.end.connect())

    assert caller.end.ike.established


def test_an_ike_sa_outlives_its_connection(serving: tuple[Responder, Endpoint], call: Call) -> None:
    """Section 6.1: after a break the originator connects again and the SA goes on there."""
    caller = call(serving[1])
    caller.play(caller.end.connect())
    caller.reconnect()
    answer = caller.play(caller.end.liveness())

    assert answer.payloads == ()
    assert [sa.remote.port for sa in serving[0].all()] == [caller.end.ike.local.port]


def test_a_partial_message_of_a_broken_connection_is_discarded(
    serving: tuple[Responder, Endpoint], call: Call
) -> None:
    """Section 6.1: the next connection begins with nothing left over."""
    caller = call(serving[1])
    caller.play(caller.end.ike_sa_init())
    request = caller.end.ike_auth()
    caller.opened.sendall(framed(request.data)[:40])
    caller.reconnect()
    caller.play(request)

    assert caller.end.ike.established


@pytest.mark.parametrize(
    "octets", [b"GET / HTTP/1.1\r\n\r\n", PREFIX + b"\0\0", PREFIX + b"\0\1", b"\xff" * 70_000]
)
def test_a_stream_that_is_none_is_closed(serving: tuple[Responder, Endpoint], octets: bytes) -> None:
    """Sections 3.1 and 4: a wrong prefix, and lengths of 0 and 1, end the connection."""
    with socket.create_connection(tuple(serving[1]), timeout=5.0) as opened:
        with contextlib.suppress(ConnectionError):
            opened.sendall(octets)

        assert _is_closed(opened)


def test_a_stream_of_nothing_useful_is_taken_for_corrupt(serving: tuple[Responder, Endpoint]) -> None:
    """Section 6.1: too many messages in a row that can't be parsed, and it is closed."""
    with socket.create_connection(tuple(serving[1]), timeout=5.0) as opened:
        opened.sendall(PREFIX + framed(b"rubbish!") * connections.USELESS)

        assert _is_closed(opened)


def test_more_connections_than_there_may_be_are_closed_at_once(
    monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    """What strangers can take up is bounded."""
    monkeypatch.setattr(connections, "MOST", 2)
    with _serving() as (_, there), contextlib.ExitStack() as stack:
        callers = [call(there) for _ in range(2)]
        for caller in callers:
            caller.play(caller.end.ike_sa_init())
        third = stack.enter_context(socket.create_connection(tuple(there), timeout=5.0))

        assert _is_closed(third)


def test_an_idle_connection_is_closed_and_one_that_an_sa_uses_is_not(
    monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    """Section 6.3.1: no state is kept for long for who does not come back."""
    monkeypatch.setattr(connections, "IDLE_S", 0.2)
    with _serving() as (_, there), socket.create_connection(tuple(there), timeout=5.0) as idle:
        caller = call(there)
        caller.play(caller.end.connect())
        idle.sendall(PREFIX[:3])

        assert _is_closed(idle)
        assert caller.play(caller.end.liveness()) is not None


def test_a_message_larger_than_a_segment_comes_whole(serving: tuple[Responder, Endpoint], call: Call) -> None:
    """A stream carries messages that no datagram path would."""
    caller = call(serving[1])
    caller.play(caller.end.connect())
    answer = caller.play(caller.end.informational(v2.VendorId(bytes(60_000))))

    assert answer.payloads == ()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])


def test_a_link_carries_a_script_over_tcp(serving: tuple[Responder, Endpoint], tap: Tap, listed: Any) -> None:
    """Peers open connections as they need them, from the ends that their datagrams name; all of it is in the evidence."""
    here = Endpoint(HERE, _free_port())
    link = UdpLink(UdpPorts(), tap, WallClock())
    link.streams = PeerStreams(link.also_watch, link.watch_no_more)
    end = Initiator("alice", DEFAULT.mirrored(), SeededEntropy(2), here, here, serving[1], serving[1])
    end.speaks_tcp()
    script, answer = end.connect(), None
    with contextlib.suppress(StopIteration):
        while True:
            link.send(script.send(answer).datagram)
            arrived = link.receive(link.now + 5.0)
            assert arrived is not None
            answer = end.receive(arrived, 0.0).message
    link.streams.close()

    assert end.ike.established
    assert [each.datagram.protocol for each in listed.seen] == [TCP_STREAM] * 4


def test_a_link_without_a_target_there_says_so(tap: Tap) -> None:
    """A connection that can't be made is a sentence, no exception of a socket."""
    link = UdpLink(UdpPorts(), tap, WallClock())
    link.streams = PeerStreams(link.also_watch, link.watch_no_more)
    nowhere = Endpoint(HERE, _free_port())

    with pytest.raises(LinkRefused, match=f"no TCP connection to {nowhere}"):
        link.send(Datagram(Endpoint(HERE, 0), nowhere, b"x", TCP_STREAM))
