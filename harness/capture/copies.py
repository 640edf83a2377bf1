"""IP datagrams that a capture holds twice, because two taps saw them or one doubled them."""

from collections import deque
from collections.abc import Callable

import numpy as np

from harness.capture.tables import Table, joined, picked

_COPY_S = 0.05
"""The same IP datagram twice within this time was captured twice (RFC 791 section 3.2: Identification)."""
REACH = 8_192
"""How many frames a copy may lie behind, whatever the times say: so the memory of them is bounded."""

PACKET = np.dtype([("number", "i8"), ("time", "f8"), ("mark", "u8"), ("at", "i8"), ("size", "i8")])
"""A frame with an Identification, its packet's `mark_of`, and where in the file that packet stands; -1: it was kept."""


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


def mark_of(ip_id: int, packet: bytes) -> int:
    """Identification, length and checksums in one number: packets whose numbers differ are no copies."""
    octets = packet[2:4] + packet[10:12] + packet[26:28]
    return ip_id << 48 | int.from_bytes(octets.ljust(6, b"\0"), "big")


class CopiesByMark:
    """Tells the copies among many frames at a time; only those whose mark comes twice are looked at themselves."""

    def __init__(self) -> None:
        self._before = np.zeros(0, PACKET)

    def among(self, packets: Table, last: int, octets_of: Callable[[int, int, int], bytes]) -> list[int]:
        """The numbers of the copies among these frames, the last of which has that number.

        `octets_of` gives a packet by its number, place and size.
        """
        met = int(self._before["number"][-1]) if len(self._before) else 0
        together = joined([self._before, packets])
        self._before = picked(together, together["number"] >= last - REACH)
        marks = together["mark"].copy()
        order = np.argsort(marks)
        same = np.flatnonzero(marks[order[1:]] == marks[order[:-1]])
        if not len(same):
            return []
        copies, found = Copies(), []
        twice = np.unique(order[np.concatenate([same, same + 1])])
        for number, time, mark, at, size in picked(together, twice).tolist():
            if copies.is_copy(number, time, mark >> 48, octets_of(number, at, size)) and number > met:
                found.append(number)
        return found
