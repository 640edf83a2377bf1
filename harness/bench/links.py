"""The link between peers and target: one in virtual time, octet for octet repeatable; one of real UDP sockets.

`send` puts a peer's datagram on its way to the target, `receive` waits for the next one to the peers. What
stands in the evidence is what passes the tap: the target's end of a virtual link, the sockets of a real one.
"""

import errno
import heapq
import itertools
import select
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.bench.pace import Pace
from harness.bench.taps import Tap
from harness.clock import Clock, SeededEntropy, VirtualClock
from harness.codes import Trigger
from harness.target.contract import Event
from harness.wire.datagram import ESP, TCP_STREAM, Datagram, Endpoint

LATENCY_S = 0.001
"""How long a datagram takes from one end of a virtual link to the other."""
OVERTAKEN_S = 0.02
"""How long a reordering link keeps a datagram back, so that later ones overtake it."""
WAKES_AT_ONCE = 10_000
"""How often a device may ask to be woken without the clock moving on."""
UDP = 17
NO_PORT = 0
"""Of an endpoint of a protocol beside UDP."""
SO_RXQ_OVFL = 40  # Linux: with each datagram comes the count of those that its socket had no room for
BIGGEST = 65_535


class Outcome(Protocol):
    """What one event made a device do."""

    @property
    def send(self) -> tuple[Datagram, ...]:
        """The datagrams that leave."""
        ...

    @property
    def drop(self) -> str | None:
        """Why there was no answer, if there was none."""
        ...

    @property
    def events(self) -> tuple[str, ...]:
        """What became of the SAs, in words."""
        ...

    @property
    def cells(self) -> tuple[str, ...]:
        """The rules that were passed through."""
        ...


class Device(Protocol):
    """A target without sockets: datagrams, time and triggers in, datagrams out."""

    @property
    def next_wake(self) -> float | None:
        """When `wake` is next to be called."""
        ...

    def receive(self, datagram: Datagram, now: float) -> Outcome:
        """Take one datagram in."""
        ...

    def wake(self, now: float) -> Outcome:
        """Do what is due."""
        ...

    def provoke(self, trigger: Trigger, now: float) -> Outcome:
        """Let a local event happen."""
        ...


class Link(Protocol):
    """What `perform` needs of a link."""

    @property
    def now(self) -> float:
        """The link's time, in seconds."""
        ...

    @property
    def settle_s(self) -> float:
        """How long after the script's last action the target is still listened to."""
        ...

    def send(self, datagram: Datagram, comments: Sequence[str] = ()) -> None:
        """Send a peer's datagram towards the target; the tap notes the comments with it."""
        ...

    def receive(self, until: float) -> Datagram | None:
        """The next datagram to a peer; None once the clock stands at `until`."""
        ...

    def provoke(self, trigger: Trigger) -> str | Event:
        """Give the target a reason to start something; what came of it, in words, if that is known at once."""
        ...


class LinkRefused(Exception):
    """The link can't carry what it was given; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Mischief:
    """What a path does to datagrams, each way: probabilities of loss, doubling and reordering, and added delay in seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0

    def fates(self, entropy: SeededEntropy) -> tuple[float, ...]:
        """The delays of the copies of one datagram; none if it is lost."""
        if entropy.chance(self.loss):
            return ()
        copies = 2 if entropy.chance(self.duplicate) else 1
        return tuple(self._delay(entropy) for _ in range(copies))

    def _delay(self, entropy: SeededEntropy) -> float:
        kept_back = OVERTAKEN_S if entropy.chance(self.reorder) else 0.0
        return kept_back + (entropy.uniform(0.0, self.delay) if self.delay else 0.0)


NO_MISCHIEF = Mischief()
LOSSY = Mischief(loss=0.08, duplicate=0.08, reorder=0.08, delay=0.01)
"""The path of `--link lossy`."""


class VirtualLink:
    """A link in virtual time: a queue of what is under way, and a clock that jumps to the next event."""

    settle_s = 1.0

    def __init__(
        self,
        device: Device,
        tap: Tap,
        clock: VirtualClock,
        mischief: Mischief = NO_MISCHIEF,
        entropy: SeededEntropy | None = None,
    ) -> None:
        self._device = device
        self._tap = tap
        self._clock = clock
        self._mischief = mischief
        self._entropy = entropy or SeededEntropy(0)
        self._under_way: list[tuple[float, int, bool, Datagram, tuple[str, ...]]] = []
        self._order = itertools.count()
        self._wakes = (0.0, 0)
        self.cells: set[str] = set()
        """The rules that the device passed through."""

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self._clock.now()

    def send(self, datagram: Datagram, comments: Sequence[str] = ()) -> None:
        """Put a datagram on its way to the target."""
        self._depart(datagram, to_target=True, comments=tuple(comments))

    def receive(self, until: float) -> Datagram | None:
        """Play on until a datagram reaches a peer, or to `until`."""
        while (moment := self._next_event()) is not None and moment <= until:
            arrived = self._play_next(moment)
            if arrived is not None:
                return arrived
        self._clock.advance_to(until)
        return None

    def provoke(self, trigger: Trigger) -> str:
        """Let a local event happen at the target."""
        outcome = self._device.provoke(trigger, self.now)
        self._emit(outcome)
        return told(outcome)

    def _next_event(self) -> float | None:
        wake = self._device.next_wake
        arrival = self._under_way[0][0] if self._under_way else None
        return min((moment for moment in (wake, arrival) if moment is not None), default=None)

    def _play_next(self, moment: float) -> Datagram | None:
        self._clock.advance_to(moment)
        if not self._under_way or self._under_way[0][0] > moment:
            self._wake()
            return None
        _, _, to_target, datagram, comments = heapq.heappop(self._under_way)
        if not to_target:
            return datagram
        self._tap.saw(self.now, datagram, inbound=True, comments=comments)
        self._emit(self._device.receive(datagram, self.now))
        return None

    def _wake(self) -> None:
        moment, count = self._wakes
        self._wakes = (self.now, count + 1 if moment == self.now else 1)
        if self._wakes[1] > WAKES_AT_ONCE:
            raise LinkRefused(
                f"the device asks to be woken at {self.now} s again and again, and time can't pass"
            )
        self._emit(self._device.wake(self.now))

    def _emit(self, outcome: Outcome) -> None:
        self.cells.update(outcome.cells)
        for datagram in outcome.send:
            self._tap.saw(self.now, datagram, inbound=False)
            self._depart(datagram, to_target=False)

    def _depart(self, datagram: Datagram, *, to_target: bool, comments: tuple[str, ...] = ()) -> None:
        certain = (
            datagram.protocol == TCP_STREAM
        )  # whatever happens to segments, a stream is whole and in order
        for delay in (0.0,) if certain else self._mischief.fates(self._entropy):
            arrival = self.now + LATENCY_S + delay
            heapq.heappush(self._under_way, (arrival, next(self._order), to_target, datagram, comments))


class UdpPorts:
    """The sockets of the peers, opened before anything is sent; closing them is the business of who opened them."""

    def __init__(self) -> None:
        self.sockets: dict[Endpoint, socket.socket] = {}

    def bind(self, endpoint: Endpoint) -> Endpoint:
        """Open a socket; a port of 0 becomes a free one. LinkRefused says why it can't be had."""
        opened, bound = open_udp(endpoint)
        opened.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        self.sockets[bound] = opened
        return bound

    def leave(self, address: str) -> None:
        """Close every socket of an address."""
        for at in [each for each in self.sockets if each.address == address]:
            self.sockets.pop(at).close()

    def bind_esp(self, address: str) -> Endpoint:
        """Open a raw socket for ESP, whose endpoint has no port. LinkRefused says why it can't be had."""
        at = Endpoint(address, NO_PORT)
        self.sockets[at] = opened = open_esp(address)
        opened.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        return at

    def close(self) -> None:
        """Close every socket."""
        for opened in self.sockets.values():
            opened.close()
        self.sockets.clear()


class Streams(Protocol):
    """The TCP connections of the peers."""

    arrived: deque[Datagram]

    def send(self, datagram: Datagram) -> None:
        """Send a message over the connection between its ends."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


class UdpLink:
    """A link of real UDP sockets, one for each endpoint of a peer, and of the TCP connections that peers open."""

    settle_s = 0.1

    def __init__(
        self,
        ports: UdpPorts,
        tap: Tap,
        clock: Clock,
        provoke: Callable[[Trigger], str | Event] | None = None,
    ) -> None:
        self._sockets = ports.sockets
        self.pace: Pace | None = None
        """How fast the target may be asked; None: as fast as can be."""
        self.spares: Callable[[str], bool] = lambda _: False
        """Whether nothing may be sent to an address."""
        self.spared: set[str] = set()
        """Where somebody was to be sent something that must not be."""
        self._tap = tap
        self._clock = clock
        self._provoke = provoke
        self._poll = select.poll()
        self._by_descriptor = {opened.fileno(): endpoint for endpoint, opened in self._sockets.items()}
        self._others: dict[int, Callable[[], None]] = {}
        self._overflows: dict[Endpoint, int] = {}
        self.streams: Streams | None = None
        """What carries messages of TCP streams; None: nothing does."""
        for opened in self._sockets.values():
            self._poll.register(opened, select.POLLIN)

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock.now()

    def send(self, datagram: Datagram, comments: Sequence[str] = ()) -> None:
        """Send from the socket of the datagram's source, or over its connection, at the pace that the target bears."""
        if self.spares(datagram.destination.address):
            self.spared.add(datagram.destination.address)
            return
        if self.pace is not None:
            self.pace.wait()
        if datagram.protocol == TCP_STREAM and self.streams is not None:
            self._tap.saw(self.now, datagram, inbound=True, comments=comments)
            self.streams.send(datagram)
            return
        opened = self._sockets.get(datagram.source)
        if datagram.protocol != UDP and (
            opened is None or datagram.protocol != _protocol_of(datagram.source)
        ):
            raise LinkRefused(f"UDP sockets carry no datagrams of IP protocol {datagram.protocol}")
        if opened is None:
            raise LinkRefused(f"no peer has the endpoint {datagram.source}")
        self._tap.saw(self.now, datagram, inbound=True, comments=comments)
        try:
            select.select((), (opened,), ())
            opened.sendto(datagram.data, tuple(datagram.destination))
        except OSError as why:
            raise LinkRefused(f"nothing can be sent to {datagram.destination}: {why.strerror}") from why

    def receive(self, until: float) -> Datagram | None:
        """Wait for a datagram on any socket, not longer than `until`."""
        while True:
            if self.streams is not None and self.streams.arrived:
                message = self.streams.arrived.popleft()
                self._tap.saw(self.now, message, inbound=False)
                return message
            left = max(0.0, until - self.now)
            ready = self._poll.poll(left * 1000)
            if not ready:
                if self.now >= until:
                    return None
                continue
            received = self._take(ready[0][0])
            if received is not None:
                return received

    def provoke(self, trigger: Trigger) -> str | Event:
        """Have the target's adapter cause a local event."""
        if self._provoke is None:
            raise LinkRefused("this target has no way to be provoked")
        return self._provoke(trigger)

    @property
    def drops(self) -> int:
        """How many datagrams came that the sockets had no room for."""
        return sum(self._overflows.values())

    def also_watch(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Call `ready` whenever something came to another descriptor while the link waits."""
        self._others[descriptor] = ready
        self._poll.register(descriptor, select.POLLIN)

    def watch_no_more(self, descriptor: int) -> None:
        """The descriptor is about to be closed."""
        del self._others[descriptor]
        self._poll.unregister(descriptor)

    def _take(self, descriptor: int) -> Datagram | None:
        if descriptor in self._others:
            self._others[descriptor]()
            return None
        local = self._by_descriptor[descriptor]
        try:
            data, extra, _, source = self._sockets[local].recvmsg(BIGGEST, socket.CMSG_SPACE(4))
        except (BlockingIOError, ConnectionRefusedError):
            return None
        for level, kind, counter in extra:
            if (level, kind) == (socket.SOL_SOCKET, SO_RXQ_OVFL):
                self._overflows[local] = int.from_bytes(counter[:4], sys.byteorder)
        protocol = _protocol_of(local)
        octets = without_header(data, self._sockets[local].family) if protocol == ESP else data
        there = Endpoint(source[0], NO_PORT if protocol == ESP else source[1])
        datagram = Datagram(there, local, octets, protocol)
        self._tap.saw(self.now, datagram, inbound=False)
        return datagram


def _protocol_of(local: Endpoint) -> int:
    """The protocol of a peer's socket: one without a port is for ESP."""
    return UDP if local.port else ESP


def told(outcome: Outcome) -> str:
    """What became of a trigger, in words."""
    words = (
        [f"sent {len(outcome.send)} datagram{'s' if len(outcome.send) > 1 else ''}"] if outcome.send else []
    )
    return (
        "; ".join((*words, *outcome.events, *((outcome.drop,) if outcome.drop else ()))) or "nothing happened"
    )


def open_udp(endpoint: Endpoint) -> tuple[socket.socket, Endpoint]:
    """A bound, non-blocking UDP socket and the endpoint it got; LinkRefused says plainly why there is none."""
    return open_socket(endpoint, socket.SOCK_DGRAM)


def open_socket(endpoint: Endpoint, kind: socket.SocketKind) -> tuple[socket.socket, Endpoint]:
    """A bound, non-blocking socket of UDP or TCP and the endpoint it got; LinkRefused says plainly why there is none."""
    family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
    opened = socket.socket(family, kind)
    try:
        if kind == socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setblocking(False)
        opened.bind((endpoint.address, endpoint.port))
    except OSError as why:
        opened.close()
        transport = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
        raise LinkRefused(_why_not(f"{transport} {endpoint}", endpoint.address, why)) from why
    name: tuple[Any, ...] = opened.getsockname()
    return opened, Endpoint(endpoint.address, name[1])


def open_esp(address: str) -> socket.socket:
    """A non-blocking raw socket for ESP on an address; LinkRefused says plainly why there is none."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        opened = socket.socket(family, socket.SOCK_RAW, ESP)
    except OSError as why:
        raise LinkRefused(f"no permission to open a raw socket for ESP: {why.strerror}") from why
    try:
        opened.setblocking(False)
        opened.bind((address, 0))
    except OSError as why:
        opened.close()
        raise LinkRefused(f"ESP on {address} can't be opened: {why.strerror}") from why
    return opened


def without_header(octets: bytes, family: int) -> bytes:
    """What a raw socket received, without the IP header that it gives with it for IPv4 alone (raw(7))."""
    return octets if family == socket.AF_INET6 or not octets else octets[(octets[0] & 15) * 4 :]


def _why_not(port: str, address: str, why: OSError) -> str:
    if why.errno == errno.EADDRINUSE:
        return f"{port} is in use by another program"
    if why.errno == errno.EACCES:
        return f"no permission to open {port}: ports below 1024 are for root"
    if why.errno == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this machine"
    return f"{port} can't be opened: {why.strerror}"
