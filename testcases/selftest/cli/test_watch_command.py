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

    def __init__(self, end: End, *words: str) -> None:
        command = (sys.executable, "-m", "harness.cli", "watch", "--interface", "lo", "--device", DEVICE)
        self._end = end
        self._process = end.spawn(*command, *words)
        assert self._line(self._process.stderr).startswith("watching lo")

    def hears(self, source: str, destination: str, message: Message) -> None:
        """A message passes."""
        self._end.run(sys.executable, "-c", SAY, source, destination, message.encode().hex())

    def alarm(self) -> str:
        """The next line that it prints."""
        return self._line(self._process.stdout)

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
