"""Where peers stand if their target does not say: on loopback addresses that nobody else uses."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from harness.bench.links import LinkRefused

ROOM = 200
"""How many peers find a place in a block."""
_BLOCKS = 254 * 254
"""The blocks 127.1.1.0/24 … 127.254.254.0/24."""
_FIRST = 10
"""The last octet of a block's address 0."""
_in_use = threading.local()
_whole_process: list[int] = []


class Loopback:
    """This machine's own loopback, on a block of addresses that nobody else has."""

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


@contextmanager
def own_block() -> Iterator[None]:
    """Give this thread a block of its own, which no other thread or process has until it is given back."""
    number, lock = _claimed()
    _in_use.block = number
    try:
        yield
    finally:
        del _in_use.block
        lock.close()


def own_loopback(number: int) -> str:
    """Address `number` (0: the target's) of this thread's block, or of the whole process's if the thread has none."""
    block = getattr(_in_use, "block", None)
    if block is None:
        block = _block_of_the_process()
    return f"127.{1 + block // 254}.{1 + block % 254}.{_FIRST + number}"


def _block_of_the_process() -> int:
    if not _whole_process:
        number, lock = _claimed()
        lock.detach()  # held until the process ends
        _whole_process.append(number)
    return _whole_process[0]


def _claimed() -> tuple[int, socket.socket]:
    """A free block and the socket that holds it: its name can be had once, and is free again when its owner dies."""
    for step in range(_BLOCKS):
        number = (os.getpid() + step) % _BLOCKS
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            lock.bind(f"\0ike-harness/loopback/{number}")
        except OSError:
            lock.close()
        else:
            return number, lock
    raise LinkRefused("every loopback block of this machine is in use by another run")
