"""A certification authority of this project's own, for tests alone: whatever it makes repeats from the names it is given."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from harness.codes import IdType
from harness.crypto.open_rsa_key import open_rsa_key

KeyKind = Literal["p256", "p384", "p521", "ed25519", "ed448", "rsa"]
Lifetime = tuple[float, float]
"""Seconds since 1970 between which a certificate is valid."""
ALWAYS: Lifetime = (0.0, 4e9)
EVER: Lifetime = (-6.3e8, 4e9)
"""From the year with which the times of X.509 begin: authorities are older than what has expired."""
LONG_AGO: Lifetime = (-6e8, -3e8)
NOT_YET: Lifetime = (3.9e9, 4e9)
_CURVES: dict[str, ec.EllipticCurve] = {
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
}
_Key = ec.EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey | RSAPrivateKey


class Authority:
    """An authority with a key on P-256; it trusts itself, or was certified by the one above it."""

    def __init__(self, name: str, above: "Authority | None" = None, lifetime: Lifetime = EVER) -> None:
        self.name = _subject(name)
        self._key = _key(f"authority {name}", "p256")
        basic = x509.BasicConstraints(ca=True, path_length=None)
        issuer = self if above is None else above
        self.certificate = issuer._sign(self.name, self._key, lifetime, basic)
        """In DER."""

    def issue(
        self,
        name: str,
        identities: Iterable[tuple[int, bytes]] = (),
        *,
        kind: KeyKind = "p256",
        lifetime: Lifetime = ALWAYS,
    ) -> tuple[bytes, bytes]:
        """A certificate of `name` for these types and data of ID payloads, and its key: both in DER."""
        key = _key(name, kind)
        names = [each for each in (_general_name(*identity) for identity in identities) if each is not None]
        extensions = [x509.SubjectAlternativeName(names)] if names else []
        certificate = self._sign(_subject(name), key, lifetime, *extensions)
        return certificate, key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def _sign(
        self, subject: x509.Name, key: _Key, lifetime: Lifetime, *extensions: x509.ExtensionType
    ) -> bytes:
        begin, end = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=s) for s in lifetime)
        number = hashlib.sha256(subject.public_bytes() + str(lifetime).encode()).digest()[:8]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(1 + int.from_bytes(number, "big"))
            .not_valid_before(begin)
            .not_valid_after(end)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        signed = builder.sign(self._key, hashes.SHA256(), ecdsa_deterministic=True)
        return signed.public_bytes(Encoding.DER)


def _subject(name: str) -> x509.Name:
    """A distinguished name in the form of RFC 4514, or a common name alone."""
    if "=" in name:
        return x509.Name.from_rfc4514_string(name)
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _key(name: str, kind: str) -> _Key:
    """The one key of this kind that belongs to the name, or of RSA to all names: no secret, as everything here."""
    if kind == "rsa":
        return open_rsa_key()
    seed = hashlib.shake_256(f"{kind} {name}".encode()).digest(66)
    if kind == "ed25519":
        return Ed25519PrivateKey.from_private_bytes(seed[:32])
    if kind == "ed448":
        return Ed448PrivateKey.from_private_bytes(seed[:57])
    curve = _CURVES[kind]
    return ec.derive_private_key(1 + int.from_bytes(seed, "big") % 2 ** (curve.key_size - 1), curve)


def _general_name(id_type: int, data: bytes) -> x509.GeneralName | None:
    """The subjectAltName that proves an identity (RFC 4945 section 3.1); None where none does."""
    if id_type in (IdType.ID_IPV4_ADDR, IdType.ID_IPV6_ADDR):
        return x509.IPAddress(ip_address(data))
    if id_type == IdType.ID_FQDN:
        return x509.DNSName(data.decode("ascii"))
    if id_type == IdType.ID_RFC822_ADDR:
        return x509.RFC822Name(data.decode("ascii"))
    return None
