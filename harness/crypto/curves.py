"""Elliptic curves: ECP groups (RFC 5903, RFC 5114, RFC 6954), Curve25519 and Curve448 (RFC 8031)."""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.codes import Group
from harness.crypto.public_value import InvalidPublicValue, check_length

CURVES: dict[int, ec.EllipticCurve] = {
    int(Group.ECP_192): ec.SECP192R1(),
    int(Group.ECP_224): ec.SECP224R1(),
    int(Group.ECP_256): ec.SECP256R1(),
    int(Group.ECP_384): ec.SECP384R1(),
    int(Group.ECP_521): ec.SECP521R1(),
    int(Group.BRAINPOOL_P256R1): ec.BrainpoolP256R1(),
    int(Group.BRAINPOOL_P384R1): ec.BrainpoolP384R1(),
    int(Group.BRAINPOOL_P512R1): ec.BrainpoolP512R1(),
}
_ECDH = ec.ECDH()


def coordinate_size(group: int) -> int:
    """Octets of a coordinate in an ECP group."""
    return (CURVES[group].key_size + 7) // 8


class EcpPrivate:
    """A scalar of an ECP group; `public` is x and y of its point (RFC 5903 section 7, RFC 6954 section 2)."""

    __slots__ = ("_key", "group", "public")

    def __init__(self, group: int, scalar: int) -> None:
        self.group = group
        self._key = ec.derive_private_key(scalar, CURVES[group])
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public = point[1:]

    def shared(self, peer_public: bytes, *, check: bool = True) -> bytes:  # noqa: ARG002  # called as other methods are; the library always checks the point
        """The x coordinate of the shared point (RFC 5903 section 7); the peer's point is on the curve (RFC 6989 2.3)."""
        check_length(peer_public, len(self.public))
        try:
            peer = ec.EllipticCurvePublicKey.from_encoded_point(self._key.curve, b"\x04" + peer_public)
            return self._key.exchange(_ECDH, peer)
        except ValueError:
            raise InvalidPublicValue("the public value is no point of the curve") from None


_Private = type[X25519PrivateKey] | type[X448PrivateKey]
_Public = type[X25519PublicKey] | type[X448PublicKey]
MONTGOMERY: dict[int, tuple[int, _Private, _Public]] = {
    int(Group.CURVE25519): (32, X25519PrivateKey, X25519PublicKey),
    int(Group.CURVE448): (56, X448PrivateKey, X448PublicKey),
}


class MontgomeryPrivate:
    """A scalar of Curve25519 or Curve448; `public` is the u coordinate, 32 or 56 octets (RFC 8031 section 2)."""

    __slots__ = ("_key", "_public_key", "group", "public")

    def __init__(self, group: int, scalar: bytes) -> None:
        _, private_key, self._public_key = MONTGOMERY[group]
        self.group = group
        self._key = private_key.from_private_bytes(scalar)
        self.public: bytes = self._key.public_key().public_bytes_raw()

    def shared(self, peer_public: bytes, *, check: bool = True) -> bytes:
        """The u coordinate of the shared point; all-zero results are refused (RFC 7748 section 6)."""
        size = len(self.public)
        check_length(peer_public, size)
        try:
            peer = self._public_key.from_public_bytes(peer_public)
            return self._key.exchange(peer)  # type: ignore[arg-type]  # both are of one curve
        except ValueError:
            if not check:
                return bytes(size)
            raise InvalidPublicValue("the public value is a point of low order") from None
