"""RFC 7296 section 3.5: the Identification payloads."""

from harness.codes import IdType
from harness.wire.fields import Payload, payload, rest, u8, u24


@payload(35, rfc="7296/3.5")
class IdInitiator(Payload):
    """Who the initiator says it is."""

    label = "IDi"

    id_type: int = u8(names=IdType)
    reserved: int = u24(default=0, kw_only=True)
    data: bytes = rest()


@payload(36, rfc="7296/3.5")
class IdResponder(Payload):
    """Who the responder says it is, or whom the initiator asks for."""

    label = "IDr"

    id_type: int = u8(names=IdType)
    reserved: int = u24(default=0, kw_only=True)
    data: bytes = rest()
