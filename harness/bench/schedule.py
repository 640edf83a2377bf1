"""How long a run takes, and how many cases are to be played at a time so that it takes about its longest wait."""

import heapq
import os
from collections.abc import Iterable, Sequence
from math import ceil

MOST_JOBS = 64
"""As many targets run at a time at most, unless the user says otherwise: each takes memory and sockets."""
PLAYED_S = 2.0
"""What a case takes on real sockets besides its waits: the target starts, the peers talk, the evidence is judged."""
WORKED_S = 0.8
"""How much of that a core works."""
IN_PROCESS_S = 0.05
"""What a case takes in virtual time."""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def jobs_for(durations: Sequence[float]) -> int:
    """Enough that the others are played while the longest one waits, and no more."""
    longest = max(durations, default=0.0)
    if longest <= 0:
        return 1
    return min(MOST_JOBS, len(durations), max(cores(), ceil(sum(durations) / longest)))


def whole_s(durations: Iterable[float], jobs: int, *, worked_s: float = 0.0) -> float:
    """How long plays of these durations take, begun longest first, `jobs` at a time; each works a core for `worked_s`."""
    ordered = sorted(durations, reverse=True)
    ends = [0.0] * max(1, jobs)
    for duration in ordered:
        heapq.heapreplace(ends, ends[0] + duration)
    return max(max(ends), len(ordered) * worked_s / cores())
