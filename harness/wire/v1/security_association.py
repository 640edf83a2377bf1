"""RFC 2408 sections 3.4 to 3.6 and RFC 2407 section 4.6.1: SA, Proposal and Transform payloads."""

from collections.abc import Mapping

from harness.codes import (
    AhV1,
    AttributeP1,
    AttributeP2,
    AuthMethodV1,
    Code,
    Doi,
    Encapsulation,
    EncrV1,
    EspAuthV1,
    EspV1,
    Group,
    HashV1,
    IpcompV1,
    IsakmpTransform,
    LifeType,
    Protocol,
    Situation,
    name_of,
)
from harness.wire.fields import (
    Payload,
    Structure,
    octets,
    optional,
    padding,
    payload,
    structure,
    structures,
    u8,
    u16,
    u32,
)
from harness.wire.v1.attribute import Attribute

_IDS: Mapping[int, type[Code]] = {
    Protocol.IKE: IsakmpTransform,
    Protocol.AH: AhV1,
    Protocol.ESP: EspV1,
    Protocol.IPCOMP: IpcompV1,
}
_PHASE_1: Mapping[int, type[Code]] = {
    AttributeP1.ENCRYPTION_ALGORITHM: EncrV1,
    AttributeP1.HASH_ALGORITHM: HashV1,
    AttributeP1.AUTHENTICATION_METHOD: AuthMethodV1,
    AttributeP1.GROUP_DESCRIPTION: Group,
    AttributeP1.LIFE_TYPE: LifeType,
}
_PHASE_2: Mapping[int, type[Code]] = {
    AttributeP2.SA_LIFE_TYPE: LifeType,
    AttributeP2.GROUP_DESCRIPTION: Group,
    AttributeP2.ENCAPSULATION_MODE: Encapsulation,
    AttributeP2.AUTHENTICATION_ALGORITHM: EspAuthV1,
}


@structure(rfc="2408/3.6")
class Transform(Structure):
    """One set of attributes for the proposal's protocol; `last` is the generic header's Next Payload."""

    last: int | None = u8(more=3, default=None, kw_only=True)
    reserved: int = u8(default=0, kw_only=True)
    length: int | None = u16(length_of="self", default=None, kw_only=True)
    number: int = u8(default=1)
    id: int = u8(default=1)
    reserved2: int = u16(default=0, kw_only=True)
    attributes: tuple[Attribute, ...] = structures(Attribute, default=())


def _attribute(attribute: Attribute, protocol: int) -> str:
    types, values = (AttributeP1, _PHASE_1) if protocol == Protocol.IKE else (AttributeP2, _PHASE_2)
    value, names = attribute.value, values.get(attribute.type)
    if isinstance(value, bytes):
        said = value.hex() if len(value) > 8 or not value else str(int.from_bytes(value, "big"))
    else:
        said = name_of(names, value) if names else str(value)
    return f"{name_of(types, attribute.type)}={said}"


def _transform(transform: Transform, protocol: int) -> str:
    ids = _IDS.get(protocol)
    name = name_of(ids, transform.id) if ids else str(transform.id)
    return " ".join((name, *(_attribute(a, protocol) for a in transform.attributes)))


@structure(rfc="2408/3.5")
class Proposal(Structure):
    """One protocol with its transforms, most preferred first."""

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
        offered = ", ".join(_transform(transform, self.protocol) for transform in self.transforms)
        return f"#{self.number} {name_of(Protocol, self.protocol)}{spi} {{{offered}}}"


@structure(rfc="2407/4.6.1")
class LabelledDomain(Structure):
    """Whose labels follow (RFC 2407 section 4.6.1.1)."""

    identifier: int = u32(default=0)


@structure(rfc="2407/4.6.1")
class SensitivityLabel(Structure):
    """A level and a bitmap of categories, each padded to four octets; `category_bits` counts bits."""

    level_length: int | None = u16(length_of="level", default=None, kw_only=True)
    reserved: int = u16(default=0, kw_only=True)
    level: bytes = octets(size="level_length", default=b"")
    level_padding: bytes | None = padding(of="level", default=None, kw_only=True)
    category_bits: int | None = u16(bits_of="categories", default=None, kw_only=True)
    reserved2: int = u16(default=0, kw_only=True)
    categories: bytes = octets(size="category_bits", default=b"")
    categories_padding: bytes | None = padding(of="categories", default=None, kw_only=True)


@payload(1, rfc="2408/3.4")
class SecurityAssociation(Payload):
    """Domain of interpretation, situation, and the proposals of one negotiation.

    The labels are there when the situation asks for them (RFC 2407 section 4.2).
    """

    label = "SA"

    doi: int = u32(names=Doi, default=Doi.IPSEC)
    situation: int = u32(names=Situation, default=Situation.SIT_IDENTITY_ONLY)
    domain: LabelledDomain | None = optional(
        LabelledDomain, when=("situation", 6), default=None, kw_only=True
    )
    secrecy: SensitivityLabel | None = optional(
        SensitivityLabel, when=("situation", 2), default=None, kw_only=True
    )
    integrity: SensitivityLabel | None = optional(
        SensitivityLabel, when=("situation", 4), default=None, kw_only=True
    )
    proposals: tuple[Proposal, ...] = structures(Proposal, default=())
