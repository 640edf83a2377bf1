"""What a timer event costs a responder with few and with many established SAs."""

from dataclasses import replace

from benchmarks.bench_codec import Row, Timer, _median
from benchmarks.bench_handshake import PEER, PEER_NATT, TARGET, TARGET_NATT, carry
from harness.clock import ProcessorClock, SeededEntropy
from harness.peer import Initiator
from harness.profile import DEFAULT, Dpd
from harness.responder import Responder

FEW, MANY = 100, 10_000
INTERVAL_S = 30.0
WINDOW_S = 10.0
"""SAs are made evenly over an interval, so in this window the mix of events is the same however many there are."""
CONFIGURATION = replace(DEFAULT, proposals_v2=DEFAULT.proposals_v2[:1], dpd=Dpd(INTERVAL_S))


def _established(count: int) -> Responder:
    """A responder with so many IKE SAs, their liveness checks spread over the interval."""
    entropy, seen_from_the_peer = SeededEntropy(1), CONFIGURATION.mirrored()
    responder = Responder(CONFIGURATION, entropy, local=TARGET, peer=PEER)
    for number in range(count):
        peer = Initiator("alice", seen_from_the_peer, entropy, PEER, PEER_NATT, TARGET, TARGET_NATT)
        script, result, now = peer.connect(), None, INTERVAL_S * number / count
        while True:
            try:
                action = script.send(result)
            except StopIteration:
                break
            result = carry(responder, peer, action, now)
    assert sum(sa.up for sa in responder.all()) == count
    return responder


def _events_a_second(responders: list[Responder], clock: Timer) -> float:
    """Timer events a second in the window after the first interval: checks, and repetitions, as nobody answers."""
    events, began = 0, clock()
    for responder in responders:
        while (due := responder.next_wake) is not None and due < INTERVAL_S + WINDOW_S:
            responder.wake(due)
            events += 1
    return events / (clock() - began)


def timer_ratio(timer: Timer | None = None, *, pairs: int = 3) -> list[Row]:
    """Events a second with many SAs and with few (medians of alternating pairs), and the ratio; 1 is no growth."""
    clock = timer or ProcessorClock().now
    rates = []
    for _ in range(pairs):
        few, many = [_established(FEW) for _ in range(MANY // FEW // 5)], [_established(MANY)]
        rates.append((_events_a_second(many, clock), _events_a_second(few, clock)))
    name = f"timer events with {MANY:,} SAs"
    return [
        (name, *(_median([pair[i] for pair in rates]) for i in (0, 1)), _median([a / b for a, b in rates]))
    ]
