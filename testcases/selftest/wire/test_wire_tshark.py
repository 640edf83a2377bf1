"""tshark as third reader: on the golden captures it sees the headers and the chains that we see."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.wire import Ciphertext, Datagram, Endpoint, Kind, Message, decode, demultiplex, v1, v2

GOLDEN = sorted((Path(__file__).parents[3] / "pcaps" / "golden").glob("*.pcap"))
FIELDS = (
    "udp.srcport",
    "udp.dstport",
    "udp.payload",
    "isakmp.ispi",
    "isakmp.rspi",
    "isakmp.version",
    "isakmp.exchangetype",
    "isakmp.flags",
    "isakmp.messageid",
    "isakmp.length",
    "isakmp.nextpayload",
    "isakmp.typepayload",
    "isakmp.payloadlength",
    "isakmp.tf.type",
    "isakmp.notify.msgtype",
    "isakmp.key_exchange.dh_group",
)

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


class Seen(NamedTuple):
    """A message as we read it and as tshark tells it, field by field."""

    message: Message
    told: dict[str, str]

    def numbers(self, field: str) -> list[int]:
        """The values of a field that may occur several times."""
        return [int(value, 0) for value in self.told[field].split(",") if value]


@cache
def seen(path: Path) -> tuple[Seen, ...]:
    """Every IKE message of a capture, read twice."""
    return tuple(_seen(path))


def _seen(path: Path) -> Iterator[Seen]:
    wanted = [word for field in FIELDS for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(path), "-Y", "isakmp.ispi", "-T", "fields", *wanted]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    for line in told.splitlines():
        row = dict(zip(FIELDS, line.split("\t"), strict=True))
        ends = [Endpoint("192.0.2.1", int(row[port])) for port in ("udp.srcport", "udp.dstport")]
        kind, octets = demultiplex(Datagram(*ends, bytes.fromhex(row["udp.payload"])))
        message = decode(octets)
        assert kind is Kind.IKE
        assert isinstance(message, Message)
        yield Seen(message, row)


def steps(message: Message) -> Iterator[tuple[int, int, int]]:
    """Type, Next Payload and length of everything with a generic header, in the order of the wire."""
    payloads = () if Ciphertext in message else message.payloads
    following = [*(p.type for p in payloads[1:]), 0]
    for payload, follower in zip(payloads, following, strict=False):
        yield payload.type, follower if payload.next is None else payload.next, 4 + len(payload.body)
        if isinstance(payload, v1.SecurityAssociation | v2.SecurityAssociation):
            yield from _listed(payload.proposals, 2)


def _listed(items: tuple[object, ...], kind: int) -> Iterator[tuple[int, int, int]]:
    for place, item in enumerate(items, 1):
        assert isinstance(item, v1.Proposal | v2.Proposal | v1.Transform | v2.Transform)
        yield kind, kind if place < len(items) else 0, len(item.encode())
        if isinstance(item, v1.Proposal | v2.Proposal):
            yield from _listed(item.transforms, 3)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_headers_are_told_the_same(path: Path) -> None:
    """SPIs, version, exchange, flags, Message ID and length of every message agree."""
    assert seen(path)
    for message, row in seen(path):
        assert (row["isakmp.ispi"], row["isakmp.rspi"]) == (message.spi_i.hex(), message.spi_r.hex())
        assert int(row["isakmp.version"], 0) == message.version
        assert int(row["isakmp.exchangetype"], 0) == message.exchange
        assert int(row["isakmp.flags"], 0) == message.flags
        assert int(row["isakmp.messageid"], 0) == message.message_id
        assert int(row["isakmp.length"], 0) == len(message.encode())


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_chains_are_told_the_same(path: Path) -> None:
    """Types, lengths and Next Payloads of every payload, proposal and transform agree."""
    for one in seen(path):
        chain = list(steps(one.message))
        first = one.message.payloads[0].type if one.message.payloads else 0

        assert one.numbers("isakmp.typepayload") == [kind for kind, _, _ in chain]
        assert one.numbers("isakmp.nextpayload") == [first, *(following for _, following, _ in chain)]
        assert one.numbers("isakmp.payloadlength") == [length for _, _, length in chain]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_contents_are_told_the_same(path: Path) -> None:
    """Version 2's transform types, notify types and key exchange methods agree."""
    for one in seen(path):
        associations = one.message.all(v2.SecurityAssociation)
        transforms = [t.type for sa in associations for p in sa.proposals for t in p.transforms]
        if one.message.major == 2:
            assert one.numbers("isakmp.tf.type") == transforms
            assert one.numbers("isakmp.notify.msgtype") == [n.notify_type for n in one.message.all(v2.Notify)]
            assert one.numbers("isakmp.key_exchange.dh_group") == [
                k.group for k in one.message.all(v2.KeyExchange)
            ]
