"""RFC 2408 section 3.15: the Delete payload."""

from harness.codes import Doi, Protocol, name_of
from harness.wire.fields import Payload, payload, strings, u8, u16, u32


@payload(12, rfc="2408/3.15")
class Delete(Payload):
    """SAs that are gone, by the SPIs that the sender would receive; an ISAKMP SA by its cookie pair."""

    doi: int = u32(names=Doi, default=Doi.IPSEC)
    protocol: int = u8(names=Protocol, default=Protocol.IKE)
    spi_size: int | None = u8(length_of="spis", default=None)
    count: int | None = u16(count_of="spis", default=None, kw_only=True)
    spis: tuple[bytes, ...] = strings(size="spi_size", default=())

    def __str__(self) -> str:
        named = "".join(f" {spi.hex()}" for spi in self.spis[:8]) + (" …" if len(self.spis) > 8 else "")
        return f"D({name_of(Protocol, self.protocol)}{named})"
