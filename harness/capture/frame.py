"""What a capture holds once it is read: frames, keys, and what was said at its start and end."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.record import printable
from harness.wire.datagram import Datagram


class CaptureError(Exception):
    """A file is no capture that can be read; `says` is a sentence that tells what to do."""

    def __init__(self, path: str | os.PathLike[str], says: str) -> None:
        self.path = os.fspath(path)
        self.says = says
        super().__init__(printable(f"{self.path}: {says}"))


class Frame(NamedTuple):
    """A captured packet, and the datagram in it."""

    number: int
    """From 1, as Wireshark counts."""
    time: float
    """Seconds since the epoch."""
    datagram: Datagram | None
    """None: the frame holds no whole datagram of a protocol that is read; `why` says which."""
    comments: tuple[str, ...]
    ip_id: int | None
    """The IPv4 Identification; None for everything else."""
    octets: bytes
    """The IP packet without link header and padding; where there is none, the whole frame."""
    why: str | None
    """Why there is no datagram."""
    interface: int = 0
    inbound: bool | None = None
    """As the file's direction flag says; None: it does not."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture file, read."""

    path: str
    format: str
    """`pcapng` or `pcap`."""
    opening: dict[str, Any] | None
    """The JSON object of the section header's comment; None: not a file of ours."""
    frames: tuple[Frame, ...]
    secrets: tuple[dict[str, Any], ...]
    closing: dict[str, Any] | None
    """The JSON object of the closing block's comment."""
    drops: int | None
    """What the taps lost; None: the file cannot tell."""
    problems: tuple[str, ...]
    """A sentence for each kind of thing that was not read, with how often it was met."""
    cut_off: bool
    """The file ends within a block or before its closing block: its silence proves nothing."""
    others: Mapping[str, int] = field(default_factory=dict)
    """How many frames of which foreign protocol were left out."""
    interfaces: tuple[str, ...] = ()
    """The names of the taps, by interface number; empty where the file has none."""

    @property
    def devices(self) -> tuple[str, ...]:
        """The target's addresses, as evidence of a run names them in its opening; none in a foreign capture."""
        target = (self.opening or {}).get("target")
        addresses = target.get("addresses") if isinstance(target, dict) else None
        return tuple(dict.fromkeys(map(str, addresses))) if isinstance(addresses, list) else ()
