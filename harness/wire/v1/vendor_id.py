"""RFC 2408 section 3.16: the Vendor ID payload."""

from harness.wire.fields import Payload, payload, rest


@payload(13, rfc="2408/3.16")
class VendorId(Payload):
    """Who made the sender, or what it can do besides."""

    label = "VID"

    data: bytes = rest()
