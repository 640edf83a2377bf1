"""RFC 2408 sections 3.9 and 3.10: certificates and requests for them."""

from harness.codes import CertEncoding
from harness.wire.fields import Payload, payload, rest, u8


@payload(6, rfc="2408/3.9")
class Certificate(Payload):
    """A certificate in the named encoding."""

    label = "CERT"

    encoding: int = u8(names=CertEncoding)
    data: bytes = rest()


@payload(7, rfc="2408/3.10")
class CertificateRequest(Payload):
    """A certificate of this kind, from this authority (empty: from any), is wanted."""

    label = "CR"

    encoding: int = u8(names=CertEncoding)
    data: bytes = rest(default=b"")
