"""RFC 2407 section 4.6.2: the Identification payload of the IPsec domain."""

from harness.codes import IdTypeV1
from harness.wire.fields import Payload, payload, rest, u8, u16


@payload(5, rfc="2407/4.6.2")
class Identification(Payload):
    """Who the sender is (phase 1), or one end of the traffic to protect (phase 2)."""

    label = "ID"

    id_type: int = u8(names=IdTypeV1)
    protocol: int = u8(default=0)
    port: int = u16(default=0)
    data: bytes = rest(default=b"")
