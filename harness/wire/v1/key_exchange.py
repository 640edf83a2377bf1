"""RFC 2408 section 3.7: the Key Exchange payload."""

from harness.wire.fields import Payload, payload, rest


@payload(4, rfc="2408/3.7")
class KeyExchange(Payload):
    """A public value for the group that the transform names."""

    label = "KE"

    data: bytes = rest()
