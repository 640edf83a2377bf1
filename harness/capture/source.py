"""Octets of a file in order, never more memory than the file has octets."""

from typing import BinaryIO

_AT_ONCE = 1 << 20


class Source:
    """Reads ahead only; an unreadable disk reads as the end of the file, and `failed` says so."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.offset = 0
        self.failed: str | None = None

    def take(self, count: int) -> bytes:
        """The next `count` octets; fewer only where the file ends."""
        if count > _AT_ONCE:
            return self._take_long(count)
        try:
            octets = self._file.read(count)
        except OSError as error:
            self.failed = error.strerror or "unreadable"
            return b""
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

    def _take_long(self, count: int) -> bytes:
        # a length is only believed as far as octets follow: read(count) would reserve them all at once
        parts = []
        while count:
            part = self.take(min(count, _AT_ONCE))
            if not part:
                break
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
