"""How a device treats the packets of its tunnels, beyond what each Child SA says itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Packets:
    """Replays, refusals told to the peer, and what keeps a NAT's mapping alive."""

    replay_window: int = 64
    """How many sequence numbers behind the highest are still taken (RFC 4303 section 3.4.3)."""
    tells_invalid_spi: bool = False
    """Whether a peer whose packet names no SA is told so on its IKE SA (RFC 7296 section 1.5)."""
    tells_invalid_selectors: bool = False
    """Whether a peer whose packet is not what its SA is for is told so (RFC 4301 section 5.2)."""
    nat_keepalive: float | None = 20.0
    """Seconds without a packet after which a device behind a NAT sends a keepalive (RFC 3948 section 4); None: none."""

    def __post_init__(self) -> None:
        if self.replay_window < 32:
            raise ValueError(f"a replay window has at least 32 numbers, not {self.replay_window}")
        if self.nat_keepalive is not None and self.nat_keepalive <= 0:
            raise ValueError(f"keepalives are some seconds apart, not {self.nat_keepalive}")
