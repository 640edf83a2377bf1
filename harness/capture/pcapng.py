"""A capture written as pcapng, block by block, so that what was written survives whatever happens next."""

import json
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.capture import blocks
from harness.capture.streams import Segments
from harness.wire.datagram import TCP_STREAM, Datagram
from harness.wire.packet import ip_packet

_BLOCK = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_OPTION = struct.Struct("<HH")
_PACKET = struct.Struct("<IIIII")
_SECTION = struct.Struct("<IHHq")
_INTERFACE = struct.Struct("<HHI")
_STATISTICS = struct.Struct("<III")
_SECRETS = struct.Struct("<II")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")

_NANOSECONDS = 9
_NO_SNAP_LENGTH = 0
_WRITER = b"ike-harness"

Option = tuple[int, bytes]


class Writer:
    """A pcapng file of mode 0600; every block is on its way to the disk before the call returns.

    Only `close` writes the closing block: a file without it was cut off. As a context manager it lets go
    of the file and leaves that block out. Without an opening it is a capture like any other program's.
    """

    def __init__(
        self, path: str | os.PathLike[str], opening: Mapping[str, Any] | None, interface: str = "link"
    ) -> None:
        self.path = Path(path)
        self.frames = 0
        self._segments = Segments()
        self._interfaces: list[int] = []
        self._received: list[int] = []
        self._first: float | None = None
        self._last = 0.0
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(descriptor, 0o600)  # the file may have been there, open to others
        self._file = os.fdopen(descriptor, "wb")
        section = _SECTION.pack(blocks.BYTE_ORDER_MAGIC, 1, 0, -1)
        told = () if opening is None else _json_comments(opening)
        options = [(blocks.SHB_USER_APPLICATION, _WRITER), *told]
        self._write(blocks.SECTION_HEADER, section, options)
        self.add_interface(interface)

    def add_interface(self, name: str, link_type: int = blocks.LINK_RAW) -> int:
        """Describe one more tap of this file; its number, from 0."""
        options = [(blocks.IF_NAME, _text(name)), (blocks.IF_TIME_RESOLUTION, bytes([_NANOSECONDS]))]
        fixed = _INTERFACE.pack(link_type, 0, _NO_SNAP_LENGTH)
        self._write(blocks.INTERFACE_DESCRIPTION, fixed, options)
        self._interfaces.append(link_type)
        self._received.append(0)
        return len(self._interfaces) - 1

    def packet(
        self,
        time: float,
        datagram: Datagram,
        *,
        comments: Sequence[str] = (),
        inbound: bool | None = None,
        interface: int = 0,
    ) -> int:
        """Write a datagram under made-up IP headers; its frame number, from 1.

        `time` is in seconds, `inbound` is as the target sees it. The IPv4 Identification is the frame
        number, so that a retransmission is never taken for a copy. A ValueError says why no IP packet
        can carry the datagram. A message of a TCP stream becomes a segment, or several: the last one counts.
        """
        if datagram.protocol == TCP_STREAM:
            *before, datagram = self._segments.of(datagram)
            for each in before:
                self.frame(time, ip_packet(each, self.frames + 1), inbound=inbound, interface=interface)
        octets = ip_packet(datagram, self.frames + 1)
        return self.frame(time, octets, comments=comments, inbound=inbound, interface=interface)

    def frame(
        self,
        time: float,
        octets: bytes,
        *,
        comments: Sequence[str] = (),
        inbound: bool | None = None,
        interface: int = 0,
        original_length: int | None = None,
    ) -> int:
        """Write octets as the interface's link type has them; the frame number, from 1."""
        stamp = _nanoseconds(time)
        length = len(octets) if original_length is None else original_length
        options: list[Option] = [(blocks.COMMENT, _text(comment)) for comment in comments]
        if inbound is not None:
            options.append((blocks.EPB_FLAGS, _U32.pack(blocks.INBOUND if inbound else blocks.OUTBOUND)))
        fixed = _PACKET.pack(interface, stamp >> 32, stamp & 0xFFFFFFFF, len(octets), length)
        self._received[interface] += 1
        self._write(blocks.ENHANCED_PACKET, fixed + _padded(octets), options)
        self.frames += 1
        self._first = time if self._first is None else min(self._first, time)
        self._last = max(self._last, time)
        return self.frames

    def secret(self, data: Mapping[str, Any]) -> None:
        """Write keys as they come into being: a Decryption Secrets Block of our private type, JSON."""
        content = _json(data)
        self._write(
            blocks.DECRYPTION_SECRETS, _SECRETS.pack(blocks.IKE_SECRETS, len(content)) + _padded(content)
        )

    def close(
        self, closing: Mapping[str, Any] | None, drops: int | Mapping[int, int | None] | None = 0
    ) -> None:
        """Write the closing block (an Interface Statistics Block for each interface) and let go of the file.

        `drops` counts what the tap of interface 0 lost, or is a mapping from interface to that count; None: not known.
        """
        counts: Mapping[int, int | None] = drops if isinstance(drops, Mapping) else {0: drops}
        for number in reversed(
            range(len(self._interfaces))
        ):  # interface 0, and with it the comment, comes last
            options = self._counters(number, counts.get(number))
            if number == 0 and closing is not None:
                options.extend(_json_comments(closing))
            stamp = _nanoseconds(self._last)
            fixed = _STATISTICS.pack(number, stamp >> 32, stamp & 0xFFFFFFFF)
            self._write(blocks.INTERFACE_STATISTICS, fixed, options)
        self._file.close()

    def abandon(self) -> None:
        """Let go of the file without a closing block; after `close` it does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()

    def _counters(self, interface: int, drops: int | None) -> list[Option]:
        options: list[Option] = []
        if self._first is not None:
            options.append((blocks.ISB_START_TIME, _stamp(self._first)))
            options.append((blocks.ISB_END_TIME, _stamp(self._last)))
        options.append((blocks.ISB_RECEIVED, _U64.pack(self._received[interface])))
        if drops is not None:
            options.append((blocks.ISB_DROPPED_BY_INTERFACE, _U64.pack(drops)))
        return options

    def _write(self, kind: int, fixed: bytes, options: Iterable[Option] = ()) -> None:
        body = fixed + _options(options)
        length = len(body) + 12
        self._file.write(_BLOCK.pack(kind, length) + body + _LENGTH.pack(length))
        self._file.flush()


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _options(options: Iterable[Option]) -> bytes:
    parts = [_OPTION.pack(code, len(value)) + _padded(value) for code, value in options]
    return b"".join(parts) + _OPTION.pack(blocks.END_OF_OPTIONS, 0) if parts else b""


def _text(text: str) -> bytes:
    octets = text.encode("utf-8", "backslashreplace")
    if len(octets) > blocks.OPTION_LIMIT:
        raise ValueError(f"a comment of {len(octets)} octets is longer than pcapng allows; shorten it")
    return octets


def _json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":"), sort_keys=True).encode("ascii")


def _json_comments(data: Mapping[str, Any]) -> list[Option]:
    content = _json(data)
    starts = range(0, len(content), blocks.OPTION_LIMIT)
    return [(blocks.COMMENT, content[start : start + blocks.OPTION_LIMIT]) for start in starts]


def _nanoseconds(time: float) -> int:
    """Nanoseconds since the epoch; a moment before it is the epoch, as pcapng has no sign."""
    seconds = int(time)
    # taken apart first: a product with 1e9 would lose the last hundred nanoseconds of today's times
    return max(0, seconds * 1_000_000_000 + round((time - seconds) * 1e9))


def _stamp(time: float) -> bytes:
    stamp = _nanoseconds(time)
    return _U32.pack(stamp >> 32) + _U32.pack(stamp & 0xFFFFFFFF)
