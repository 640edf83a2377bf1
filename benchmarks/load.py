"""One load generator: how many IKE_SA_INITs a second a responder answers in full.

`python load.py ADDRESS PORT SECONDS SEED` prints the number of answers that carried a KE payload, and of any others.
"""

import select
import socket
import sys

from harness.clock import SeededEntropy, WallClock
from harness.codes import Exchange
from harness.crypto import KeyExchange
from harness.peer.v2.offers import ike_offer, ike_suite
from harness.profile import DEFAULT
from harness.wire import Message, decode, v2

WINDOW = 64
"""Requests under way at a time: enough that neither side ever waits for the other, few enough for any socket's queue."""
LOST_S = 0.25
PREPARED = 4_096
"""Requests made beforehand, so that the load costs the generator next to nothing; each has its own SPI and nonce."""
INITIATOR = 0x08


def requests(seed: str) -> list[bytes]:
    """IKE_SA_INIT requests of many initiators with one public value, their SPIs still to be told apart per round.

    With another seed they are others: what a responder has answered already it answers from memory.
    """
    entropy, suite = SeededEntropy(f"load {seed}"), ike_suite(DEFAULT.proposals_v2[0])
    public = KeyExchange(suite.group).private(entropy).public
    payloads = ike_offer((suite,)), v2.KeyExchange(suite.group, public)
    return [
        Message(
            entropy.octets(8),
            bytes(8),
            Exchange.IKE_SA_INIT,
            INITIATOR,
            0,
            (*payloads, v2.Nonce(entropy.octets(32))),
        ).encode()
        for _ in range(PREPARED)
    ]


def measure(address: str, port: int, seconds: float, seed: str) -> tuple[int, int]:
    """Answers with a KE payload, and others, in so many seconds."""
    clock, prepared, sent, full, other = WallClock(), requests(seed), 0, 0, 0
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as talker:
        talker.connect((address, port))
        talker.setblocking(False)
        end, under_way = clock.now() + seconds, 0
        while clock.now() < end:
            while under_way < WINDOW:
                fresh = sent.to_bytes(4, "big")
                talker.send(fresh + prepared[sent % PREPARED][4:])
                sent, under_way = sent + 1, under_way + 1
            if not select.select([talker], [], [], LOST_S)[0]:
                under_way = 0  # lost on the way, or not answered: the window is opened again
                continue
            answers = list(_waiting(talker))
            under_way = max(0, under_way - len(answers))
            whole = sum(_is_full(answer) for answer in answers)
            full, other = full + whole, other + len(answers) - whole
    return full, other


def _waiting(talker: socket.socket) -> "list[bytes]":
    answers = []
    while True:
        try:
            answers.append(talker.recv(65_535))
        except BlockingIOError:
            return answers


def _is_full(answer: bytes) -> bool:
    """Whether it answers with an SA, told by the header alone for speed: SPIr is set."""
    return len(answer) > 28 and answer[8:16] != bytes(8)


if __name__ == "__main__":
    sample = decode(requests(sys.argv[4])[0])
    assert isinstance(sample, Message)
    print(*measure(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
