"""The pcapng format read (draft-ietf-opsawg-pcapng): sections, interfaces, packets, secrets, statistics."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.capture import blocks
from harness.capture.frame import Frame
from harness.capture.layers import Dissector
from harness.capture.notes import Notes, json_object
from harness.capture.runs import FEWEST, Run, gathered, seconds, stretch
from harness.capture.source import Source
from harness.capture.tables import Integers, Table

MAGIC = blocks.SECTION_HEADER.to_bytes(4, "big")  # the same in both byte orders
_ORDERS = {
    blocks.BYTE_ORDER_MAGIC.to_bytes(4, "little"): "<",
    blocks.BYTE_ORDER_MAGIC.to_bytes(4, "big"): ">",
}

_LARGEST_BLOCK = 1 << 24
_HEAD = 8
_PACKET_AT = 28
"""Where in an Enhanced Packet Block the packet begins."""
_PLAIN_BLOCK = _PACKET_AT + 4
_FLAGS = 12
"""The length of options that are the flags alone: option, and end of options."""
_SECTION_FIXED = 16
_MOST_INTERFACES = 1 << 16

Options = list[tuple[int, bytes]]


@dataclass(slots=True)
class _Interface:
    link_type: int
    snap_length: int
    ticks: int = 1_000_000
    offset: int = 0

    def seconds(self, high: int, low: int) -> float:
        return (high << 32 | low) / self.ticks + self.offset


class Damaged(Exception):
    """Nothing behind this place can be read; the text says why."""


class _Order:
    """The structures of a section, in its byte order."""

    def __init__(self, order: str) -> None:
        self.block = struct.Struct(order + "II")
        self.u16x2 = struct.Struct(order + "HH")
        self.u32 = struct.Struct(order + "I")
        self.i64 = struct.Struct(order + "q")
        self.u64 = struct.Struct(order + "Q")
        self.interface = struct.Struct(order + "HHI")
        self.packet = struct.Struct(order + "IIIII")
        self.packet_block = struct.Struct(order + "IIIIIII")
        names = ("kind", "length", "interface", "high", "low", "captured", "original")
        self.packet_layout = np.dtype([(name, f"{order}u4") for name in names])
        self.obsolete_packet = struct.Struct(order + "HHIIII")
        self.statistics = struct.Struct(order + "III")
        self.secrets = struct.Struct(order + "II")
        self._flags = struct.pack(order + "HH", blocks.EPB_FLAGS, 4)

    def says_nothing(self, options: bytes) -> bool:
        """Whether a packet's options are none, or its flags alone."""
        return not options or (
            len(options) == _FLAGS and options.startswith(self._flags) and not any(options[8:])
        )


class PcapngFrames:
    """The frames of a pcapng file whose first four octets have been taken; what else it says goes to `notes`."""

    def __init__(self, source: Source, notes: Notes, dissector: Dissector) -> None:
        self._source = source
        self._notes = notes
        self._dissector = dissector
        self._order = _Order("<")
        self._interfaces: list[_Interface] = []
        self._number = 0
        self._time = 0.0
        self._packets: dict[int, Callable[[bytes], Frame]] = {
            blocks.ENHANCED_PACKET: self._enhanced_packet,
            blocks.SIMPLE_PACKET: self._simple_packet,
            blocks.PACKET: self._obsolete_packet,
            blocks.CUSTOM: self._no_packet,
            blocks.CUSTOM_NOT_COPIED: self._no_packet,
            blocks.SYSTEMD_JOURNAL: self._no_packet,
        }
        self._others: dict[int, Callable[[bytes], None]] = {
            blocks.INTERFACE_DESCRIPTION: self._interface_description,
            blocks.INTERFACE_STATISTICS: self._interface_statistics,
            blocks.DECRYPTION_SECRETS: self._decryption_secrets,
            blocks.NAME_RESOLUTION: lambda _: None,
        }

    def __iter__(self) -> Iterator[Frame]:
        """The frames behind the first section header, one at a time."""
        return (each for each in self._read(self._no_run) if isinstance(each, Frame))

    def bulk(self) -> Iterator[Run | Frame]:
        """The same frames, as many at a time as lie before us."""
        return self._read(self._run)

    def _read(self, ahead: Callable[[], Run | None]) -> Iterator[Run | Frame]:
        try:
            while True:
                run = ahead()
                if run is not None:
                    yield run
                head = self._source.take(_HEAD)
                if not head:
                    break
                frame = self._block(head)
                if frame is not None:
                    yield frame
        except Damaged as damage:
            self._notes.cut(str(damage))
            return
        if self._notes.opening is not None and self._notes.closing is None:
            self._notes.cut(
                "the closing block is missing: the capture was cut off, or another program rewrote it"
            )

    def _no_run(self) -> Run | None:
        return None

    def _run(self) -> Run | None:
        """The Enhanced Packet Blocks that lie before us and say nothing but their packets."""
        octets, start = self._source.ahead()
        base, at, order = self._source.offset, start, self._order
        last, interfaces, blocks_at = (
            len(octets) - _PLAIN_BLOCK,
            len(self._interfaces),
            order.packet_block.unpack_from,
        )
        places: list[int] = []
        while at <= last:
            kind, length, interface, _, _, captured, _ = blocks_at(octets, at)
            end, options_at = at + length, at + _PACKET_AT + captured + -captured % 4
            if (
                kind != blocks.ENHANCED_PACKET
                or length % 4
                or interface >= interfaces
                or end > len(octets)
                or options_at > end - 4
                or order.u32.unpack_from(octets, end - 4)[0] != length
                or not order.says_nothing(octets[options_at : end - 4])
            ):
                break
            places.append(at + _PACKET_AT - start)
            at = end
        if len(places) < FEWEST:
            return None
        self._source.pass_to(at)
        first, self._number = self._number + 1, self._number + len(places)
        stretched, where = stretch(octets, start, at), np.array(places, np.int64)
        heads = gathered(stretched, where - _PACKET_AT, order.packet_layout)
        run = Run(
            stretched,
            base,
            first,
            where,
            heads["captured"].astype(np.int64),
            *self._told(heads),
            self._dissector,
        )
        self._time = float(run.times[-1])
        return run

    def _told(self, heads: Table) -> tuple[Integers, NDArray[np.float64]]:
        """Link types and times, as the interfaces have them."""
        ticks = heads["high"].astype(np.uint64) << np.uint64(32) | heads["low"]
        links, times = np.zeros(len(heads), np.int64), np.zeros(len(heads))
        for number in np.unique(heads["interface"]).tolist():
            of_it, interface = heads["interface"] == number, self._interfaces[number]
            links[of_it] = interface.link_type
            times[of_it] = seconds(ticks[of_it], interface.ticks) + interface.offset
        return links, times

    def begin(self) -> None:
        """Take the first section header; a Damaged says that this is no pcapng file."""
        self._section_header(MAGIC + self._take(4, 0), 0)

    def _block(self, head: bytes) -> Frame | None:
        """Take one block whose first eight octets are `head`; its frame if it is a packet."""
        place = self._source.offset - len(head)
        if len(head) < _HEAD:
            raise Damaged(f"the file ends within the block at octet {place}")
        if head.startswith(MAGIC):
            self._section_header(head, place)
            return None
        kind, length = self._order.block.unpack(head)
        body = self._body(length, _HEAD, place)
        if body is None:
            return None
        packet = self._packets.get(kind)
        if packet is not None:
            self._number += 1
            return packet(body)
        other = self._others.get(kind)
        if other is not None:
            other(body)
        else:
            self._notes.problem(f"pcapng block of type 0x{kind:08x} was passed over")
        return None

    def _body(self, length: int, taken: int, place: int) -> bytes | None:
        """The octets of a block of `length` octets from the `taken`th to its second length; None: too many to look at."""
        size = length - taken - 4
        if size < 0 or length % 4:
            raise Damaged(f"the block at octet {place} claims {length} octets: damaged, not read from there")
        if length > _LARGEST_BLOCK:
            if not self._source.skip(size):
                raise Damaged(f"the file ends within the block at octet {place}")
            self._notes.problem("a block of more than 16 MiB was passed over")
            octets, size = self._take(4, place), 0
        else:
            octets = self._take(size + 4, place)
        if self._order.u32.unpack_from(octets, size)[0] != length:
            raise Damaged(
                f"the two lengths of the block at octet {place} differ: damaged, not read from there"
            )
        return None if length > _LARGEST_BLOCK else octets[:size]

    def _take(self, count: int, place: int) -> bytes:
        octets = self._source.take(count)
        if len(octets) < count:
            raise Damaged(f"the file ends within the block at octet {place}")
        return octets

    def _section_header(self, head: bytes, place: int) -> None:
        order = _ORDERS.get(self._take(4, place))
        if order is None:
            raise Damaged(
                f"the section at octet {place} has no byte-order magic: damaged, not read from there"
            )
        self._order = _Order(order)
        _, length = self._order.block.unpack(head)
        body = self._body(length, _HEAD + 4, place)
        if body is None or len(body) < _SECTION_FIXED - 4:
            raise Damaged(f"the section header at octet {place} is damaged")
        major, _ = self._order.u16x2.unpack_from(body)
        if major != 1:
            raise Damaged(f"the section at octet {place} is of pcapng version {major}, which is not read")
        notes = self._notes
        notes.sections += 1
        opening = _said(self._options(body[_SECTION_FIXED - 4 :]))
        if notes.sections == 1:
            notes.opening = opening
        else:
            notes.closing = None
            notes.problem("a further section: what the first said at its end was set aside")
        self._interfaces = []

    def _interface_description(self, body: bytes) -> None:
        if len(body) < 8 or len(self._interfaces) >= _MOST_INTERFACES:
            raise Damaged(f"the description of interface {len(self._interfaces)} is damaged")
        link_type, _, snap_length = self._order.interface.unpack_from(body)
        interface = _Interface(link_type, snap_length)
        name = ""
        for code, value in self._options(body[8:]):
            if code == blocks.IF_NAME:
                name = value.decode("utf-8", "replace")
            elif code == blocks.IF_TIME_RESOLUTION and value:
                interface.ticks = 2 ** (value[0] & 127) if value[0] & 128 else 10 ** value[0]
            elif code == blocks.IF_TIME_OFFSET and len(value) == 8:
                (interface.offset,) = self._order.i64.unpack(value)
        self._interfaces.append(interface)
        self._notes.interfaces.append(name)

    def _enhanced_packet(self, body: bytes) -> Frame:
        if len(body) < 20:
            return self._broken("an Enhanced Packet Block without its fixed part")
        number, high, low, captured, _ = self._order.packet.unpack_from(body)
        return self._packet(number, high, low, captured, body, 20)

    def _obsolete_packet(self, body: bytes) -> Frame:
        if len(body) < 20:
            return self._broken("a Packet Block without its fixed part")
        number, _, high, low, captured, _ = self._order.obsolete_packet.unpack_from(body)
        return self._packet(number, high, low, captured, body, 20)

    def _packet(self, number: int, high: int, low: int, captured: int, body: bytes, start: int) -> Frame:
        if number >= len(self._interfaces):
            return self._broken(f"a packet of interface {number}, which the file does not describe")
        end = start + captured
        if end > len(body):
            return self._broken("a packet longer than its block")
        interface = self._interfaces[number]
        self._time = time = interface.seconds(high, low)
        comments, inbound = (
            self._packet_options(body[end + -end % 4 :]) if len(body) >= end + 4 else ((), None)
        )
        octets = body[start:end]
        datagram, ip_id, packet, why = self._dissector.dissect(interface.link_type, octets, time)
        return Frame(self._number, time, datagram, comments, ip_id, packet, why, number, inbound)

    def _packet_options(self, octets: bytes) -> tuple[tuple[str, ...], bool | None]:
        comments = []
        inbound = None
        for code, value in self._options(octets):
            if code == blocks.COMMENT:
                comments.append(value.decode("utf-8", "replace"))
            elif code == blocks.EPB_FLAGS and len(value) == 4:
                direction = self._order.u32.unpack(value)[0] & blocks.DIRECTION_MASK
                inbound = {blocks.INBOUND: True, blocks.OUTBOUND: False}.get(direction)
        return tuple(comments), inbound

    def _simple_packet(self, body: bytes) -> Frame:
        if len(body) < 4 or not self._interfaces:
            return self._broken("a Simple Packet Block without length or interface")
        interface = self._interfaces[0]
        (original,) = self._order.u32.unpack_from(body)
        octets = body[4 : 4 + min(original, interface.snap_length or original)]
        self._notes.problem("a Simple Packet Block has no time; it got that of the frame before it")
        datagram, ip_id, packet, why = self._dissector.dissect(interface.link_type, octets, self._time)
        return Frame(self._number, self._time, datagram, (), ip_id, packet, why)

    def _no_packet(self, body: bytes) -> Frame:
        """Wireshark numbers these blocks as frames, and so must we."""
        why = "a Custom Block or journal entry, no packet"
        self._notes.problem(why)
        return Frame(self._number, self._time, None, (), None, body, why)

    def _broken(self, why: str) -> Frame:
        self._notes.problem(why)
        return Frame(self._number, self._time, None, (), None, b"", why)

    def _interface_statistics(self, body: bytes) -> None:
        if len(body) < 12:
            self._notes.problem("an Interface Statistics Block without its fixed part")
            return
        options = self._options(body[12:])
        counters = (blocks.ISB_DROPPED_BY_INTERFACE, blocks.ISB_DROPPED_BY_SYSTEM)
        drops = [self._order.u64.unpack(v)[0] for code, v in options if code in counters and len(v) == 8]
        if drops:  # a later block of the same interface goes on counting
            (number,) = self._order.u32.unpack_from(body)
            self._notes.count_drops(number, sum(drops))
        said = _said(options)
        if said is not None:
            self._notes.closing = said

    def _decryption_secrets(self, body: bytes) -> None:
        if len(body) < 8:
            self._notes.problem("a Decryption Secrets Block without its fixed part")
            return
        kind, length = self._order.secrets.unpack_from(body)
        if kind != blocks.IKE_SECRETS:
            self._notes.problem(f"a Decryption Secrets Block of type 0x{kind:08x}, not ours, was passed over")
            return
        secret = json_object(body[8 : 8 + length]) if length <= len(body) - 8 else None
        if secret is None:
            self._notes.problem("a Decryption Secrets Block of our type that holds no JSON object")
        else:
            self._notes.secrets.append(secret)

    def _options(self, octets: bytes) -> Options:
        """A block's options; what stands behind a damaged one is left out."""
        found: Options = []
        at, end = 0, len(octets)
        while at + 4 <= end:
            code, length = self._order.u16x2.unpack_from(octets, at)
            if code == blocks.END_OF_OPTIONS:
                return found
            at += 4
            if at + length > end:
                self._notes.problem("an option longer than its block")
                return found
            found.append((code, octets[at : at + length]))
            at += length + -length % 4
        return found


def _said(options: Options) -> dict[str, object] | None:
    """The JSON object in a block's comments: in all of them together, as a long one takes several, or in one."""
    comments = [value for code, value in options if code == blocks.COMMENT]
    if not comments:
        return None
    whole = json_object(b"".join(comments))
    if whole is not None or len(comments) == 1:
        return whole
    objects = (json_object(comment) for comment in comments)
    return next((found for found in objects if found is not None), None)
