"""RFC 7296 section 3.15: the Configuration payload."""

from harness.codes import CfgAttribute, CfgType, name_of
from harness.wire.fields import (
    Payload,
    Structure,
    bit,
    octets,
    payload,
    structure,
    structures,
    u8,
    u15,
    u16,
    u24,
)


@structure(rfc="7296/3.15.1")
class ConfigurationAttribute(Structure):
    """One thing asked for or given; an empty value asks."""

    reserved: int = bit(default=0, kw_only=True)
    type: int = u15(names=CfgAttribute)
    length: int | None = u16(length_of="value", default=None, kw_only=True)
    value: bytes = octets(size="length", default=b"")


@payload(47, rfc="7296/3.15")
class Configuration(Payload):
    """Addresses and the like: request and reply, set and acknowledgement."""

    cfg_type: int = u8(names=CfgType)
    reserved: int = u24(default=0, kw_only=True)
    attributes: tuple[ConfigurationAttribute, ...] = structures(ConfigurationAttribute, default=())

    def __str__(self) -> str:
        return f"CP({name_of(CfgType, self.cfg_type)}){'!' if self.critical else ''}"
