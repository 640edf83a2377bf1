"""RFC 2408 section 3.14: the Notification payload."""

from harness.codes import Doi, NotifyTypeV1, Protocol, name_of
from harness.wire.fields import Payload, octets, payload, rest, u8, u16, u32


@payload(11, rfc="2408/3.14")
class Notify(Payload):
    """A status or an error about the SA that protocol and SPI name."""

    doi: int = u32(names=Doi, default=Doi.IPSEC)
    protocol: int = u8(names=Protocol, default=Protocol.IKE)
    spi_size: int | None = u8(length_of="spi", default=None, kw_only=True)
    notify_type: int = u16(names=NotifyTypeV1, default=0)
    spi: bytes = octets(size="spi_size", default=b"")
    data: bytes = rest(default=b"")

    def __str__(self) -> str:
        return f"N({name_of(NotifyTypeV1, self.notify_type)})"
