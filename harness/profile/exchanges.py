"""How an IKEv2 device runs its exchanges: how many at once, how patiently, in pieces of what size."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retransmission:
    """A request of its own goes out `tries` times, the second time after `first` seconds, then after ever longer pauses.

    Each pause is `factor` times the one before (RFC 7296 section 2.4: it must grow exponentially).
    """

    first: float = 1.0
    factor: float = 2.0
    tries: int = 5

    def __post_init__(self) -> None:
        if self.first <= 0 or self.factor <= 1 or self.tries < 1:
            raise ValueError("a request goes out once or oftener, after pauses that are positive and grow")

    def pause(self, sent: int) -> float:
        """Seconds to wait for the response to a request that went out `sent` times."""
        return self.first * self.factor ** (sent - 1)

    @property
    def patience(self) -> float:
        """Seconds after which a peer that answers nothing is given up."""
        return sum(map(self.pause, range(1, self.tries + 1)))


@dataclass(frozen=True, slots=True)
class Exchanges:
    """Windows and patience of IKEv2."""

    window: int = 1
    """How many requests of the peer it promises to keep (SET_WINDOW_SIZE, RFC 7296 section 2.3)."""
    complains: bool = False
    """Whether it sends INVALID_MESSAGE_ID for requests outside the window (RFC 7296 section 2.3)."""
    retransmission: Retransmission = Retransmission()
    busy: Retransmission = Retransmission(first=5.0, factor=1.5, tries=6)
    """How often and after what pauses it asks a peer again that answers TEMPORARY_FAILURE (RFC 7296 section 2.25)."""

    jitter: float = 0.0
    """By up to how many seconds a rekey is put off at random after its soft limit (RFC 7296 section 2.8.1)."""
    follow_up: float = 15.0
    """How many seconds it waits for the next IKE_FOLLOWUP_KE (RFC 9370 section 2.2.4)."""

    def __post_init__(self) -> None:
        if not 1 <= self.window < 1 << 32:
            raise ValueError(f"a window is a positive number of 32 bits, not {self.window}")
        if self.jitter < 0:
            raise ValueError(f"a rekey is put off, not made {-self.jitter} seconds early")
        if not self.follow_up > 0:
            raise ValueError(f"an exchange that follows needs time, not {self.follow_up} seconds")


@dataclass(frozen=True, slots=True)
class Fragments:
    """Fragmentation of IKEv2 messages (RFC 7383), and what is kept at most of a message that is not whole yet."""

    size: int = 1280
    """The largest IP datagram that a message may need before it is sent in fragments (section 2.5.1)."""
    most: int = 64
    """Fragments of one message."""
    octets: int = 65_536
    """Content of one message."""
    seconds: float = 30.0
    """How long the rest is waited for (section 2.6)."""

    def __post_init__(self) -> None:
        if self.size < 160:
            raise ValueError(
                f"no fragment message fits into an IP datagram of {self.size} octets; 160 is the least"
            )
        if self.most < 1 or self.octets < 1 or self.seconds <= 0:
            raise ValueError("some fragments, octets and seconds must be allowed")
