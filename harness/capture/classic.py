"""The classic pcap format read (draft-ietf-opsawg-pcap), of either byte order, in micro- or nanoseconds."""

import struct
from collections.abc import Iterator

import numpy as np

from harness.capture.frame import Frame
from harness.capture.layers import Dissector
from harness.capture.notes import Notes
from harness.capture.runs import FEWEST, Run, gathered, seconds, stretch
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
_RECORD = 16
_LENGTH_AT = 8
_LARGEST_RECORD = 1 << 18  # 262,144: the largest snap length there is
_LINK_MASK = 0x03FFFFFF  # above it stand the octets of the frame check sequence


class PcapFrames:
    """The frames behind a file's header, of which `header` is all but the magic; what else it says goes to `notes`."""

    def __init__(
        self, source: Source, notes: Notes, dissector: Dissector, header: bytes, order: str, ticks: int
    ) -> None:
        self._source = source
        self._notes = notes
        self._dissector = dissector
        self._link_type = struct.unpack_from(order + "I", header, 16)[0] & _LINK_MASK
        self._record = struct.Struct(order + "IIII")
        self._length = struct.Struct(order + "I")
        self._layout = np.dtype(
            [(name, f"{order}u4") for name in ("seconds", "fraction", "size", "original")]
        )
        self._ticks = ticks
        self._number = 0

    def __iter__(self) -> Iterator[Frame]:
        """The frames, one at a time."""
        while (frame := self._frame()) is not None:
            yield frame

    def bulk(self) -> Iterator[Run | Frame]:
        """The frames, as many at a time as lie before us."""
        while True:
            run = self._run()
            if run is not None:
                yield run
            frame = self._frame()
            if frame is None:
                return
            yield frame

    def _frame(self) -> Frame | None:
        """The next frame; None: there is none, and `notes` says why if it should be there."""
        head = self._source.take(_RECORD)
        if not head:
            return None
        if len(head) < _RECORD:
            self._notes.cut(f"the file ends within the header of frame {self._number + 1}")
            return None
        whole, fraction, length, _ = self._record.unpack(head)
        if length > _LARGEST_RECORD:
            self._notes.cut(
                f"frame {self._number + 1} claims {length} octets: damaged, and the file is not read from there"
            )
            return None
        octets = self._source.take(length)
        if len(octets) < length:
            self._notes.cut(f"the file ends within frame {self._number + 1}")
            return None
        self._number += 1
        time = (whole * self._ticks + fraction) / self._ticks
        datagram, ip_id, packet, why = self._dissector.dissect(self._link_type, octets, time)
        return Frame(self._number, time, datagram, (), ip_id, packet, why)

    def _run(self) -> Run | None:
        """The records that lie before us whole."""
        octets, start = self._source.ahead()
        base, at, last, length_of = (
            self._source.offset,
            start,
            len(octets) - _RECORD,
            self._length.unpack_from,
        )
        places: list[int] = []
        while at <= last:
            (length,) = length_of(octets, at + _LENGTH_AT)
            end = at + _RECORD + length
            if length > _LARGEST_RECORD or end > len(octets):
                break
            places.append(at + _RECORD - start)
            at = end
        if len(places) < FEWEST:
            return None
        self._source.pass_to(at)
        first, self._number = self._number + 1, self._number + len(places)
        stretched, where = stretch(octets, start, at), np.array(places, np.int64)
        heads = gathered(stretched, where - _RECORD, self._layout)
        ticks = heads["seconds"].astype(np.uint64) * np.uint64(self._ticks) + heads["fraction"]
        links = np.full(len(where), self._link_type, np.int64)
        sizes, times = heads["size"].astype(np.int64), seconds(ticks, self._ticks)
        return Run(stretched, base, first, where, sizes, links, times, self._dissector)
