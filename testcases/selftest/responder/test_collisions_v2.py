"""RFC 7296 sections 2.8.1, 2.8.2 and 2.25: what two devices that both rekey and delete are left with."""

import heapq
import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.bench.links import NO_MISCHIEF, Mischief
from harness.clock import SeededEntropy
from harness.codes import Group, ProfileName, Trigger
from harness.profile import DEFAULT, Configuration, Exchanges, Lifetimes, Retransmission, Start
from harness.responder import HONEST, Responder
from harness.responder.state import ChildSa, IkeSa
from harness.responder.table import Rules
from harness.wire.datagram import Datagram, Endpoint

A, B = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.2", 500)
LATENCY_S = 0.01
BAD = Mischief(loss=0.25, duplicate=0.1, reorder=0.2, delay=0.05)
PATIENT = Exchanges(
    retransmission=Retransmission(first=0.5, factor=1.2, tries=20),
    busy=Retransmission(first=0.5, factor=1.5, tries=12),
)
TWO_WAY = replace(DEFAULT, profile=ProfileName.TWO_WAY, exchanges=PATIENT)
WITH_MORE_KEY_EXCHANGES = replace(
    TWO_WAY,
    proposals_v2=(replace(TWO_WAY.proposals_v2[0], group=Group.CURVE25519, additional=(Group.ECP_256,)),),
    child_proposals=(replace(TWO_WAY.child_proposals[0], additional=(Group.ECP_256,)),),
    pfs_group=Group.CURVE25519,
)


STARTS_AND_REKEYS = HONEST.but(
    "decisions", "may_start", lambda _, start: start not in (Start.RECREATE, Start.FIRST_CHILD)
)
"""What makes an SA and rekeys it, but makes nothing again."""


class Line:
    """Two devices with a path between them, in virtual time."""

    def __init__(
        self,
        seed: int,
        mischief: Mischief = NO_MISCHIEF,
        window: int = 1,
        rules: Rules = HONEST,
        configuration: Configuration = TWO_WAY,
    ) -> None:
        exchanges = replace(configuration.exchanges, window=window)
        configuration = replace(configuration, exchanges=exchanges)
        self.now = 0.0
        self._chance = SeededEntropy(f"path {seed}")
        self._mischief = NO_MISCHIEF
        self._order = itertools.count()
        self._under_way: list[tuple[float, int, Datagram]] = []
        self.a = Responder(configuration, SeededEntropy(f"a {seed}"), rules, local=A, peer=B)
        self.b = Responder(configuration.mirrored(), SeededEntropy(f"b {seed}"), rules, local=B, peer=A)
        self.events: list[str] = []
        self.provoke(self.a, Trigger.BOOT)
        self.play(1.0)
        self._mischief = mischief

    def provoke(self, device: Responder, trigger: Trigger) -> None:
        """Let a local event happen at one of them."""
        step = device.provoke(trigger, self.now)
        self._depart(step.send)
        self.events.extend(step.events)

    def play(self, seconds: float) -> None:
        """Let time pass for both."""
        end = self.now + seconds
        while (moment := self._next_event()) <= end:
            self.now = max(self.now, moment)
            if self._under_way and self._under_way[0][0] <= self.now:
                datagram = heapq.heappop(self._under_way)[2]
                device = self.a if datagram.destination == A else self.b
                steps = [device.receive(datagram, self.now)]
            else:
                steps = [device.wake(self.now) for device in (self.a, self.b)]
            for step in steps:
                self._depart(step.send)
                self.events.extend(step.events)
        self.now = end

    def views(self) -> tuple[list[object], list[object]]:
        """What each has: of every SA the SPIs and whether it serves, of every child the SPIs and keys."""
        return _view(self.a, mirrored=False), _view(self.b, mirrored=True)

    def _next_event(self) -> float:
        moments = [each.next_wake for each in (self.a, self.b)]
        arrival = [self._under_way[0][0]] if self._under_way else []
        return min([m for m in moments if m is not None] + arrival, default=float("inf"))

    def _depart(self, datagrams: tuple[Datagram, ...]) -> None:
        for datagram in datagrams:
            for delay in self._mischief.fates(self._chance):
                heapq.heappush(self._under_way, (self.now + LATENCY_S + delay, next(self._order), datagram))


def _view(device: Responder, *, mirrored: bool) -> list[object]:
    return sorted(
        (
            sa.spi_i,
            sa.spi_r,
            sa.up,
            tuple(sorted(_pair(c, mirrored) for c in sa.children)),
            len(sa.half_closed),
        )
        for sa in device.all()
        if isinstance(sa, IkeSa)
    )


def _pair(child: ChildSa, mirrored: bool) -> tuple[bytes, bytes, str]:
    spis = (child.spi_out, child.spi_in) if mirrored else (child.spi_in, child.spi_out)
    return (*spis, str(child.keys and (child.keys.encr_i, child.keys.encr_r)))


def settled(line: Line) -> None:
    """Both have one IKE SA with one child, the same ones, and nothing else."""
    line.play(600.0)
    ours, theirs = line.views()
    assert ours == theirs, line.events
    assert [(up, len(children), closing) for _, _, up, children, closing in ours] == [(True, 1, 0)], (
        line.events
    )


either = pytest.mark.parametrize(
    "configuration",
    [
        pytest.param(TWO_WAY, id="one key exchange"),
        pytest.param(WITH_MORE_KEY_EXCHANGES, id="more key exchanges"),
    ],
)
"""With CREATE_CHILD_SA alone, and with IKE_FOLLOWUP_KE after it (RFC 9370 section 2.2.4)."""


@pytest.mark.parametrize("apart", [0.0, 0.005, 0.012, 0.025, 0.05])
@pytest.mark.parametrize("seed", range(8))
@either
def test_both_rekeying_everything_at_once_are_left_with_one_pair(
    seed: int, apart: float, configuration: Configuration
) -> None:
    """Without loss, both reach every soft limit at about the same time: one IKE SA with one child is left on both sides."""
    line = Line(seed, configuration=configuration)
    line.provoke(line.a, Trigger.SOFT_EXPIRY)
    line.play(apart)
    line.provoke(line.b, Trigger.SOFT_EXPIRY)

    settled(line)


moments = st.lists(
    st.tuples(st.floats(0.0, 0.3), st.booleans()),
    min_size=1,
    max_size=6,
)


@either
@given(seed=st.integers(0, 10_000), rekeys=moments, window=st.sampled_from((1, 4)))
@settings(max_examples=40, deadline=None)
def test_whatever_collides_on_a_bad_path_one_pair_is_left(
    configuration: Configuration, seed: int, rekeys: list[tuple[float, bool]], window: int
) -> None:
    """On a path that loses, doubles and reorders, any sequence of rekeys by both ends leaves one pair and one view."""
    line = Line(seed, BAD, window, configuration=configuration)
    for pause, by_a in rekeys:
        line.provoke(line.a if by_a else line.b, Trigger.SOFT_EXPIRY)
        line.play(pause)

    settled(line)


@given(st.integers(0, 10_000), moments, st.sampled_from((1, 4)), st.sampled_from(("one", "both")))
@settings(max_examples=60, deadline=None)
def test_who_closes_amid_collisions_is_left_with_nothing(
    seed: int, rekeys: list[tuple[float, bool]], window: int, closing: str
) -> None:
    """When one end, or each, closes the IKE SA for good while both rekey, nothing is left on either side."""
    line = Line(seed, BAD, window, STARTS_AND_REKEYS)
    for pause, by_a in rekeys:
        line.provoke(line.a if by_a else line.b, Trigger.SOFT_EXPIRY)
        line.play(pause)
    line.provoke(line.a, Trigger.INTERFACE_DOWN)
    if closing == "both":
        line.provoke(line.b, Trigger.INTERFACE_DOWN)
    line.play(600.0)

    assert line.views() == ([], []), line.events


@pytest.mark.parametrize(
    ("kind", "limits"),
    [("rekey-child", Lifetimes(child_soft=50.0)), ("rekey-ike", Lifetimes(ike_soft=50.0))],
)
def test_rekeys_are_put_off_by_a_random_time(kind: str, limits: Lifetimes) -> None:
    """RFC 7296 section 2.8.1: two ends with the same soft limit seldom reach it together; none goes before it."""
    configuration = replace(TWO_WAY, lifetimes=limits, exchanges=replace(PATIENT, jitter=10.0))
    rekeyed = [_first_rekey(seed, kind, configuration) for seed in range(6)]

    assert len(set(rekeyed)) == len(rekeyed)
    assert min(rekeyed) >= 50.0
    assert max(rekeyed) <= 61.0


def _first_rekey(seed: int, kind: str, configuration: Configuration) -> float:
    line = Line(seed, configuration=configuration)
    while f"sent {kind}" not in line.events and line.now < 100.0:
        line.play(0.05)
    return line.now
