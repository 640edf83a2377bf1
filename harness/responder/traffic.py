"""What has gone through a pair of IPsec SAs: counters and the replay window of RFC 4303, as values.

Their size is bounded whatever comes: a window is one number of as many bits as it is wide.
"""

from typing import Self

from harness.values import replace, value

_HALF = 1 << 32


@value
class Traffic:
    """Counters of both directions; octets are those that the cipher was applied to (RFC 4301 section 4.4.2.1).

    `window` has a bit for each sequence number from `received` downwards, lowest first: set, it has been received.
    """

    sent: int = 0
    """The last sequence number sent."""
    received: int = 0
    """The highest sequence number received in a packet whose ICV held."""
    window: int = 0
    octets_out: int = 0
    octets_in: int = 0
    sent_at: float | None = None
    received_at: float | None = None

    @property
    def octets(self) -> int:
        """What counts against a lifetime by volume: each SA of the pair by itself, so the fuller one."""
        return max(self.octets_in, self.octets_out)

    @property
    def used_at(self) -> float | None:
        """When the last packet went through, either way."""
        return max((at for at in (self.sent_at, self.received_at) if at is not None), default=None)

    def whole_number(self, low: int, width: int, *, extended: bool) -> int:
        """The sequence number of a packet that shows `low`; of an extended one the subspace is inferred.

        RFC 4303 appendix A2.2; negative is a number from before the first subspace.
        """
        if not extended:
            return low
        top, high = self.received % _HALF, self.received // _HALF
        bottom = (top - width + 1) % _HALF
        if top >= width - 1:  # the window lies within one subspace
            return low + (high if low >= bottom else high + 1) * _HALF
        return low + (high - 1 if low >= bottom else high) * _HALF

    def has_seen(self, number: int, width: int) -> bool:
        """Whether a number was received before, or lies so far back that this can't be told (RFC 4303 section 3.4.3)."""
        behind = self.received - number
        if number < 1 or behind >= width:
            return True
        return behind >= 0 and bool(self.window >> behind & 1)

    def took(self, number: int, width: int, octets: int, now: float) -> Self:
        """After a packet that came in under this number, its ICV holding."""
        ahead = number - self.received
        shifted = self.window << min(ahead, width) if ahead > 0 else self.window
        window = shifted | 1 << max(-ahead, 0)
        return replace(
            self,
            received=max(number, self.received),
            window=window % (1 << width),
            octets_in=self.octets_in + octets,
            received_at=now,
        )

    def gave(self, number: int, octets: int, now: float) -> Self:
        """After a packet that went out under this number."""
        return replace(self, sent=number, octets_out=self.octets_out + octets, sent_at=now)


NO_TRAFFIC = Traffic()
"""Of a pair that has just come up."""
