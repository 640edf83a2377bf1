"""The virtual link: a queue of what is under way, and a clock that jumps."""

from typing import Any

import pytest

from harness.bench.links import LATENCY_S, NO_MISCHIEF, OVERTAKEN_S, LinkRefused, Mischief, VirtualLink
from harness.bench.taps import Tap
from harness.clock import SeededEntropy, VirtualClock
from harness.codes import Trigger
from harness.responder import Step
from harness.wire.datagram import Datagram, Endpoint

HELLO = Datagram(Endpoint("192.0.2.2", 500), Endpoint("192.0.2.1", 500), b"hello")


def a_link(device: Any, tap: Tap, mischief: Mischief = NO_MISCHIEF, seed: int = 1) -> VirtualLink:
    """A link that begins at 0."""
    return VirtualLink(device, tap, VirtualClock(), mischief, SeededEntropy(seed))


def test_an_answer_comes_back_after_both_ways(echo: Any, tap: Tap) -> None:
    """What the device sends reaches the peer one latency after it was sent."""
    link = a_link(echo, tap)
    link.send(HELLO)

    answer = link.receive(1.0)

    assert answer is not None
    assert answer.data == b"olleh"
    assert link.now == pytest.approx(2 * LATENCY_S)


def test_waiting_for_nothing_ends_at_the_moment_named(echo: Any, tap: Tap) -> None:
    """With nothing under way the clock stands where the wait ended."""
    link = a_link(echo, tap)

    assert link.receive(3600.0) is None
    assert link.now == 3600.0


def test_the_device_is_woken_when_it_asked_to_be(echo: Any, tap: Tap) -> None:
    """A timer of the device fires at its own moment, however long the peer waits."""
    echo.wakes = [100.0]
    link = a_link(echo, tap)

    tick = link.receive(3600.0)

    assert tick is not None
    assert tick.data == b"tick"
    assert link.now == pytest.approx(100.0 + LATENCY_S)


def test_what_is_lost_on_the_way_there_was_never_seen(echo: Any, tap: Tap, listed: Any) -> None:
    """The tap stands at the target's end: a request that the path lost is not in the evidence."""
    link = a_link(echo, tap, Mischief(loss=1.0))
    link.send(HELLO)

    assert link.receive(1.0) is None
    assert listed.seen == []


def test_what_is_lost_on_the_way_back_was_seen(echo: Any, tap: Tap, listed: Any) -> None:
    """What the target sent is in the evidence whether it arrives or not."""
    echo.wakes = [1.0]
    link = a_link(echo, tap, Mischief(loss=1.0))

    assert link.receive(2.0) is None
    assert [seen.datagram.data for seen in listed.seen] == [b"tick"]


def test_a_doubling_path_delivers_twice(echo: Any, tap: Tap) -> None:
    """Each way doubles by itself: the device hears two, the peer four."""
    link = a_link(echo, tap, Mischief(duplicate=1.0))
    link.send(HELLO)

    answers = [link.receive(1.0) for _ in range(5)]

    assert len(echo.heard) == 2
    assert [answer is None for answer in answers] == [False] * 4 + [True]


def test_a_reordering_path_lets_later_ones_overtake(echo: Any, tap: Tap) -> None:
    """A datagram that is kept back arrives after one that was sent later."""
    link = a_link(echo, tap, Mischief(reorder=0.5), seed=3)
    for number in range(20):
        link.send(HELLO._replace(data=bytes([number])))
    while link.receive(1.0) is not None:
        pass

    heard = [data[0] for _, data in echo.heard]

    assert heard != sorted(heard)
    assert sorted(heard) == list(range(20))
    assert max(moment for moment, _ in echo.heard) <= LATENCY_S + OVERTAKEN_S


def test_delay_is_added_up_to_its_bound(echo: Any, tap: Tap) -> None:
    """Added delay lies between none and what was said."""
    link = a_link(echo, tap, Mischief(delay=0.5))
    link.send(HELLO)
    link.receive(5.0)

    moment, _ = echo.heard[0]

    assert LATENCY_S < moment <= LATENCY_S + 0.5


def test_mischief_repeats_from_its_seed(tap: Tap) -> None:
    """The same seed loses, doubles and delays the same datagrams."""
    mischief = Mischief(loss=0.3, duplicate=0.3, reorder=0.3, delay=0.1)

    first, again = (
        [mischief.fates(entropy) for _ in range(50)] for entropy in (SeededEntropy(7), SeededEntropy(7))
    )

    assert first == again
    assert len({len(fate) for fate in first}) == 3


def test_comments_travel_with_their_datagram(echo: Any, tap: Tap, listed: Any) -> None:
    """A mark stands at the frame that the target received, also at each copy."""
    link = a_link(echo, tap, Mischief(duplicate=1.0))
    link.send(HELLO, ("mark: probe",))
    link.receive(1.0)
    link.receive(1.0)

    inbound = [seen.comments for seen in listed.seen if seen.inbound]

    assert inbound == [("mark: probe",)] * 2


def test_a_trigger_is_told_in_words(echo: Any, tap: Tap) -> None:
    """What came of a trigger names what was sent and what became of the SAs."""
    assert a_link(echo, tap).provoke(Trigger.BOOT) == "sent 1 datagram; woke up"


def test_a_device_that_never_lets_time_pass_is_refused(echo: Any, tap: Tap) -> None:
    """A device that asks to be woken at one moment for ever ends the play with a sentence."""
    echo.wakes = [1.0] * 20_000
    echo.wake = lambda now: Step()
    link = a_link(echo, tap)

    with pytest.raises(LinkRefused, match="time can't pass"):
        link.receive(2.0)
