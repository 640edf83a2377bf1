"""What a rule is given besides the SA: the configuration, chance, the time, and a view of the other SAs."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from harness.clock import Entropy
from harness.codes import ProfileName
from harness.profile import PROFILES, Configuration, Start
from harness.responder.neighbours import Neighbour, Neighbours
from harness.responder.state import ChildSa, Sa
from harness.responder.step import Step
from harness.values import replace, value
from harness.wire import Message
from harness.wire.datagram import UDP, Datagram, Endpoint, frame

if TYPE_CHECKING:
    from harness.responder.table import Rules, Stage

T = TypeVar("T")


class World(Protocol):
    """The SAs of a responder, to look at."""

    def find(self, ours: bytes) -> Sa | None:
        """The SA whose SPI or cookie on our side is `ours`."""
        ...

    def all(self) -> Iterable[Sa]:
        """Every SA, oldest first."""
        ...

    def inbound(self, spi: bytes) -> tuple[Sa, ChildSa] | None:
        """The child that receives on this SPI, and the SA that answers for it."""
        ...

    def by_init(self, octets: bytes, source: Endpoint) -> Sa | None:
        """The SA that these octets, from this source, made."""
        ...

    def half_open_count(self, address: str | None = None) -> int:
        """How many SAs wait for their peer to prove itself; with an address those of its source."""
        ...

    def oldest_half_open(self, version: int) -> bytes | None:
        """Our SPI or cookie of the oldest of them that is of this version."""
        ...

    def half_open_began(self, address: str, spi_i: bytes) -> bool:
        """Whether one of them was begun from this address with this SPI or cookie."""
        ...

    def may_answer_stray(self, now: float) -> bool:
        """Draws from the allowance of unprotected notifies for unknown SPIs (RFC 7296 section 2.21.4)."""
        ...

    cookie_secret: bytes


@value
class Incoming:
    """A message on its way in; `payloads` are the opened ones once the SA's keys have opened it."""

    message: Message
    octets: bytes
    datagram: Datagram
    natt: bool
    payloads: tuple[Any, ...] = ()
    why: str | None = None
    plaintext: bytes = b""

    def find(self, kind: type, notify_type: int | None = None) -> Any:
        """The first payload of `kind` (and of this notify type), or None."""
        for payload in self.payloads:
            if isinstance(payload, kind) and (
                notify_type is None or getattr(payload, "notify_type", None) == notify_type
            ):
                return payload
        return None

    def all(self, kind: type, notify_type: int | None = None) -> tuple[Any, ...]:
        """Every payload of `kind` (and of this notify type)."""
        return tuple(
            p
            for p in self.payloads
            if isinstance(p, kind) and (notify_type is None or p.notify_type == notify_type)  # type: ignore[attr-defined]  # a notify has it
        )

    def opened(self, payloads: tuple[Any, ...], why: str | None, plaintext: bytes) -> "Incoming":
        """This message with what its sealed part holds."""
        return replace(self, payloads=payloads, why=why, plaintext=plaintext)

    def reply(self, octets: bytes) -> Datagram:
        """A datagram from where this one went, to where it came from (RFC 7296 section 2.11)."""
        came = self.datagram
        return Datagram(came.destination, came.source, frame(octets, self.natt), came.protocol)


@value
class Context:
    """The surroundings of one event; `configuration` is the device as the peer that it is about meets it."""

    configuration: Configuration
    entropy: Entropy
    now: float
    rules: "Rules"
    world: World
    local: Endpoint | None = None
    peer: Endpoint | None = None
    neighbours: Neighbours | None = None

    def towards(self, neighbour: Neighbour) -> "Context":
        """The same event, about that peer."""
        if neighbour.configuration is self.configuration:
            return self
        return replace(
            self, configuration=neighbour.configuration, local=neighbour.local, peer=neighbour.endpoint
        )

    def beside(self, sa: Sa) -> "Context":
        """The same event, about the peer at the other end of this SA."""
        return self if self.neighbours is None else self.towards(self.neighbours.of(sa))

    def identified(self, body: bytes) -> "Context":
        """The same event, about the peer whose identity this body of an ID payload holds; unchanged for a stranger."""
        known = None if self.neighbours is None else self.neighbours.called(body)
        return self if known is None else self.towards(known)

    def own(self, sa: Sa) -> bool:
        """Whether the SA is one with the peer that this event is about."""
        return self.beside(sa).configuration is self.configuration

    def may(self, start: Start) -> bool:
        """Whether the profile lets the device start this by itself."""
        return bool(self.decide("may_start", start))

    def may_rekey(self, start: Start, *, began: bool) -> bool:
        """Whether it lets the device rekey an SA: a rekey continues what a peer began.

        Of what the device `began` itself, under another profile, only one that still may begin children rekeys anything.
        """
        return self.may(start) and (not began or self.may(Start.FIRST_CHILD))

    def decide(self, name: str, *arguments: Any) -> Any:
        """The decision `name` of the table, on these arguments."""
        rule: Callable[..., Any] = self.rules.decisions[name]
        return rule(self, *arguments)

    def answer(self, name: str, *arguments: Any) -> Step:
        """The same of a decision that is a step."""
        step: Step = self.decide(name, *arguments)
        return step

    def extended(self, stage: "Stage", sa: T, request: Incoming) -> tuple[T, tuple[Any, ...]]:
        """The SA as the extensions of this stage leave it, and what they add to the response."""
        added: tuple[Any, ...] = ()
        for extension in self.rules.extensions_of(stage):
            sa, payloads = extension(self, sa, request)
            added += payloads
        return sa, added

    @property
    def profile(self) -> ProfileName:
        """The profile the device is configured with."""
        return self.configuration.profile


def permitted(profile: ProfileName, start: Start) -> bool:
    """Whether `profile` has `start` among what a device may do by itself."""
    return start in PROFILES[profile].may


def send(local: Endpoint, remote: Endpoint, octets: bytes, natt: bool, protocol: int = UDP) -> Datagram:
    """A datagram of our own on an SA's endpoints."""
    return Datagram(local, remote, frame(octets, natt), protocol)
