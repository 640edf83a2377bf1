"""RFC 7296 section 3.12: the Vendor ID payload."""

from harness.wire.fields import Payload, payload, rest


@payload(43, rfc="7296/3.12")
class VendorId(Payload):
    """Who made the sender, or what it can do besides."""

    label = "V"

    data: bytes = rest()
