"""A device that is not ours is asked no faster than it bears."""

from harness.bench.pace import Pace
from harness.clock import WallClock


class Ticking:
    """A clock that moves on by itself whenever it is read."""

    def __init__(self, step: float) -> None:
        self._now, self._step = 1000.0, step

    def now(self) -> float:
        self._now += self._step
        return self._now


def test_no_second_has_more_than_the_rate() -> None:
    """Of what is sent at once as much passes as fits into a second, and the rest when there is room."""
    clock = WallClock()
    pace, sent = Pace(20, clock), []
    for _ in range(30):
        pace.wait()
        sent.append(clock.now())

    assert sent[19] - sent[0] < 0.5
    assert all(later - earlier > 0.99 for earlier, later in zip(sent, sent[20:], strict=False))


def test_who_is_slow_waits_for_nothing() -> None:
    """A sender below the rate never finds the clock too early."""
    pace = Pace(2, Ticking(0.6))
    began = WallClock().now()
    for _ in range(50):
        pace.wait()

    assert WallClock().now() - began < 0.5
