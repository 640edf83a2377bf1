"""What the peer remembers of the packets of a Child SA: its own counters and its own window, changed in place."""

from dataclasses import dataclass, field

from harness.sa.esp import EspSa, header

WINDOW = 64
"""How far behind the highest number a packet may come."""
_SUBSPACE = 1 << 32


@dataclass(slots=True, eq=False)
class Flow:
    """Both directions of a pair of IPsec SAs, as this end uses them."""

    into: EspSa
    out: EspSa
    transport: bool = False
    """Whether what it carries is without its IP header."""
    sent: int = 0
    """The number of the last packet that went out."""
    highest: int = 0
    """The highest number that came in under a good ICV."""
    recent: set[int] = field(default_factory=set)
    """The numbers of the last packets that came in; never more of them than the window is wide."""

    def next_number(self) -> int:
        """The number of another packet; they start at 1 (RFC 4303 section 2.2)."""
        self.sent += 1
        return self.sent

    def number_of(self, packet: bytes) -> int | None:
        """The number that a packet must have been sent under, if it may still come in (RFC 4303 section 3.4.3)."""
        shown = header(packet)
        if shown is None:
            return None
        number = self._nearest(shown[1]) if self.into.esn else shown[1]
        late = number <= self.highest - WINDOW
        return None if number < 1 or late or number in self.recent else number

    def came(self, number: int) -> None:
        """A packet of this number came in, and its ICV held."""
        self.highest = max(self.highest, number)
        self.recent = {each for each in (*self.recent, number) if each > self.highest - WINDOW}

    def _nearest(self, low: int) -> int:
        """Of all numbers that show `low` the first one that is not too late."""
        oldest = max(1, self.highest - WINDOW + 1)
        return oldest + (low - oldest) % _SUBSPACE

    def __repr__(self) -> str:
        return f"Flow({self.into.spi.hex()}, {self.out.spi.hex()})"
