"""Octets of a file in order, never more memory than the file has octets."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Protocol, Self

from harness.capture.packed import is_packed

_AT_ONCE = 1 << 20
_BUFFER = 1 << 18
_AHEAD = 1 << 23
_PLACES = 44  # bits for a place in one file: 16 TiB


class Octets(Protocol):
    """An open file, or what a packed one holds."""

    def read(self, count: int, /) -> bytes:
        """The next octets, at most `count`; none at the end."""

    def close(self) -> None:
        """Let go of the file."""


class Source:
    """Reads ahead only; an unreadable disk reads as the end of the file, and `failed` says so."""

    def __init__(self, file: Octets) -> None:
        self._file = file
        self._buffer = b""
        self._at = 0
        self._ended = False
        self.offset = 0
        self.failed: str | None = None

    def take(self, count: int) -> bytes:
        """The next `count` octets; fewer only where the file ends."""
        end = self._at + count
        if end > len(self._buffer):
            self._fill(_BUFFER)
            end = self._at + count
        octets = self._buffer[self._at : end]
        self._at += len(octets)
        if len(octets) < count and not self._ended:
            octets += self._read(count - len(octets))
        self.offset += len(octets)
        return octets

    def skip(self, count: int) -> bool:
        """Whether the file has the next `count` octets, which are left unread."""
        while count:
            passed = len(self.take(min(count, _AT_ONCE)))
            if not passed:
                return False
            count -= passed
        return True

    def ahead(self) -> tuple[bytes, int]:
        """Octets in one piece, and where in them the next one stands: at least a mebibyte more, unless the file ends."""
        if len(self._buffer) - self._at < _AT_ONCE:
            self._fill(_AHEAD)
        return self._buffer, self._at

    def pass_to(self, place: int) -> None:
        """Take what stands before this place of the octets that `ahead` gave."""
        self.offset += place - self._at
        self._at = place

    def _fill(self, count: int) -> None:
        if not self._ended:
            self._buffer, self._at = self._buffer[self._at :] + self._read(count), 0

    def _read(self, count: int) -> bytes:
        # a length is only believed as far as octets follow: read(count) would reserve them all at once
        parts = []
        while count and not self._ended:
            try:
                part = self._file.read(min(count, _AT_ONCE))
            except OSError as error:
                self.failed, part = error.strerror or "unreadable", b""
            parts.append(part)
            count -= len(part)
            self._ended = not part
        return b"".join(parts)


class Lookup:
    """Octets of files by their place, counted on from one to the next; none where a file does not have them any more."""

    def __init__(self, files: Sequence[IO[bytes]], copies: Mapping[int, IO[bytes]]) -> None:
        self._files = files
        self.copies = copies
        """By the number of a file that is packed the one that takes what it holds while it is read."""

    @classmethod
    def of(cls, paths: Iterable[str | os.PathLike[str]]) -> Self | None:
        """The lookup of these files; None where octets have no places, or a file cannot be opened."""
        with ExitStack() as opened:
            files, copies = list[IO[bytes]](), dict[int, IO[bytes]]()
            for number, path in enumerate(paths):
                if not Path(path).is_file():  # a pipe must not be opened twice
                    return None
                try:
                    file: IO[bytes] = opened.enter_context(Path(path).open("rb", buffering=0))
                    if is_packed(file.read(4)):
                        file.close()
                        file = copies[number] = opened.enter_context(TemporaryFile())
                except OSError:
                    return None
                files.append(file)
            opened.pop_all()
            return cls(files, copies)

    def start(self, file: int) -> int:
        """The place at which a file begins."""
        return file << _PLACES

    def octets(self, at: int, size: int) -> bytes:
        """What stands there."""
        try:
            return os.pread(self._files[at >> _PLACES].fileno(), size, at & (1 << _PLACES) - 1)
        except OSError:
            return b""

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.close()
