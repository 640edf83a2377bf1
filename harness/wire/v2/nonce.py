"""RFC 7296 section 3.9: the Nonce payload."""

from harness.wire.fields import Payload, payload, rest


@payload(40, rfc="7296/3.9")
class Nonce(Payload):
    """Chance of the sender: 16 to 256 octets if it keeps the rules."""

    label = "Nonce"

    data: bytes = rest()
