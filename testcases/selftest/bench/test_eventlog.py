"""The daemon's log: an event a line, escaped, without secrets, and never more than a disk can hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.bench import eventlog
from harness.bench.eventlog import EventLog
from harness.wire.datagram import Datagram, Endpoint

FROM, TO = Endpoint("203.0.113.9", 500), Endpoint("192.0.2.1", 500)
INIT = bytes.fromhex("0102030405060708 0000000000000000 21202208 00000000 0000001c")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "events.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    """What the log holds."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_datagram_is_told_by_its_header(path: Path) -> None:
    """Ends, size, and the header's numbers; nothing of what follows it."""
    log = EventLog(path)
    log.datagram("received", Datagram(FROM, TO, INIT), 1.5)
    log.close()

    assert lines(path) == [
        {
            "t": 1.5,
            "event": "received",
            "from": "203.0.113.9:500",
            "to": "192.0.2.1:500",
            "octets": 28,
            "version": 2,
            "exchange": "IKE_SA_INIT",
            "flags": 8,
            "message_id": 0,
            "spi_i": "0102030405060708",
            "spi_r": "0000000000000000",
        }
    ]


def test_what_is_no_message_is_told_by_its_size(path: Path) -> None:
    """Octets of a stranger are counted and not quoted."""
    log = EventLog(path)
    log.datagram("received", Datagram(FROM, TO, b"\x1b[31mred"), 0.0)
    log.close()

    assert set(lines(path)[0]) == {"t", "event", "from", "to", "octets"}


def test_a_line_is_a_line(path: Path) -> None:
    """Whatever stands in a fact, the file holds one printable line for it."""
    log = EventLog(path)
    log.noise("dropped", 0.0, why="a\nb\x1b[31m\u2028\u202e")
    log.close()

    assert path.read_bytes().count(b"\n") == 1
    assert path.read_text().strip().isprintable()


def test_a_flood_is_kept_back_and_counted(path: Path) -> None:
    """After a burst lines come at their rate, and the first one then says how many did not."""
    log = EventLog(path)
    for number in range(10_000):
        log.datagram("received", Datagram(FROM, TO, INIT), number / 1_000_000)
    log.datagram("received", Datagram(FROM, TO, INIT), 60.0)
    log.close()

    written = lines(path)
    assert 1_000 <= len(written) <= 1_010
    assert written[-1]["kept_back"] == 10_001 - len(written)


def test_a_flood_hides_no_sa(path: Path) -> None:
    """What became of SAs has an allowance of its own."""
    log = EventLog(path)
    for _ in range(5_000):
        log.noise("dropped", 0.0)
    log.matter("ike-sa up", 0.0)
    log.close()

    assert lines(path)[-1]["event"] == "ike-sa up"


def test_a_long_log_is_put_aside_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files at most, each of bounded size, the newest lines in the one that was asked for."""
    monkeypatch.setattr(eventlog, "BIGGEST_FILE", 1_000)
    log = EventLog(path)
    for number in range(100):
        log.matter("reconfigured", float(number))
    log.close()

    assert {each.name for each in path.parent.iterdir()} == {"events.jsonl", "events.jsonl.1"}
    assert all(each.stat().st_size <= 1_000 for each in path.parent.iterdir())
    assert lines(path)[-1]["t"] == 99.0


def test_a_log_that_cannot_be_put_aside_ends_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its directory has gone, lines are lost, and its descriptor is nobody else's."""
    monkeypatch.setattr(eventlog, "BIGGEST_FILE", 1_000)
    log = EventLog(path)
    path.unlink()
    path.parent.rmdir()
    for number in range(100):
        log.matter("reconfigured", float(number))

    log.close()


def test_a_restart_adds_to_the_log(path: Path) -> None:
    """What was logged before stays."""
    for moment in (1.0, 2.0):
        log = EventLog(path)
        log.matter("started", moment)
        log.close()

    assert [line["t"] for line in lines(path)] == [1.0, 2.0]


def test_a_full_disk_does_not_stop_the_daemon(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that can't be written is counted with those kept back."""
    log = EventLog(path)
    with monkeypatch.context() as full:
        full.setattr(eventlog.os, "write", _no_space)
        log.matter("started", 0.0)
    log.matter("stopped", 0.0)
    log.close()

    assert [(line["event"], line["kept_back"]) for line in lines(path)] == [("stopped", 1)]


def _no_space(_descriptor: int, _octets: bytes) -> int:
    raise OSError(28, "No space left on device")


def test_the_log_is_its_owners_alone(path: Path) -> None:
    """Nobody else can read who talks with whom."""
    EventLog(path).close()

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_is_no_link(path: Path) -> None:
    """A symbolic link somebody left at the path is not followed."""
    path.symlink_to(path.parent / "elsewhere")

    with pytest.raises(OSError, match=r"\S"):
        EventLog(path)
