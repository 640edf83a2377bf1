"""Certificates for both ends, by keys that are made for this run."""

from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from harness.profile.credentials import Credentials

KeyKind = Literal["rsa", "ecdsa"]
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def credentials(kind: KeyKind, address: str) -> Credentials:
    """What the end at this address signs with, certified by the one authority of its kind."""
    authority, anchor = _authority(kind)
    key = _key(kind)
    usage = x509.KeyUsage(True, *(False for _ in range(8)))  # nothing but digital signatures
    certificate = _sign(
        authority,
        "the authority",
        key,
        address,
        x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]),
        usage,
    )
    octets = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Credentials((certificate,), octets, (anchor,))


@cache
def _authority(kind: KeyKind) -> tuple[Key, bytes]:
    key = _key(kind)
    return key, _sign(key, "the authority", key, "the authority", x509.BasicConstraints(True, None))


def _key(kind: KeyKind) -> Key:
    return rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())


def _sign(issuer: Key, above: str, key: Key, name: str, *extensions: x509.ExtensionType) -> bytes:
    today = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .issuer_name(_common_name(above))
        .subject_name(_common_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=30))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(issuer, hashes.SHA256()).public_bytes(Encoding.DER)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
