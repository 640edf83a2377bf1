"""IP datagrams that a capture holds twice, because two taps saw them or one doubled them."""

from collections import deque

_COPY_S = 0.05
"""The same IP datagram twice within this time was captured twice (RFC 791 section 3.2: Identification)."""
REACH = 8_192
"""How many frames a copy may lie behind, whatever the times say: so the memory of them is bounded."""


class Copies:
    """Tells the copies among the frames of a capture, which are shown to it in order."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, bytes], tuple[int, float]] = {}
        self._order: deque[tuple[int, tuple[int, bytes]]] = deque()

    def is_copy(self, number: int, time: float, ip_id: int | None, packet: bytes) -> bool:
        """Whether a frame holds the very datagram of one before; without Identification nobody can tell."""
        if not ip_id:
            return False
        while self._order and self._order[0][0] < number - REACH:
            old, key = self._order.popleft()
            if self._last[key][0] == old:
                del self._last[key]
        key = ip_id, packet
        before = self._last.get(key)
        self._last[key] = number, time
        self._order.append((number, key))
        return before is not None and time - before[1] <= _COPY_S
