"""Where a case is played: the target made ready, the peers' endpoints taken, and the link between them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from ipaddress import ip_address
from typing import Protocol

from harness.bench.grounds import Loopback
from harness.bench.links import (
    LOSSY,
    NO_MISCHIEF,
    NO_PORT,
    Link,
    LinkRefused,
    Mischief,
    UdpLink,
    UdpPorts,
    VirtualLink,
    open_esp,
    open_udp,
)
from harness.bench.pace import Pace
from harness.bench.streams import PeerStreams
from harness.bench.taps import Tap
from harness.bench.wiretap import WireTap
from harness.clock import Clock, SeededEntropy, VirtualClock, WallClock
from harness.profile import Configuration
from harness.target.contract import Addresses, Elsewhere, Grounds, InProcess, NotApplicable, Provokes, Target
from harness.wire.datagram import Endpoint

STRANGER = "stranger"
"""The name of who plays the control exchange."""
STRANGER_PORTS = (40_500, 44_500)
IKE_PORTS = (500, 4500)
FREE_PORTS = (0, 0)
ELSEWHERE = 100
"""How far from its first address a peer's other one is."""
ANYBODY = "192.0.2.2"
"""Where the first peer is on a virtual link if the configuration names no address."""


class LinkKind(StrEnum):
    """What `--link` may say."""

    VIRTUAL = "virtual"
    LOSSY = "lossy"
    UDP = "udp"


SECOND_ADDRESS = "second-address"
"""The ability of a link to let peers go on from another address."""
_IN_PROCESS = frozenset(
    {"virtual-clock", "esp", "icmp", "tcp", "fragments", "many-addresses", SECOND_ADDRESS}
)
ABILITIES = {
    LinkKind.VIRTUAL: _IN_PROCESS,
    LinkKind.LOSSY: _IN_PROCESS,
    LinkKind.UDP: frozenset({"real-clock", SECOND_ADDRESS}),
}
"""What a case may need of its link, whoever plays it."""


def abilities(kind: LinkKind, target: Target) -> frozenset[str]:
    """What a case may need of a link of that kind to the target: raw sockets, and so ESP beside UDP, are for root."""
    if kind is not LinkKind.UDP:
        return ABILITIES[kind]
    raw = {"esp"} if may_use_raw_sockets() else frozenset()
    alone = {SECOND_ADDRESS} if len(grounds_of(target).peer_addresses(2)) < 2 else frozenset()
    return ABILITIES[kind] - alone | raw


def grounds_of(target: Target) -> Grounds:
    """Where the peers of a target with sockets of its own stand."""
    return target if isinstance(target, Grounds) else Loopback()


class Stage(Protocol):
    """A place for one case."""

    clock: str
    """`virtual` or `real`."""
    target: Addresses
    cast: dict[str, Addresses]
    """The endpoints of each peer, and of the stranger."""
    elsewhere: dict[str, str]
    """The other address of each peer that can go on from one, with the same ports."""
    configuration: Configuration
    """What the target was made to be here."""

    def link(self, tap: Tap) -> Link:
        """The link, watched by this tap."""
        ...

    def drops(self) -> dict[int, int] | None:
        """What the taps lost so far, by the number of their interface; None: nobody counts."""
        ...

    def close(self) -> None:
        """Give back what the stage holds."""
        ...


class VirtualStage:
    """The target in process, virtual time, and as many addresses as are wanted."""

    clock = "virtual"

    def __init__(
        self,
        target: Target,
        configuration: Configuration,
        names: Sequence[str],
        entropy: SeededEntropy,
        mischief: Mischief = NO_MISCHIEF,
        ports: tuple[int, int] = IKE_PORTS,
        *,
        moving: bool = False,
    ) -> None:
        if not isinstance(target, InProcess):
            raise NotApplicable(f"{target.name} has sockets of its own: play it with --link udp")
        self.configuration = configuration
        self.target = _at(configuration.local_address, IKE_PORTS)
        peers = _addresses_from(configuration.peer or ANYBODY)
        self.cast = {name: _at(address, ports) for name, address in zip(names, peers, strict=False)}
        self.cast[STRANGER] = _at(configuration.peer or ANYBODY, STRANGER_PORTS)
        others = _addresses_from(configuration.peer or ANYBODY, ELSEWHERE)
        self.elsewhere = dict(zip(names, others, strict=False)) if moving else {}
        self._device = target.device(configuration, entropy.fork("target"))
        self._mischief = mischief
        self._entropy = entropy.fork("link")

    def link(self, tap: Tap) -> VirtualLink:
        """A link in virtual time, from 0."""
        return VirtualLink(self._device, tap, VirtualClock(), self._mischief, self._entropy)

    def drops(self) -> dict[int, int]:
        """A tap in memory loses nothing."""
        return {0: 0}

    def close(self) -> None:
        """Nothing is held."""


class UdpStage:
    """The target as it runs elsewhere, and real sockets where it has its peers stand."""

    clock = "real"

    def __init__(
        self,
        target: Target,
        configuration: Configuration,
        names: Sequence[str],
        clock: Clock | None = None,
        ports: tuple[int, int] = IKE_PORTS,
        *,
        moving: bool = False,
    ) -> None:
        self._clock = clock or WallClock()
        self._wanted = target.peer_ports if isinstance(target, Elsewhere) and ports == IKE_PORTS else ports
        self._target = target
        self._grounds = grounds_of(target)
        self._ports = UdpPorts()
        self._wire: WireTap | None = None
        self._link: UdpLink | None = None
        target.stop()  # before there are sockets: what it says in farewell belongs to no case
        try:
            with self._grounds.inside():
                self.cast = self._take_endpoints(names)
                self.elsewhere = self._take_elsewhere(names) if moving else {}
            first = next(iter(self.cast.values()))
            self.configuration = replace(
                configuration, local_address=self._grounds.address, peer=first.ike.address
            )
            self.target = target.start(self.configuration, first.ike)
            with self._grounds.inside():
                self._wire = self._second_tap()
        except BaseException:
            self.close()
            raise

    def link(self, tap: Tap) -> UdpLink:
        """A link of these sockets, in real time; as root with a second tap for what goes past them."""
        provoke = self._target.provoke if isinstance(self._target, Provokes) else None
        self._link = link = UdpLink(self._ports, tap, self._clock, provoke)
        if isinstance(self._target, Elsewhere):
            link.pace, link.spares = Pace(self._target.max_rate, self._clock), self._target.spares
        noted = () if self._wire is None else (self._wire.connects,)
        link.streams = PeerStreams(link.also_watch, link.watch_no_more, *noted, inside=self._grounds.inside)
        if self._wire is not None:
            link.also_watch(self._wire.fileno(), partial(_write_what_passed, self._wire, tap, link))
        return link

    def drops(self) -> dict[int, int] | None:
        """What the sockets, and the second tap if there is one, had no room for."""
        if self._link is None:
            return None
        found = {0: self._link.drops}
        if self._wire is not None and self._wire.number is not None:
            found[self._wire.number] = self._wire.drops()
        return found

    def close(self) -> None:
        """Close the peers' sockets; the target may run on."""
        self._ports.close()
        if self._link is not None and self._link.streams is not None:
            self._link.streams.close()
        if self._wire is not None:
            self._wire.close()

    def _second_tap(self) -> WireTap | None:
        """Only root may have one; without it the sockets alone are judged."""
        try:
            return WireTap(self.target.hosts, self._ports.sockets, self._grounds.interface)
        except LinkRefused:
            return None

    def _take_endpoints(self, names: Sequence[str]) -> dict[str, Addresses]:
        hosts = self._grounds.peer_addresses(len(names))
        places = {
            name: self._bind_peer(host) for name, host in zip(names, _dealt(hosts, len(names)), strict=True)
        }
        return {**places, STRANGER: self._bind(hosts[0], FREE_PORTS)}

    def _take_elsewhere(self, names: Sequence[str]) -> dict[str, str]:
        hosts = self._grounds.peer_addresses(2 * len(names))[len(names) :]
        if len(hosts) < len(names):
            raise NotApplicable(f"there is no second address here to speak to {self._target.name} from")
        for name, host in zip(names, hosts, strict=True):
            at = self.cast[name]
            self._bind(host, (at.ike.port, at.natt.port))
        return dict(zip(names, hosts, strict=True))

    def _bind_peer(self, host: str) -> Addresses:
        """On the ports that are wanted; on free ones if another peer stands there, or only root could have them.

        They are not tried beforehand: a process that another thread starts may hold a socket for a moment after it
        was closed.
        """
        if any(taken.address == host for taken in self._ports.sockets):
            return self._bind(host, FREE_PORTS)
        try:
            return self._bind(host, self._wanted)
        except LinkRefused:
            if self._wanted != IKE_PORTS:
                raise
            self._ports.leave(host)
            return self._bind(host, FREE_PORTS)

    def _bind(self, address: str, ports: tuple[int, int]) -> Addresses:
        ike, natt = (self._ports.bind(Endpoint(address, port)) for port in ports)
        if Endpoint(address, NO_PORT) not in self._ports.sockets and may_use_raw_sockets():
            self._ports.bind_esp(address)
        return Addresses(ike, natt)


def may_use_ike_ports(address: str) -> bool:
    """Whether ports 500 and 4500 can be had there; without them free high ports serve."""
    for port in IKE_PORTS:
        try:
            opened, _ = open_udp(Endpoint(address, port))
        except LinkRefused:
            return False
        opened.close()
    return True


def may_use_raw_sockets() -> bool:
    """Whether ESP can be had beside UDP."""
    try:
        open_esp("127.0.0.1").close()
    except LinkRefused:
        return False
    return True


class NoSuchLink(Exception):
    """The target can't be met on that link; the sentence says on which it can."""


def link_to(target: Target, asked: LinkKind | None) -> LinkKind:
    """The link that was asked for; without a wish, a virtual one for a target in process and real sockets for any other."""
    if isinstance(target, InProcess):
        return asked or LinkKind.VIRTUAL
    if asked in (None, LinkKind.UDP):
        return LinkKind.UDP
    raise NoSuchLink(f"{target.name} has sockets of its own: play it with --link udp, or leave --link away")


def stage(
    kind: LinkKind,
    target: Target,
    configuration: Configuration,
    names: Sequence[str],
    entropy: SeededEntropy,
    ports: tuple[int, int] = IKE_PORTS,
    *,
    moving: bool = False,
) -> Stage:
    """The place for a case on a link of that kind; the cast sends from `ports`, and if `moving` from another address."""
    if kind is LinkKind.UDP:
        return UdpStage(target, configuration, names, ports=ports, moving=moving)
    mischief = LOSSY if kind is LinkKind.LOSSY else NO_MISCHIEF
    return VirtualStage(target, configuration, names, entropy, mischief, ports, moving=moving)


def _write_what_passed(wire: WireTap, tap: Tap, link: UdpLink) -> None:
    if wire.number is None:
        wire.number = tap.second(wire.interface)
    for octets in wire.packets():
        tap.passed_by(link.now, octets, wire.number)


def _at(address: str, ports: tuple[int, int]) -> Addresses:
    return Addresses(Endpoint(address, ports[0]), Endpoint(address, ports[1]))


def _dealt(hosts: Sequence[str], count: int) -> Sequence[str]:
    """A host for each of `count` peers: those that there are, and the first one again for the rest."""
    return [*hosts[:count], *(hosts[0],) * (count - len(hosts))]


def _addresses_from(first: str, after: int = 0) -> Iterable[str]:
    start = ip_address(first) + after
    return (str(start + number) for number in range(ELSEWHERE))
