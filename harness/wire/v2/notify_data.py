"""What lies in the data of notifies that have a form of their own; as octets a Notify holds any of them."""

from typing import TypeVar

from harness.codes import GatewayType
from harness.wire.fields import Structure, octets, rest, structure, u8, u32
from harness.wire.generate import Broken

S = TypeVar("S", bound=Structure)


@structure(rfc="4478/3")
class AuthLifetime(Structure):
    """AUTH_LIFETIME: seconds until the peer should authenticate again."""

    seconds: int = u32()


@structure(rfc="5685/9.2")
class Gateway(Structure):
    """REDIRECT and REDIRECTED_FROM: a gateway; `nonce` is the initiator's in IKE_SA_INIT and empty elsewhere."""

    gateway_type: int = u8(names=GatewayType)
    identity_length: int | None = u8(length_of="identity", default=None, kw_only=True)
    identity: bytes = octets(size="identity_length")
    nonce: bytes = rest(default=b"")


@structure(rfc="5723/7.1")
class TicketWithLifetime(Structure):
    """TICKET_LT_OPAQUE: a ticket, and the seconds for which it is good."""

    lifetime: int = u32()
    ticket: bytes = rest()


def read(kind: type[S], data: bytes) -> S | None:
    """The structure that `data` is, to its last octet; None if it is none."""
    try:
        found = kind.decode_list(data, 0, len(data))
    except Broken:
        return None
    return found[0] if len(found) == 1 else None
