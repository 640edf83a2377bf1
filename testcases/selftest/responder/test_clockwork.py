"""The timers of a responder: due in order, cheap however many there are, and none of the dead kept for long."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import SeededEntropy
from harness.profile import DEFAULT
from harness.responder import Responder
from harness.responder.clockwork import ROOM, Clockwork
from harness.responder.state import Armed, Timer
from testcases.selftest.responder.pairing import PEER, TARGET, Pair


@dataclass
class Sas:
    """SAs that await any timer, by number; how often one was looked for is counted."""

    alive: set[bytes] = field(default_factory=set)
    looked: int = 0

    def find(self, ours: bytes) -> "Sas | None":
        """The SA, which stands for all of them."""
        self.looked += 1
        return self if ours in self.alive else None

    def awaits(self, _armed: Armed) -> bool:
        """Every timer."""
        return True


def clockwork(count: int) -> tuple[Clockwork, Sas]:
    """The timers of so many SAs, one for each, one a second."""
    sas = Sas({number.to_bytes(8, "big") for number in range(count)})
    clock = Clockwork(sas.find)
    for number in range(count):
        clock.arm(number.to_bytes(8, "big"), Armed(float(number), Timer.IKE_HARD))
    sas.looked = 0
    return clock, sas


@given(st.lists(st.floats(0.0, 100.0), max_size=200))
@settings(max_examples=50, deadline=None)
def test_timers_come_in_the_order_in_which_they_are_due(dues: list[float]) -> None:
    """Whatever the order of arming, timers are taken by time, and those of one time as they were armed."""
    clock, _ = clockwork(1)
    clock.take(0.0)
    for about, due in enumerate(dues):
        clock.arm(bytes(8), Armed(due, Timer.IKE_HARD, about))
    taken = []
    while (found := clock.take(100.0)) is not None:
        taken.append((found[1].due, found[1].about))

    assert taken == sorted((due, about) for about, due in enumerate(dues))


def test_nothing_is_taken_before_it_is_due() -> None:
    """At a moment only what is due by then is taken; `next_due` tells when to come again."""
    clock, _ = clockwork(10)

    assert [clock.take(1.5) is not None for _ in range(3)] == [True, True, False]
    assert clock.next_due == 2.0


@pytest.mark.parametrize("count", [100, 10_000])
def test_an_event_costs_the_same_however_many_sas_there_are(count: int) -> None:
    """Telling when the next timer is due, and taking it, looks at as many SAs among ten thousand as among a hundred."""
    clock, sas = clockwork(count)
    for _ in range(50):
        assert clock.next_due is not None
        assert clock.take(1e9) is not None

    assert sas.looked == 50 * 3


def test_dead_timers_take_no_room() -> None:
    """After a hundred thousand SAs that came, armed a timer for tomorrow and went, only a few timers are kept."""
    clock, sas = clockwork(0)
    most = 0
    for number in range(100_000):
        ours = number.to_bytes(8, "big")
        sas.alive = {ours}
        clock.arm(ours, Armed(86_400.0, Timer.IKE_HARD))
        most = max(most, len(clock))

    assert most <= ROOM + 1


def test_sorting_out_costs_little_for_each_timer() -> None:
    """Ten thousand live timers are armed with fewer than four looks at an SA each, sorting out included."""
    sas = Sas({number.to_bytes(8, "big") for number in range(10_000)})
    clock = Clockwork(sas.find)
    for number in range(10_000):
        clock.arm(number.to_bytes(8, "big"), Armed(1.0, Timer.IKE_HARD))

    assert len(clock) == 10_000
    assert sas.looked < 40_000


def test_an_answered_request_leaves_no_timer() -> None:
    """Once the handshake is over nothing of it makes the responder wake: the next moment is the child's soft limit."""
    pair = Pair()
    pair.play(pair.peer.connect())

    assert pair.responder.next_wake == DEFAULT.lifetimes.child_soft


def test_sas_that_come_and_go_leave_nothing() -> None:
    """After five hundred IKE SAs that were made and deleted the responder keeps a handful of timers."""
    responder = Responder(DEFAULT, SeededEntropy(1), local=TARGET, peer=PEER)
    pair = Pair()
    pair.responder = responder
    for _ in range(500):
        pair.play(pair.peer.connect())
        pair.play(pair.peer.delete_ike())
        pair.wait(31.0)

    assert list(responder.all()) == []
    assert len(responder._timers) <= ROOM + 1


def test_many_timers_at_one_moment_are_one_step() -> None:
    """Five hundred half-open SAs that end at the same moment are all gone after one call."""
    pair = Pair()
    for _ in range(500):
        pair.play(pair.peer.ike_sa_init())
    step = pair.responder.wake(DEFAULT.lifetimes.half_open)

    assert len(step.gone) == 500
    assert list(pair.responder.all()) == []
