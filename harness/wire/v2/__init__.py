"""The payloads of version 2, by the names of RFC 7296 section 3."""

from harness.wire.fields import Malformed, Payload, Unknown
from harness.wire.v2.attribute import Attribute
from harness.wire.v2.authentication import Authentication
from harness.wire.v2.certificate import Certificate, CertificateRequest
from harness.wire.v2.configuration import Configuration, ConfigurationAttribute
from harness.wire.v2.delete import Delete
from harness.wire.v2.eap import Eap
from harness.wire.v2.encrypted import Encrypted, EncryptedFragment
from harness.wire.v2.identification import IdInitiator, IdResponder
from harness.wire.v2.key_exchange import KeyExchange
from harness.wire.v2.nonce import Nonce
from harness.wire.v2.notify import Notify
from harness.wire.v2.puzzle_solution import PuzzleSolution
from harness.wire.v2.security_association import Proposal, SecurityAssociation, Transform
from harness.wire.v2.traffic_selectors import TrafficSelector, TrafficSelectorsI, TrafficSelectorsR
from harness.wire.v2.vendor_id import VendorId

PAYLOADS: tuple[type[Payload], ...] = (
    SecurityAssociation,
    KeyExchange,
    IdInitiator,
    IdResponder,
    Certificate,
    CertificateRequest,
    Authentication,
    Nonce,
    Notify,
    Delete,
    VendorId,
    TrafficSelectorsI,
    TrafficSelectorsR,
    Encrypted,
    Configuration,
    Eap,
    EncryptedFragment,
    PuzzleSolution,
)
SEALS = frozenset({Encrypted.type, EncryptedFragment.type})
"""Types whose Next Payload names what is inside (RFC 7296 §3.14): the chain ends with them."""

__all__ = [
    "PAYLOADS",
    "SEALS",
    "Attribute",
    "Authentication",
    "Certificate",
    "CertificateRequest",
    "Configuration",
    "ConfigurationAttribute",
    "Delete",
    "Eap",
    "Encrypted",
    "EncryptedFragment",
    "IdInitiator",
    "IdResponder",
    "KeyExchange",
    "Malformed",
    "Nonce",
    "Notify",
    "Payload",
    "Proposal",
    "PuzzleSolution",
    "SecurityAssociation",
    "TrafficSelector",
    "TrafficSelectorsI",
    "TrafficSelectorsR",
    "Transform",
    "Unknown",
    "VendorId",
]
