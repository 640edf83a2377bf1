"""`watch` on an interface, with what passes there; it needs root."""

import json
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.capture import read
from harness.codes import Exchange
from harness.target.namespaces import End
from harness.wire import Message

DEVICE, PEER = "127.9.9.1", "127.9.9.2"
PATIENCE_S = 20.0
SAY = """
import socket, sys
opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
opened.bind((sys.argv[1], 500))
opened.sendto(bytes.fromhex(sys.argv[3]), (sys.argv[2], 500))
"""

pytestmark = pytest.mark.daemon


@pytest.fixture
def end() -> Iterator[End]:
    """A network of its own, with nothing in it but loopback."""
    made = End(DEVICE)
    made.run("ip", "link", "set", "lo", "up")
    yield made
    made.close()


class Watching:
    """A watch of the device in a process of its own, listening already."""

    def __init__(self, end: End, *words: str, interface: str = "lo") -> None:
        where = ("--interface", interface, "--device", DEVICE)
        command = (sys.executable, "-m", "harness.cli", "watch", *where)
        self._end = end
        self._process = end.spawn(*command, *words)
        assert self._line(self._process.stderr).startswith(f"watching {interface}")

    def hears(self, source: str, destination: str, message: Message) -> None:
        """A message passes."""
        self._end.run(sys.executable, "-c", SAY, source, destination, message.encode().hex())

    def alarm(self) -> str:
        """The next line that it prints."""
        return self._line(self._process.stdout)

    def complaint(self) -> str:
        """The next line that it complains with."""
        return self._line(self._process.stderr)

    def is_read_no_more(self) -> None:
        """Whoever read its alarms is gone."""
        assert self._process.stdout is not None
        self._process.stdout.close()

    def ended(self) -> int:
        """Its exit status, when it ends by itself."""
        status = self._process.wait(timeout=PATIENCE_S)
        assert self._process.stderr is not None
        self._process.stderr.close()
        return status

    def ended_by(self, number: signal.Signals) -> tuple[int, str]:
        """Its exit status after this signal, and what it printed last."""
        self._process.send_signal(number)
        said, complaints = self._process.communicate(timeout=PATIENCE_S)
        assert complaints == ""
        return self._process.returncode, said

    @staticmethod
    def _line(stream: "subprocess._FILE") -> str:
        ready, _, _ = select.select([stream], [], [], PATIENCE_S)
        assert ready
        return stream.readline()


def first(spi: bytes = b"initiatr") -> Message:
    """An IKE_SA_INIT request, as far as headers tell."""
    return Message(spi, bytes(8), Exchange.IKE_SA_INIT, 0x08, 0, ())


def test_a_device_that_starts_raises_an_alarm(end: End, tmp_path: Path) -> None:
    """The alarm comes while the watch goes on, with a capture; at the end the verdict is FAIL and the status 1."""
    watching = Watching(end, "--json", "--evidence", str(tmp_path))
    watching.hears(DEVICE, PEER, first())
    alarm = json.loads(watching.alarm())
    status, _ = watching.ended_by(signal.SIGINT)

    assert (alarm["alarm"], alarm["peer"], status) == ("INV-01", PEER, 1)
    assert len(read(alarm["capture"]).frames) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_summary_ends_the_watch(end: End, number: signal.Signals) -> None:
    """Ctrl-C, or the word of a supervisor, ends it with what was seen in all."""
    watching = Watching(end, "--json")
    watching.hears(PEER, DEVICE, first())
    _, said = watching.ended_by(number)
    summary = json.loads(said)

    assert (summary["datagrams"], summary["alarms"], summary["lost"]) == (1, {}, 0)


def test_silence_is_told(end: End) -> None:
    """A watch that saw nothing claims nothing: status 2, and a sentence that says where to look."""
    status, said = Watching(end).ended_by(signal.SIGINT)

    assert status == 2
    assert "nothing was seen of it: check --interface and --device" in said


def test_an_interface_that_goes_down_ends_no_watch(end: End) -> None:
    """It is told, listened to again once it is up, and nothing is claimed of the time between."""
    watching = Watching(end, "--json")
    end.run("ip", "link", "set", "lo", "down")
    assert "lo: Network is down" in watching.complaint()
    end.run("ip", "link", "set", "lo", "up")
    watching.hears(PEER, DEVICE, first())
    _, said = watching.ended_by(signal.SIGINT)
    summary = json.loads(said)

    assert (summary["datagrams"], summary["claims"]["safety"]) == (1, "INCONCLUSIVE")


def test_alarms_that_nobody_reads_end_the_watch(end: End) -> None:
    """A reader that has gone ends it, and the status says what was found."""
    watching = Watching(end)
    watching.is_read_no_more()
    watching.hears(DEVICE, PEER, first())

    assert watching.ended() == 1


def test_an_interface_made_anew_is_listened_to_again(end: End) -> None:
    """One that is gone is found again by its name."""
    end.run("ip", "link", "add", "v9", "type", "veth", "peer", "name", "v8")
    end.run("ip", "link", "set", "v9", "up")
    outside = "198.51.100.1"
    watching = Watching(end, "--json", "--device", outside, interface="v9")
    end.run("ip", "link", "delete", "v9")
    assert "v9: Network is down" in watching.complaint()
    end.run("ip", "link", "add", "v9", "type", "veth", "peer", "name", "v8")
    assert "v9: Network is down" in watching.complaint()  # found again, but not up yet
    end.run("ip", "address", "add", f"{outside}/24", "dev", "v9")
    for name in ("v8", "v9"):
        end.run("ip", "link", "set", name, "up")
    end.run("ip", "neighbour", "add", "198.51.100.2", "lladdr", "02:00:00:00:00:01", "dev", "v9")
    watching.hears(outside, "198.51.100.2", first())

    assert json.loads(watching.alarm())["alarm"] == "INV-01"
    assert watching.ended_by(signal.SIGINT)[0] == 1
