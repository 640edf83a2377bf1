"""Files packed with gzip or zstd, read as what they hold; a file that unpacks to far more than a capture does is a bomb."""

import gzip
import os
import zlib
from typing import IO, Any, BinaryIO, Protocol

from harness.capture.frame import CaptureError

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
SUFFIXES = frozenset({".gz", ".zst"})
FREELY = 1 << 26
"""Octets that a packed file may hold, however small it is."""
RATIO = 200
"""Beyond those: how many times its own size; captures pack three to thirty times."""
_LARGEST_WINDOW = 1 << 27
_PIECE = 1 << 8
"""Octets unpacked at a time: a block of zstd in four octets may hold 128 KiB (RFC 8878 section 3.1.1.2)."""


class _Unpacking(Protocol):
    def read(self, count: int, /) -> bytes: ...


class Unpacked:
    """What a packed file holds, in order; an OSError says why there is no more of it."""

    def __init__(self, file: BinaryIO, unpacking: _Unpacking, copy: IO[bytes] | None) -> None:
        self._file = file
        self._unpacking = unpacking
        self._copy = copy
        self._room = max(FREELY, RATIO * os.fstat(file.fileno()).st_size)

    def read(self, count: int) -> bytes:
        """The next octets, at most `count`."""
        try:
            octets = self._unpacking.read(count)
        except (EOFError, zlib.error, gzip.BadGzipFile) as damage:
            raise OSError(0, f"it does not unpack: {damage}") from None
        self._room -= len(octets)
        if self._room < 0:
            raise OSError(0, f"it unpacks to more than {RATIO} times its size, as no capture does")
        if self._copy is not None:
            self._copy.write(octets)
            self._copy.flush()
        return octets

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class _Zstd:
    """Frames of zstd, one after the other (RFC 8878 section 3.1)."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        try:
            import zstandard
        except ImportError:
            file.close()
            says = "this is a zstd file; unpack it first (zstd -d), or install ike-harness[zstd]"
            raise CaptureError(path, says) from None
        self._damage = zstandard.ZstdError
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._file = file
        self._frame: Any = None
        self._packed, self._ready = b"", b""

    def read(self, count: int, /) -> bytes:
        """The next octets, at most `count`; an EOFError says that they lack."""
        while not self._ready:
            self._packed = self._packed or self._file.read(_PIECE)
            if not self._packed and self._frame is None:
                return b""
            self._ready = self._unpacked()
        octets, self._ready = self._ready[:count], self._ready[count:]
        return octets

    def _unpacked(self) -> bytes:
        """What the next piece holds."""
        if not self._packed:
            raise EOFError("it ends within a frame of zstd")
        self._frame = self._frame or self._decompressor.decompressobj()
        try:
            octets: bytes = self._frame.decompress(self._packed)
        except self._damage as damage:
            raise EOFError(str(damage)) from None
        self._packed = self._frame.unused_data
        if self._frame.eof:
            self._frame = None
        return octets


def is_packed(start: bytes) -> bool:
    """Whether a file that begins so is packed."""
    return start.startswith((GZIP, ZSTD))


def unpacked(path: str, file: BinaryIO, copy: IO[bytes] | None = None) -> BinaryIO | Unpacked:
    """The file, or what it holds if it is packed; a CaptureError says that it is packed in a way that cannot be undone.

    What is unpacked is put into `copy` as well, where octets can be had by their place.
    """
    try:
        if not file.seekable():
            return file
        magic = file.read(4)
        file.seek(0)
    except OSError:
        return file  # whoever reads it is told the same
    if magic.startswith(GZIP):
        return Unpacked(file, gzip.GzipFile(fileobj=file), copy)
    if magic == ZSTD:
        return Unpacked(file, _Zstd(path, file), copy)
    return file
