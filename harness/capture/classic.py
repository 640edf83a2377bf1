"""The classic pcap format read (draft-ietf-opsawg-pcap), of either byte order, in micro- or nanoseconds."""

import struct
from collections.abc import Iterator

import numpy as np

from harness.capture.frame import Frame
from harness.capture.layers import Dissector
from harness.capture.notes import Notes
from harness.capture.runs import FEWEST, Run, gathered, seconds, stretch
from harness.capture.source import Source
from harness.capture.tables import Integers

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
        heads_at, end = self._chain(octets, start)
        stretched = stretch(octets, start, end)
        heads = gathered(stretched, heads_at - start, self._layout)
        damaged = np.flatnonzero(heads["size"] > _LARGEST_RECORD)
        if len(damaged):
            end = int(heads_at[damaged[0]])
            heads_at, heads = heads_at[: damaged[0]], heads[: damaged[0]]
        if len(heads) < FEWEST:
            return None
        base, where = self._source.offset, heads_at - start + _RECORD
        self._source.pass_to(end)
        first, self._number = self._number + 1, self._number + len(heads)
        ticks = heads["seconds"].astype(np.uint64) * np.uint64(self._ticks) + heads["fraction"]
        links = np.full(len(where), self._link_type, np.int64)
        sizes, times = heads["size"].astype(np.int64), seconds(ticks, self._ticks)
        return Run(stretched, base, first, where, sizes, links, times, self._dissector)

    def _chain(self, octets: bytes, start: int) -> tuple[Integers, int]:
        """Where the records begin that lie before us whole if their lengths are true, and where the last one ends."""
        lengths_at: list[int] = []
        at, last, length_of = start + _LENGTH_AT, len(octets) - _RECORD + _LENGTH_AT, self._length.unpack_from
        while at <= last:
            lengths_at.append(at)
            at += _RECORD + length_of(octets, at)[0]
        if at - _LENGTH_AT > len(octets):
            at = lengths_at.pop()
        return np.array(lengths_at, np.int64) - _LENGTH_AT, at - _LENGTH_AT
