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

    def add_interface(self, name: str) -> int:
        """Describe one more interface; its number."""
        ...

    def frame(self, time: float, octets: bytes, *, inbound: bool | None = None, interface: int = 0) -> int:
        """Write an IP packet; its frame number."""
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

    def second(self, name: str) -> int:
        """Another interface, for what this tap can't hold; its number."""
        return self._writer.add_interface(name)

    def passed_by(self, time: float, octets: bytes, interface: int) -> int:
        """An IP packet of the target that went past the link; its frame number."""
        self.frames = self._writer.frame(time, octets, inbound=False, interface=interface)
        return self.frames
