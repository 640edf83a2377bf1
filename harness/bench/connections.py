"""RFC 9329 section 6: the TCP connections that peers open to the daemon, each a stream of IKE and ESP messages."""

import contextlib
import selectors
import socket
from collections.abc import Callable, Container, Iterable
from functools import partial
from typing import Any, Self

from harness.bench.links import BIGGEST, LinkRefused, open_socket
from harness.wire.datagram import TCP_STREAM, Datagram, Endpoint
from harness.wire.stream import LONGEST, Stream, framed

MOST = 512
"""How many connections there may be; another one is closed at once."""
IDLE_S = 10.0
"""How long a connection stays that no SA uses and nothing comes over (section 6.3.1)."""
UNSENT = 1 << 20
"""Octets that may wait for a peer that does not read; with more its connection is closed."""
USELESS = 16
"""So many messages of no use, one after the other, and the stream is taken for corrupt (section 6.1)."""

Way = tuple[Endpoint, Endpoint]
"""Our end of a connection, and the peer's."""


class Listener:
    """A TCP port of the daemon."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.opened, self.endpoint = open_socket(endpoint, socket.SOCK_STREAM)
        try:
            self.opened.listen()
        except OSError as why:
            self.opened.close()
            raise LinkRefused(f"nobody can listen on TCP {endpoint}: {why.strerror}") from why

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()


class _Connection:
    """One connection: its stream, and what could not be sent yet."""

    def __init__(self, opened: socket.socket, way: Way, now: float) -> None:
        self.opened = opened
        self.way = way
        self.stream = Stream(prefixed=True)
        self.unsent = b""
        self.heard_at = now
        self.useless = 0

    def flush(self) -> bool:
        """Send what waits, as far as the peer takes it; whether the connection still stands."""
        try:
            self.unsent = self.unsent[self.opened.send(self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return len(self.unsent) <= UNSENT


class Connections:
    """All connections of the daemon; what comes over them is given to `take`, which says whether it was of use."""

    def __init__(
        self,
        listeners: Iterable[Listener],
        selector: selectors.BaseSelector,
        take: Callable[[Datagram], bool],
        now: Callable[[], float],
    ) -> None:
        self.listeners = tuple(listeners)
        self._selector = selector
        self._take = take
        self._now = now
        self._connections: dict[Way, _Connection] = {}
        self._swept_at = now()
        for each in self.listeners:
            selector.register(each.opened, selectors.EVENT_READ, partial(self._accept, each))

    @property
    def next_sweep(self) -> float | None:
        """When idle connections are to be looked for again."""
        return self._swept_at + IDLE_S / 2 if self._connections else None

    def sweep(self, used: Container[Way]) -> None:
        """Close what is idle, but for what SAs use: state is kept for those alone (section 6.3)."""
        self._swept_at = now = self._now()
        for way, connection in list(self._connections.items()):
            if way not in used and now - connection.heard_at >= IDLE_S:
                self._close(connection)

    def send(self, datagram: Datagram) -> None:
        """Send over the connection between these two ends; without one, or without room in it, the message is lost."""
        connection = self._connections.get((datagram.source, datagram.destination))
        if connection is None or len(datagram.data) > LONGEST:
            return
        connection.unsent += framed(datagram.data)
        self._flush(connection)

    def _accept(self, listener: Listener) -> None:
        with contextlib.suppress(OSError):
            opened, remote = listener.opened.accept()
            if len(self._connections) >= MOST:
                opened.close()
                return
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            way = _endpoint(opened.getsockname()), _endpoint(remote)
            self._connections[way] = connection = _Connection(opened, way, self._now())
            self._selector.register(opened, selectors.EVENT_READ, partial(self._ready, connection))

    def _ready(self, connection: _Connection) -> None:
        if connection.unsent:
            self._flush(connection)
        try:
            octets = connection.opened.recv(BIGGEST)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        local, remote = connection.way
        for message in connection.stream.feed(octets):
            connection.heard_at = self._now()
            useful = self._take(Datagram(remote, local, message, TCP_STREAM))
            connection.useless = 0 if useful else connection.useless + 1
        if not octets or connection.stream.broken is not None or connection.useless >= USELESS:
            self._close(connection)

    def _flush(self, connection: _Connection) -> None:
        if not connection.flush():
            self._close(connection)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
        key = self._selector.get_key(connection.opened)
        if key.events != events:
            self._selector.modify(connection.opened, events, key.data)

    def _close(self, connection: _Connection) -> None:
        if self._connections.pop(connection.way, None) is not None:
            self._selector.unregister(connection.opened)
            connection.opened.close()


def _endpoint(name: tuple[Any, ...]) -> Endpoint:
    return Endpoint(name[0], name[1])
