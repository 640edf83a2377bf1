"""What the peer remembers of an ISAKMP SA, its exchanges and its IPsec SAs: changed in place as messages come and go."""

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.crypto import Private
from harness.peer.v2.sa import NOWHERE, State
from harness.profile import ChildProposal
from harness.sa.nat_traversal import NatTraversal
from harness.sa.v1 import SaKeys, Secrets, Suite
from harness.values import value
from harness.wire import Message, v1
from harness.wire.datagram import Endpoint


@value
class Taken:
    """What became of a message of an exchange: octets to send back, or why it went no further."""

    send: bytes | None = None
    why: str | None = None
    counts: bool = True
    """False: it is as if the message had never come; the IV chain stays where it was (RFC 2409 section 10)."""


Next = Callable[[Message, bytes], Taken]
"""What takes the next message of an exchange: the message, opened, and the octets after its HASH payload."""


@dataclass(slots=True, eq=False)
class Dialogue:
    """One exchange under one Message ID: its IV chain, what was heard in it, what was said last."""

    exchange: int
    message_id: int
    iv: bytes = b""
    """The IV of the next message, whoever sends it."""
    base: bytes = b""
    """The IV of the last message of ours: one that is sent in its place starts from there again."""
    flags: int = 0
    """The flags of our messages in it, but for that of encryption."""
    spoke: bool = False
    """Whether the last message that counted was ours."""
    heard: dict[bytes, Message] = field(default_factory=dict)
    """Every message that counted, by its octets: what comes again is told from news."""
    said: bytes = b""
    """What answered the last message, if anything did: it goes out again when that message comes again."""
    then: Next | None = None
    waiting: bool = False
    """Whether a request of ours is open in it."""
    answer: Message | None = None
    """The message that answered the last request."""
    why: str = ""
    """Why the last message that came in it did not count; empty when it did."""


@dataclass(slots=True, eq=False)
class IpsecSa:
    """A pair of IPsec SAs; `spi_in` is the one chosen by this end."""

    spi_in: bytes
    spi_out: bytes
    suite: ChildProposal
    keys_in: SaKeys
    keys_out: SaKeys
    initiated: bool
    """Whether this end started the Quick Mode."""

    def __repr__(self) -> str:
        return f"IpsecSa({self.spi_in.hex()}, {self.spi_out.hex()})"


@dataclass(slots=True, eq=False)
class IsakmpSa:
    """An ISAKMP SA; a blank one stands for the SA that never came to be."""

    initiated: bool = True
    """Whether this end started phase 1; the cookies keep their places whoever starts later (RFC 2409 section 4)."""
    exchange: int = 0
    cky_i: bytes = bytes(8)
    cky_r: bytes = bytes(8)
    local: Endpoint = NOWHERE
    remote: Endpoint = NOWHERE
    natt: bool = False
    """Whether its messages carry the non-ESP marker."""
    state: State = State.NONE
    why: str = ""
    """Why it went no further."""
    offered: tuple[Suite, ...] = ()
    suite: Suite | None = None
    secrets: Secrets | None = None
    sai: bytes = b""
    """The body of the initiator's SA payload as it went over the wire."""
    ni: bytes = b""
    nr: bytes = b""
    private: Private | None = None
    public_i: bytes = b""
    public_r: bytes = b""
    last: bytes = b""
    """The last ciphertext block of phase 1, from which the IVs of later exchanges come."""
    offers_nat_t: tuple[NatTraversal, ...] = ()
    """The forms of NAT traversal that this end offered, or would take."""
    nat_t: NatTraversal | None = None
    """The form that both ends announced."""
    nat_found: bool = False
    children: list[IpsecSa] = field(default_factory=list)
    dialogues: dict[int, Dialogue] = field(default_factory=dict)
    checks: dict[bytes, Dialogue] = field(default_factory=dict)
    """Open R-U-THERE by sequence number."""
    new_groups: dict[int, int] = field(default_factory=dict)
    """The groups that New Group Mode gave other numbers, by these."""
    sequence: int = 0
    xauth_status: int | None = None
    """How the target says that XAUTH ended."""
    given: dict[int, int | bytes] = field(default_factory=dict)
    """The attributes that Mode-Config gave to this end, by their type."""
    fragmentation: bool = False
    """Whether the target announced that it takes fragments."""
    pieces: dict[int, dict[int, v1.Fragment]] = field(default_factory=dict)
    """Fragments that wait for others, by fragment ID and number."""
    notified: list[v1.Notify] = field(default_factory=list)
    """Notifies of the target that needed no answer."""

    @property
    def own_cookie(self) -> bytes:
        """The cookie that this end chose."""
        return self.cky_i if self.initiated else self.cky_r

    @property
    def established(self) -> bool:
        """Whether both ends are authenticated and the SA still stands."""
        return self.state is State.ESTABLISHED

    @property
    def child(self) -> IpsecSa | None:
        """The newest pair of IPsec SAs."""
        return self.children[-1] if self.children else None

    @property
    def chain(self) -> bytes:
        """The block from which the IV of another exchange comes: phase 1's last so far (RFC 2409 appendix B)."""
        return self.dialogues[0].iv if self.state is State.HALF_OPEN else self.last

    def child_by_spi_out(self, spi: bytes) -> IpsecSa | None:
        """The IPsec SAs that the target knows by this inbound SPI."""
        return next((child for child in self.children if child.spi_out == spi), None)

    def dialogue(self, exchange: int, message_id: int, iv: bytes = b"") -> Dialogue:
        """A new exchange under this Message ID."""
        self.dialogues[message_id] = Dialogue(exchange, message_id, iv)
        return self.dialogues[message_id]

    def __repr__(self) -> str:
        return f"IsakmpSa({self.cky_i.hex()}, {self.cky_r.hex()}, {self.state})"
