"""Cases side by side in real time: how many, in what order, and how they are stopped."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier, Event
from typing import Any, cast

import pytest

from harness.bench.beside import Beside, Halted
from harness.bench.catalogue import Entry, catalogue
from harness.bench.grounds import own_block, own_loopback
from harness.bench.links import UdpLink, UdpPorts
from harness.bench.pool import played
from harness.bench.run import Bench, Settings
from harness.bench.schedule import MOST_JOBS, jobs_for, whole_s
from harness.bench.stage import LinkKind
from harness.bench.taps import Tap
from harness.capture import read
from harness.clock import WallClock
from harness.record import CaseResult
from harness.target.reference import Reference
from harness.wire.datagram import Endpoint

WAIT_S = 10.0
"""Longer than any of these threads needs to get as far."""


@dataclass
class Bench3:
    """A bench whose plays end when three of them are under way."""

    barrier: Barrier
    closed: list[str]

    def play(self, entry: Any) -> CaseResult:
        self.barrier.wait(WAIT_S)
        return cast("CaseResult", own_loopback(0))

    def close(self) -> None:
        self.closed.append("closed")


def test_as_many_are_played_at_a_time_as_are_told() -> None:
    """Three plays that wait for one another end; each has its own addresses, and its bench is closed."""
    bench = Bench3(Barrier(3), [])
    results = list(played("abc", 3, lambda _play, _beside: (cast("Bench", bench), cast("Entry", None))))

    assert sorted(play for play, _ in results) == ["a", "b", "c"]
    assert len({result for _, result in results}) == 3
    assert bench.closed == ["closed"] * 3


@dataclass
class Counting:
    """A bench that knows how many plays are under way at a time, and the most that were."""

    under_way: list[int]
    most: list[int]

    def play(self, entry: Any) -> CaseResult:
        self.under_way.append(1)
        self.most.append(len(self.under_way))
        own_loopback(0)
        self.under_way.pop()
        return cast("CaseResult", None)

    def close(self) -> None:
        """Nothing is held."""


def test_a_device_that_there_is_once_meets_one_case_at_a_time() -> None:
    """However many jobs there are, its plays follow one another."""
    bench = Counting([], [])
    done = list(
        played(range(20), 8, lambda *_: (cast("Bench", bench), cast("Entry", None)), lambda _: "edge-1")
    )

    assert len(done) == 20
    assert set(bench.most) == {1}


@dataclass
class Waiting:
    """A bench whose play waits on a link until it is halted."""

    beside: Beside
    ports: UdpPorts
    tap: Tap
    began: Event
    halted: Event

    def play(self, entry: Any) -> CaseResult:
        link = UdpLink(self.ports, self.tap, WallClock())
        self.beside.watch_over(link)
        self.began.set()
        try:
            link.receive(link.now + 1e6)
        except Halted:
            self.halted.set()
            raise
        raise AssertionError

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def ports() -> Iterator[UdpPorts]:
    """One socket that nobody sends to."""
    opened = UdpPorts()
    opened.bind(Endpoint(own_loopback(30), 0))
    yield opened
    opened.close()


def test_who_stops_listening_wakes_all_that_wait(ports: UdpPorts, tap: Tap) -> None:
    """Closing the results ends a wait of days at once."""
    began, halted = Event(), Event()

    def made(play: str, beside: Beside) -> tuple[Bench, Entry]:
        bench = Bench3(Barrier(1), []) if play == "quick" else Waiting(beside, ports, tap, began, halted)
        return cast("Bench", bench), cast("Entry", None)

    with closing(played(["waits", "quick"], 2, made)) as results:
        assert next(results)[0] == "quick"
        assert began.wait(WAIT_S)

    assert halted.is_set()


def test_no_two_threads_have_one_address() -> None:
    """Each thread has a block of its own as long as it keeps it, and none of them is the process's."""
    together, ours = Barrier(4), own_loopback(0)

    def address() -> str:
        with own_block():
            together.wait(WAIT_S)
            return own_loopback(0)

    with ThreadPoolExecutor(4) as threads:
        found = {future.result() for future in [threads.submit(address) for _ in range(4)]}

    assert len(found | {ours}) == 5


@pytest.mark.parametrize(
    ("durations", "jobs"),
    [([], 1), ([0.0, 0.0], 1), ([60.0] + [2.0] * 120, 5), ([60.0] * 100, MOST_JOBS), ([30.0, 30.0], 2)],
)
def test_so_many_jobs_are_worth_it(durations: list[float], jobs: int) -> None:
    """As many as let the others be played while the longest waits, never more than there are cases."""
    assert jobs_for(durations) == jobs


@pytest.mark.parametrize(
    ("durations", "jobs", "seconds"), [((3, 2, 2), 2, 4.0), ((5, 1, 1, 1), 2, 5.0), ((), 3, 0.0)]
)
def test_a_run_takes_so_long(durations: tuple[float, ...], jobs: int, seconds: float) -> None:
    """The longest is begun first; the others fill up the time."""
    assert whole_s(durations, jobs) == seconds


@pytest.mark.slow
def test_a_halted_case_leaves_whole_evidence(tmp_path: Path) -> None:
    """Its capture is closed, and says that its script did not come to its end; its target is gone."""
    (entry,) = (each for each in catalogue() if each.id == "responder_only/c/idle-tunnel")
    beside = Beside()
    target = Reference()
    bench = Bench(target, Settings(tmp_path, link=LinkKind.UDP), beside=beside)
    beside.halt()
    with pytest.raises(Halted):
        bench.play(entry)
    bench.close()
    beside.close()
    capture = read(next(tmp_path.rglob("*.pcapng")))

    assert capture.closing is not None
    assert capture.closing["finished"] is False
    assert target.crashed() is None
