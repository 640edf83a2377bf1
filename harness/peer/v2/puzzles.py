"""RFC 8019 section 7: puzzles as the peer solves them, by trying keys in their order."""

from itertools import count, islice

from harness.codes import NotifyType
from harness.crypto import PRFS
from harness.sa.puzzle import KEYS, zero_bits
from harness.wire import Message, v2

KEY_OCTETS = 4
PATIENCE_BITS = 20
"""Puzzles that ask for more zero bits are not tried (RFC 8019 section 9)."""
OWN_CHOICE_BITS = 10
"""What is solved for when the target leaves the choice to the peer (RFC 8019 section 7.1.1.1)."""


def asked(message: Message) -> tuple[int, int] | None:
    """The PRF and the zero bits that a PUZZLE asks for; None without one that can be solved here."""
    notify = message.find(v2.Notify, NotifyType.PUZZLE)
    if notify is None or len(notify.data) != 3:
        return None
    prf_id, difficulty = int.from_bytes(notify.data[:2], "big"), notify.data[2]
    return (prf_id, difficulty) if prf_id in PRFS and difficulty <= PATIENCE_BITS else None


def solved(puzzle: tuple[int, int], octets: bytes) -> v2.PuzzleSolution:
    """Four keys under which the octets leave the zero bits that are asked for."""
    prf_id, bits = puzzle[0], puzzle[1] or OWN_CHOICE_BITS
    keys = (number.to_bytes(KEY_OCTETS, "big") for number in count())
    right = (key for key in keys if zero_bits(prf_id, key, octets) >= bits)
    return v2.PuzzleSolution(b"".join(islice(right, KEYS)))
