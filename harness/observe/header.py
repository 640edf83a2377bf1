"""The 28 octets that both versions of IKE begin with: all that the header rules need, read without decoding the rest."""

from struct import Struct
from typing import NamedTuple, Self

NO_SPI = bytes(8)

_LAYOUT = Struct("!8s8sBBBBII")


class Header(NamedTuple):
    """RFC 7296 section 3.1 and RFC 2408 section 3.1; in version 1 the SPIs are the cookies."""

    spi_i: bytes
    spi_r: bytes
    next_payload: int
    version: int
    exchange: int
    flags: int
    message_id: int
    length: int

    @classmethod
    def read(cls, octets: bytes) -> Self | None:
        """The header of `octets`; None where there are fewer than 28."""
        return cls._make(_LAYOUT.unpack_from(octets)) if len(octets) >= _LAYOUT.size else None

    @property
    def major(self) -> int:
        """The major version; flags mean nothing before it is known."""
        return self.version >> 4

    @property
    def is_v1(self) -> bool:
        """Whether cookies, not SPIs, and no direction bit."""
        return self.version >> 4 == 1

    @property
    def is_response(self) -> bool:
        """The R bit of version 2."""
        return bool(self.flags & 0x20)

    @property
    def is_request(self) -> bool:
        """Version 2, R bit clear."""
        return self.version >> 4 != 1 and not self.flags & 0x20

    @property
    def from_initiator(self) -> bool:
        """The I bit of version 2: the sender says that it is the original initiator of the SA."""
        return bool(self.flags & 0x08)

    @property
    def encrypted(self) -> bool:
        """The E bit of version 1."""
        return bool(self.flags & 0x01)

    @property
    def pair(self) -> tuple[bytes, bytes]:
        """Both SPIs, the initiator's first."""
        return self.spi_i, self.spi_r
