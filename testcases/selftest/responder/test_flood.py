"""A flood of hostile datagrams: what the responder keeps for strangers is bounded, whatever they send."""

import gc

import pytest

from benchmarks import bench_flood
from benchmarks.bench_flood import flood
from harness.clock import SeededEntropy
from harness.profile import DEFAULT
from harness.responder import Responder


@pytest.fixture
def responders(monkeypatch: pytest.MonkeyPatch) -> list[Responder]:
    """The responders that floods meet, to look into."""
    met: list[Responder] = []

    def make(*arguments: object, **options: object) -> Responder:
        met.append(Responder(*arguments, **options))
        return met[-1]

    monkeypatch.setattr(bench_flood, "Responder", make)
    return met


def test_sas_of_strangers_are_bounded(responders: list[Responder]) -> None:
    """However many sources there are, no more SAs are half-open than configured, and nothing else is there."""
    flood(12_000)
    (responder,) = responders

    assert 0 < responder.half_open_count() <= DEFAULT.defence.half_open
    assert len(tuple(responder.all())) == responder.half_open_count()


@pytest.mark.slow
def test_what_is_kept_does_not_grow_once_the_room_is_full() -> None:
    """In the second half of a flood hardly an object is added: fewer than one for ten datagrams."""
    steps = flood(30_000, resident=lambda: gc.collect() + len(gc.get_objects()))

    assert steps[-1].resident - steps[4].resident < 1_500


def test_a_flood_repeats_from_its_seed(responders: list[Responder]) -> None:
    """The mix is seeded: two floods leave the same SAs."""
    for _ in range(2):
        flood(2_000, seed=7)
    kept = [[sa.ours for sa in responder.all()] for responder in responders]

    assert kept[0] == kept[1] != []


def test_when_it_is_over_nothing_is_left() -> None:
    """Half-open SAs expire, and with them all that was kept for them."""
    responder = Responder(DEFAULT, SeededEntropy(1), local=bench_flood.TARGET)
    hostile = bench_flood._hostile(SeededEntropy(2), responder)
    for number in range(3_000):
        responder.receive(next(hostile), number / 1000)
    responder.wake(100.0)
    responder.wake(200.0)

    assert tuple(responder.all()) == ()
    assert responder.next_wake is None
