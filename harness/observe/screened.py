"""What a screen found in order and left out of a trace: how much it was, and what it gave rules to judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Flag, auto


class Matter(Flag):
    """What a conversation holds for rules that would otherwise say that there was nothing to judge."""

    NONE = 0
    VERSION_1 = auto()
    """Messages of version 1."""
    REQUESTS = auto()
    """Requests of the peer that are due an answer."""
    RESPONSES = auto()
    """Responses of version 2 by the target."""
    REPEATED = auto()
    """Such responses within an SA that came in more than one frame, to requests that came the same each time."""
    ANSWERS = auto()
    """Messages of the target that answer something: in version 2 responses, in version 1 any on the peer's SA."""
    OWN_REQUESTS = auto()
    """INFORMATIONAL requests of the target on an IKE SA, sealed."""
    HIDDEN_LISTS = auto()
    """Sealed messages of the peer that may name further addresses of its own (RFC 4555 section 3.6)."""


@dataclass(frozen=True, slots=True)
class Screened:
    """The part of a trace that need not be looked at message by message."""

    datagrams: int = 0
    ike: int = 0
    """How many of them are IKE messages with a readable header."""
    sent: int = 0
    """How many of those the target sent."""
    matter: Matter = Matter.NONE
    speakers: frozenset[str] = frozenset()
    """The peer's addresses that sent something."""
    began: float | None = None
    """When the first datagram was seen, of this part and of the rest of the trace; None: there is no such part."""
    ended: float | None = None
    """When the last one was seen."""
    heard: Sequence[int] = ()
    """The frames in which the peer sent something, keepalives left out; empty unless it got a notify in clear."""
    set_aside: bool = False
    """Whether there was more than could be remembered, so that something of this peer was left out of both parts."""


NOTHING = Screened()
