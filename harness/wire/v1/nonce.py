"""RFC 2408 section 3.13: the Nonce payload."""

from harness.wire.fields import Payload, payload, rest


@payload(10, rfc="2408/3.13")
class Nonce(Payload):
    """Chance of the sender: 8 to 256 octets if it keeps the rules (RFC 2409 section 5)."""

    label = "Nonce"

    data: bytes = rest()
