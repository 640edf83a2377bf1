"""RFC 7296 section 3.3: the Security Association payload, its proposals and their transforms."""

from harness.codes import Code, Encr, Esn, Group, Integ, Prf, Protocol, TransformType, name_of
from harness.wire.fields import Payload, Structure, octets, payload, structure, structures, u8, u16
from harness.wire.v2.attribute import Attribute

_IDS: dict[int, type[Code]] = {
    TransformType.ENCR: Encr,
    TransformType.PRF: Prf,
    TransformType.INTEG: Integ,
    TransformType.KE: Group,
    TransformType.ESN: Esn,
}


@structure(rfc="7296/3.3.2")
class Transform(Structure):
    """One algorithm that a proposal offers."""

    last: int | None = u8(more=3, default=None, kw_only=True)
    reserved: int = u8(default=0, kw_only=True)
    length: int | None = u16(length_of="self", default=None, kw_only=True)
    type: int = u8(names=TransformType)
    reserved2: int = u8(default=0, kw_only=True)
    id: int = u16()
    attributes: tuple[Attribute, ...] = structures(Attribute, default=())

    def __str__(self) -> str:
        names = _IDS.get(self.type, Group if self.type in range(6, 13) else None)
        said = name_of(names, self.id) if names else str(self.id)
        if self.type not in _IDS or not names or said == str(self.id) or self.id == 0:
            said = f"{name_of(TransformType, self.type)}={said}"
        return "-".join(
            (said, *(str(a.value) if isinstance(a.value, int) else a.value.hex() for a in self.attributes))
        )


@structure(rfc="7296/3.3.1")
class Proposal(Structure):
    """One combination of algorithms for one protocol; `last` is None where it tells the truth."""

    last: int | None = u8(more=2, default=None, kw_only=True)
    reserved: int = u8(default=0, kw_only=True)
    length: int | None = u16(length_of="self", default=None, kw_only=True)
    number: int = u8(default=1)
    protocol: int = u8(names=Protocol, default=Protocol.IKE)
    spi_size: int | None = u8(length_of="spi", default=None, kw_only=True)
    transform_count: int | None = u8(count_of="transforms", default=None, kw_only=True)
    spi: bytes = octets(size="spi_size", default=b"")
    transforms: tuple[Transform, ...] = structures(Transform, default=())

    def __str__(self) -> str:
        spi = f" {self.spi.hex()}" if self.spi else ""
        return f"#{self.number} {name_of(Protocol, self.protocol)}{spi} {{{', '.join(map(str, self.transforms))}}}"


@payload(33, rfc="7296/3.3")
class SecurityAssociation(Payload):
    """The proposals, most preferred first; in an answer the one that was taken."""

    label = "SA"

    proposals: tuple[Proposal, ...] = structures(Proposal)
