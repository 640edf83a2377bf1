"""Performing: a script's actions on the link, and everything that comes of them in the evidence."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.bench.ending import CONTROL, control
from harness.bench.evidence import Evidence
from harness.bench.links import VirtualLink
from harness.bench.perform import Performer
from harness.capture import Capture, read
from harness.clock import VirtualClock
from harness.codes import Exchange, Trigger
from harness.peer import Await, Elapse, Note, Provoke, Received, Request, Script, Send
from harness.profile import DEFAULT
from harness.responder import Step
from harness.target.contract import NotCaused
from harness.wire import Message
from harness.wire.datagram import Datagram, Endpoint

TARGET = Endpoint("192.0.2.1", 500)
MESSAGE = Message(bytes(8), bytes(8), Exchange.INFORMATIONAL, 0x20, 0, ())


@dataclass
class Somebody:
    """A peer that takes every datagram for a message and answers what says `answer me`."""

    name: str
    local: Endpoint
    local_natt: Endpoint
    known: list[dict[str, Any]] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    configuration: Any = DEFAULT

    @property
    def places(self) -> tuple[Endpoint, ...]:
        return self.local, self.local_natt

    def receive(self, datagram: Datagram, now: float) -> Received:
        self.heard.append(datagram.data)
        if datagram.data == b"answer me":
            return Received(send=(Datagram(self.local, TARGET, b"here"),))
        return Received(message=MESSAGE)

    def secrets(self) -> list[dict[str, Any]]:
        fresh, self.known = self.known, []
        return fresh

    def ike_sa_init(self, **changes: Any) -> Any:
        yield self.asks(b"control", **changes)

    def asks(self, data: bytes, **changes: Any) -> Request:
        options = {"answered_by": lambda _: True, **changes}
        return Request(self, data, self.local, TARGET, **options)


@dataclass
class Bench:
    """A stage for scripts."""

    device: Any
    evidence: Evidence
    link: VirtualLink
    alice: Somebody
    stranger: Somebody
    patience_s: float = 0.0

    def play(self, script: Script) -> tuple[float, Capture]:
        """Perform a script; the window, and the evidence as it lies on the disk."""
        performer = Performer(
            self.link, self.evidence, (self.alice, self.stranger), patience_s=self.patience_s
        )
        try:
            window_s = performer.perform(script, control(self.stranger))
            self.evidence.finish(window_s)
        finally:
            self.evidence.cut_off("the script did not come to its end")
        return window_s, read(self.evidence.path)


@pytest.fixture
def bench(echo: Any, tmp_path: Path) -> Bench:
    """The echoing device on a virtual link, with alice and a stranger."""
    evidence = Evidence(tmp_path / "case.pcapng", {"case": "x/1/y"})
    link = VirtualLink(echo, evidence.tap, VirtualClock())
    alice = Somebody("alice", Endpoint("192.0.2.2", 500), Endpoint("192.0.2.2", 4500))
    stranger = Somebody("stranger", Endpoint("192.0.2.2", 40500), Endpoint("192.0.2.2", 44500))
    return Bench(echo, evidence, link, alice, stranger)


def deaf(bench: Bench) -> None:
    """Makes the device answer nothing."""
    bench.device.receive = lambda datagram, now: Step()


def test_an_answer_is_sent_back_into_the_script(bench: Bench) -> None:
    """A request's result is the message that answers it."""
    results = []

    def script() -> Script:
        results.append((yield bench.alice.asks(b"ping")))

    bench.play(script())

    assert results == [MESSAGE]


def test_an_unanswered_request_is_repeated_and_given_up(bench: Bench) -> None:
    """It is sent at 0, 0.5, 1 and 2 s, octet for octet, and its result after 4 s is None."""
    deaf(bench)
    results: list[Any] = []

    def script() -> Script:
        results.append((yield bench.alice.asks(b"ping", mark="probe")))
        results.append(bench.link.now)

    _, capture = bench.play(script())
    sent = [frame for frame in capture.frames if "mark: probe" in frame.comments]

    assert results == [None, pytest.approx(4.0)]
    assert [round(frame.time, 1) for frame in sent] == [0.0, 0.5, 1.0, 2.0]
    assert {frame.datagram.data for frame in sent if frame.datagram} == {b"ping"}


@pytest.mark.parametrize(("due", "given_up_s"), [(True, 30.0), (False, 4.0)])
def test_what_is_due_is_waited_for_as_long_as_it_may_take(bench: Bench, due: bool, given_up_s: float) -> None:
    """A target that may take its time gets it, but for what need not be answered at all."""
    deaf(bench)
    bench.patience_s = 30.0
    given_up: list[float] = []

    def script() -> Script:
        yield bench.alice.asks(b"ping", due=due)
        given_up.append(bench.link.now)

    bench.play(script())

    assert given_up == [pytest.approx(given_up_s)]


def test_a_trigger_that_nobody_can_cause_is_in_the_evidence(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script goes on; what was not caused is no trigger, is told once, and says what to do."""

    def refused(_: Trigger) -> str:
        raise NotCaused("add one")

    monkeypatch.setattr(bench.link, "provoke", refused)

    def script() -> Script:
        yield Provoke(Trigger.BOOT, times=3)

    _, capture = bench.play(script())

    assert capture.closing["triggers"] == []
    assert [each["what"] for each in capture.closing["observations"]] == ["not provoked"]
    assert capture.closing["observations"][0]["value"] == {"trigger": "boot", "outcome": "add one"}


def test_what_the_script_says_of_a_frame_stands_beside_it(bench: Bench) -> None:
    """Mark, due and hostile are comments of the frame."""

    def script() -> Script:
        yield bench.alice.asks(b"one", mark="probe")
        yield Send(b"two", bench.alice.local, TARGET, hostile=True)

    _, capture = bench.play(script())
    comments = {frame.datagram.data: frame.comments for frame in capture.frames if frame.datagram}

    assert comments[b"one"] == ("mark: probe", "due")
    assert comments[b"two"] == ("hostile",)


def test_the_cast_answers_while_the_script_waits(bench: Bench) -> None:
    """What the target asks during an Elapse is answered."""
    bench.device.wakes = [5.0]
    bench.device.wake = lambda now: (
        bench.device.wakes.pop(),
        Step(send=(Datagram(TARGET, bench.alice.local, b"answer me"),)),
    )[1]

    def script() -> Script:
        yield Elapse(10.0)

    bench.play(script())

    assert b"here" in [data for _, data in bench.device.heard]


def test_await_ends_with_the_message_that_is_wanted(bench: Bench) -> None:
    """An Await gives the message, at the moment it came."""
    bench.device.wakes = [5.0]
    results: list[Any] = []

    def script() -> Script:
        results.append((yield Await(bench.alice, lambda _: True, 60.0)))
        results.append(bench.link.now)

    bench.play(script())

    assert results == [MESSAGE, pytest.approx(5.001)]


def test_triggers_and_notes_are_observations(bench: Bench) -> None:
    """The closing block names the triggers, what came of each, and what a script noted."""

    def script() -> Script:
        yield Provoke(Trigger.BOOT, times=2)
        yield Note("seen", 7)

    _, capture = bench.play(script())

    assert capture.closing is not None
    assert capture.closing["triggers"] == ["boot"]
    assert [each["what"] for each in capture.closing["observations"]] == ["provoke", "provoke", "seen"]


def test_keys_lie_before_the_frames_that_need_them(bench: Bench) -> None:
    """A peer's keys are written before its next message."""

    def script() -> Script:
        bench.alice.known = [{"ike": 2, "spi_i": "aa" * 8}]
        yield bench.alice.asks(b"ping")

    _, capture = bench.play(script())
    octets = bench.evidence.path.read_bytes()

    assert capture.secrets == ({"ike": 2, "spi_i": "aa" * 8},)
    assert octets.index(b"spi_i") < octets.index(b"ping")


def test_the_control_exchange_comes_after_the_window(bench: Bench) -> None:
    """A stranger's exchange is the last, and no part of the window."""

    def script() -> Script:
        yield Elapse(10.0)

    window_s, capture = bench.play(script())
    control = [frame for frame in capture.frames if f"mark: {CONTROL}" in frame.comments]

    assert window_s == pytest.approx(11.0)
    assert [frame.time > window_s for frame in control] == [True]
    assert capture.closing is not None
    assert capture.closing["finished"] is True


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_script_that_breaks_leaves_whole_evidence_that_claims_nothing(
    bench: Bench, error: Callable[[], BaseException]
) -> None:
    """What happened lies on the disk, and the closing block says that the script did not end."""

    def script() -> Script:
        yield bench.alice.asks(b"ping")
        raise error()

    with pytest.raises(error):
        bench.play(script())
    capture = read(bench.evidence.path)

    assert len(capture.frames) == 2
    assert not capture.cut_off
    assert capture.closing is not None
    assert capture.closing["finished"] is False
    assert capture.closing["window_s"] == 0.0
