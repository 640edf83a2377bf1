"""NAT traversal of version 1, in its standard form and those of the drafts before it: numbers, and who changes ports.

RFC 3947; draft-ietf-ipsec-nat-t-ike-00 to -03. Up to -01 IKE stays on port 500, where ESP comes behind eight zero
octets in place of a cookie; from -02 on both move to port 4500, where IKE comes behind four.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import field

from harness.codes import Encapsulation
from harness.values import value
from harness.wire import v1


def _named(text: bytes) -> bytes:
    return hashlib.md5(text, usedforsecurity=False).digest()


@value
class NatTraversal:
    """One form of NAT traversal."""

    name: str
    vendor_id: bytes
    detection: type[v1.NatDetection] = field(default=v1.NatDetectionDraft, repr=False)
    original: type[v1.NatOriginalAddress] = field(default=v1.NatOriginalAddressDraft, repr=False)
    tunnel: int = Encapsulation.UDP_TUNNEL_DRAFT
    transport: int = Encapsulation.UDP_TRANSPORT_DRAFT
    floats: bool = True
    """Whether IKE moves to the port for NAT traversal once a NAT is found."""


RFC_3947 = NatTraversal(
    "rfc3947",
    _named(b"RFC 3947"),
    v1.NatDetection,
    v1.NatOriginalAddress,
    Encapsulation.UDP_TUNNEL,
    Encapsulation.UDP_TRANSPORT,
)
FORMS: tuple[NatTraversal, ...] = (
    RFC_3947,
    NatTraversal("draft-03", _named(b"draft-ietf-ipsec-nat-t-ike-03")),
    NatTraversal("draft-02\n", _named(b"draft-ietf-ipsec-nat-t-ike-02\n")),  # as most of them hash it
    NatTraversal("draft-02", _named(b"draft-ietf-ipsec-nat-t-ike-02")),
    NatTraversal("draft-01", _named(b"draft-ietf-ipsec-nat-t-ike-01"), floats=False),
    NatTraversal("draft-00", _named(b"draft-ietf-ipsec-nat-t-ike-00"), floats=False),
)
"""Every form, the best one first."""


def form_of(vendor_ids: Iterable[bytes], among: Iterable[NatTraversal] = FORMS) -> NatTraversal | None:
    """The best form that some Vendor IDs announce."""
    announced = set(vendor_ids)
    return next((form for form in among if form.vendor_id in announced), None)
