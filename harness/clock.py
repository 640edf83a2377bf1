"""Time and chance: the one place that reads them; everywhere else they are arguments."""

import os
import random
import time
from collections.abc import MutableSequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Tells seconds; only differences mean anything to a protocol."""

    def now(self) -> float:
        """Seconds, never running backwards."""
        ...


class VirtualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds since whatever the run calls its start."""
        return self._now

    def advance_to(self, moment: float) -> None:
        """Move to `moment`; a moment already past leaves the clock where it is."""
        self._now = max(self._now, moment)


class WallClock:
    """Seconds since 1970 that advance monotonically: the epoch is read once, then the steady clock counts."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.monotonic() + self._offset


class ProcessorClock:
    """Seconds that the processor has worked for this process: what rates are counted by where others work besides."""

    def now(self) -> float:
        """Seconds since the process began."""
        return time.process_time()


def started_at() -> str:
    """The wall-clock moment in UTC, as ISO 8601 to the second."""
    return datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def told_moment(seconds: float) -> str:
    """A moment in UTC, given in seconds since 1970, as ISO 8601 to the millisecond."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Entropy(Protocol):
    """Where nonces, SPIs and private keys come from."""

    def octets(self, count: int) -> bytes:
        """`count` octets."""
        ...


class SystemEntropy:
    """The operating system's generator: for daemons that are not to be repeated."""

    def octets(self, count: int) -> bytes:
        """`count` unpredictable octets."""
        return os.urandom(count)


class SeededEntropy:
    """A generator that repeats from its seed; `fork` gives independent streams by name."""

    def __init__(self, seed: int | str) -> None:
        self.seed = seed
        self._random = random.Random(str(seed))

    def octets(self, count: int) -> bytes:
        """The next `count` octets of this stream."""
        return self._random.randbytes(count)

    def below(self, bound: int) -> int:
        """A whole number in 0 … bound-1."""
        return self._random.randrange(bound)

    def chance(self, probability: float) -> bool:
        """True with the given probability; nothing is drawn for 0."""
        return probability > 0 and self._random.random() < probability

    def uniform(self, low: float, high: float) -> float:
        """A number between `low` and `high`."""
        return self._random.uniform(low, high)

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Put `items` in another order, in place."""
        self._random.shuffle(items)

    def fork(self, name: str) -> "SeededEntropy":
        """A stream of its own, determined by this seed and `name`."""
        return SeededEntropy(f"{self.seed}/{name}")


def fresh_seed() -> int:
    """A seed for a run that was given none; it is printed and stored, so the run can be repeated."""
    return int.from_bytes(os.urandom(4), "big")
