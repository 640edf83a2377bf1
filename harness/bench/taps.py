"""Where datagrams are seen: what passes a tap is written into the evidence, once, with its time."""

from collections.abc import Sequence
from typing import Protocol

from harness.wire.datagram import Datagram


class PacketWriter(Protocol):
    """What a tap needs of a capture."""

    def packet(
        self, time: float, datagram: Datagram, *, comments: Sequence[str] = (), inbound: bool | None = None
    ) -> int:
        """Write a packet; its frame number."""
        ...


class Tap:
    """One point of a link; `inbound` is towards the target."""

    def __init__(self, writer: PacketWriter) -> None:
        self._writer = writer
        self.frames = 0

    def saw(self, time: float, datagram: Datagram, *, inbound: bool, comments: Sequence[str] = ()) -> int:
        """A datagram passes; its frame number."""
        self.frames = self._writer.packet(time, datagram, comments=comments, inbound=inbound)
        return self.frames
