"""What a daemon did, an event a line in JSON; a flood fills neither the disk nor the reader's patience.

A line has `t` (seconds since 1970), `event`, and what goes with it. Octets from the wire stand in it only as
numbers and hexadecimal digits; keys never do.
"""

import json
import os
from pathlib import Path
from typing import Any

from harness.codes import Exchange
from harness.wire import NotIke, decode
from harness.wire.datagram import Datagram

LINES_PER_SECOND = 100.0
"""How many lines of one kind are written in the long run."""
BURST = 1_000.0
"""How many of one kind may come at once."""
BIGGEST_FILE = 16 << 20
"""Octets after which the file is put aside as `FILE.1`, in place of the one before."""
NON_ESP_MARKER = bytes(4)


class Allowance:
    """So many lines at once, so many a second: a bucket that fills steadily."""

    def __init__(self) -> None:
        self._left = BURST
        self._at = 0.0
        self.kept_back = 0
        """How many lines were not written since the last one that was."""

    def draw(self, now: float) -> bool:
        """Whether a line may be written now."""
        self._left = min(BURST, self._left + max(0.0, now - self._at) * LINES_PER_SECOND)
        self._at = now
        if self._left < 1.0:
            self.kept_back += 1
            return False
        self._left -= 1.0
        return True


class EventLog:
    """A file of mode 0600 to which events are added; OSError if it can't be made.

    What anybody can cause has another allowance than what only a peer or the operator can, so noise never
    hides an SA that came up.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = _opened(path)
        self._size = os.fstat(self._descriptor).st_size
        self._noise, self._matter = Allowance(), Allowance()

    def datagram(self, event: str, datagram: Datagram, now: float) -> None:
        """A datagram came in, or went out."""
        if not self._noise.draw(now):
            return
        told = {"from": str(datagram.source), "to": str(datagram.destination), "octets": len(datagram.data)}
        self._write(now, event, self._noise, told | _header(datagram.data))

    def noise(self, event: str, now: float, **facts: Any) -> None:
        """What anybody can cause."""
        if self._noise.draw(now):
            self._write(now, event, self._noise, facts)

    def matter(self, event: str, now: float, **facts: Any) -> None:
        """What became of an SA, or of the daemon itself."""
        if self._matter.draw(now):
            self._write(now, event, self._matter, facts)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _write(self, now: float, event: str, allowance: Allowance, facts: dict[str, Any]) -> None:
        line: dict[str, Any] = {"t": round(now, 6), "event": event, **facts}
        if allowance.kept_back:
            line["kept_back"], allowance.kept_back = allowance.kept_back, 0
        octets = json.dumps(line).encode() + b"\n"
        try:
            if self._size + len(octets) > BIGGEST_FILE:
                self._put_aside()
            self._size += os.write(self._descriptor, octets)
        except OSError:  # a full disk is no reason to stop answering
            allowance.kept_back += 1

    def _put_aside(self) -> None:
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        full, self._descriptor, self._size = self._descriptor, _opened(self._path), 0
        os.close(full)


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _header(data: bytes) -> dict[str, Any]:
    """What the header of an IKE message says, with or without the non-ESP marker; nothing if there is none."""
    message = decode(data.removeprefix(NON_ESP_MARKER))
    if isinstance(message, NotIke):
        return {}
    return {
        "version": message.major,
        "exchange": Exchange(message.exchange).name,
        "flags": message.flags,
        "message_id": message.message_id,
        "spi_i": message.spi_i.hex(),
        "spi_r": message.spi_r.hex(),
    }
