"""tshark sees the class of every message as the observer does: exchange, direction, who began the SA, Message ID, SPIs."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

import pytest

from harness.bench.catalogue import Entry, catalogue, select
from harness.bench.run import Bench, Settings
from harness.capture import Writer, read
from harness.observe import Header, Seen, observe
from harness.target.reference import Reference
from harness.wire.datagram import NON_ESP_MARKER, Datagram

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is the second reader here")

GOLDEN = Path(__file__).parents[3] / "pcaps" / "golden"
SEED = 7
OF_A_SUITE = 20
KNOWN = {"ike_ports": (500, "isakmp"), "nat_ports": (4500, "udpencap")}


class Class(NamedTuple):
    """What the header says of a message, in the words of tshark's fields; flags of version 2 by their meaning too."""

    version: str
    exchange: str
    flags: str
    from_initiator: str
    is_response: str
    message_id: str
    spi_i: str
    spi_r: str

    @classmethod
    def of(cls, header: Header) -> Self:
        """What we read; of a version that is none of IKE's only what RFC 7296 section 2.5 keeps in its place."""
        known, second = header.major in (1, 2), header.major == 2
        return cls(
            f"0x{header.version:02x}",
            str(header.exchange) if known else "",
            f"0x{header.flags:02x}",
            str(int(header.from_initiator)) if second else "",
            str(int(header.is_response)) if second else "",
            f"0x{header.message_id:08x}",
            header.spi_i.hex(),
            header.spi_r.hex(),
        )


FIELDS = ("version", "exchangetype", "flags", "flag_i", "flag_r", "messageid", "ispi", "rspi")
Classes = dict[int, Class]


def of_tshark(path: Path) -> Classes:
    """The classes of the messages in a capture, by frame, as tshark reads them."""
    words = [word for name in FIELDS for word in ("-e", f"isakmp.{name}")]
    command = [
        "tshark",
        "-n",
        "-r",
        str(path),
        *_decode_as(path),
        "-T",
        "fields",
        "-e",
        "frame.number",
        *words,
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = (line.split("\t") for line in told.splitlines())
    return {int(number): Class(*found) for number, *found in rows if found[0]}


def _decode_as(path: Path) -> Iterator[str]:
    opening = read(path).opening or {}
    for name, (known, protocol) in KNOWN.items():
        for port in opening.get(name, ()):
            yield from ("-d", f"udp.port=={port},{protocol}") if port != known else ()


def of_ours(seen: Iterable[Seen]) -> Classes:
    """The classes of the messages as the observer reads them."""
    return {each.number: Class.of(each.header) for each in seen if each.header is not None}


def observed(path: Path) -> tuple[Seen, ...]:
    """Every message of a run's evidence, those that passed the target by among them."""
    capture = read(path)
    trace = observe(capture, capture.devices)
    return (*trace.seen, *trace.elsewhere)


def in_udp(seen: Iterable[Seen], path: Path) -> Path:
    """The messages of TCP streams in UDP datagrams: what tshark 4.0 can read of RFC 9329."""
    writer = Writer(path, {})
    for each in seen:
        if each.over_tcp:
            ends = each.source._replace(port=4500), each.destination._replace(port=4500)
            writer.packet(each.time, Datagram(*ends, NON_ESP_MARKER + each.octets))
    writer.close({}, drops=0)
    return path


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("*.pcap")))
def test_golden_captures(name: str) -> None:
    """In the conversations of real daemons the two readers see the same messages in the same frames."""
    told = of_ours(observe(read(GOLDEN / name), ["10.9.0.1"]).seen)

    assert told
    assert told == of_tshark(GOLDEN / name)


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["ikev2", "ikev1", "responder_only"])
def test_evidence_of_runs(suite: str, tmp_path: Path) -> None:
    """In what the harness captures itself the two readers see the same: so many cases of a suite, drawn by the seed."""
    drawn = sorted(select(catalogue(), [f"{suite}/"]), key=_lot)[:OF_A_SUITE]
    evidence = {entry.id: played(entry, tmp_path) for entry in drawn}
    ours = {
        name: of_ours(each for each in observed(path) if not each.over_tcp) for name, path in evidence.items()
    }

    assert len(drawn) == OF_A_SUITE
    assert ours == {name: of_tshark(path) for name, path in evidence.items()}


@pytest.mark.slow
def test_messages_of_streams(tmp_path: Path) -> None:
    """What came over TCP (RFC 9329) is the same to both readers, message by message."""
    for entry in select(catalogue(), ["ikev2/rfc9329-6/"]):
        streamed = tuple(each for each in observed(played(entry, tmp_path)) if each.over_tcp)
        told = of_tshark(in_udp(streamed, tmp_path / "in-udp.pcapng"))

        assert streamed
        assert list(told.values()) == list(of_ours(streamed).values())


def played(entry: Entry, place: Path) -> Path:
    """The evidence of a case that the reference responder was put to."""
    return Bench(Reference(), Settings(pcaps=place, seed=SEED)).perform(entry).path


def _lot(entry: Entry) -> bytes:
    return hashlib.sha256(f"{SEED} {entry.id}".encode()).digest()
