"""Key exchange methods by group number, the same in IKEv1 and IKEv2 where both have them.

The initiator makes a `Private` and sends its public value; the responder's `respond` answers with one of its own and has
the secret at once; the initiator's `shared` takes that answer. So Diffie-Hellman and ML-KEM look alike.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from harness.clock import Entropy
from harness.crypto.curves import CURVES, MONTGOMERY, EcpPrivate, MontgomeryPrivate, coordinate_size
from harness.crypto.ml_kem import ML_KEM_SIZES, MlKemPrivate, encapsulate
from harness.crypto.modp import MODP_GROUPS, ModpPrivate, exponent_bits, modp_size
from harness.crypto.modp import modp_prime as modp_prime
from harness.crypto.public_value import InvalidPublicValue as InvalidPublicValue
from harness.crypto.unsupported import UnsupportedAlgorithm

DIFFIE_HELLMAN = MODP_GROUPS | frozenset(CURVES) | frozenset(MONTGOMERY)
"""The methods in which either end may make its public value first, as IKEv1 needs it."""
GROUPS = DIFFIE_HELLMAN | frozenset(ML_KEM_SIZES)


class Private(Protocol):
    """The half of a key exchange of the end that begins, in Diffie-Hellman that of either end; used once."""

    group: int
    public: bytes

    def shared(self, peer_public: bytes, *, check: bool = True) -> bytes:
        """The shared secret at its full length, leading zeros kept (RFC 7296 section 2.14, RFC 5903 section 7).

        Raises InvalidPublicValue where RFC 6989 section 2 refuses the peer's value. `check=False` is for an end that
        does not obey: MODP, Curve25519 and Curve448 then compute with any value; the others have nothing to compute.
        """
        ...


@dataclass(frozen=True, slots=True)
class Response:
    """The responder's half of a key exchange: the public value it answers with, and the shared secret."""

    public: bytes
    shared: bytes = field(repr=False)


class KeyExchange:
    """A key exchange method by its group number; makes private values from entropy or from given secrets.

    `public_size`, `response_size` and `shared_size` are the octets of the initiator's and the responder's public value
    and of the secret. Raises UnsupportedAlgorithm for a group that is not in `GROUPS`.
    """

    __slots__ = ("group", "public_size", "response_size", "shared_size")

    def __init__(self, group: int) -> None:
        if group not in GROUPS:
            raise UnsupportedAlgorithm(f"no key exchange method {group} here")
        self.group = group
        self.public_size, self.response_size, self.shared_size = _sizes(group)

    def private(self, entropy: Entropy) -> Private:
        """A fresh private value; the same entropy gives the same value."""
        return self.from_secret(entropy.octets(_secret_size(self.group)))

    def from_secret(self, secret: bytes) -> Private:
        """The private value made of given octets: an exponent or scalar, big-endian, where it is a number.

        Exponents under 2 are raised to 2, scalars are taken modulo the group's order and are never 0. Curve25519 takes
        its 32 octets, Curve448 its 56, and ML-KEM its 64 (d and z) as they are.
        """
        if self.group in MODP_GROUPS:
            return ModpPrivate(self.group, max(int.from_bytes(secret, "big"), 2))
        if self.group in CURVES:
            order = CURVES[self.group].group_order
            return EcpPrivate(self.group, int.from_bytes(secret, "big") % order or 1)
        if self.group in MONTGOMERY:
            return MontgomeryPrivate(self.group, secret)
        return MlKemPrivate(self.group, secret)

    def respond(self, peer_public: bytes, entropy: Entropy, *, check: bool = True) -> Response:
        """The responder's half, fresh, to the initiator's public value; the same entropy gives the same.

        Raises InvalidPublicValue, and takes `check=False`, as `Private.shared` does.
        """
        if self.group in ML_KEM_SIZES:
            return Response(*encapsulate(self.group, peer_public, entropy))
        private = self.private(entropy)
        return Response(private.public, private.shared(peer_public, check=check))


@lru_cache(maxsize=64)
def key_exchange(group: int) -> KeyExchange:
    """The key exchange method with this group number. Raises UnsupportedAlgorithm."""
    return KeyExchange(group)


def _sizes(group: int) -> tuple[int, int, int]:
    if group in MODP_GROUPS:
        return (modp_size(group),) * 3
    if group in CURVES:
        size = coordinate_size(group)
        return 2 * size, 2 * size, size
    if group in MONTGOMERY:
        return (MONTGOMERY[group][0],) * 3
    return *ML_KEM_SIZES[group], 32


def _secret_size(group: int) -> int:
    if group in MODP_GROUPS:
        return exponent_bits(group) // 8
    if group in CURVES:
        return coordinate_size(group) + 8  # eight octets more than the order: no bias that matters
    return MONTGOMERY[group][0] if group in MONTGOMERY else 64
