"""draft-ietf-ipsec-isakmp-mode-cfg section 3.2: the Attributes payload (mode-cfg and XAUTH)."""

from harness.codes import CfgAttribute, CfgType, name_of
from harness.wire.fields import Payload, payload, structures, u8, u16
from harness.wire.v1.attribute import Attribute

_SHOWN = 8


@payload(14, rfc="draft-ietf-ipsec-isakmp-mode-cfg/3.2")
class Attributes(Payload):
    """What one end asks of or gives to the other in a transaction exchange."""

    attr_type: int = u8(names=CfgType)
    reserved: int = u8(default=0, kw_only=True)
    identifier: int = u16(default=0)
    attributes: tuple[Attribute, ...] = structures(Attribute, default=())

    def __str__(self) -> str:
        named = (name_of(CfgAttribute, attribute.type) for attribute in self.attributes[:_SHOWN])
        more = "…" if len(self.attributes) > _SHOWN else ""
        return f"ATTR({' '.join((name_of(CfgType, self.attr_type), *named))}{more})"
