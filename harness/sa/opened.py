"""What becomes of a protected payload: opened, or sealed for a reason; never an exception."""

from harness.values import value
from harness.wire import Payload

_HEADER = 4


@value
class Opened:
    """Payloads that a protected message held.

    `plaintext` holds the octets they were read from: in IKEv2 without padding, in IKEv1 with it.
    `trailing` are octets after the last readable payload (in IKEv1 the padding), `why` says why reading stopped there,
    and is None when the chain ended as it should. `first` is the type of the first payload.
    """

    payloads: tuple[Payload, ...]
    trailing: bytes
    why: str | None
    plaintext: bytes
    first: int

    @property
    def rest_after_hash(self) -> bytes:
        """IKEv1: the octets after the first payload, generic headers included, padding excluded.

        When a HASH comes first these are what HASH(1) and HASH(2) cover (RFC 2409 section 5.5).
        """
        length = int.from_bytes(self.plaintext[2:_HEADER], "big")
        return self.plaintext[length : len(self.plaintext) - len(self.trailing)]


@value
class Sealed:
    """A protected message that does not open, and why; `authentic` when its ICV holds all the same."""

    why: str
    authentic: bool = False
