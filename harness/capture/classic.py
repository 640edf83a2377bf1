"""The classic pcap format read (draft-ietf-opsawg-pcap), of either byte order, in micro- or nanoseconds."""

import struct
from collections.abc import Iterator

from harness.capture.frame import Frame
from harness.capture.layers import Dissector
from harness.capture.notes import Notes
from harness.capture.source import Source

MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
}
"""Byte order and ticks in a second, by a file's first four octets."""

HEADER_REST = 20
"""How many octets of the file's header follow its magic."""
_LARGEST_RECORD = 1 << 18  # 262,144: the largest snap length there is
_LINK_MASK = 0x03FFFFFF  # above it stand the octets of the frame check sequence


def pcap_frames(
    source: Source, notes: Notes, dissector: Dissector, header: bytes, order: str, ticks: int
) -> Iterator[Frame]:
    """The frames behind a file's header, of which `header` is all but the magic; what else it says goes to `notes`."""
    link_type = struct.unpack_from(order + "I", header, 16)[0] & _LINK_MASK
    record = struct.Struct(order + "IIII")
    number = 0
    while head := source.take(record.size):
        if len(head) < record.size:
            notes.cut(f"the file ends within the header of frame {number + 1}")
            return
        seconds, fraction, length, _ = record.unpack(head)
        if length > _LARGEST_RECORD:
            notes.cut(
                f"frame {number + 1} claims {length} octets: damaged, and the file is not read from there"
            )
            return
        octets = source.take(length)
        if len(octets) < length:
            notes.cut(f"the file ends within frame {number + 1}")
            return
        number += 1
        time = (seconds * ticks + fraction) / ticks
        datagram, ip_id, packet, why = dissector.dissect(link_type, octets, time)
        yield Frame(number, time, datagram, (), ip_id, packet, why)
