"""`show`: one message a line with what was found beside it, readable at 100 columns, whatever the capture holds."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from harness.capture import Writer
from harness.codes import Exchange
from harness.wire import Message, v2
from harness.wire.datagram import Datagram, Endpoint

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
CASE = "ikev2/1.2/initial-exchanges"
BOOT = "responder_only/e/boot"
TARGET, PEER = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.2", 500)
HOSTILE = "\x1b[2J\x9b1m\u202e\x00\ud800漢字" * 9


def lines_of(said: Any) -> list[str]:
    """What was told, a line each."""
    return str(said.out).splitlines()


def is_fit(said: Any) -> bool:
    """Whether everything told is printable and at most 100 columns wide."""
    return all(line.isprintable() and cell_len(line) <= 100 for line in lines_of(said))


def hostile(path: Path, opening: dict[str, Any]) -> Path:
    """A capture of a message with a great many payloads, whose opening and marks would move a cursor."""
    notifies = tuple(
        v2.Notify(notify_type=9000 + n, data=HOSTILE.encode("utf-8", "replace")) for n in range(90)
    )
    message = Message(b"initiat1", bytes(8), Exchange.IKE_SA_INIT, 0x08, 0, notifies)
    writer = Writer(path, opening)
    writer.packet(1.0, Datagram(PEER, TARGET, message.encode()), comments=(f"mark: {HOSTILE}",))
    writer.packet(2.0, Datagram(TARGET, PEER, message.encode()))
    writer.packet(3.0, Datagram(TARGET, PEER, HOSTILE.encode("utf-8", "replace")))
    writer.close({"window_s": 2.0, "finished": True}, drops=0)
    return path


def named_target(name: object) -> dict[str, Any]:
    """An opening whose parts are as odd as they may be."""
    return {
        "target": {"addresses": [TARGET.address]},
        "cast": {HOSTILE: [str(PEER)]},
        "case": name,
        "profile": [1],
    }


@pytest.fixture
def two_way(apart: Any, tmp_path: Path) -> Path:
    """Evidence of a device that starts an IKE SA when it boots."""
    apart("run", BOOT, "--seed", 7, "--configured-as", "two-way", "--output", "out")
    return tmp_path / "out" / "pcaps" / f"{BOOT}.pcapng"


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("*.pcap")))
def test_golden_captures_fit_the_page(ike: Any, name: str) -> None:
    """Every capture of a real daemon is told, with its payloads, in lines of at most 100 columns."""
    said = ike("show", GOLDEN / name, "--device", "10.9.0.1", "--payloads")

    assert said.status == 0
    assert is_fit(said)
    assert lines_of(said)[-1].endswith("judged strict by the standing rules")


def test_time_and_direction_come_first(ike: Any, played: Path) -> None:
    """A line begins with its time, its direction, its frame and the peer."""
    said = ike("show", played / "pcaps" / f"{CASE}.pcapng")
    first, second = (line.split() for line in lines_of(said) if "IKE_AUTH" in line)

    assert first[1:5] == ["->", "3", "alice", "IKE_AUTH"]
    assert second[1:5] == ["<-", "4", "alice", "IKE_AUTH"]


def test_a_finding_stands_under_its_frame(ike: Any, two_way: Path) -> None:
    """What is wrong with a message is told under it, in full under the first and pointed to under the next."""
    told = lines_of(ike("show", two_way))
    at = next(number for number, line in enumerate(told) if " <-   3 " in line)

    assert told[at + 1].strip() == "FAIL  as under frame 1: INV-03"
    assert told[at + 2].strip().startswith("FAIL  the target sent IKE_AUTH requests")
    assert told[-1] == f"FAIL  judged strict by {BOOT} and the standing rules"


def test_a_profile_may_be_named(ike: Any, two_way: Path) -> None:
    """Judged two-way, the same conversation has nothing against it but that the case's own judge looked for silence."""
    told = ike("show", two_way, "--profile", "two-way").out

    assert "INV-01" not in told


def test_keys_from_elsewhere_open_a_foreign_capture(ike: Any, tmp_path: Path) -> None:
    """With a table of keys that does not lie beside the capture, what was sealed is told in clear."""
    moved = tmp_path / "moved.pcap"
    moved.write_bytes((GOLDEN / "keys-ls-ss-v2.pcap").read_bytes())
    words = ("show", moved, "--device", "10.9.0.1")

    assert "SK{…}" in ike(*words).out
    assert "SK{IDi, AUTH" in ike(*words, "--keys", GOLDEN / "keys-ls-ss-v2.ikev2_decryption_table").out


def test_json_names_the_findings_of_a_message(ike: Any, two_way: Path) -> None:
    """In JSON each message has the places of its findings in the list of all, and the verdict stands beside."""
    told = json.loads(ike("show", two_way, "--json").out)
    rules = {told["findings"][place]["rule"] for place in told["messages"][0]["findings"]}

    assert (told["format"], told["verdict"], told["profile"]) == (1, "FAIL", "strict")
    assert {"INV-01", "INV-03"} <= rules


@pytest.mark.parametrize("name", [CASE, "nosuch", "\x1b[2J", None, {}, [1]], ids=str)
@pytest.mark.parametrize("words", [(), ("--payloads",), ("--json",)], ids=str)
def test_nothing_reaches_the_terminal_raw(
    ike: Any, tmp_path: Path, name: object, words: tuple[str, ...]
) -> None:
    """Whatever stands in opening, marks and payloads, what is told is printable, and fits the page."""
    said = ike("show", hostile(tmp_path / "x.pcapng", named_target(name)), *words)

    assert said.status == 0
    assert is_fit(said) or words == ("--json",)
    assert all(line.isprintable() for line in (*lines_of(said), *said.err.splitlines()))


@pytest.mark.parametrize("target", ["192.0.2.1", [], None, {"addresses": 7}, {"addresses": {"a": 1}}])
def test_an_opening_without_addresses_asks_for_the_device(ike: Any, tmp_path: Path, target: object) -> None:
    """Evidence whose opening is not what it should be is one sentence."""
    said = ike("show", hostile(tmp_path / "x.pcapng", {"target": target}))

    assert said.status == 64
    assert "--device" in said.err
