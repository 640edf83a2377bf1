"""A device that is one of a hot-standby cluster, or whose peer may be one: RFC 6311."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cluster:
    """Which counters can be synchronised after a failover, and what a member that takes over allows for."""

    message_ids: bool = True
    """IKEV2_MESSAGE_ID_SYNC."""
    replay_counters: bool = True
    """IPSEC_REPLAY_COUNTER_SYNC."""
    missed: int = 1 << 30
    """How many packets each way the failed member may have sent and received unknown to the one that takes over."""
    unheard: int = 64
    """How many requests it may have sent unknown to that one."""

    def __post_init__(self) -> None:
        if not 0 < self.missed < 1 << 31:
            raise ValueError("the packets that a member may have missed are a number of 31 bits above zero")
        if not 0 < self.unheard < 1 << 16:
            raise ValueError(
                "the requests that a member may not have heard of are a number of 16 bits above zero"
            )
