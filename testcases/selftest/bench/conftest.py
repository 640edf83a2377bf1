"""A device that answers everything in one way, and a capture that is only a list."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from harness.bench.taps import Tap
from harness.codes import Trigger
from harness.profile import DEFAULT, Configuration
from harness.responder import Step
from harness.wire.datagram import Datagram, Endpoint

TARGET = Endpoint("192.0.2.1", 500)
PEER = Endpoint("192.0.2.2", 500)


@dataclass
class Echo:
    """Answers each datagram with its octets reversed; wakes when told to and then says `tick`."""

    wakes: list[float] = field(default_factory=list)
    heard: list[tuple[float, bytes]] = field(default_factory=list)
    local: Endpoint = TARGET
    peer: Endpoint = PEER
    configuration: Configuration = DEFAULT

    @property
    def next_wake(self) -> float | None:
        return self.wakes[0] if self.wakes else None

    def receive(self, datagram: Datagram, now: float) -> Step:
        self.heard.append((now, datagram.data))
        return Step(
            send=(Datagram(datagram.destination, datagram.source, datagram.data[::-1]),), cells=("echo",)
        )

    def wake(self, now: float) -> Step:
        self.wakes.pop(0)
        return Step(send=(Datagram(self.local, self.peer, b"tick"),))

    def provoke(self, trigger: Trigger, now: float) -> Step:
        return Step(send=(Datagram(self.local, self.peer, str(trigger).encode()),), events=("woke up",))

    def all(self) -> tuple[object, ...]:
        return ()

    def show(self, now: float) -> list[dict[str, object]]:
        return [{"heard": data.hex()} for _, data in self.heard]

    def reconfigure(self, configuration: Configuration, now: float) -> Step:
        self.configuration = configuration
        return Step(events=("reconfigured",))


@dataclass
class Seen:
    """What a tap wrote."""

    time: float
    datagram: Datagram
    comments: tuple[str, ...]
    inbound: bool | None


class Listed:
    """A capture in memory."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def packet(
        self, time: float, datagram: Datagram, *, comments: Sequence[str] = (), inbound: bool | None = None
    ) -> int:
        self.seen.append(Seen(time, datagram, tuple(comments), inbound))
        return len(self.seen)


@pytest.fixture
def echo() -> Echo:
    """A device that answers with what it heard, reversed."""
    return Echo()


@pytest.fixture
def listed() -> Listed:
    """A capture in memory."""
    return Listed()


@pytest.fixture
def tap(listed: Listed) -> Tap:
    """A tap on that capture."""
    return Tap(listed)
