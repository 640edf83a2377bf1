"""Octets of a file in order, never more memory than the file has octets."""

from typing import Protocol

_AT_ONCE = 1 << 20
_BUFFER = 1 << 18
_AHEAD = 1 << 23


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
