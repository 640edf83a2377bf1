"""RFC 7296 section 3.4: the Key Exchange payload."""

from harness.codes import Group
from harness.wire.fields import Payload, payload, rest, u16


@payload(34, rfc="7296/3.4")
class KeyExchange(Payload):
    """A public value for the named key exchange method."""

    label = "KE"

    group: int = u16(names=Group)
    reserved: int = u16(default=0, kw_only=True)
    data: bytes = rest()
