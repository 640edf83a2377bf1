"""RFC 7296 section 3.8: the Authentication payload."""

from harness.codes import AuthMethod
from harness.wire.fields import Payload, payload, rest, u8, u24


@payload(39, rfc="7296/3.8")
class Authentication(Payload):
    """Proof that the sender knows its secret."""

    label = "AUTH"

    method: int = u8(names=AuthMethod)
    reserved: int = u24(default=0, kw_only=True)
    data: bytes = rest()
