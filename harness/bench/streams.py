"""The peers' TCP connections to a target (RFC 9329): opened when something is first sent, opened again when they broke."""

import socket
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from harness.bench.links import BIGGEST, LinkRefused, open_socket
from harness.wire.datagram import TCP_STREAM, Datagram, Endpoint
from harness.wire.stream import PREFIX, Stream, framed

CONNECT_S = 5.0
"""How long a connection may take to come about."""
Way = tuple[Endpoint, Endpoint]


class PeerStreams:
    """Connections by their ends; what came over them waits in `arrived`.

    `watch` is told of a descriptor and what to call when something came to it, `unwatch` that it is gone, and
    `connects` of the end from which a connection is about to be opened, which happens `inside` a context.
    """

    def __init__(
        self,
        watch: Callable[[int, Callable[[], None]], None],
        unwatch: Callable[[int], None],
        connects: Callable[[Endpoint], None] = lambda _: None,
        *,
        inside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.arrived: deque[Datagram] = deque()
        self._watch = watch
        self._unwatch = unwatch
        self._connects = connects
        self._inside = inside
        self._connections: dict[Way, tuple[socket.socket, Stream]] = {}

    def send(self, datagram: Datagram) -> None:
        """Send a message over the connection between its ends; LinkRefused says why there is none."""
        way = (datagram.source, datagram.destination)
        opened = self._connections[way][0] if way in self._connections else self._connect(way)
        try:
            opened.sendall(framed(datagram.data))
        except OSError:
            self._drop(
                way
            )  # the peer's matter: its request goes unanswered, its next one over a new connection

    def close(self) -> None:
        """Close every connection."""
        for way in list(self._connections):
            self._drop(way)

    def _connect(self, way: Way) -> socket.socket:
        source, destination = way
        self._connects(source)
        with self._inside():
            opened, _ = open_socket(source, socket.SOCK_STREAM)
        try:
            opened.settimeout(CONNECT_S)
            opened.connect(tuple(destination))
            opened.sendall(PREFIX)
        except OSError as why:
            opened.close()
            raise LinkRefused(f"no TCP connection to {destination}: {why.strerror or why}") from why
        self._connections[way] = opened, Stream(prefixed=False)
        self._watch(opened.fileno(), lambda: self._hear(way))
        return opened

    def _hear(self, way: Way) -> None:
        opened, stream = self._connections[way]
        try:
            octets = opened.recv(BIGGEST)
        except OSError:
            octets = b""
        self.arrived += (Datagram(*way[::-1], message, TCP_STREAM) for message in stream.feed(octets))
        if not octets or stream.broken is not None:
            self._drop(way)

    def _drop(self, way: Way) -> None:
        opened, _ = self._connections.pop(way)
        self._unwatch(opened.fileno())
        opened.close()
