"""Credentials in the containers that foreign daemons read: PEM and PKCS #12."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from harness.profile.credentials import Credentials

_Key = (
    rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)


def pem_certificate(der: bytes) -> bytes:
    """A certificate in PEM."""
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def pem_keys(der: bytes) -> tuple[bytes, bytes]:
    """A private key and the public one that goes with it, in PEM."""
    key = _key(der)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def pkcs12(credentials: Credentials, name: str) -> bytes:
    """The key and the chain, called `name`, behind an empty password."""
    own, *issuers = map(x509.load_der_x509_certificate, credentials.chain)
    return serialize_key_and_certificates(name.encode(), _key(credentials.key), own, issuers, NoEncryption())


def _key(der: bytes) -> _Key:
    key = load_der_private_key(der, None)
    assert isinstance(key, _Key)
    return key
