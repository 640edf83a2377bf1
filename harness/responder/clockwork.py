"""The timers of a responder, earliest first; what nobody waits for any more takes no room for long."""

import heapq
from collections.abc import Callable
from itertools import count

from harness.responder.state import Armed, Sa

ROOM = 64
"""Timers below this number are not sorted out."""


class Clockwork:
    """Armed timers by the time they are due; equal times in the order of arming.

    A timer is dead when its SA is gone or no longer awaits it. Dead ones are let go when they come first, and all
    of them whenever the timers have doubled in number since that was last done: so at most half are dead, and
    arming costs the same however many there are.
    """

    def __init__(self, find: Callable[[bytes], Sa | None]) -> None:
        self._find = find
        self._heap: list[tuple[float, int, bytes, Armed]] = []
        self._order = count()
        self._room = ROOM

    def __len__(self) -> int:
        return len(self._heap)

    def arm(self, ours: bytes, armed: Armed) -> None:
        """One more timer, for the SA of this SPI or cookie."""
        heapq.heappush(self._heap, (armed.due, next(self._order), ours, armed))
        if len(self._heap) > self._room:
            self._heap = [each for each in self._heap if self._awaited(each[2], each[3]) is not None]
            heapq.heapify(self._heap)
            self._room = max(ROOM, 2 * len(self._heap))

    @property
    def next_due(self) -> float | None:
        """When the first timer is due that is not dead."""
        while self._heap and self._awaited(self._heap[0][2], self._heap[0][3]) is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> tuple[Sa, Armed] | None:
        """The first timer that is due by `now`, with its SA; it is armed no more."""
        due = self.next_due
        if due is None or due > now:
            return None
        _, _, ours, armed = heapq.heappop(self._heap)
        sa = self._find(ours)
        return None if sa is None else (sa, armed)

    def by_sa(self) -> dict[bytes, list[Armed]]:
        """The timers that are not dead, those of each SA earliest first."""
        found: dict[bytes, list[Armed]] = {}
        for _, _, ours, armed in sorted(self._heap):
            if self._awaited(ours, armed) is not None:
                found.setdefault(ours, []).append(armed)
        return found

    def _awaited(self, ours: bytes, armed: Armed) -> Sa | None:
        sa = self._find(ours)
        return sa if sa is not None and sa.awaits(armed) else None
