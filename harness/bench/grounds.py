"""Where peers stand if their target does not say: on loopback addresses that no other process uses."""

import os
from contextlib import AbstractContextManager, nullcontext

ROOM = 200
"""How many peers find a place in the block of a process."""


class Loopback:
    """This machine's own loopback, on a block of addresses that belongs to this process alone."""

    @property
    def interface(self) -> str:
        """The interface of every loopback address."""
        return "lo"

    @property
    def address(self) -> str:
        """The target's."""
        return own_loopback(0)

    def peer_addresses(self, count: int) -> tuple[str, ...]:
        """As many as are wanted."""
        return tuple(own_loopback(1 + number) for number in range(min(count, ROOM)))

    def inside(self) -> AbstractContextManager[None]:
        """It is here already."""
        return nullcontext()


def own_loopback(number: int) -> str:
    """Address `number` (0: the target's) of a loopback block that belongs to this process alone."""
    process = os.getpid() % 0xFFFF
    return f"127.{1 + (process >> 8) % 254}.{process & 0xFF}.{10 + number}"
