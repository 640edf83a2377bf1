"""A bound on how long a device in process may compute: an endless loop becomes an exception, and so a finding."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE_S = 1.0
"""Seconds of processor time; the slowest honest answer takes a fiftieth of that."""

AGAIN_S = 0.25


class Hung(Exception):
    """A call did not return within its processor time."""


@contextmanager
def bounded(seconds: float = PATIENCE_S) -> Iterator[None]:
    """Raise Hung in whatever runs longer than that in here; only the main thread can be bounded, others are not."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code.co_name == "gc_callback":
            return  # what is raised in there is swallowed, and told on stderr
        raise Hung(f"no end within {seconds:g} s of computing")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
