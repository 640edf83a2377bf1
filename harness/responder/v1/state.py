"""What the responder knows of its ISAKMP SAs (IKEv1): values that are replaced, never altered."""

from dataclasses import field
from enum import StrEnum
from typing import ClassVar, Self

from harness.codes import Encapsulation, Exchange, XauthStatus
from harness.crypto import Private
from harness.profile import IsakmpPolicy
from harness.responder.state import Armed, ChildSa, Selector, with_child
from harness.sa.nat_traversal import NatTraversal
from harness.sa.v1 import Secrets
from harness.values import replace, value
from harness.wire import v1
from harness.wire.datagram import UDP, Endpoint

NO_COOKIE = bytes(8)


class Phase1(StrEnum):
    """Where an ISAKMP SA stands, by the last message of phase 1 that we sent; IDLE: the SA is not there yet."""

    IDLE = "isakmp-idle"
    MAIN_1 = "main-1-sent"
    MAIN_2 = "main-2-sent"
    MAIN_3 = "main-3-sent"
    MAIN_4 = "main-4-sent"
    MAIN_5 = "main-5-sent"
    AGGRESSIVE_1 = "aggressive-1-sent"
    AGGRESSIVE_2 = "aggressive-2-sent"
    ESTABLISHED = "isakmp-established"


class Phase2(StrEnum):
    """Where a Quick Mode stands, by the last message that we sent; NEW: nothing was.

    One that is COMMITTING has had all its messages, and waits for the peer to say CONNECTED (RFC 2408 section 3.1).
    """

    NEW = "quick-new"
    QUICK_1 = "quick-1-sent"
    QUICK_2 = "quick-2-sent"
    COMMITTING = "quick-committing"
    DONE = "quick-done"
    REFUSED = "quick-refused"


class Transacting(StrEnum):
    """Where a Transaction exchange stands, by the last message that we sent; NEW: nothing was."""

    NEW = "transaction-new"
    CREDENTIALS_ASKED = "xauth-request-sent"
    STATUS_SET = "xauth-status-sent"
    CONFIGURATION_SET = "mode-config-set-sent"
    DONE = "transaction-done"


@value
class IpsecSa(ChildSa):
    """A pair of IPsec SAs made by Quick Mode; `expires` is when its hard lifetime ends.

    `suite` are the SPIs on which we receive all of a suite of several protocols, and empty for one alone; `mode` is the
    encapsulation mode. In transport mode `originals` are the addresses that the peer says the initiator
    and the responder have before translation (RFC 3947 section 5.2).
    """

    expires: float | None = None
    suite: tuple[bytes, ...] = ()
    mode: int = Encapsulation.TUNNEL
    originals: tuple[bytes, ...] = ()

    def lives_until(self, moment: float) -> Self:
        """This pair with an earlier end, if `moment` is earlier."""
        return self if self.expires is not None and self.expires <= moment else replace(self, expires=moment)


@value
class Quick:
    """One Quick Mode: its IV chain, its last message pair, and the IPsec SAs that it is about to make.

    `received` is the last message of the peer that counted, `sent` our answer to it, kept octet for octet.
    """

    exchange: ClassVar[int] = Exchange.QUICK_MODE
    message_id: int
    state: Phase2 = Phase2.NEW
    we_started: bool = False
    iv: bytes = field(default=b"", repr=False)
    received: bytes = field(default=b"", repr=False)
    sent: bytes = field(default=b"", repr=False)
    times_sent: int = 1
    ni: bytes = field(default=b"", repr=False)
    nr: bytes = field(default=b"", repr=False)
    children: tuple[IpsecSa, ...] = ()
    peer_commits: bool = False
    offer: v1.SecurityAssociation | None = field(default=None, repr=False)
    clients: tuple[Selector, Selector] | None = None
    private: Private | None = field(default=None, repr=False)
    ours: tuple[bytes, ...] = ()
    replaces: tuple[bytes, ...] = ()


@value
class Transaction:
    """One Transaction exchange: its IV chain and its last message pair.

    `identifier` is that of the transaction, which may take several exchanges (draft-dukes-ike-mode-cfg section 2).
    """

    exchange: ClassVar[int] = Exchange.TRANSACTION
    message_id: int
    state: Transacting = Transacting.NEW
    we_started: bool = False
    identifier: int = 0
    iv: bytes = field(default=b"", repr=False)
    received: bytes = field(default=b"", repr=False)
    sent: bytes = field(default=b"", repr=False)
    times_sent: int = 1
    challenge: bytes = field(default=b"", repr=False)
    status: int = XauthStatus.OK


@value
class Probe:
    """Our R-U-THERE that has no answer yet."""

    sequence: int
    times_sent: int = 1


@value
class Pieces:
    """The fragments of one message that have come so far, by their numbers; `last` is the last one's, 0 if unknown."""

    fragment_id: int
    since: float
    parts: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)
    last: int = 0

    def fits(self, piece: v1.Fragment) -> bool:
        """Whether a fragment contradicts none of those that came: each number has one content, one number is the last."""
        held = dict(self.parts)
        if held.get(piece.number, piece.data) != piece.data:
            return False
        if piece.last:
            return self.last in (0, piece.number) and max(held, default=0) <= piece.number
        return self.last == 0 or piece.number < self.last

    def with_piece(self, piece: v1.Fragment) -> Self:
        """These fragments with one more, or the same if it came before."""
        parts = dict(self.parts) | {piece.number: piece.data}
        last = piece.number if piece.last else self.last
        return replace(self, parts=tuple(sorted(parts.items())), last=last)

    @property
    def complete(self) -> bool:
        """Whether every fragment up to the last one is there."""
        return self.last != 0 and len(self.parts) == self.last

    @property
    def octets(self) -> bytes:
        """What the fragments carry, put together."""
        return b"".join(data for _, data in self.parts)


@value
class IsakmpSa:
    """An ISAKMP SA from our end; `ours` is our cookie and the key under which the SA is found.

    `used` are the Message IDs of every exchange after phase 1; `last_block` is the last ciphertext block of
    phase 1, from which the IVs of those exchanges follow (RFC 2409 appendix B). While `xauth_due` the peer's user
    has not authenticated; `new_groups` are the numbers
    that New Group Mode gave, each with the group that it stands for.
    """

    ours: bytes
    cky_i: bytes
    cky_r: bytes
    local: Endpoint
    remote: Endpoint
    state: Phase1 = Phase1.IDLE
    we_started: bool = False
    policy: IsakmpPolicy | None = None
    lifetime: float | None = None
    offered_lifetime: float | None = None
    secrets: Secrets | None = field(default=None, repr=False)
    init_request: bytes = field(default=b"", repr=False)
    offer: v1.SecurityAssociation | None = field(default=None, repr=False)
    ni: bytes = field(default=b"", repr=False)
    nr: bytes = field(default=b"", repr=False)
    public_i: bytes = field(default=b"", repr=False)
    public_r: bytes = field(default=b"", repr=False)
    private: Private | None = field(default=None, repr=False)
    iv: bytes = field(default=b"", repr=False)
    last_block: bytes = field(default=b"", repr=False)
    received: bytes = field(default=b"", repr=False)
    sent: bytes = field(default=b"", repr=False)
    times_sent: int = 1
    natt: bool = False
    protocol: ClassVar[int] = UDP
    behind_nat: bool = False
    nat_found: bool = False
    nat_t: NatTraversal | None = None
    peer_dpd: bool = False
    peer_fragments: bool = False
    certificates: tuple[v1.Certificate, ...] = field(default=(), repr=False)
    """What the peer has shown so far to be believed; nothing is kept once phase 1 is done."""
    pieces: Pieces | None = None
    peer_id: bytes = b""
    renews: bytes = b""
    born: float = 0.0
    inner_address: bytes = b""
    """The address of the pool that the peer has; empty without one."""
    heard: float = 0.0
    quick: tuple[Quick, ...] = ()
    used: frozenset[int] = field(default=frozenset(), repr=False)
    children: tuple[IpsecSa, ...] = ()
    probe: Probe | None = None
    next_sequence: int | None = None
    peer_sequence: int | None = None
    acknowledged: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)
    transactions: tuple[Transaction, ...] = ()
    xauth_due: bool = False
    attempts: int = 0
    user: str = ""
    pushed: bool = False
    new_groups: tuple[tuple[int, int], ...] = ()
    version: int = 1

    @property
    def up(self) -> bool:
        """True while the SA serves: phase 1 is done."""
        return self.state is Phase1.ESTABLISHED

    @property
    def half_open(self) -> bool:
        """True while a peer that began phase 1 has not proved who it is."""
        return self.state in (Phase1.MAIN_2, Phase1.MAIN_4, Phase1.AGGRESSIVE_2)

    def awaits(self, _armed: Armed, /) -> bool:
        """Whether anything of this SA still depends on the timer; which of them are over only their rules know."""
        return True

    @property
    def closing(self) -> bool:
        """False: a Delete of version 1 has no answer to wait for (RFC 2408 section 5.15)."""
        return False

    @property
    def sai_b(self) -> bytes:
        """The body of the SA payload that the phase 1 initiator sent (RFC 2409 section 5)."""
        return b"" if self.offer is None else self.offer.body

    def exchange(self, message_id: int) -> Quick | None:
        """The Quick Mode with this Message ID, if it is remembered."""
        return next((q for q in self.quick if q.message_id == message_id), None)

    def with_quick(self, quick: Quick) -> Self:
        """This SA with the Quick Mode added, or with its new value; its Message ID is used for good."""
        kept = tuple(q for q in self.quick if q.message_id != quick.message_id)
        return replace(self, quick=(*kept, quick), used=self.used | {quick.message_id})

    def without_quick(self, message_id: int) -> Self:
        """This SA without the Quick Mode; its Message ID stays used."""
        return replace(self, quick=tuple(q for q in self.quick if q.message_id != message_id))

    def under(self, message_id: int) -> Quick | Transaction | None:
        """The exchange with this Message ID, if it is remembered."""
        transaction = (t for t in self.transactions if t.message_id == message_id)
        return self.exchange(message_id) or next(transaction, None)

    def having(self, exchange: Quick | Transaction) -> Self:
        """This SA with the exchange added, or with its new value; its Message ID is used for good."""
        if isinstance(exchange, Quick):
            return self.with_quick(exchange)
        left = self.without_exchange(exchange.message_id)
        used = self.used | {exchange.message_id}
        return replace(left, transactions=(*left.transactions, exchange), used=used)

    def without_exchange(self, message_id: int) -> Self:
        """This SA without the exchange; its Message ID stays used."""
        transactions = tuple(t for t in self.transactions if t.message_id != message_id)
        return replace(self.without_quick(message_id), transactions=transactions)

    def child(self, spi: bytes) -> IpsecSa | None:
        """The IPsec SAs that receive, or send, on `spi`."""
        return next((c for c in self.children if spi in (c.spi_in, c.spi_out)), None)

    def without(self, spi_in: bytes) -> Self:
        """This SA without the IPsec SAs that receive on `spi_in`."""
        return replace(self, children=tuple(c for c in self.children if c.spi_in != spi_in))

    def with_child(self, child: IpsecSa) -> Self:
        """This SA with the IPsec SAs added as its newest, or with their new value where they stood."""
        return replace(self, children=with_child(self.children, child))
