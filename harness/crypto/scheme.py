"""Signature schemes: a public-key algorithm with its hash and its encoding, as data; sign and verify by them.

Keys are those of `cryptography`. Signing repeats, but for the salt of RSASSA-PSS, which is the library's own chance: a
run that has to repeat octet for octet takes a `Scheme` with a `salt_size` of 0, which every verifier of PSS can read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from cryptography import exceptions
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    NoDigestInfo,
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from harness.codes import HashAlgorithm
from harness.crypto.unsupported import UnsupportedAlgorithm

PrivateKey = RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey
PublicKey = RSAPublicKey | ec.EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey
Key = PrivateKey | PublicKey

_EcKey = ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey


@lru_cache(maxsize=32)  # reading a key checks it, which takes longer than signing with it
def load_private_key(octets: bytes, password: bytes | None = None) -> PrivateKey:
    """The private key in PEM or DER. Raises ValueError; UnsupportedAlgorithm for a key of another kind."""
    pem = octets.lstrip().startswith(b"-----")
    load = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    try:
        key = load(octets, password)
    except (TypeError, exceptions.UnsupportedAlgorithm) as error:  # TypeError: a password too many or too few
        raise ValueError(f"the private key can't be read: {error}") from None
    if not isinstance(key, PrivateKey):
        raise UnsupportedAlgorithm(f"no signatures are made with a {type(key).__name__} here")
    return key


def load_public_key(spki: bytes) -> PublicKey | str:
    """The key in a SubjectPublicKeyInfo, as raw public keys come (RFC 7670), or why there is none. Never raises."""
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, exceptions.UnsupportedAlgorithm):
        return "the octets hold no public key that is known here"
    return (
        key if isinstance(key, PublicKey) else f"no signatures are verified with a {type(key).__name__} here"
    )


class Family(StrEnum):
    """The public-key algorithms, as their RFCs name them."""

    RSA = "RSASSA-PKCS1-v1_5"
    RSA_PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"
    ED25519 = "Ed25519"
    ED448 = "Ed448"


_KEYS: dict[Family, type[Key] | tuple[type[Key], ...]] = {
    Family.RSA: (RSAPrivateKey, RSAPublicKey),
    Family.RSA_PSS: (RSAPrivateKey, RSAPublicKey),
    Family.ECDSA: (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey),
    Family.ED25519: (Ed25519PrivateKey, Ed25519PublicKey),
    Family.ED448: (Ed448PrivateKey, Ed448PublicKey),
}
_HASHES: dict[int, Callable[[], hashes.HashAlgorithm]] = {
    HashAlgorithm.SHA1: hashes.SHA1,
    HashAlgorithm.SHA2_256: hashes.SHA256,
    HashAlgorithm.SHA2_384: hashes.SHA384,
    HashAlgorithm.SHA2_512: hashes.SHA512,
}
_BY_DIGEST_SIZE: dict[int, Callable[[], hashes.HashAlgorithm]] = {16: hashes.MD5} | {
    make().digest_size: make for make in _HASHES.values()
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to sign.

    `hash` is its number in SIGNATURE_HASH_ALGORITHMS (RFC 7427 section 4). IDENTITY signs the octets as they are: EdDSA
    always (RFC 8420), RSA without a DigestInfo and ECDSA over a finished digest in IKEv1 (RFC 2409 section 5.1).
    `salt_size` and `mask_hash` belong to RSASSA-PSS. With `curve` only keys on it fit, and a signature is r and s, each
    as long as the curve's order (RFC 4754 section 7); without, ECDSA's signature is in DER.
    """

    family: Family
    hash: int = HashAlgorithm.IDENTITY
    salt_size: int = 0
    mask_hash: int = 0
    curve: str = ""

    def fits(self, key: Key) -> bool:
        """Whether the key is one for this scheme, and long enough for it."""
        if not isinstance(key, _KEYS[self.family]):
            return False
        if isinstance(key, _EcKey):
            return self.curve in ("", key.curve.name)
        if self.family is Family.RSA_PSS and isinstance(key, RSAPrivateKey | RSAPublicKey):
            room = (key.key_size + 6) // 8 - 2  # RFC 8017 section 9.1.1
            return room >= _HASHES[self.hash]().digest_size + self.salt_size
        return True


def rsa(hash_id: int) -> Scheme:
    """RSASSA-PKCS1-v1_5 with this hash."""
    return Scheme(Family.RSA, hash_id)


def rsa_pss(hash_id: int) -> Scheme:
    """RSASSA-PSS with one hash for all and its length of salt, as RFC 8247 section 3.2 wants it."""
    return Scheme(Family.RSA_PSS, hash_id, _HASHES[hash_id]().digest_size, hash_id)


def ecdsa(hash_id: int) -> Scheme:
    """ECDSA with this hash on any curve, its signature in DER."""
    return Scheme(Family.ECDSA, hash_id)


ED25519 = Scheme(Family.ED25519)
ED448 = Scheme(Family.ED448)

_BY_PREFERENCE = (
    ED25519,
    ED448,
    *(kind(hash_id) for kind in (rsa_pss, rsa, ecdsa) for hash_id in (2, 3, 4)),
    rsa(HashAlgorithm.SHA1),
    ecdsa(HashAlgorithm.SHA1),
)


def schemes(key: Key) -> tuple[Scheme, ...]:
    """What Digital Signature can do with this key, the best first.

    RSASSA-PSS comes before PKCS #1 v1.5 and SHA-1 last (RFC 8247 section 3.2); ECDSA begins with the hash that is as
    long as the curve.
    """
    fitting = [scheme for scheme in _BY_PREFERENCE if scheme.fits(key)]
    if isinstance(key, _EcKey):
        own = {384: HashAlgorithm.SHA2_384, 512: HashAlgorithm.SHA2_512, 521: HashAlgorithm.SHA2_512}
        fitting.sort(key=lambda scheme: scheme.hash != own.get(key.curve.key_size, HashAlgorithm.SHA2_256))
    return tuple(fitting)


def sign(scheme: Scheme, key: PrivateKey, data: bytes) -> bytes:
    """The signature over `data`. Raises UnsupportedAlgorithm when scheme and key do not belong together."""
    if not scheme.fits(key):
        raise UnsupportedAlgorithm(f"a {type(key).__name__} does not sign by {scheme}")
    try:
        if isinstance(key, RSAPrivateKey):
            return key.sign(data, _padding(scheme), _rsa_hash(scheme))
        if isinstance(key, ec.EllipticCurvePrivateKey):
            der = key.sign(data, ec.ECDSA(_ecdsa_hash(scheme, data), deterministic_signing=True))
            return _to_pair(der, _size(key)) if scheme.curve else der
    except ValueError as error:
        raise UnsupportedAlgorithm(f"a {type(key).__name__} does not sign by {scheme}: {error}") from None
    return key.sign(data)


def objection(scheme: Scheme, key: PublicKey, data: bytes, signature: bytes) -> str | None:
    """Why this is no signature over `data`, or None when it is one. Never raises."""
    if not scheme.fits(key):
        return "the key is not one for such a signature"
    if scheme.curve and isinstance(key, ec.EllipticCurvePublicKey):
        wanted = 2 * _size(key)
        if len(signature) != wanted:
            return f"the signature has {len(signature)} octets, not {wanted}"
        signature = _from_pair(signature)
    try:
        _verify(scheme, key, data, signature)
    except exceptions.InvalidSignature:
        return "the signature does not hold"
    except (ValueError, exceptions.UnsupportedAlgorithm):
        return "the key verifies no such signature"
    return None


def _verify(scheme: Scheme, key: PublicKey, data: bytes, signature: bytes) -> None:
    if isinstance(key, RSAPublicKey):
        key.verify(signature, data, _padding(scheme), _rsa_hash(scheme))  # type: ignore[arg-type]  # NoDigestInfo is documented
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, data, ec.ECDSA(_ecdsa_hash(scheme, data)))
    else:
        key.verify(signature, data)


def _padding(scheme: Scheme) -> padding.AsymmetricPadding:
    if scheme.family is Family.RSA_PSS:
        return padding.PSS(padding.MGF1(_HASHES[scheme.mask_hash]()), scheme.salt_size)
    return padding.PKCS1v15()


def _rsa_hash(scheme: Scheme) -> hashes.HashAlgorithm | NoDigestInfo:
    return NoDigestInfo() if scheme.hash == HashAlgorithm.IDENTITY else _HASHES[scheme.hash]()


def _ecdsa_hash(scheme: Scheme, data: bytes) -> hashes.HashAlgorithm | Prehashed:
    if scheme.hash != HashAlgorithm.IDENTITY:
        return _HASHES[scheme.hash]()
    digest = _BY_DIGEST_SIZE.get(len(data))
    if digest is None:
        raise ValueError(f"no digest has {len(data)} octets")
    return Prehashed(digest())


def _size(key: _EcKey) -> int:
    return (key.curve.key_size + 7) // 8


def _to_pair(der: bytes, size: int) -> bytes:
    r, s = decode_dss_signature(der)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _from_pair(pair: bytes) -> bytes:
    half = len(pair) // 2
    return encode_dss_signature(int.from_bytes(pair[:half], "big"), int.from_bytes(pair[half:], "big"))
