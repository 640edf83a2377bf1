"""What Child SAs of IKEv2 may be, besides their suites, selectors and lifetimes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChildPolicy:
    """How many Child SAs, for what, in which mode."""

    most: int | None = None
    """So many on one IKE SA, and no further one (NO_ADDITIONAL_SAS); None: any number."""
    transport: bool = False
    """Whether transport mode is taken where the peer asks for it, and asked for (USE_TRANSPORT_MODE)."""
    single_pair: bool = False
    """Whether each pair of addresses needs a Child SA of its own (SINGLE_PAIR_REQUIRED, RFC 7296 section 2.9)."""

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 1:
            raise ValueError("a limit of Child SAs leaves at least one")
