"""The sans-IO responder on real UDP sockets, with a control socket that speaks JSON lines.

A line to the control socket is `{"do": "show"}`, `{"do": "provoke", "trigger": NAME}` or `{"do": "stop"}`;
each is answered by one line with `"ok"` and what came of it.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, Self

from harness.bench.keylog import KeyLog
from harness.bench.links import BIGGEST, UDP, Device, LinkRefused, Outcome, open_udp, told
from harness.clock import Clock
from harness.codes import Trigger
from harness.responder.state import Sa
from harness.wire.datagram import Datagram, Endpoint

LONGEST_LINE = 65_536
IP_PKTINFO = 8  # Linux; Python names it only from 3.14 on
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104  a user may ask for every address; it is never the default


class ServedDevice(Device, Protocol):
    """A device that can list its SAs and tell their keys."""

    def all(self) -> Iterable[Sa]:
        """Every SA."""
        ...

    def secrets_of(self, outcome: Any) -> Iterable[dict[str, Any]]:
        """The keys of the SAs that the event made or changed, as evidence carries them."""
        ...


@dataclass(frozen=True, slots=True)
class Port:
    """A bound socket; `any_address` if it takes datagrams to every address of the machine."""

    opened: socket.socket
    endpoint: Endpoint
    any_address: bool

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()

    def receive(self) -> Datagram | None:
        """The next datagram that waits, with the address it was sent to; None if there is none."""
        try:
            data, extra, _, source = self.opened.recvmsg(BIGGEST, socket.CMSG_SPACE(20))
        except (BlockingIOError, ConnectionRefusedError):
            return None
        address = _sent_to(extra) if self.any_address else self.endpoint.address
        local = Endpoint(address or self.endpoint.address, self.endpoint.port)
        return Datagram(Endpoint(source[0], source[1]), local, data)

    def send(self, datagram: Datagram) -> None:
        """Send from the address that the datagram names; what the network refuses is lost, as on any path."""
        extra = [_from_address(datagram.source.address)] if self.any_address else []
        with contextlib.suppress(OSError):
            self.opened.sendmsg([datagram.data], extra, 0, tuple(datagram.destination))


def open_port(endpoint: Endpoint) -> Port:
    """A port of the daemon; LinkRefused says plainly why it can't be had."""
    opened, bound = open_udp(endpoint)
    any_address = endpoint.address in WILDCARDS
    if any_address and opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    elif any_address:
        opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    return Port(opened, bound, any_address)


class Daemon:
    """Serves one device on its ports until it is stopped."""

    def __init__(
        self,
        device: ServedDevice,
        ports: Iterable[Port],
        clock: Clock,
        control: Path | None = None,
        keys: KeyLog | None = None,
    ) -> None:
        listening = None if control is None else open_control(control)
        self._device = device
        self._keys = keys
        self._ports = {port.endpoint.port: port for port in ports}
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._control: Path | None = control
        for port in self._ports.values():
            self._watch(port.opened, partial(self._take, port))
        self._waker, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._watch(self._woken, lambda: self._woken.recv(BIGGEST))
        if listening is not None:
            self._watch(listening, partial(self._accept, listening))

    def run(self) -> None:
        """Serve until `stop`; then every socket is closed and the control socket's path is gone."""
        try:
            while not self._stopping:
                for key, _ in self._selector.select(self._patience()):
                    key.data()
                self._wake_if_due()
        finally:
            self._close()

    def stop_at_end_of(self, descriptor: int) -> None:
        """Stop when this descriptor comes to its end: a pipe from a parent, however the parent dies."""

        def heard() -> None:
            if not os.read(descriptor, BIGGEST):
                self._selector.unregister(descriptor)
                self.stop()

        try:
            self._selector.register(descriptor, selectors.EVENT_READ, heard)
        except PermissionError:
            self.stop()  # a file, not a pipe: its end is always there

    def stop(self) -> None:
        """Make `run` return; may be called from a signal handler or another thread."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    @contextlib.contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """While this holds, SIGINT and SIGTERM stop the daemon cleanly."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _patience(self) -> float | None:
        due = self._device.next_wake
        return None if due is None else max(0.0, due - self._clock.now())

    def _wake_if_due(self) -> None:
        due, now = self._device.next_wake, self._clock.now()
        if due is not None and due <= now:
            self._emit(self._device.wake(now))

    def _take(self, port: Port) -> None:
        datagram = port.receive()
        if datagram is not None:
            self._emit(self._device.receive(datagram, self._clock.now()))

    def _emit(self, outcome: Outcome) -> None:
        """Send; the keys are written first, so whoever sees the datagram can open it."""
        if self._keys is not None:
            self._keys.write(self._device.secrets_of(outcome))
        for datagram in outcome.send:
            port = self._ports.get(datagram.source.port)
            if port is not None and datagram.protocol == UDP:
                port.send(datagram)

    def _watch(self, opened: socket.socket, ready: Callable[[], object]) -> None:
        self._selector.register(opened, selectors.EVENT_READ, ready)

    def _accept(self, listening: socket.socket) -> None:
        talker, _ = listening.accept()
        talker.setblocking(False)
        heard = bytearray()
        self._watch(talker, lambda: self._hear(talker, heard))

    def _hear(self, talker: socket.socket, heard: bytearray) -> None:
        try:
            octets = talker.recv(BIGGEST)
        except (BlockingIOError, ConnectionResetError):
            octets = b""
        heard += octets
        while b"\n" in heard:
            line, _, rest = bytes(heard).partition(b"\n")
            heard[:] = rest
            with contextlib.suppress(OSError):
                talker.send(json.dumps(self._obey(line)).encode() + b"\n")
        if not octets or len(heard) > LONGEST_LINE:
            self._selector.unregister(talker)
            talker.close()

    def _obey(self, line: bytes) -> dict[str, Any]:
        try:
            order = json.loads(line)
        except ValueError:
            return {"ok": False, "why": "that is no line of JSON"}
        match order:
            case {"do": "show"}:
                return {"ok": True, "sas": [shown(sa) for sa in self._device.all()]}
            case {"do": "provoke", "trigger": str(name)} if name in set(Trigger):
                outcome = self._device.provoke(Trigger(name), self._clock.now())
                self._emit(outcome)
                return {"ok": True, "outcome": told(outcome)}
            case {"do": "provoke"}:
                return {"ok": False, "why": f"the triggers are {', '.join(Trigger)}"}
            case {"do": "stop"}:
                self.stop()
                return {"ok": True, "outcome": "stopping"}
            case _:
                return {
                    "ok": False,
                    "why": 'say {"do": "show"}, {"do": "provoke", "trigger": …} or {"do": "stop"}',
                }

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._waker.close()
        self._selector.close()
        if self._keys is not None:
            self._keys.close()
        if self._control is not None:
            self._control.unlink(missing_ok=True)


def open_control(path: Path) -> socket.socket:
    """A listening UNIX socket that only its owner can reach; one that a dead daemon left behind is replaced."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _answers(path):
            path.unlink()
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen()
    except OSError as why:
        listening.close()
        raise LinkRefused(f"the control socket {path} can't be made: {why.strerror or why}") from why
    return listening


def shown(sa: Sa) -> dict[str, Any]:
    """An SA as plain data."""
    return {"ike": sa.version, "spi": sa.ours.hex(), "remote": str(sa.remote), "up": sa.up}


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


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
