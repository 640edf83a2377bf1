"""RFC 2408 section 3.11: the Hash payload."""

from harness.wire.fields import Payload, payload, rest


@payload(8, rfc="2408/3.11")
class Hash(Payload):
    """Proof of phase 1, or of a message's origin in phase 2."""

    label = "HASH"

    data: bytes = rest()
