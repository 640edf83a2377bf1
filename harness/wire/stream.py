"""RFC 9329 sections 3 and 4: IKE messages and ESP packets in a TCP stream."""

PREFIX = b"IKETCP"
"""What the originator of a connection begins its stream with, once."""
LENGTH_OCTETS = 2
LONGEST = 65_533
"""The octets of the longest message: its length counts the two octets that it stands in."""


def framed(message: bytes) -> bytes:
    """A message as it stands in the stream; an IKE message brings its non-ESP marker along.

    Raises ValueError for one that is too long.
    """
    if len(message) > LONGEST:
        raise ValueError(f"a TCP stream carries messages of {LONGEST} octets at most, not of {len(message)}")
    return (LENGTH_OCTETS + len(message)).to_bytes(LENGTH_OCTETS, "big") + message


class Stream:
    """What came of one direction of a connection, cut into messages; it keeps one unfinished message at most.

    Once `broken` says why, the connection is to be closed, and nothing more is read from it.
    """

    def __init__(self, *, prefixed: bool) -> None:
        self.broken: str | None = None
        self._left = b""
        self._prefixed = prefixed

    def feed(self, octets: bytes) -> tuple[bytes, ...]:
        """The messages that these octets complete, in their order; empty ones are left out (section 3)."""
        if self.broken is not None:
            return ()
        self._left += octets
        if self._prefixed and not self._past_prefix():
            return ()
        messages: list[bytes] = []
        at = 0
        while at + LENGTH_OCTETS <= len(self._left):
            length = int.from_bytes(self._left[at : at + LENGTH_OCTETS], "big")
            if length < LENGTH_OCTETS:
                self._break(f"a message of length {length}")
                return tuple(messages)
            if at + length > len(self._left):
                break
            messages.append(self._left[at + LENGTH_OCTETS : at + length])
            at += length
        self._left = self._left[at:]
        return tuple(message for message in messages if message)

    @property
    def unfinished(self) -> int:
        """How many octets wait for the rest of their message."""
        return len(self._left)

    def _past_prefix(self) -> bool:
        """Whether the whole prefix has come; another one is found out at its first wrong octet."""
        head = self._left[: len(PREFIX)]
        if not PREFIX.startswith(head):
            self._break(f"a stream begins with {PREFIX!r}")
            return False
        if len(head) < len(PREFIX):
            return False
        self._left, self._prefixed = self._left[len(PREFIX) :], False
        return True

    def _break(self, why: str) -> None:
        self.broken, self._left = why, b""
