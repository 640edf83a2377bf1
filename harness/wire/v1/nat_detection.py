"""RFC 3947 sections 3.2 and 5.2: NAT-D and NAT-OA, by their numbers and those of the drafts before it."""

from harness.codes import IdTypeV1
from harness.wire.fields import Payload, payload, rest, u8, u24


@payload(20, rfc="3947/3.2")
class NatDetection(Payload):
    """A hash of cookies, address and port, as the sender sees them."""

    label = "NAT-D"

    data: bytes = rest()


@payload(130, rfc="3947/3.2")
class NatDetectionDraft(NatDetection):
    """The same under the number of draft-ietf-ipsec-nat-t-ike-00 … -03."""


@payload(21, rfc="3947/5.2")
class NatOriginalAddress(Payload):
    """The address that an end has before translation (transport mode)."""

    label = "NAT-OA"

    id_type: int = u8(names=IdTypeV1)
    reserved: int = u24(default=0, kw_only=True)
    address: bytes = rest()


@payload(131, rfc="3947/5.2")
class NatOriginalAddressDraft(NatOriginalAddress):
    """The same under the number of draft-ietf-ipsec-nat-t-ike-00 … -03."""
