"""The class of each message of a capture, as the observer reads it and as tshark does."""

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from harness.capture import Writer, read
from harness.observe import Header, Seen
from harness.wire.datagram import NON_ESP_MARKER, Datagram

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
Classes = dict[int, tuple[Class, ...]]
"""By frame: the message in it, and the one whose fragments of version 1 it completes."""


def of_tshark(path: Path) -> Classes:
    """The classes of the messages in a capture as tshark reads them."""
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
    return {int(number): tuple(_each(found)) for number, *found in rows if found[0]}


def _each(found: list[str]) -> Iterator[Class]:
    """A field of several messages has their values in turn; one of none is empty."""
    count = found[0].count(",") + 1
    columns = (field.split(",") if field else [""] * count for field in found)
    return (Class(*values) for values in zip(*columns, strict=True))


def _decode_as(path: Path) -> Iterator[str]:
    opening = read(path).opening or {}
    for name, (known, protocol) in KNOWN.items():
        for port in opening.get(name, ()):
            yield from ("-d", f"udp.port=={port},{protocol}") if port != known else ()


def of_ours(seen: Iterable[Seen]) -> Classes:
    """The classes of the messages as the observer reads them."""
    return {each.number: tuple(Class.of(header) for header in _headers(each)) for each in seen if each.header}


def _headers(seen: Seen) -> Iterator[Header]:
    for octets in (seen.octets, seen.whole):
        header = None if octets is None else Header.read(octets)
        if header is not None:
            yield header


def in_udp(seen: Iterable[Seen], path: Path) -> Path:
    """The messages of TCP streams in UDP datagrams: what tshark 4.0 can read of RFC 9329."""
    writer = Writer(path, {})
    for each in seen:
        if each.over_tcp:
            ends = each.source._replace(port=4500), each.destination._replace(port=4500)
            writer.packet(each.time, Datagram(*ends, NON_ESP_MARKER + each.octets))
    writer.close({}, drops=0)
    return path
