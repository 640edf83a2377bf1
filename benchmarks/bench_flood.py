"""A flood of hostile datagrams in one process: how many a second the responder takes, and that its memory stays flat.

The mix is seeded: noise, IKE_SA_INITs that were edited, valid ones and first messages of version 1 from many sources,
and sealed nonsense for SPIs that exist and that do not. A second of the responder's time is a thousand datagrams.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.bench_codec import Timer
from harness.clock import SeededEntropy, WallClock
from harness.codes import Exchange
from harness.fuzz import edits
from harness.peer import Initiator
from harness.profile import DEFAULT
from harness.responder import Responder
from harness.wire import Message, v2
from harness.wire.datagram import Datagram, Endpoint

DATAGRAMS = 1_000_000
STEPS = 10
PAUSE_S = 0.001
TARGET, TARGET_NATT = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500)
_PAGE_OCTETS = 4096


class FloodStep(NamedTuple):
    """A part of the flood: how many datagrams were taken by its end, how many a second in it, octets resident then."""

    taken: int
    rate: float
    resident: int


def flood(
    datagrams: int = DATAGRAMS,
    *,
    seed: int = 1,
    timer: Timer | None = None,
    resident: Callable[[], int] | None = None,
) -> list[FloodStep]:
    """Play so many hostile datagrams to one responder, in ten parts."""
    clock, memory = timer or WallClock().now, resident or _resident
    responder = Responder(replace(DEFAULT, cookie_threshold=500), SeededEntropy(seed), local=TARGET)
    hostile = _hostile(SeededEntropy(seed + 1), responder)
    steps, now = [], 0.0
    for number in range(STEPS):
        part = datagrams * (number + 1) // STEPS - datagrams * number // STEPS
        spent = 0.0
        for _ in range(part):
            datagram = next(hostile)
            now += PAUSE_S
            began = clock()
            if responder.next_wake is not None and responder.next_wake <= now:
                responder.wake(now)
            responder.receive(datagram, now)
            spent += clock() - began
        steps.append(FloodStep(datagrams * (number + 1) // STEPS, part / spent, memory()))
    return steps


def growth(steps: list[FloodStep]) -> float:
    """What is resident at the end, by what was after the first part."""
    return steps[-1].resident / steps[0].resident


def _resident() -> int:
    """The octets of this process in memory, as Linux counts them."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_OCTETS


def _hostile(entropy: SeededEntropy, responder: Responder) -> Iterator[Datagram]:
    """Hostile datagrams without end."""
    first_v2, first_v1 = _first_messages(entropy)
    makers: tuple[Callable[[], bytes], ...] = (
        lambda: entropy.octets(entropy.below(300)),
        lambda: edits.apply(first_v2, edits.drawn(entropy, len(first_v2))),
        lambda: _fresh(entropy, first_v2),
        lambda: _sealed(entropy, _known(responder)),
        lambda: _sealed(entropy, (entropy.octets(8), entropy.octets(8))),
        lambda: _fresh(entropy, first_v1),
    )
    while True:
        address = f"10.{entropy.below(256)}.{entropy.below(256)}.{1 + entropy.below(254)}"
        here = (TARGET, TARGET_NATT)[entropy.below(8) == 0]
        octets = makers[entropy.below(len(makers))]()
        data = bytes(4) + octets if here is TARGET_NATT else octets
        yield Datagram(Endpoint(address, 1024 + entropy.below(60_000)), here, data)


def _first_messages(entropy: SeededEntropy) -> tuple[bytes, bytes]:
    """An honest IKE_SA_INIT, and an honest first message of Main Mode."""
    somewhere = Endpoint("10.0.0.1", 500)
    peer = Initiator("alice", DEFAULT.mirrored(), entropy, somewhere, somewhere, TARGET, TARGET)
    return next(peer.ike_sa_init()).data, next(peer.main_mode()).data


def _fresh(entropy: SeededEntropy, first: bytes) -> bytes:
    """The message as another initiator sends it."""
    return entropy.octets(8) + first[8:]


def _known(responder: Responder) -> tuple[bytes, bytes]:
    """The SPIs of an SA that waits for its peer."""
    ours = responder.oldest_half_open(2)
    sa = None if ours is None else responder.find(ours)
    return (bytes(8), bytes(8)) if sa is None or ours is None else (sa.init_request[:8], ours)


def _sealed(entropy: SeededEntropy, spis: tuple[bytes, bytes]) -> bytes:
    exchange = (Exchange.IKE_AUTH, Exchange.INFORMATIONAL, Exchange.CREATE_CHILD_SA)[entropy.below(3)]
    nonsense = v2.Encrypted(data=entropy.octets(200), inner=entropy.below(60))
    return Message(*spis, exchange, 0x08, entropy.below(3), (nonsense,)).encode()
