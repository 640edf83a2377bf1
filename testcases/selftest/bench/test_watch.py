"""A watch: what it hears it shows the vigil, what that tells it tells on, with a capture that shows it."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.bench import watch as watch_module
from harness.bench.watch import MOST_EVIDENCE, AlarmCommand, Watch
from harness.capture import read
from harness.capture.frame import Frame
from harness.clock import WallClock
from harness.codes import ProfileName
from harness.oracle import audit
from harness.oracle.vigil import Vigil
from harness.profile import PROFILES
from harness.record import Verdict

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden" / "ss-rk-v2.pcap"
DEVICE, PEER = "10.9.0.1", "10.9.0.2"
STRICT = PROFILES[ProfileName.STRICT]


class Played:
    """A source that hears the frames of a capture at once, and then nothing."""

    interface = "played"

    def __init__(self, path: Path = GOLDEN) -> None:
        self._left: list[Frame] = list(read(path).frames)
        self._ready, self._end = socket.socketpair()
        self._end.send(b"\0")

    def fileno(self) -> int:
        return self._ready.fileno()

    def frames(self, most: int) -> list[Frame]:
        now, self._left = self._left[:most], self._left[most:]
        if not self._left:
            self._ready.setblocking(False)
            try:
                self._ready.recv(1)
            except BlockingIOError:
                return now
        return now

    def drops(self) -> int:
        return 0

    def outage(self) -> str:
        return ""

    def close(self) -> None:
        self._ready.close()
        self._end.close()


@pytest.fixture
def played() -> Iterator[Played]:
    """A rekeying daemon, to listen to."""
    source = Played()
    yield source
    source.close()


def told_by(source: Played, evidence: Path | None = None, complain=pytest.fail):
    """All alarms and their captures, of a watch that lasts no longer than it must."""
    told = []
    watch = Watch(source, Vigil([DEVICE], STRICT), WallClock(), lambda *each: told.append(each), complain)
    if evidence is not None:
        watch.keeping_evidence(evidence)
    watch.stop()  # what is there is taken and judged all the same
    watch.run()
    watch.close()
    return told


def test_what_was_heard_before_the_end_is_judged(played):
    """A watch that is stopped at once judges what is there already."""
    assert {"INV-02", "INV-03"} <= {alarm.finding.rule for alarm, _ in told_by(played)}


def test_evidence_stands_for_itself(played, tmp_path):
    """An audit of an alarm's capture finds what the alarm says, with the same frames."""
    for alarm, capture in told_by(played, tmp_path):
        found = audit(read(capture), [DEVICE], STRICT)
        assert (alarm.finding.rule, alarm.finding.frames) in {
            (finding.rule, finding.frames) for finding in found.findings if finding.verdict is Verdict.FAIL
        }


def test_alarms_of_one_judgement_share_a_capture(played, tmp_path):
    """The same frames are written once."""
    told = told_by(played, tmp_path)

    assert len(told) > 1
    assert {path for _, path in told} == set(tmp_path.iterdir())
    assert len(set(tmp_path.iterdir())) == 1


def test_a_disk_that_takes_nothing_is_told_once(played, tmp_path):
    """Alarms are told all the same, without a capture, and the watch goes on to its end."""
    complaints: list[str] = []
    gone = tmp_path / "gone"
    told = told_by(played, gone, complaints.append)

    assert len(told) > 1
    assert {path for _, path in told} == {None}
    assert complaints == [f"no capture can be kept in {gone}: No such file or directory"]


def test_evidence_of_an_earlier_watch_is_kept(played, tmp_path):
    """What is in the directory stays as it is; the numbers go on from there."""
    earlier = tmp_path / f"0007-{PEER}.pcapng"
    earlier.write_bytes(b"")
    told_by(played, tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {earlier.name, f"0008-{PEER}.pcapng"}
    assert earlier.read_bytes() == b""


def test_evidence_is_bounded_over_all_watches(played, tmp_path):
    """Where earlier watches left as many captures as are kept, alarms are told without."""
    (tmp_path / f"{MOST_EVIDENCE:04}-{PEER}.pcapng").write_bytes(b"")

    assert {path for _, path in told_by(played, tmp_path)} == {None}


def test_evidence_is_for_its_owner_alone(played, tmp_path):
    """Captures have mode 0600."""
    (_, capture), *_ = told_by(played, tmp_path)
    assert capture.stat().st_mode & 0o777 == 0o600


def test_a_command_gets_each_alarm(tmp_path):
    """Its standard input is the alarm in JSON."""
    heard = tmp_path / "heard"
    script = f"import sys; open({str(heard)!r}, 'a').write(sys.stdin.read() + '\\n')"
    command = AlarmCommand([sys.executable, "-c", script], pytest.fail)
    for number in range(3):
        command(json.dumps({"alarm": number}))
    command.close()

    assert [json.loads(line)["alarm"] for line in heard.read_text().splitlines()] == [0, 1, 2]


@pytest.mark.parametrize("says", ["", r"sys.stdout.buffer.write(b'\xff' * 9);"])
def test_a_command_that_fails_is_told(says):
    """Its exit status is said, whatever it printed, and the watch goes on."""
    complaints: list[str] = []
    command = AlarmCommand(
        [sys.executable, "-c", f"import sys; {says} raise SystemExit(3)"], complaints.append
    )
    command("{}")
    command.close()

    assert complaints == ["the command of an alarm ended with status 3"]


def test_commands_that_wait_are_given_up_at_the_end(monkeypatch):
    """A watch that has ended does not wait for a queue of slow commands, and says how many were not run."""
    monkeypatch.setattr(watch_module, "CLOSING_S", 0.0)
    complaints: list[str] = []
    command = AlarmCommand([sys.executable, "-c", "import sys; sys.stdin.read()"], complaints.append)
    for _ in range(10):
        command("{}")
    command.close()

    assert any("not run for" in each for each in complaints)
