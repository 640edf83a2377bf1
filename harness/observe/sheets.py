"""A capture in sheets of rows: a bounded number of frames at a time, each datagram of the target's a row.

What is read by the column and what is read one by one ends up in the same rows, in the order of the capture and
without copies. A row says where in the file its frame stands, so that it can be looked at again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.capture.columns import datagrams
from harness.capture.copies import PACKET, REACH, CopiesByMark, mark_of
from harness.capture.frame import Frame
from harness.capture.joined import Order, Part
from harness.capture.reader import Stream
from harness.capture.runs import Run, gathered
from harness.capture.short import Short
from harness.capture.source import Lookup
from harness.capture.streams import read_segment
from harness.capture.tables import Mask, Table, joined, picked
from harness.observe.observer import Reader
from harness.observe.rows import ROW, Rows
from harness.wire.packet import TCP
from harness.wire.stream import PREFIX

ENOUGH = 1 << 15
"""So many frames make a sheet, and the rest of their run with them."""
_OFFSET_AT = 12  # of the data in a TCP segment (RFC 9293 section 3.1)
_OCTET = np.dtype([("value", "u1")])
_PREFIX = np.dtype([("octets", f"V{len(PREFIX)}")])


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a stretch of the capture shows."""

    rows: Table
    frames: dict[int, Frame] = field(repr=False)
    """The frames that no place in the file gives again, by their numbers: of those rows `place` is -1."""
    copies: int
    """How many frames were left out because they hold an IP datagram that was captured before."""
    span: tuple[float, float] | None
    """The times of the earliest frame and the latest; None: every frame is a copy."""
    marked: bool
    """Whether a script's marks stand at the frames."""


class Sheets:
    """Makes sheets; the reader tells what is the target's, and reads what rows cannot say."""

    def __init__(
        self, reader: Reader, rows: Rows, lookup: Lookup, short: Short, enough: int = ENOUGH
    ) -> None:
        self.parts: list[Part] = []
        """The files that were read, and which frames are in which."""
        self.order = Order()
        self.short = short
        self._reader = reader
        self._maker = rows
        self._lookup = lookup
        self._enough = enough
        self._copies = CopiesByMark()
        self._kept: dict[int, bytes] = {}
        self._last = 0
        self._begin()

    def of(self, streams: Iterable[Stream]) -> Iterator[Sheet]:
        """The sheets of captures that follow one another; the first stream is the lookup's first file."""
        for file, stream in enumerate(streams):
            first = self._last + 1
            self.order.enter(stream.path)
            for each in stream.bulk():
                if isinstance(each, Run):
                    self._take_run(each.moved(first - 1, self._lookup.start(file)))
                else:
                    self._take_times(np.array([each.time]))
                    self._take_frame(each._replace(number=self._last))
                if self._frames_taken >= self._enough:
                    yield self._sheet()
            self.parts.append(Part(stream.path, first, self._last))
        if self._frames_taken:
            yield self._sheet()

    def _begin(self) -> None:
        self._frames_taken = 0
        self._rows: list[Table] = [np.zeros(0, ROW)]
        self._packets: list[Table] = [np.zeros(0, PACKET)]
        self._times: list[NDArray[np.float64]] = []
        self._frames: dict[int, Frame] = {}
        self._marked = False

    def _take_times(self, times: NDArray[np.float64]) -> None:
        self.order.take(self._last + 1, times)
        self._times.append(times)
        self._frames_taken += len(times)
        self._last += len(times)

    def _take_run(self, run: Run) -> None:
        self._take_times(run.times)
        found, left = datagrams(run)
        streams = self._of_streams(run, found)
        self._rows.append(self._maker.of_run(run, picked(found, ~streams) if streams.any() else found))
        numbered = picked(found, (found["ip_id"] != 0) & ~streams)
        packets = np.zeros(len(numbered), PACKET)
        index = numbered["index"]
        packets["number"], packets["time"] = run.first + index, run.times[index]
        packets["mark"] = numbered["ip_id"] << np.uint64(48) | numbered["sums"]
        packets["at"], packets["size"] = run.base + numbered["packet"], numbered["packet_size"]
        self._packets.append(packets)
        for place in sorted([*left.tolist(), *found["index"][streams].tolist()]):
            self._take_frame(run.frame(place))

    def _of_streams(self, run: Run, found: Table) -> Mask:
        """The segments that may belong to streams of RFC 9329: all of a run where one is followed or begins."""
        segments = found["protocol"] == TCP
        if len(self._reader.streams) or not segments.any():
            return np.asarray(segments)
        at = found["data"][segments]
        start = at + (gathered(run.octets, at + _OFFSET_AT, _OCTET)["value"] >> 4).astype(np.int64) * 4
        begun = gathered(run.octets, start, _PREFIX)["octets"] == np.void(PREFIX)
        return np.asarray(segments & begun.any())

    def _take_frame(self, frame: Frame) -> None:
        self.short.take(frame)
        if frame.ip_id:
            packet = (frame.number, frame.time, mark_of(frame.ip_id, frame.octets), -1, len(frame.octets))
            self._packets.append(np.array([packet], PACKET))
            self._kept[frame.number] = frame.octets
        for datagram in self._reader.datagrams(frame):
            from_target = datagram.source.address in self._reader.devices
            touches = from_target or datagram.destination.address in self._reader.devices
            seen = self._reader.sorted(frame, datagram, from_target)
            if touches or seen.header is not None:
                segment = read_segment(datagram.data) if datagram.protocol == TCP else None
                self._rows.append(self._maker.of_seen(seen, touches, segment))
                self._frames[frame.number] = frame
                self._marked |= bool(seen.marks or seen.due or seen.hostile)

    def _sheet(self) -> Sheet:
        times, packets = np.concatenate(self._times), joined(self._packets)
        packets = picked(packets, np.argsort(packets["number"]))
        copies = self._copies.among(packets, self._last, self._octets_of)
        once = np.ones(len(times), bool)
        once[np.array(copies, np.int64) - (self._last - len(times) + 1)] = False
        rows = joined(self._rows)
        if len(self._rows) > 2:
            rows = picked(rows, np.argsort(rows["number"], kind="stable"))
        if copies:
            rows = picked(rows, ~np.isin(rows["number"], copies))
        span = (float(times[once].min()), float(times[once].max())) if once.any() else None
        found = Sheet(rows, self._frames, len(copies), span, self._marked)
        self._kept = {number: octets for number, octets in self._kept.items() if number >= self._last - REACH}
        self._begin()
        return found

    def _octets_of(self, number: int, at: int, size: int) -> bytes:
        return self._lookup.octets(at, size) if at >= 0 else self._kept[number]
