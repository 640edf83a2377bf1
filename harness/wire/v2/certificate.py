"""RFC 7296 sections 3.6 and 3.7: certificates, and the authorities one would believe."""

from harness.codes import CertEncoding
from harness.wire.fields import Payload, payload, rest, u8


@payload(37, rfc="7296/3.6")
class Certificate(Payload):
    """A certificate, or where to fetch it, in the named encoding."""

    label = "CERT"

    encoding: int = u8(names=CertEncoding)
    data: bytes = rest()


@payload(38, rfc="7296/3.7")
class CertificateRequest(Payload):
    """Hashes (20 octets each) of the public keys of trusted authorities."""

    label = "CERTREQ"

    encoding: int = u8(names=CertEncoding)
    data: bytes = rest(default=b"")
