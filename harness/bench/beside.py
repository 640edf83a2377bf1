"""What cases that are played side by side share: the word to stop, and the turns in which targets start."""

import os
from threading import BoundedSemaphore

from harness.bench.links import UdpLink
from harness.bench.schedule import cores


class Halted(KeyboardInterrupt):
    """The run was stopped while this thread waited."""


class Beside:
    """Shared by all who play at a time.

    `starting` is held while a target starts, a core at a time, so that none keeps another from answering in time.
    `halt` wakes whoever waits on a link, who then leaves whole evidence.
    """

    def __init__(self) -> None:
        self.starting = BoundedSemaphore(cores())
        self.met: dict[str, str | None] = {}
        """Why a device elsewhere answered nothing when its first case was to be played, by its file; None: it answered."""
        self._halted = os.eventfd(0)

    def watch_over(self, link: UdpLink) -> None:
        """Let a halt end the waits of this link."""
        link.also_watch(self._halted, _stop)

    def halt(self) -> None:
        """Stop everybody, now and from now on."""
        os.eventfd_write(self._halted, 1)

    def close(self) -> None:
        """Nobody plays any more."""
        os.close(self._halted)


def _stop() -> None:
    raise Halted
