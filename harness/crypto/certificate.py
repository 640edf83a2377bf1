"""X.509 certificates of IKE: read, led to a trust anchor, held against an identity (RFC 5280, RFC 4945).

Certificates from the wire are values: what can't be used says why. Time is an argument; no revocation list is read.
"""

import hashlib
import warnings
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, TypeVar

from cryptography import exceptions, x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from harness.codes import IdType
from harness.crypto.scheme import PublicKey

E = TypeVar("E", bound=x509.ExtensionType)

# Any policy will do here, so that policies constrain nothing.
_OBEYED = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.CertificatePolicies,
)
_IKE_USAGES = {ExtendedKeyUsageOID.IPSEC_IKE, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What IKE asks of a certificate; `read_certificate` makes it. `subject` and `issuer` are DER, times are since 1970.

    IKEv1's Certificate Request names an authority by its `subject` (RFC 2408 section 3.10), IKEv2's by its `key_hash`,
    SHA-1 of SubjectPublicKeyInfo (RFC 7296 section 3.7).
    """

    der: bytes = field(repr=False)
    subject: bytes
    issuer: bytes
    not_before: float
    not_after: float
    public_key: PublicKey = field(repr=False, compare=False)
    key_hash: bytes
    extensions: tuple[x509.Extension[x509.ExtensionType], ...] = field(repr=False, compare=False)
    parsed: x509.Certificate = field(repr=False, compare=False)

    def extension(self, kind: type[E]) -> E | None:
        """The value of the extension of this kind, if there is one."""
        return next((each.value for each in self.extensions if isinstance(each.value, kind)), None)

    @property
    def identities(self) -> tuple[tuple[IdType, bytes], ...]:
        """The identities that the certificate proves, as types and data of an ID payload (RFC 4945 section 3.1).

        These are the subject as a whole, and the names and addresses of subjectAltName. A common name is none.
        """
        names = self.extension(x509.SubjectAlternativeName) or ()
        found = [identity for identity in map(_identity, names) if identity is not None]
        subject = [] if self.subject == _EMPTY_NAME else [(IdType.ID_DER_ASN1_DN, self.subject)]
        return (*subject, *found)


_EMPTY_NAME = b"\x30\x00"


def read_certificate(der: bytes) -> Certificate | str:
    """The X.509 certificate in these octets, or why there is none. Never raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # the library warns of what it will refuse one day; nobody here is to blame
            return _read(x509.load_der_x509_certificate(der))
    except _UNREADABLE:
        return "the octets hold no certificate that can be read"


_UNREADABLE = (
    ValueError,
    TypeError,  # a name whose value is of a kind that its type does not have
    KeyError,  # a number in an extension that the library has no name for
    exceptions.UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@asn1.sequence
class _ToBeSigned:  # RFC 5280 section 4.1
    version: Annotated[int | None, asn1.Explicit(0)]
    serial: int
    signature: asn1.TLV
    issuer: asn1.TLV
    validity: asn1.TLV
    subject: asn1.TLV
    public_key: asn1.TLV
    issuer_id: Annotated[asn1.BitString | None, asn1.Implicit(1)]
    subject_id: Annotated[asn1.BitString | None, asn1.Implicit(2)]
    extensions: Annotated[list[asn1.TLV] | None, asn1.Explicit(3)]


def _read(parsed: x509.Certificate) -> Certificate | str:
    key = parsed.public_key()
    if not isinstance(key, PublicKey):
        return f"no signatures are verified with a {type(key).__name__} here"
    # As it stands there: the library would write a key of RSASSA-PSS as one of RSA.
    spki = asn1.encode_der(asn1.decode_der(_ToBeSigned, parsed.tbs_certificate_bytes).public_key)
    return Certificate(
        der=parsed.public_bytes(Encoding.DER),
        subject=parsed.subject.public_bytes(),
        issuer=parsed.issuer.public_bytes(),
        not_before=parsed.not_valid_before_utc.timestamp(),
        not_after=parsed.not_valid_after_utc.timestamp(),
        public_key=key,
        key_hash=hashlib.sha1(spki, usedforsecurity=False).digest(),
        extensions=tuple(parsed.extensions),
        parsed=parsed,
    )


def _identity(name: x509.GeneralName) -> tuple[IdType, bytes] | None:
    if isinstance(name, x509.DNSName):
        return IdType.ID_FQDN, name.value.encode()
    if isinstance(name, x509.RFC822Name):
        return IdType.ID_RFC822_ADDR, name.value.encode()
    packed = getattr(name.value, "packed", b"")  # only a single address has that form
    if isinstance(name, x509.IPAddress) and packed:
        return (IdType.ID_IPV4_ADDR if len(packed) == 4 else IdType.ID_IPV6_ADDR), packed
    return None


# --- whose it is --------------------------------------------------------------------------------------------------


def identity_objection(certificate: Certificate, id_type: int, data: bytes) -> str | None:
    """Why the certificate does not prove the identity of an ID payload, or None when it does (RFC 4945 section 3.1).

    Types are the same numbers in both versions. Domain names are compared without case, distinguished names and
    addresses octet by octet; nothing is taken for a wildcard. Never raises.
    """
    proved = [_folded(kind, octets) for kind, octets in certificate.identities if kind == id_type]
    if _folded(id_type, data) in proved:
        return None
    if not proved:
        return f"the certificate names nothing of the identity's type {id_type}"
    return "the certificate names another identity of this type"


def _folded(id_type: int, data: bytes) -> bytes:
    if id_type == IdType.ID_FQDN:
        return data.lower()
    if id_type == IdType.ID_RFC822_ADDR:
        mailbox, at, host = data.rpartition(b"@")
        return mailbox + at + host.lower()
    return data


# --- who vouches for it -------------------------------------------------------------------------------------------


_MOST = 32  # more certificates from a peer are a burden, not a path


def certification_path(
    end: Certificate, others: Iterable[Certificate], anchors: Iterable[Certificate], now: float
) -> tuple[Certificate, ...] | str:
    """The certificates from `end` up to a trust anchor, both included, or why there are none (RFC 5280 section 6.1).

    `others` may come in any order, and need not all be of use. An end that is an anchor itself is a path of one. Trust
    anchors too have to be authorities, and in time. Never raises.
    """
    trusted = tuple(anchors)
    why = _end_objection(end, now)
    if why is not None:
        return why
    if end in trusted:
        return (end,)
    why = "no certificate of its issuer is at hand"
    candidates = (*trusted, *islice(others, _MOST))
    reached = {end.der}  # once, by the shortest way
    paths: deque[tuple[Certificate, ...]] = deque([(end,)])
    while paths:
        path = paths.popleft()
        for issuer in candidates:
            if issuer.der in reached or issuer.subject != path[-1].issuer:
                continue
            found = _issuer_objection(issuer, path, now)
            if found is not None:
                why = found
            elif issuer in trusted:
                return (*path, issuer)
            else:
                reached.add(issuer.der)
                paths.append((*path, issuer))
    return why


def _end_objection(end: Certificate, now: float) -> str | None:
    usage, extended = end.extension(x509.KeyUsage), end.extension(x509.ExtendedKeyUsage)
    if usage and not (usage.digital_signature or usage.content_commitment):  # RFC 4945 section 5.1.3.2
        return "the certificate's key is not for signatures"
    if extended and _IKE_USAGES.isdisjoint(extended):  # RFC 4945 section 5.1.3.12
        return "the certificate's key is not for IKE"
    return _common_objection(end, now)


def _issuer_objection(issuer: Certificate, path: Sequence[Certificate], now: float) -> str | None:
    basic, usage = issuer.extension(x509.BasicConstraints), issuer.extension(x509.KeyUsage)
    if basic is None or not basic.ca:
        return "an issuer is no certification authority"
    below = sum(each.subject != each.issuer for each in path[1:])
    if basic.path_length is not None and below > basic.path_length:
        return f"{below} authorities are below one that allows {basic.path_length}"
    if usage and not usage.key_cert_sign:
        return "an issuer's key is not for signing certificates"
    try:
        path[-1].parsed.verify_directly_issued_by(issuer.parsed)
    except (ValueError, TypeError, exceptions.InvalidSignature, exceptions.UnsupportedAlgorithm):
        return "an issuer's signature does not hold"
    return _common_objection(issuer, now)


def _common_objection(certificate: Certificate, now: float) -> str | None:
    if now < certificate.not_before:
        return "a certificate is not valid yet"
    if now > certificate.not_after:
        return "a certificate has expired"
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, _OBEYED):  # RFC 5280 section 4.2
            return f"a certificate has the critical extension {extension.oid.dotted_string}, which is not known here"
    return None


# --- what a Certificate Request asks for --------------------------------------------------------------------------

_KEY_HASH = 20


def write_authorities(anchors: Iterable[Certificate]) -> bytes:
    """The Certification Authority field of IKEv2's Certificate Request (RFC 7296 section 3.7)."""
    return b"".join(anchor.key_hash for anchor in anchors)


def read_authorities(data: bytes) -> tuple[bytes, ...]:
    """The hashes in a Certification Authority field; a rest that is no whole hash is left out."""
    return tuple(data[at : at + _KEY_HASH] for at in range(0, len(data) - _KEY_HASH + 1, _KEY_HASH))
