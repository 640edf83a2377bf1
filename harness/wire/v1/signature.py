"""RFC 2408 section 3.12: the Signature payload."""

from harness.wire.fields import Payload, payload, rest


@payload(9, rfc="2408/3.12")
class Signature(Payload):
    """Proof of phase 1 by a private key."""

    label = "SIG"

    data: bytes = rest()
