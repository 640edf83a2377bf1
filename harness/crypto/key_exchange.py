"""Key exchange methods by group number, the same in IKEv1 and IKEv2.

MODP groups (RFC 2409 section 6, RFC 3526), ECP groups (RFC 5903), Curve25519 (RFC 8031).
MODP powers are computed here because hostile and degenerate public values have to be computable.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.clock import Entropy
from harness.codes import Group
from harness.crypto.unsupported import UnsupportedAlgorithm


class InvalidPublicValue(ValueError):
    """A peer's public value that must not be used (RFC 6989 section 2); `why` is one sentence part."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Private(Protocol):
    """One end's half of a key exchange; used once."""

    group: int
    public: bytes

    def shared(self, peer_public: bytes, *, check: bool = True) -> bytes:
        """The shared secret at its full length, leading zeros kept (RFC 7296 section 2.14, RFC 5903 section 7).

        Raises InvalidPublicValue where RFC 6989 section 2 refuses the peer's value. `check=False` is for an end that
        does not obey: MODP and Curve25519 then compute with any value; ECP still refuses points off the curve.
        """
        ...


def _power() -> Callable[[int, int, int], int]:
    try:
        fast: Callable[[int, int, int], int] = import_module("gmpy2").powmod
    except ImportError:
        return pow
    return fast


_powmod = _power()


def _pi_bits(count: int) -> int:
    """The integer part of pi * 2**count, by Machin's formula."""
    guard = 64
    one = 1 << (count + guard)

    def arctan_of_inverse(n: int) -> int:
        term = total = one // n
        divisor, sign = 3, -1
        while term:
            term //= n * n
            total += sign * (term // divisor)
            divisor, sign = divisor + 2, -sign
        return total

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) >> guard


# Bits of the prime, and the constant that its definition adds to the bits of pi.
_MODP = {
    int(Group.MODP_768): (768, 149686),
    int(Group.MODP_1024): (1024, 129093),
    int(Group.MODP_1536): (1536, 741804),
    int(Group.MODP_2048): (2048, 124476),
    int(Group.MODP_3072): (3072, 1690314),
    int(Group.MODP_4096): (4096, 240904),
    int(Group.MODP_6144): (6144, 929484),
    int(Group.MODP_8192): (8192, 4743158),
}
# Twice the strength of the group in bits, and never under 256 (RFC 3526 section 8).
_EXPONENT_BITS = {4096: 304, 6144: 352, 8192: 400}


@lru_cache(maxsize=len(_MODP))
def modp_prime(group: int) -> int:
    """The prime of a MODP group, from its definition by the digits of pi (RFC 2409 section 6, RFC 3526).

    Raises UnsupportedAlgorithm for a group that is not MODP.
    """
    if group not in _MODP:
        raise UnsupportedAlgorithm(f"group {group} is no MODP group known here")
    bits, constant = _MODP[group]
    return (1 << bits) - (1 << (bits - 64)) - 1 + ((_pi_bits(bits - 130) + constant) << 64)


_DIGIT_BITS = 6


@lru_cache(maxsize=len(_MODP))
def _powers_of_two(group: int) -> tuple[int, list[list[int]]]:
    """The prime, and for each digit of an exponent the powers of two that its values stand for.

    Made once per group; all numbers are of the kind that `_powmod` returns, so that they multiply as fast.
    """
    prime = modp_prime(group)
    modulus, base = _powmod(prime, 1, prime + 1), _powmod(2, 1, prime)
    rows = []
    for _ in range(-(-_exponent_bits(group) // _DIGIT_BITS)):
        row = [_powmod(1, 1, prime)]
        for _ in range((1 << _DIGIT_BITS) - 1):
            row.append(row[-1] * base % modulus)
        rows.append(row)
        base = row[-1] * base % modulus
    return modulus, rows


def _power_of_two(group: int, exponent: int) -> int:
    """2 to the power of `exponent` in a MODP group, by table: four times faster than by squaring."""
    if exponent.bit_length() > _exponent_bits(group):
        return _powmod(2, exponent, modp_prime(group))
    modulus, rows = _powers_of_two(group)
    mask = (1 << _DIGIT_BITS) - 1
    power = rows[0][exponent & mask]
    for row in rows[1:]:
        exponent >>= _DIGIT_BITS
        power = power * row[exponent & mask] % modulus
    return power


def _exponent_bits(group: int) -> int:
    return _EXPONENT_BITS.get(_MODP[group][0], 256)


class ModpPrivate:
    """An exponent of a MODP group; `public` is 2 to its power, at the modulus' length."""

    __slots__ = ("_exponent", "group", "public")

    def __init__(self, group: int, exponent: int) -> None:
        prime = modp_prime(group)
        self.group = group
        self._exponent = exponent
        self.public = int(_power_of_two(group, exponent)).to_bytes(prime.bit_length() // 8, "big")

    def shared(self, peer_public: bytes, *, check: bool = True) -> bytes:
        """The peer's value to the power of the exponent, at the modulus' length (RFC 7296 section 2.14)."""
        prime = modp_prime(self.group)
        size = prime.bit_length() // 8
        peer = int.from_bytes(peer_public, "big")
        if check:
            _check_modp(peer, len(peer_public), prime)
        return int(_powmod(peer, self._exponent, prime)).to_bytes(size, "big")


def _check_modp(value: int, length: int, prime: int) -> None:
    size = prime.bit_length() // 8
    if length != size:  # RFC 7296 section 3.4: the length is that of the modulus
        raise InvalidPublicValue(f"the public value has {length} octets, the group has {size}")
    if not 1 < value < prime - 1:  # RFC 6989 section 2.1, safe primes
        raise InvalidPublicValue("the public value is not in 2 … p-2")


class _Curve:
    __slots__ = ("curve", "order", "size")

    def __init__(self, curve: ec.EllipticCurve, order: int) -> None:
        self.curve = curve
        self.order = order
        self.size = (curve.key_size + 7) // 8


_CURVES = {
    int(Group.ECP_256): _Curve(
        ec.SECP256R1(), 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    ),
    int(Group.ECP_384): _Curve(
        ec.SECP384R1(),
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
    int(Group.ECP_521): _Curve(
        ec.SECP521R1(),
        0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
    ),
}
_ECDH = ec.ECDH()


class EcpPrivate:
    """A scalar of an ECP group; `public` is x and y of its point (RFC 5903 section 7)."""

    __slots__ = ("_curve", "_key", "group", "public")

    def __init__(self, group: int, scalar: int) -> None:
        self.group = group
        self._curve = _CURVES[group]
        self._key = ec.derive_private_key(scalar, self._curve.curve)
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public = point[1:]

    def shared(self, peer_public: bytes, *, check: bool = True) -> bytes:  # noqa: ARG002  # a point off the curve has no multiple
        """The x coordinate of the shared point (RFC 5903 section 7); the peer's point is on the curve (RFC 6989 2.3)."""
        size = 2 * self._curve.size
        if len(peer_public) != size:
            raise InvalidPublicValue(f"the public value has {len(peer_public)} octets, the group has {size}")
        try:
            peer = ec.EllipticCurvePublicKey.from_encoded_point(self._curve.curve, b"\x04" + peer_public)
            return self._key.exchange(_ECDH, peer)
        except ValueError:
            raise InvalidPublicValue("the public value is no point of the curve") from None


class Curve25519Private:
    """A scalar of Curve25519; `public` is the u coordinate, 32 octets (RFC 8031 section 2)."""

    __slots__ = ("_key", "group", "public")

    def __init__(self, group: int, scalar: bytes) -> None:
        self.group = group
        self._key = X25519PrivateKey.from_private_bytes(scalar)
        self.public = self._key.public_key().public_bytes_raw()

    def shared(self, peer_public: bytes, *, check: bool = True) -> bytes:
        """The u coordinate of the shared point; all-zero results are refused (RFC 7748 section 6.1)."""
        if len(peer_public) != 32:
            raise InvalidPublicValue(f"the public value has {len(peer_public)} octets, the group has 32")
        try:
            return self._key.exchange(X25519PublicKey.from_public_bytes(peer_public))
        except ValueError:
            if not check:
                return bytes(32)
            raise InvalidPublicValue("the public value is a point of low order") from None


class KeyExchange:
    """A key exchange method by its group number; makes private values from entropy or from given secrets.

    `public_size` and `shared_size` are octets. Raises UnsupportedAlgorithm for a group that is not in `GROUPS`.
    """

    __slots__ = ("group", "public_size", "shared_size")

    def __init__(self, group: int) -> None:
        if group not in GROUPS:
            raise UnsupportedAlgorithm(f"no key exchange method {group} here")
        self.group = group
        self.public_size, self.shared_size = _sizes(group)

    def private(self, entropy: Entropy) -> Private:
        """A fresh private value; the same entropy gives the same value."""
        return self.from_secret(entropy.octets(_secret_size(self.group)))

    def from_secret(self, secret: bytes) -> Private:
        """The private value made of given octets: an exponent or scalar, big-endian; Curve25519 takes its 32 as they are.

        Exponents under 2 are raised to 2, scalars are taken modulo the group's order and are never 0.
        """
        if self.group == Group.CURVE25519:
            return Curve25519Private(self.group, secret)
        number = int.from_bytes(secret, "big")
        if self.group in _MODP:
            return ModpPrivate(self.group, max(number, 2))
        return EcpPrivate(self.group, number % _CURVES[self.group].order or 1)


@lru_cache(maxsize=32)
def key_exchange(group: int) -> KeyExchange:
    """The key exchange method with this group number. Raises UnsupportedAlgorithm."""
    return KeyExchange(group)


GROUPS = frozenset(_MODP) | frozenset(_CURVES) | {int(Group.CURVE25519)}


def _sizes(group: int) -> tuple[int, int]:
    if group in _MODP:
        return (_MODP[group][0] // 8,) * 2
    if group in _CURVES:
        return 2 * _CURVES[group].size, _CURVES[group].size
    return 32, 32


def _secret_size(group: int) -> int:
    if group in _MODP:
        return _exponent_bits(group) // 8
    if group in _CURVES:
        return _CURVES[group].size + 8  # eight octets more than the order: no bias that matters
    return 32
