"""What the peer remembers of an IKE SA and its Child SAs: its own memory, changed in place as messages come and go."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from harness.codes import Exchange, NotifyType
from harness.crypto import Private
from harness.peer.v2.told import Ticket, Told
from harness.sa.intermediate import NO_INT_AUTH, IntAuth, updated_keys
from harness.sa.v2 import ChildKeys, ChildSuite, Keys, OpenedFragment, Suite
from harness.wire import Message, v2
from harness.wire.datagram import Endpoint
from harness.wire.v2.notify_data import TicketWithLifetime, read

NOWHERE = Endpoint("0.0.0.0", 0)  # noqa: S104 - no address at all, nothing is bound


class State(StrEnum):
    """How far an SA has come."""

    NONE = "none"
    STARTED = "started"
    HALF_OPEN = "half-open"
    ESTABLISHED = "established"
    REPLACED = "replaced"
    CLOSED = "closed"


@dataclass(slots=True, eq=False)
class ChildSa:
    """A pair of IPsec SAs; `spi_in` is the one chosen by this end."""

    spi_in: bytes
    spi_out: bytes
    suite: ChildSuite
    keys: ChildKeys
    local: tuple[v2.TrafficSelector, ...]
    remote: tuple[v2.TrafficSelector, ...]
    initiated: bool
    """Whether this end started the exchange that made it: then keys marked `i` protect what it sends."""
    transport: bool = False
    """Whether it is in transport mode."""
    renewal: "Concern | None" = None
    """The rekey of it that this end asked for last."""

    def __repr__(self) -> str:
        return f"ChildSa({self.spi_in.hex()}, {self.spi_out.hex()})"


@dataclass(slots=True, eq=False)
class Concern:
    """What a request of this end is about, for RFC 7296 section 2.25: a new child, a rekey, a Delete."""

    kind: Literal["child", "child-rekey", "child-delete", "ike-rekey"]
    child: ChildSa | None = None
    """The Child SA that is rekeyed or deleted."""
    rival: bytes = field(default=b"", repr=False)
    """The lower nonce of the target's rekey of the same SA, if that came while the request was open."""
    redundant: bool = False
    """Whether what it made has the lowest nonce of all, and must go (section 2.8.1)."""
    made: "ChildSa | IkeSa | None" = None

    def makes(self, made: "ChildSa | IkeSa", *nonces: bytes) -> None:
        """What the request made, by these two nonces."""
        self.made, self.redundant = made, bool(self.rival) and min(nonces) < self.rival


@dataclass(slots=True, eq=False)
class FollowUp:
    """What CREATE_CHILD_SA agreed on, until its additional key exchanges are made (RFC 9370 section 2.2.4)."""

    methods: tuple[int, ...]
    link: bytes
    finish: Callable[[bytes], None] = field(repr=False)
    """Makes the SA when all are done, of their secrets in their order."""
    secrets: bytes = field(default=b"", repr=False)

    def exchanged(self, shared: bytes) -> bool:
        """One more is done; whether it was the last, and the SA is there."""
        self.methods, self.secrets = self.methods[1:], self.secrets + shared
        if not self.methods:
            self.finish(self.secrets)
        return not self.methods


@dataclass(slots=True, eq=False)
class IkeSa:
    """An IKE SA; a blank one stands for the SA that never came to be."""

    initiated: bool = True
    """Whether this end is the original initiator (RFC 7296 section 2.2)."""
    spi_i: bytes = bytes(8)
    spi_r: bytes = bytes(8)
    local: Endpoint = NOWHERE
    remote: Endpoint = NOWHERE
    natt: bool = False
    """Whether its messages carry the non-ESP marker."""
    state: State = State.NONE
    why: str = ""
    """Why it went no further."""
    keys: Keys | None = None
    ni: bytes = b""
    nr: bytes = b""
    request: bytes = b""
    """The IKE_SA_INIT request as it went over the wire last."""
    response: bytes = b""
    """The IKE_SA_INIT response as it went over the wire."""
    offered: tuple[Suite, ...] = ()
    private: Private | None = None
    group: int = 0
    intermediate: bool = False
    """Whether both ends are for IKE_INTERMEDIATE."""
    additional: tuple[int, ...] = ()
    """The methods of the key exchanges that are still to be made before IKE_AUTH."""
    fresh: bytes | None = field(default=None, repr=False)
    """The secret of the additional key exchange that this end is about to answer."""
    int_auth: IntAuth = NO_INT_AUTH
    following: FollowUp | None = None
    """What this end asked for in CREATE_CHILD_SA and has to go on with."""
    followed: FollowUp | None = None
    """What the target asked for in CREATE_CHILD_SA and has to go on with."""
    puzzle: tuple[int, int] | None = None
    """PRF and zero bits of the puzzle that IKE_AUTH has to solve."""
    said_bare: bytes = field(default=b"", repr=False)
    """What AUTH covers of the IKE_INTERMEDIATE message that this end sent last, and under `heard_bare` of the target's."""
    heard_bare: bytes = field(default=b"", repr=False)
    names_hashes: bool = False
    """Whether this end sent SIGNATURE_HASH_ALGORITHMS, and under `hashes` what the target named in its own."""
    hashes: set[int] = field(default_factory=set)
    uses_ppk: bool = False
    """Whether both ends said USE_PPK."""
    own_id: bytes = b""
    """The body of our IDi payload in the IKE_AUTH request that asked for a child, and under `first_spi` that child's SPI."""
    first_spi: bytes = b""
    eap_said: bytes = b""
    """The target's last EAP message."""
    eap_id: v2.IdResponder | None = None
    """Who the target proved to be when EAP began."""
    next_message_id: int = 0
    """The Message ID of this end's next request."""
    expected_message_id: int = 0
    """The Message ID of the target's next request."""
    promised: int = 1
    """How many requests of the target are kept, and under `window` how many of ours the target keeps."""
    window: int = 1
    served: dict[int, tuple[bytes, tuple[bytes, ...]]] = field(default_factory=dict)
    """The target's last requests and what was answered, by Message ID."""
    syncs_message_ids: bool = False
    """Whether a cluster that the target is may synchronise Message IDs after a failover, and replay counters."""
    syncs_replay_counters: bool = False
    synced: tuple[bytes, tuple[bytes, ...]] = (b"", ())
    """The last synchronisation and what was answered."""
    answered: set[int] = field(default_factory=set)
    """The Message IDs of requests that were answered before an earlier one was."""
    concerns: dict[int, Concern] = field(default_factory=dict)
    """What open requests of this end are about, by Message ID."""
    renewal: Concern | None = None
    """The rekey of it that this end asked for last."""
    rival: "IkeSa | None" = None
    """The IKE SA that the target's rekey made of this one while ours was open; there it stands under `contests`."""
    contests: "IkeSa | None" = None
    waiting: dict[tuple[int, int], Callable[[Message], None]] = field(default_factory=dict)
    """What an answer to an open request changes, by exchange type and Message ID."""
    unanswered: set[int] = field(default_factory=set)
    """The Message IDs of requests that had to be answered and were not yet."""
    fragments: dict[tuple[bool, int], dict[int, OpenedFragment]] = field(default_factory=dict)
    """Pieces of messages not yet whole, by direction and Message ID, then by number."""
    children: list[ChildSa] = field(default_factory=list)
    heard_from: Endpoint = NOWHERE
    """Where the target's last protected message came from."""
    traverses: bool = False
    """Whether the target, too, detects NATs."""
    mobile: bool = False
    """Whether this end said that it supports MOBIKE."""
    resumed: bool = False
    """Whether a ticket made it: then both ends prove themselves by SK_p (RFC 5723 section 4.3.3)."""
    told: Told = field(default_factory=Told)
    ticket: Ticket | None = None

    def must_wait(self, message_id: int) -> str:
        """Why a request of this Message ID may not be sent yet; empty if it may (RFC 7296 section 2.3)."""
        if message_id in self.unanswered:
            return f"request {message_id} was not answered, so the next one must wait"
        if message_id >= self.next_message_id + self.window:
            return (
                f"request {self.next_message_id} was not answered, and the target's window is {self.window}"
            )
        return ""

    def was_answered(self, message_id: int) -> None:
        """The request of this Message ID has its answer."""
        self.unanswered.discard(message_id)
        self.concerns.pop(message_id, None)
        self.answered.add(message_id)
        while self.next_message_id in self.answered:
            self.answered.discard(self.next_message_id)
            self.next_message_id += 1

    def has_served(self, message_id: int, request: bytes, answer: tuple[bytes, ...]) -> None:
        """A request of the target was answered; as many answers are kept as were promised."""
        self.served[message_id] = request, answer
        while self.expected_message_id in self.served:
            self.expected_message_id += 1
        newest = max(self.served)
        self.served = {n: kept for n, kept in self.served.items() if n > newest - self.promised}

    def concern(self, *kinds: str, child: ChildSa | None = None) -> Concern | None:
        """An open request of this end of one of these kinds, about that child if one is named."""
        found = (each for each in self.concerns.values() if each.kind in kinds)
        return next((each for each in found if child in (None, each.child)), None)

    def heed(self, message: Message, source: Endpoint) -> None:
        """What a protected message of the target says of its window and of whatever else it tells, and where it is."""
        self.heard_from = source
        told = message.find(v2.Notify, NotifyType.SET_WINDOW_SIZE)
        if told is not None and len(told.data) == 4:
            self.window = max(self.window, int.from_bytes(told.data, "big"))
        if message.exchange != Exchange.CREATE_CHILD_SA:  # what that tells is of the SA that it makes
            self.learn(message)

    def learn(self, message: Message) -> None:
        """What a gateway tells its client of this SA, and the ticket that it gives for it."""
        self.told.heed(message)
        given = message.find(v2.Notify, NotifyType.TICKET_LT_OPAQUE)
        found = None if given is None else read(TicketWithLifetime, given.data)
        if found is not None and self.keys is not None:
            self.ticket = Ticket(found.ticket, found.lifetime, self.keys.suite, self.keys.sk_d, self.own_id)

    def inherit(self, old: "IkeSa", message: Message) -> None:
        """What goes on with a rekeyed IKE SA, and what the message that made it tells of it."""
        self.told, self.ticket, self.own_id = old.told, old.ticket, old.own_id
        self.mobile, self.traverses = old.mobile, old.traverses
        self.learn(message)

    @property
    def own_spi(self) -> bytes:
        """The SPI that this end chose."""
        return self.spi_i if self.initiated else self.spi_r

    @property
    def established(self) -> bool:
        """Whether both ends are authenticated and the SA still stands."""
        return self.state is State.ESTABLISHED

    @property
    def child(self) -> ChildSa | None:
        """The newest Child SA."""
        return self.children[-1] if self.children else None

    def child_by_spi_out(self, spi: bytes) -> ChildSa | None:
        """The Child SA that the target knows by this inbound SPI."""
        return next((child for child in self.children if child.spi_out == spi), None)

    def exchanged(self, shared: bytes | None) -> None:
        """An IKE_INTERMEDIATE exchange is over: AUTH will cover it, and a secret that it made renews the keys."""
        assert self.keys is not None
        messages = (self.said_bare, self.heard_bare)
        self.int_auth = self.int_auth.then(self.keys, *(messages if self.initiated else messages[::-1]))
        if shared is not None:
            self.keys = updated_keys(self.keys, self.ni, self.nr, shared)
            self.additional = self.additional[1:]

    def __repr__(self) -> str:
        return f"IkeSa({self.spi_i.hex()}, {self.spi_r.hex()}, {self.state})"
