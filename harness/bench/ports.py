"""The daemon's sockets: each answers from the address that was asked, and gives what waits in it at once."""

import contextlib
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from harness.bench.links import BIGGEST, NO_PORT, LinkRefused, open_esp, open_udp, without_header
from harness.wire.datagram import ESP, UDP, Datagram, Endpoint

IP_PKTINFO = 8  # Linux; Python names it only from 3.14 on
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104  a user may ask for every address; it is never the default
ROOM = 4 << 20
"""Octets that a socket may keep for us while we are busy; the system may grant less."""
AT_ONCE = 64
"""How many datagrams of one socket are served before the others have their turn."""


@dataclass(frozen=True, slots=True)
class Port:
    """A bound socket; `any_address` if it takes datagrams to every address of the machine."""

    opened: socket.socket
    endpoint: Endpoint
    any_address: bool
    protocol: int = UDP

    def __str__(self) -> str:
        return str(self.endpoint) if self.protocol == UDP else f"ESP on {self.endpoint.address}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()

    def waiting(self) -> Iterator[Datagram]:
        """The datagrams that wait, with the addresses they were sent to, but not more than have their turn."""
        receive = self._receive_any if self.any_address else self._receive
        for _ in range(AT_ONCE):
            try:
                yield receive()
            except (BlockingIOError, ConnectionRefusedError):
                return

    def send(self, datagram: Datagram) -> None:
        """Send from the address that the datagram names; what the network refuses is lost, as on any path."""
        with contextlib.suppress(OSError):
            if self.any_address:
                extra = [_from_address(datagram.source.address)]
                self.opened.sendmsg([datagram.data], extra, 0, tuple(datagram.destination))
            else:
                self.opened.sendto(datagram.data, tuple(datagram.destination))

    def _receive(self) -> Datagram:
        data, source = self.opened.recvfrom(BIGGEST)
        return self._read(data, source, self.endpoint)

    def _receive_any(self) -> Datagram:
        data, extra, _, source = self.opened.recvmsg(BIGGEST, socket.CMSG_SPACE(20))
        local = Endpoint(_sent_to(extra) or self.endpoint.address, self.endpoint.port)
        return self._read(data, source, local)

    def _read(self, data: bytes, source: tuple[Any, ...], local: Endpoint) -> Datagram:
        if self.protocol == UDP:
            return Datagram(Endpoint(source[0], source[1]), local, data)
        content = without_header(data, self.opened.family)
        return Datagram(Endpoint(source[0], NO_PORT), local, content, self.protocol)


def open_port(endpoint: Endpoint) -> Port:
    """A port of the daemon; LinkRefused says plainly why it can't be had."""
    opened, bound = open_udp(endpoint)
    return Port(opened, bound, _made_ready(opened, endpoint.address))


def open_esp_port(address: str) -> Port:
    """The daemon's raw socket for ESP on an address; LinkRefused says plainly why it can't be had."""
    opened = open_esp(address)
    return Port(opened, Endpoint(address, NO_PORT), _made_ready(opened, address), ESP)


def _made_ready(opened: socket.socket, address: str) -> bool:
    """Room for what waits; and whether each datagram's own address must be asked for, which it then is."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    any_address = address in WILDCARDS
    if any_address and opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    elif any_address:
        opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    return any_address


class Ports:
    """All of the daemon's sockets, told apart by what they are bound to."""

    def __init__(self, ports: Iterable[Port]) -> None:
        self.all = tuple(ports)
        self._by_endpoint = {port.endpoint: port for port in self.all}
        if len(self._by_endpoint) < len(self.all):
            raise LinkRefused("two sockets can't have one endpoint")

    def send(self, datagram: Datagram) -> None:
        """Send from the socket of the source and protocol; without one there is no way out."""
        port = self._from(datagram.source)
        if port is not None and datagram.protocol == port.protocol:
            port.send(datagram)

    def _from(self, source: Endpoint) -> Port | None:
        own = self._by_endpoint.get(source)
        if own is not None:
            return own
        every = WILDCARDS[1] if ":" in source.address else WILDCARDS[0]
        return self._by_endpoint.get(Endpoint(every, source.port))


def _sent_to(extra: list[tuple[int, int, bytes]]) -> str | None:
    for level, kind, data in extra:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            return socket.inet_ntop(socket.AF_INET, data[8:12])
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            return socket.inet_ntop(socket.AF_INET6, data[:16])
    return None


def _from_address(address: str) -> tuple[int, int, bytes]:
    if ":" in address:
        wanted = socket.inet_pton(socket.AF_INET6, address) + struct.pack("@I", 0)
        return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, wanted
    return socket.IPPROTO_IP, IP_PKTINFO, struct.pack("@I4s4x", 0, socket.inet_pton(socket.AF_INET, address))
