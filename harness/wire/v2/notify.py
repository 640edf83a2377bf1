"""RFC 7296 section 3.10: the Notify payload."""

from harness.codes import NotifyType, Protocol, name_of
from harness.wire.fields import Payload, octets, payload, rest, u8, u16


@payload(41, rfc="7296/3.10")
class Notify(Payload):
    """A status or an error, about an IKE SA, about a Child SA, or about neither."""

    protocol: int = u8(names=Protocol, default=Protocol.NONE)
    spi_size: int | None = u8(length_of="spi", default=None, kw_only=True)
    notify_type: int = u16(names=NotifyType, default=0)
    spi: bytes = octets(size="spi_size", default=b"")
    data: bytes = rest(default=b"")

    def __str__(self) -> str:
        return f"N({name_of(NotifyType, self.notify_type)}){'!' if self.critical else ''}"
