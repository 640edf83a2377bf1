"""What a device is set up to do in IKEv1 alone: extended authentication and the configuration of clients."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal


@dataclass(frozen=True, slots=True)
class Xauth:
    """Extended authentication of the users: where phase 1 is done by an XAUTH method, the device asks for one.

    Their passwords come as they are, or hidden behind a challenge (RADIUS-CHAP). Who fails may try again until
    `attempts` answers were wrong.
    """

    kind: Literal["generic", "chap"] = "generic"
    attempts: int = 3

    def __post_init__(self) -> None:
        if self.kind not in ("generic", "chap"):
            raise ValueError(f"XAUTH is of kind generic or chap, not {self.kind!r}")
        if self.attempts < 1:
            raise ValueError(f"XAUTH has at least one attempt, not {self.attempts}")


@dataclass(frozen=True, slots=True)
class ModeConfig:
    """What clients are told by Mode-Config besides an address of the pool and the networks that are protected."""

    nbns: tuple[str, ...] = ()
    expiry: int | None = None
    """How many seconds an address may be used; None: as long as the ISAKMP SA lives."""
    version: str = "ike-harness"
    """The application version."""
    unity: bool = False
    """Whether what follows is told as well, as clients of the Unity kind know it; its Vendor ID is announced then."""
    banner: str | None = None
    domain: str | None = None
    push: bool = False
    """Whether the device gives unasked, by a SET, what clients else ask for by a REQUEST."""

    def __post_init__(self) -> None:
        for server in self.nbns:
            ip_address(server)


@dataclass(frozen=True, slots=True)
class Fragmentation:
    """Messages longer than `size` octets leave in fragments, for peers that know of it ([MS-IKEE])."""

    size: int = 1280

    def __post_init__(self) -> None:
        if self.size < 64:
            raise ValueError(f"fragments have at least 64 octets, not {self.size}")


@dataclass(frozen=True, slots=True)
class Version1:
    """What belongs to IKEv1 alone."""

    xauth: Xauth | None = None
    """Extended authentication; None: no XAUTH method of phase 1 is taken."""
    mode_config: ModeConfig = ModeConfig()
    fragmentation: Fragmentation | None = None
    """The fragmentation of its vendors; None: it is not announced, and fragments are dropped."""
    transport: bool = False
    """Whether transport mode is taken besides tunnel mode, between the two ends' own addresses."""
    commit: bool = False
    """Whether it sets the Commit bit in Quick Mode, and then says CONNECTED (RFC 2408 section 3.1)."""
    initial_contact: bool = False
    """Whether it says INITIAL-CONTACT to a peer of which it has no other SA."""
    renews_phase1: bool = False
    """Whether a device that may rekey renews phase 1 as well, which is an initiation on the wire."""
    new_groups: tuple[int, ...] = ()
    """The groups, by their known numbers, that a peer may give another number in New Group Mode."""
