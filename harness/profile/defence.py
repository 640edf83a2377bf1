"""How a device defends itself while peers have not proved who they are (RFC 7296 section 2.6, RFC 8019)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Puzzles:
    """Puzzles that peers have to solve before state is kept for them (RFC 8019)."""

    threshold: int | None = 100
    """More half-open SAs than this, and everybody has to solve one; 0: always; None: nobody for that reason."""
    suspect: int | None = 5
    """More half-open SAs of one source than this, and that source has to solve one; None: nobody for that reason."""
    difficulty: int = 12
    """Zero bits that are asked for; 0: as many as the peer can afford."""
    enough: int = 8
    """Zero bits that are enough where the peer may choose; who brings fewer gets another puzzle."""
    auth_difficulty: int | None = None
    """Zero bits that a second puzzle asks for before IKE_AUTH is opened; None: there is none."""
    leniency: float = 0.0
    """The share of peers that are let in with a cookie alone, as they may not know puzzles."""

    def __post_init__(self) -> None:
        for bits in (self.difficulty, self.enough, self.auth_difficulty):
            if bits is not None and bits != 0 and not 8 <= bits <= 255:
                raise ValueError(
                    f"a puzzle asks for 8 to 255 zero bits, or for none in particular, not for {bits}"
                )
        if self.auth_difficulty == 0:
            raise ValueError("a puzzle of IKE_AUTH asks for a number of zero bits")
        if not 0.0 <= self.leniency <= 1.0:
            raise ValueError(f"a share lies between 0 and 1, not at {self.leniency}")


@dataclass(frozen=True, slots=True)
class Defence:
    """Limits to what is kept for peers that have not proved who they are; a source is an IPv4 address or an IPv6 /64."""

    half_open: int = 1000
    """How many half-open SAs there may be in all, of both versions."""
    per_source: int | None = None
    """How many half-open SAs of one source there may be; None: as many as in all."""
    first_message: int = 16_384
    """The octets of a first message that state is kept for."""
    secret_s: float = 15.0
    """How long cookies are made with one secret; those made with the one before it are taken as well."""
    puzzles: Puzzles | None = None
    """None: nobody has to solve puzzles."""

    def __post_init__(self) -> None:
        if self.half_open < 1 or (self.per_source is not None and self.per_source < 1):
            raise ValueError("some SA must be allowed to be half-open")
        if not self.secret_s > 0:
            raise ValueError(f"a secret lasts for a while, not for {self.secret_s} seconds")
