"""RFC 7296 section 3.11: the Delete payload."""

from harness.codes import Protocol, name_of
from harness.wire.fields import Payload, payload, strings, u8, u16


@payload(42, rfc="7296/3.11")
class Delete(Payload):
    """SAs that are gone: the IKE SA (no SPI), or Child SAs by the SPIs that the sender would receive."""

    protocol: int = u8(names=Protocol)
    spi_size: int | None = u8(length_of="spis", default=None)
    count: int | None = u16(count_of="spis", default=None, kw_only=True)
    spis: tuple[bytes, ...] = strings(size="spi_size", default=())

    def __str__(self) -> str:
        named = "".join(f" {spi.hex()}" for spi in self.spis[:8]) + (" …" if len(self.spis) > 8 else "")
        return f"D({name_of(Protocol, self.protocol)}{named}){'!' if self.critical else ''}"
