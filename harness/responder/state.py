"""What the responder knows of its SAs: values that are replaced, never altered."""

from collections.abc import Sequence
from dataclasses import field
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from harness.crypto import Private
from harness.profile import ChildProposal, IkeProposal
from harness.responder.eap import Conversation
from harness.responder.traffic import NO_TRAFFIC, Traffic
from harness.sa.esp import EspSa, direction
from harness.sa.intermediate import NO_INT_AUTH, IntAuth
from harness.sa.v2 import ChildKeys, Keys, OpenedFragment
from harness.values import replace, value
from harness.wire.datagram import UDP, Endpoint

if TYPE_CHECKING:
    from harness.responder.context import Incoming

C = TypeVar("C", bound="ChildSa")


class State(StrEnum):
    """Where an IKEv2 SA stands; IDLE is the state of an SA that is not there yet.

    One that is INTERMEDIATE waits for additional key exchanges, one that is HALF_OPEN for IKE_AUTH.
    CONTESTED is one that the peer's rekey made while ours of the same SA is not answered (RFC 7296 section 2.8.2).
    """

    IDLE = "idle"
    INIT_SENT = "init-sent"
    INTERMEDIATE_SENT = "intermediate-sent"
    AUTH_SENT = "auth-sent"
    INTERMEDIATE = "intermediate"
    HALF_OPEN = "half-open"
    ESTABLISHED = "established"
    CONTESTED = "contested"
    REKEYED = "rekeyed"
    CLOSING = "closing"
    CLOSED = "closed"


class Timer(StrEnum):
    """What a timer is for."""

    HALF_OPEN = "half-open"
    IKE_SOFT = "ike-soft"
    IKE_HARD = "ike-hard"
    CHILD_SOFT = "child-soft"
    CHILD_HARD = "child-hard"
    CHILD_IDLE = "child-idle"
    RETRANSMIT = "retransmit"
    LIVENESS = "liveness"
    LINGER = "linger"
    FOLLOW_UP = "follow-up"
    KEEPALIVE = "keepalive"
    BUSY = "busy"
    LEFT = "left"
    FRAGMENTS = "fragments"
    REDIRECT = "redirect"


@value
class Armed:
    """A timer: when it is due, what it is for, and which part of the SA it means (a Message ID, a child's SPI)."""

    due: float
    timer: Timer
    about: bytes | int = 0


UNPROVED = frozenset({State.INTERMEDIATE, State.HALF_OPEN})
"""The states before the peer has proved who it is."""
CHILD_TIMERS = frozenset({Timer.CHILD_SOFT, Timer.CHILD_HARD, Timer.CHILD_IDLE})
"""Timers that mean one child."""
_AWAITED_IN = {
    Timer.HALF_OPEN: UNPROVED,
    Timer.LINGER: frozenset({State.CLOSED}),
    Timer.LEFT: frozenset({State.REKEYED}),
}
"""Timers that mean nothing to an SA in other states."""


@value
class Selector:
    """One traffic selector: an address range of one family, with protocol and ports (0, 0-65535: any)."""

    start: bytes
    end: bytes
    protocol: int = 0
    start_port: int = 0
    end_port: int = 65535


@value
class ChildSa:
    """A pair of IPsec SAs: we receive on `spi_in` and send on `spi_out`."""

    spi_in: bytes
    spi_out: bytes
    proposal: ChildProposal
    local: tuple[Selector, ...]
    remote: tuple[Selector, ...]
    born: float
    keys: ChildKeys | None = field(default=None, repr=False)
    we_started: bool = False
    transport: bool = False
    """Whether it is in transport mode."""
    rekeyed: bool = False
    refused: bool = False
    """Whether the peer would not have it rekeyed."""
    soft_at: float | None = None
    kilobytes: int | None = None
    """The volume after which both ends agreed that it is over; None: they agreed on none."""
    traffic: Traffic = NO_TRAFFIC

    @property
    def used_at(self) -> float:
        """When a packet last went through, or else its birth."""
        return self.born if self.traffic.used_at is None else self.traffic.used_at

    @property
    def inbound(self) -> EspSa | None:
        """The SA under which we receive, keys and all; None for AH, or before there are keys."""
        return self._direction(self.spi_in, by_initiator=not self.we_started)

    @property
    def outbound(self) -> EspSa | None:
        """The SA under which we send."""
        return self._direction(self.spi_out, by_initiator=self.we_started)

    def _direction(self, spi: bytes, *, by_initiator: bool) -> EspSa | None:
        if self.keys is None:
            return None
        keys, suite = self.keys, self.proposal
        pair = (keys.encr_i, keys.integ_i) if by_initiator else (keys.encr_r, keys.integ_r)
        return direction(spi, suite.protocol, suite.encr, suite.key_bits, suite.integ, suite.esn, pair)


def with_child(children: tuple[C, ...], child: C) -> tuple[C, ...]:
    """The children with this one added as the newest, or with its new value in its place."""
    if all(c.spi_in != child.spi_in for c in children):
        return (*children, child)
    return tuple(child if c.spi_in == child.spi_in else c for c in children)


@value
class Own:
    """A request of our own, before it is built: its kind, the child it is about, traffic selectors, a group.

    What the peer was too busy for is `due` again later; `tries` counts how often that happened.
    """

    kind: str
    spi_in: bytes = b""
    local: tuple[Selector, ...] = ()
    remote: tuple[Selector, ...] = ()
    notify: int = 0
    data: bytes = b""
    group: int = 0
    tries: int = 0
    due: float = 0.0


ENDS = ("delete-ike", "close-ike", "refuse-peer")
"""Requests of our own that end the IKE SA: nothing is asked on it after them (RFC 7296 section 2.8)."""
ABOUT_CHILDREN = ("new-child", "rekey-child", "delete-child")
"""Requests of our own that make, rekey or close a child."""


@value
class Rival:
    """The peer's rekey of an SA that we were rekeying: the lower of its nonces, and our SPI of what it made."""

    nonce: bytes = field(repr=False)
    ours: bytes


@value
class FollowUp:
    """What CREATE_CHILD_SA agreed on, while its additional key exchanges are made (RFC 9370 section 2.2.4).

    `methods` are those left, `shared` is SK(0), `additional` is SK(1) | … | SK(n) so far, `link` is what names the
    next exchange. It makes a `child`, in place of the one that receives on `old` if there is one, or else an IKE SA
    of this `suite` and these `spis`.
    """

    methods: tuple[int, ...]
    ni: bytes = field(repr=False)
    nr: bytes = field(repr=False)
    shared: bytes = field(repr=False)
    additional: bytes = field(default=b"", repr=False)
    link: bytes = b""
    child: ChildSa | None = None
    old: bytes = b""
    suite: IkeProposal | None = None
    spis: tuple[bytes, bytes] = (b"", b"")

    def then(self, shared: bytes) -> Self:
        """This, after one more key exchange."""
        return replace(self, methods=self.methods[1:], additional=self.additional + shared)


@value
class Outstanding:
    """Our request that has no response yet, kept octet for octet for retransmission (RFC 7296 section 2.1).

    It went out `sent` times, and does so again when it is `due`.
    """

    own: Own
    message_id: int
    exchange: int
    messages: tuple[bytes, ...] = field(repr=False)
    sent: int = 0
    due: float = 0.0
    ours: bytes = field(default=b"", repr=False)
    nonce: bytes = field(default=b"", repr=False)
    private: Private | None = field(default=None, repr=False)
    rival: Rival | None = None
    follows: FollowUp | None = None
    """What a request with an additional key exchange goes on with."""


@value
class Served:
    """A request that was answered, as received, and the response as sent: a message, or its fragments."""

    message_id: int
    request: bytes = field(repr=False)
    response: tuple[bytes, ...] = field(repr=False)
    keys: Keys | None = field(default=None, repr=False)
    """The keys of that exchange, where it renewed them; None: they are those of the SA."""


@value
class Gathered:
    """The fragments of one message that have come so far, and the octets of the first one (RFC 7383 section 2.6)."""

    message_id: int
    response: bool
    since: float
    total: int
    pieces: tuple[OpenedFragment, ...] = field(repr=False)
    first: bytes = field(default=b"", repr=False)


@value
class Mobile:
    """What MOBIKE keeps (RFC 4555): the peer's further addresses, and the Message ID of its last update of anything.

    Until the peer has shown that it is where it moved to, packets go `before` (section 3.7).
    """

    addresses: tuple[bytes, ...] = ()
    updated_by: int = -1
    before: tuple[Endpoint, Endpoint] | None = None


@value
class Session:
    """What an IKE SA hands to its heir besides children: what authentication and the extensions agreed.

    `began` is whether this end made the first of these IKE SAs, `authenticated` when the peer proved itself and
    `proved` who it is then (empty: nobody in particular), `address` the inner address that was given,
    `redirectable` whether the peer follows REDIRECT, and `ticket` the one that resumed it.
    """

    began: bool = False
    authenticated: float = 0.0
    proved: bytes = b""
    address: bytes = b""
    redirectable: bool = False
    mobile: Mobile | None = None
    ticket: bytes = field(default=b"", repr=False)
    message_ids: bool = False
    """Whether Message IDs can be synchronised after a failover, and replay counters (RFC 6311)."""
    replay_counters: bool = False


@value
class Resumed:
    """The IKE SA that a ticket tells of (RFC 5723 section 5): identities, suite and SK_d; `spi_i`, `spi_r` were its SPIs."""

    spi_i: bytes
    spi_r: bytes
    id_i: bytes
    id_r: bytes
    suite: IkeProposal
    proved: bytes
    """Who the peer proved to be then, as Session has it."""
    sk_d: bytes = field(repr=False)


@value
class Authenticating:
    """What came along in IKE_SA_INIT and in the IKE_AUTH exchanges so far, for the AUTH payloads to come."""

    hashes: frozenset[int] = frozenset()
    """The peer's SIGNATURE_HASH_ALGORITHMS, of which a signature takes one (RFC 7427 section 4)."""
    chain: tuple[bytes, ...] = ()
    """The peer's certificates, its own first."""
    with_ppk: bool = False
    """Whether both ends said USE_PPK (RFC 8784 section 3)."""
    mixed: bool = False
    """Whether the keys have the post-quantum key in them, which then proves something by itself."""
    eap: Conversation | None = None
    asked: "Incoming | None" = field(default=None, repr=False)
    """The request that began EAP: it asked for the first child."""


@value
class IkeSa:
    """An IKEv2 SA from our end; `ours` is our SPI and the key under which the SA is found."""

    ours: bytes
    spi_i: bytes
    spi_r: bytes
    local: Endpoint
    remote: Endpoint
    state: State = State.IDLE
    we_started: bool = False
    suite: IkeProposal | None = None
    keys: Keys | None = field(default=None, repr=False)
    init_request: bytes = field(default=b"", repr=False)
    init_response: bytes = field(default=b"", repr=False)
    ni: bytes = field(default=b"", repr=False)
    nr: bytes = field(default=b"", repr=False)
    natt: bool = False
    protocol: int = UDP
    """What its messages travel in: UDP, or a TCP stream."""
    behind_nat: bool = False
    intermediate: bool = False
    """Whether both ends are for IKE_INTERMEDIATE (RFC 9242 section 3.1)."""
    additional: tuple[int, ...] = ()
    """The methods of the key exchanges that are still to be made before IKE_AUTH (RFC 9370)."""
    int_auth: IntAuth = NO_INT_AUTH
    puzzle: tuple[int, int] | None = None
    """PRF and difficulty of the puzzle that IKE_AUTH has to solve (RFC 8019 section 7.2)."""
    peer_id: bytes = b""
    authenticating: Authenticating = Authenticating()
    born: float = 0.0
    heard: float = 0.0
    expected: int = 0
    """The lowest Message ID of the peer that was not served yet."""
    promised: int = 1
    """How many requests of the peer are kept at a time: the window that it was told of."""
    complained: float = -inf
    """When the peer was last told of a Message ID outside the window."""
    served: tuple[Served, ...] = ()
    fragments: bool = False
    """Whether both ends are for fragmentation (RFC 7383)."""
    gathered: tuple[Gathered, ...] = ()
    synchronised: Served | None = None
    """The last synchronisation of a cluster that was answered (RFC 6311), under the Message ID that is due after it."""
    next_own: int = 0
    window: int = 1
    """How many requests of our own may wait for their responses: the window that the peer told of."""
    outstanding: tuple[Outstanding, ...] = ()
    queue: tuple[Own, ...] = ()
    deferred: tuple[Own, ...] = ()
    """What the peer was too busy for."""
    following: tuple[FollowUp, ...] = ()
    """What the peer has still to make additional key exchanges for."""
    children: tuple[ChildSa, ...] = ()
    half_closed: tuple[ChildSa, ...] = ()
    """Children whose Delete the peer has not answered; what comes in on them is refused (RFC 7296 section 1.4.1)."""
    heir: bytes = b""
    renews: bytes = b""
    """Our SPI of the IKE SA that this one takes the place of once it is up (RFC 7296 section 2.8.3)."""
    waits_for: bytes = b""
    """The SA that both ends are rekeying, where this one is contested."""
    session: Session = Session()
    resumed: Resumed | None = None
    peer_token: bytes = field(default=b"", repr=False)
    """What the peer shows unprotected when it has lost this SA (RFC 6290)."""
    version: int = 2

    def become(self, state: State, **changes: object) -> Self:
        """This SA in another state, with other changes."""
        return replace(self, state=state, **changes)

    def child(self, spi: bytes) -> ChildSa | None:
        """The child that receives, or sends, on `spi`."""
        return next((c for c in self.children if spi in (c.spi_in, c.spi_out)), None)

    def busy_with(self, *kinds: str) -> bool:
        """Whether a request of ours of these kinds waits for its response, or to be sent."""
        return any(own.kind in kinds for own in (*(each.own for each in self.outstanding), *self.queue))

    def asking(self, *kinds: str) -> bool:
        """Whether a request of ours of these kinds waits for its response."""
        return any(each.own.kind in kinds for each in self.outstanding)

    def rekeying(self, spi_in: bytes) -> bool:
        """Whether our rekey of the child that receives on `spi_in` waits for its response."""
        return any((o.own.kind, o.own.spi_in) == ("rekey-child", spi_in) for o in self.outstanding)

    def following_up(self, kind: str, spi_in: bytes = b"") -> bool:
        """Whether additional key exchanges of ours for this are under way: the peer has agreed to it already."""
        return any(
            each.follows is not None and (each.own.kind, each.own.spi_in) == (kind, spi_in)
            for each in self.outstanding
        )

    def yields(self, own: Own) -> bool:
        """Whether the peer makes key exchanges for what a request of ours is about, so that it has to wait for them."""
        return any(
            own.kind in ("rekey-ike", *ABOUT_CHILDREN)
            if each.suite is not None
            else each.old != b"" and (own.kind, own.spi_in) == ("rekey-child", each.old)
            for each in self.following
        )

    def may_ask(self, kind: str) -> bool:
        """Whether a request of our own of this kind may be sent now, with those that wait for their responses.

        The peer's window bounds how many (RFC 7296 section 2.3); while the IKE SA is rekeyed no Child SA is made,
        rekeyed or closed, and the other way round (sections 1.3.2, 2.25.1).
        """
        if not self.outstanding:
            return True
        if kind == "synchronise" or self.asking("synchronise"):
            return False
        if self.next_own - min(each.message_id for each in self.outstanding) >= self.window:
            return False
        if kind == "rekey-ike":
            return not self.asking("rekey-ike", *ENDS, *ABOUT_CHILDREN)
        return not self.asking(*ENDS, *(("rekey-ike",) if kind in (*ABOUT_CHILDREN, *ENDS) else ()))

    def asked(self, message_id: int) -> Outstanding | None:
        """Our request of this Message ID, while it waits for its response."""
        return next((each for each in self.outstanding if each.message_id == message_id), None)

    def answer_to(self, message_id: int) -> Served | None:
        """The request of the peer that was answered under this Message ID, while it is kept."""
        return next((each for each in self.served if each.message_id == message_id), None)

    def without_fragments(self, message_id: int, *, response: bool) -> Self:
        """This SA without the fragments of a message that is whole now."""
        if not self.gathered:
            return self
        kept = tuple(g for g in self.gathered if (g.message_id, g.response) != (message_id, response))
        return replace(self, gathered=kept)

    def awaits(self, armed: Armed, /) -> bool:
        """Whether anything of this SA still depends on the timer."""
        if armed.timer is Timer.RETRANSMIT:
            return any((each.message_id, each.due) == (armed.about, armed.due) for each in self.outstanding)
        if armed.timer in CHILD_TIMERS:
            return isinstance(armed.about, bytes) and self.child(armed.about) is not None
        if armed.timer is Timer.FOLLOW_UP:
            return any(each.link == armed.about for each in self.following)
        if armed.timer is Timer.FRAGMENTS:
            return bool(self.gathered)
        wanted = _AWAITED_IN.get(armed.timer)
        return wanted is None or self.state in wanted

    def without(self, spi_in: bytes) -> Self:
        """This SA without the child that receives on `spi_in`."""
        return replace(self, children=tuple(c for c in self.children if c.spi_in != spi_in))

    def close(self, *children: ChildSa) -> Self:
        """This SA with these children half-closed: their Deletes are due."""
        bare = replace(self, children=tuple(c for c in self.children if c not in children))
        deletes = (Own("delete-child", spi_in=child.spi_in) for child in children)
        return replace(bare, half_closed=(*self.half_closed, *children), queue=(*self.queue, *deletes))

    def contested(self, kind: str, spi_in: bytes, rival: Rival) -> Self:
        """This SA with the peer's rekey noted at our own of the same SA, if we are rekeying it (section 2.8.1)."""
        noted = (
            replace(each, rival=rival) if (each.own.kind, each.own.spi_in) == (kind, spi_in) else each
            for each in self.outstanding
        )
        return replace(self, outstanding=tuple(noted))

    def with_child(self, child: ChildSa) -> Self:
        """This SA with the child added as its newest, or with its new value where it stood."""
        return replace(self, children=with_child(self.children, child))

    @property
    def up(self) -> bool:
        """True while the SA serves: established and not being replaced or closed."""
        return self.state is State.ESTABLISHED

    @property
    def inner_address(self) -> bytes:
        """The address of the pool that the peer has; empty without one."""
        return b"" if self.state is State.CLOSED else self.session.address

    @property
    def half_open(self) -> bool:
        """True while the peer has not proved who it is."""
        return self.state in UNPROVED

    @property
    def closing(self) -> bool:
        """True while our Delete of this SA waits for its answer."""
        return self.state is State.CLOSING


IDLE = IkeSa(ours=b"", spi_i=b"", spi_r=b"", local=None, remote=None)  # type: ignore[arg-type]  # an SA that is not there has no ends
"""The SA that is not there yet."""


class Sa(Protocol):
    """What the core needs of an SA of either version."""

    @property
    def ours(self) -> bytes:
        """Our SPI or cookie: the key under which the SA is found."""
        ...

    @property
    def version(self) -> int:
        """The major version, 1 or 2."""
        ...

    @property
    def local(self) -> Endpoint:
        """Where we were last asked."""
        ...

    @property
    def remote(self) -> Endpoint:
        """Where the peer was last heard."""
        ...

    @property
    def protocol(self) -> int:
        """What its messages travel in: UDP, or a TCP stream."""
        ...

    @property
    def up(self) -> bool:
        """True while the SA serves."""
        ...

    @property
    def half_open(self) -> bool:
        """True while the peer has not proved who it is."""
        ...

    @property
    def inner_address(self) -> bytes:
        """The address of the pool that the peer has; empty without one."""
        ...

    @property
    def we_started(self) -> bool:
        """True where this end is the initiator."""
        ...

    @property
    def closing(self) -> bool:
        """True while our Delete of this SA waits for its answer."""
        ...

    @property
    def init_request(self) -> bytes:
        """The first message of the peer that made it, as received."""
        ...

    @property
    def children(self) -> Sequence[ChildSa]:
        """The children that it answers for."""
        ...

    @property
    def peer_id(self) -> bytes:
        """The body of the ID payload by which the peer is known; empty before that."""
        ...

    def awaits(self, armed: Armed, /) -> bool:
        """Whether anything of this SA still depends on the timer."""
        ...
