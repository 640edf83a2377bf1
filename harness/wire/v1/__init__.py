"""The payloads of version 1, by the names of RFC 2408 section 3 and RFC 2407 section 4.6."""

from harness.wire.fields import Ciphertext, Malformed, Payload, Unknown
from harness.wire.v1.attribute import Attribute
from harness.wire.v1.attributes import Attributes
from harness.wire.v1.certificate import Certificate, CertificateRequest
from harness.wire.v1.delete import Delete
from harness.wire.v1.fragment import Fragment
from harness.wire.v1.hash import Hash
from harness.wire.v1.identification import Identification
from harness.wire.v1.key_exchange import KeyExchange
from harness.wire.v1.nat_detection import (
    NatDetection,
    NatDetectionDraft,
    NatOriginalAddress,
    NatOriginalAddressDraft,
)
from harness.wire.v1.nonce import Nonce
from harness.wire.v1.notify import Notify
from harness.wire.v1.security_association import (
    LabelledDomain,
    Proposal,
    SecurityAssociation,
    SensitivityLabel,
    Transform,
)
from harness.wire.v1.signature import Signature
from harness.wire.v1.vendor_id import VendorId

PAYLOADS: tuple[type[Payload], ...] = (
    SecurityAssociation,
    KeyExchange,
    Identification,
    Certificate,
    CertificateRequest,
    Hash,
    Signature,
    Nonce,
    Notify,
    Delete,
    VendorId,
    Attributes,
    NatDetection,
    NatOriginalAddress,
    NatDetectionDraft,
    NatOriginalAddressDraft,
    Fragment,
)

__all__ = [
    "PAYLOADS",
    "Attribute",
    "Attributes",
    "Certificate",
    "CertificateRequest",
    "Ciphertext",
    "Delete",
    "Fragment",
    "Hash",
    "Identification",
    "KeyExchange",
    "LabelledDomain",
    "Malformed",
    "NatDetection",
    "NatDetectionDraft",
    "NatOriginalAddress",
    "NatOriginalAddressDraft",
    "Nonce",
    "Notify",
    "Payload",
    "Proposal",
    "SecurityAssociation",
    "SensitivityLabel",
    "Signature",
    "Transform",
    "Unknown",
    "VendorId",
]
