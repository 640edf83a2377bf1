"""The reference responder without sockets: datagrams, time and triggers in; a step out."""

from collections.abc import Iterable
from typing import Any

from harness.clock import Entropy
from harness.codes import Trigger
from harness.profile import Configuration
from harness.responder import data, v1, v2
from harness.responder.clockwork import Clockwork
from harness.responder.context import Context, Incoming
from harness.responder.neighbours import Neighbour, Neighbours
from harness.responder.receiving import Receiving
from harness.responder.rules import HONEST
from harness.responder.shown import shown
from harness.responder.state import ChildSa, IkeSa, Sa
from harness.responder.step import Step, drop, together
from harness.responder.table import Rules
from harness.responder.unproved import Unproved
from harness.wire import NotIke, decode
from harness.wire.datagram import TCP_STREAM, Datagram, Endpoint, Kind, demultiplex

STRAY_ANSWERS_PER_SECOND = 10.0
"""How many unprotected notifies for unknown SPIs are sent a second (RFC 7296 section 2.21.4: rate limited)."""


class Responder:
    """An IKEv1 and IKEv2 responder; under the profile two-way a device that starts exchanges as well.

    `receive`, `wake` and `provoke` take the time as an argument and return what is to be sent; nothing else
    comes out. With the same entropy and the same calls it repeats octet for octet.
    """

    def __init__(
        self,
        configuration: Configuration,
        entropy: Entropy,
        rules: Rules = HONEST,
        *,
        local: Endpoint | Iterable[Endpoint] | None = None,
        peer: Endpoint | None = None,
        nat_ports: frozenset[int] = frozenset({4500}),
    ) -> None:
        self.configuration = configuration
        self.rules = rules
        self._entropy = entropy
        self._ends = _endpoints(local), peer
        self._neighbours = Neighbours(configuration, *self._ends)
        self._nat_ports = nat_ports
        self._sas: dict[bytes, Sa] = {}
        self._inits: dict[tuple[bytes, Endpoint], bytes] = {}
        self._made_by: dict[bytes, tuple[bytes, Endpoint]] = {}
        self._unproved = Unproved()
        self._receiving = Receiving()
        self._timers = Clockwork(self.find)
        self._stray_allowance = STRAY_ANSWERS_PER_SECOND
        self._stray_at = 0.0
        self.cookie_secret = entropy.octets(32)

    def receive(self, datagram: Datagram, now: float) -> Step:
        """Take one datagram in."""
        kind, octets = demultiplex(datagram, self._nat_ports)
        if kind is Kind.ESP:
            return self._receive_packet(octets, datagram, now)
        if kind is not Kind.IKE:
            return drop(f"not IKE: {kind}")
        message = decode(octets)
        if isinstance(message, NotIke):
            return drop(f"no IKE header: {message.why}")

        if message.major == 1 and datagram.protocol == TCP_STREAM:
            return drop("version 1 over TCP")
        natt = len(octets) != len(datagram.data)
        incoming = Incoming(message, octets, datagram, natt, tuple(message.payloads), message.why)
        versions = self.configuration.versions
        answer = v1.receive if message.major == 1 and 1 in versions else v2.receive
        context = self._context(now, self._neighbours.at(datagram.source.address))
        return self._apply(context, answer(context, incoming))

    def _receive_packet(self, packet: bytes, datagram: Datagram, now: float) -> Step:
        context = self._context(now, self._neighbours.at(datagram.source.address))
        return self._apply(context, data.receive(context, packet, datagram))

    def wake(self, now: float) -> Step:
        """Do what is due by `now`, in the order in which it fell due."""
        steps = []
        while (due := self._timers.take(now)) is not None:
            sa, armed = due
            context = self._context(now, self._neighbours.of(sa))
            rule = self.rules.timers.get((sa.version, armed.timer))
            if rule is not None:
                steps.append(self._apply(context, rule(context, sa, armed)))
        return together(steps)

    def provoke(self, trigger: Trigger, now: float) -> Step:
        """Let a local event happen: traffic, a route change, a reload; each peer is concerned by itself."""
        rule = self.rules.triggers.get(trigger)
        if rule is None:
            return drop(f"{trigger} means nothing to this device")
        return together([self._apply(c, rule(c)) for c in self._about(self._neighbours.all, now)])

    def reconfigure(self, configuration: Configuration, now: float) -> Step:
        """Be set up otherwise from now on.

        SAs stay where their peer is set up as before, whatever it may start now; the others are deleted. What
        is new, or changed, comes up as an interface does: a two-way device calls it, a responder waits.
        """
        before, after = self._neighbours, Neighbours(configuration, *self._ends)
        left = [each for each in before.all if not after.has(each)]
        steps = [
            self._apply(c, self.rules.triggers[Trigger.INTERFACE_DOWN](c)) for c in self._about(left, now)
        ]
        self.configuration, self._neighbours = configuration, after
        stay = [each for each in after.all if before.has(each)]
        steps += [self._apply(c, self.rules.decisions["forgo_starts"](c)) for c in self._about(stay, now)]
        come = [each for each in after.all if not before.has(each)]
        steps += [
            self._apply(c, self.rules.triggers[Trigger.INTERFACE_UP](c)) for c in self._about(come, now)
        ]
        return together(steps)

    def export(self) -> tuple[Sa, ...]:
        """The IKE SAs that stand, as the other members of a cluster are told of them."""
        return tuple(v2.failover.told(sa) for sa in self._sas.values() if isinstance(sa, IkeSa) and sa.up)

    def adopt(self, sas: Iterable[Sa], now: float) -> Step:
        """Have the IKE SAs that another member told of; when it fails, `provoke` the failover."""
        mine = [(self._context(now, self._neighbours.of(sa)), sa) for sa in sas]
        return together(
            [self._apply(c, v2.failover.adopted(c, sa)) for c, sa in mine if isinstance(sa, IkeSa)]
        )

    def take_over(self, failed: "Responder", now: float) -> None:
        """Go on with another node's SAs that were up, and with their timers; what was half-open went with it."""
        timers = failed._timers.by_sa()
        kept = tuple(sa for sa in failed.all() if sa.up)
        armed = tuple((sa.ours, each) for sa in kept for each in timers.get(sa.ours, ()))
        self._apply(self._context(now, self._neighbours.all[0]), Step(changed=kept, armed=armed))

    def show(self, now: float) -> list[dict[str, Any]]:
        """Every SA as plain data, oldest first; never a key."""
        armed = self._timers.by_sa()
        return [
            shown(sa, self._neighbours.of(sa).configuration.profile, armed.get(sa.ours, ()), now)
            for sa in self._sas.values()
        ]

    @property
    def next_wake(self) -> float | None:
        """When `wake` is next to be called."""
        return self._timers.next_due

    def all(self) -> Iterable[Sa]:
        """Every SA, oldest first."""
        return tuple(self._sas.values())

    def find(self, ours: bytes) -> Sa | None:
        """The SA whose SPI or cookie on our side is `ours`."""
        return self._sas.get(ours)

    def inbound(self, spi: bytes) -> tuple[Sa, ChildSa] | None:
        """The child that receives on this SPI, and the SA that answers for it."""
        sa = self._sas.get(self._receiving.owner(spi) or b"")
        child = None if sa is None else next((c for c in sa.children if c.spi_in == spi), None)
        return None if sa is None or child is None else (sa, child)

    def by_init(self, octets: bytes, source: Endpoint) -> Sa | None:
        """The SA that these octets, from this source, made (RFC 7296 section 2.1: the whole message tells)."""
        ours = self._inits.get((octets, source))
        return None if ours is None else self._sas.get(ours)

    def half_open_count(self, address: str | None = None) -> int:
        """How many SAs wait for their peer to prove itself; with an address those of its source."""
        return len(self._unproved) if address is None else self._unproved.of(address)

    def oldest_half_open(self, version: int) -> bytes | None:
        """Our SPI or cookie of the oldest of them that is of this version."""
        return self._unproved.oldest(version)

    def half_open_began(self, address: str, spi_i: bytes) -> bool:
        """Whether one of them was begun from this address with this SPI or cookie."""
        return self._unproved.began(address, spi_i)

    def may_answer_stray(self, now: float) -> bool:
        """Draws from the allowance of unprotected notifies for unknown SPIs."""
        earned = (now - self._stray_at) * STRAY_ANSWERS_PER_SECOND
        self._stray_allowance = min(STRAY_ANSWERS_PER_SECOND, self._stray_allowance + max(0.0, earned))
        self._stray_at = now
        if self._stray_allowance < 1.0:
            return False
        self._stray_allowance -= 1.0
        return True

    def secrets(self) -> Iterable[dict[str, Any]]:
        """The keys of every SA that has some, in the form evidence carries them."""
        return _secrets(self._sas.values())

    def secrets_of(self, step: Step) -> Iterable[dict[str, Any]]:
        """The keys of the SAs that this step made or changed."""
        return _secrets(step.changed)

    def _about(self, neighbours: Iterable[Neighbour], now: float) -> list[Context]:
        return [self._context(now, each) for each in neighbours]

    def _context(self, now: float, about: Neighbour) -> Context:
        return Context(
            about.configuration,
            self._entropy,
            now,
            self.rules,
            self,
            about.local,
            about.endpoint,
            self._neighbours,
        )

    def _apply(self, context: Context, step: Step) -> Step:
        if self.rules.outgoing is not None:
            step = self.rules.outgoing(context, step)
        step = v1.cut(context, step)
        for sa in step.changed:
            self._receiving.keep(sa.ours, sa.children)
            if sa.ours not in self._sas and sa.init_request:
                self._made_by[sa.ours] = made_by = (sa.init_request, sa.remote)
                self._inits[made_by] = sa.ours
            self._sas[sa.ours] = sa
            self._unproved.note(sa)
        for ours in step.gone:
            self._forget(ours)
        for ours, armed in step.armed:
            self._timers.arm(ours, armed)
        return step

    def _forget(self, ours: bytes) -> None:
        self._receiving.forget(ours)
        self._sas.pop(ours, None)
        self._unproved.forget(ours)
        made_by = self._made_by.pop(ours, None)
        if made_by is not None:
            self._inits.pop(made_by, None)


def _endpoints(local: Endpoint | Iterable[Endpoint] | None) -> tuple[Endpoint, ...]:
    if local is None:
        return ()
    return (local,) if isinstance(local, Endpoint) else tuple(local)


def _secrets(sas: Iterable[Sa]) -> tuple[dict[str, Any], ...]:
    return tuple(secret for sa in sas for secret in v1.secrets(sa) + v2.secrets(sa) + data.secrets(sa))
