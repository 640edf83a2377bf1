"""How fast a device that is not ours may be asked: no second has more datagrams than it bears."""

import select
from collections import deque

from harness.clock import Clock

SECOND = 1.0


class Pace:
    """Lets `rate` datagrams pass in any second, at once as long as there is room, then one by one."""

    def __init__(self, rate: int, clock: Clock) -> None:
        self._clock = clock
        self._sent: deque[float] = deque([-SECOND] * rate, maxlen=rate)

    def wait(self) -> None:
        """Return when one more may be sent, and count it."""
        while (left := self._sent[0] + SECOND - self._clock.now()) > 0:
            select.select((), (), (), left)
        self._sent.append(self._clock.now())
