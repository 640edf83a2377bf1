"""MODP groups: those with primes from the digits of pi (RFC 2409 section 6, RFC 3526), and those of RFC 5114.

Powers are computed here because hostile and degenerate public values have to be computable.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module

from harness.codes import Group
from harness.crypto.public_value import InvalidPublicValue, check_length
from harness.crypto.rfc5114 import SUBGROUPS
from harness.crypto.unsupported import UnsupportedAlgorithm


def _power() -> Callable[[int, int, int], int]:
    try:
        fast: Callable[[int, int, int], int] = import_module("gmpy2").powmod
    except ImportError:
        return pow
    return fast


_powmod = _power()

_DIGIT_BITS = 6


@dataclass(frozen=True)
class ModpGroup:
    """A group of numbers modulo a prime; `order` is that of the small subgroup the generator makes, if it makes one."""

    prime: int
    generator: int
    exponent_bits: int
    order: int | None = None

    @property
    def size(self) -> int:
        """Octets of a public value and of the shared secret: those of the modulus (RFC 7296 sections 2.14, 3.4)."""
        return self.prime.bit_length() // 8

    def check(self, public: bytes) -> None:
        """Raises InvalidPublicValue for what RFC 6989 sections 2.1 and 2.2 refuse."""
        check_length(public, self.size)
        value = int.from_bytes(public, "big")
        if not 1 < value < self.prime - 1:
            raise InvalidPublicValue("the public value is not in 2 … p-2")
        if self.order is not None and _powmod(value, self.order, self.prime) != 1:
            raise InvalidPublicValue("the public value is not in the subgroup")

    def power(self, base: int, exponent: int) -> bytes:
        """A power of any number, at the modulus' length."""
        return int(_powmod(base, exponent, self.prime)).to_bytes(self.size, "big")

    def power_of_generator(self, exponent: int) -> bytes:
        """A power of the generator, by table: four times faster than by squaring."""
        if exponent.bit_length() > self.exponent_bits:
            return self.power(self.generator, exponent)
        modulus, rows = self._powers
        mask = (1 << _DIGIT_BITS) - 1
        power = rows[0][exponent & mask]
        for row in rows[1:]:
            exponent >>= _DIGIT_BITS
            power = power * row[exponent & mask] % modulus
        return int(power).to_bytes(self.size, "big")

    @cached_property
    def _powers(self) -> tuple[int, list[list[int]]]:
        """The prime, and for each digit of an exponent the powers of the generator that its values stand for.

        All numbers are of the kind that `_powmod` returns, so that they multiply as fast.
        """
        prime = self.prime
        modulus, base = _powmod(prime, 1, prime + 1), _powmod(self.generator, 1, prime)
        rows = []
        for _ in range(-(-self.exponent_bits // _DIGIT_BITS)):
            row = [_powmod(1, 1, prime)]
            for _ in range((1 << _DIGIT_BITS) - 1):
                row.append(row[-1] * base % modulus)
            rows.append(row)
            base = row[-1] * base % modulus
        return modulus, rows


class ModpPrivate:
    """An exponent of a MODP group; `public` is the generator to its power, at the modulus' length."""

    __slots__ = ("_exponent", "_numbers", "group", "public")

    def __init__(self, group: int, exponent: int) -> None:
        self.group = group
        self._numbers = modp_group(group)
        self._exponent = exponent
        self.public = self._numbers.power_of_generator(exponent)

    def shared(self, peer_public: bytes, *, check: bool = True) -> bytes:
        """The peer's value to the power of the exponent, at the modulus' length (RFC 7296 section 2.14)."""
        if check:
            self._numbers.check(peer_public)
        return self._numbers.power(int.from_bytes(peer_public, "big"), self._exponent)


# --- safe primes --------------------------------------------------------------------------------------------------

# Bits of the prime, and the constant that its definition adds to the bits of pi.
_FROM_PI = {
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


def _prime_from_pi(bits: int, constant: int) -> int:
    return (1 << bits) - (1 << (bits - 64)) - 1 + ((_pi_bits(bits - 130) + constant) << 64)


# --- by number ------------------------------------------------------------------------------------------------------

MODP_GROUPS = frozenset(_FROM_PI) | frozenset(SUBGROUPS)


@lru_cache(maxsize=len(MODP_GROUPS))
def modp_group(group: int) -> ModpGroup:
    """The MODP group with this number. Raises UnsupportedAlgorithm for a group that is not MODP."""
    if group in SUBGROUPS:
        prime, generator, order = SUBGROUPS[group]
        return ModpGroup(prime, generator, order.bit_length(), order)
    if group not in _FROM_PI:
        raise UnsupportedAlgorithm(f"group {group} is no MODP group known here")
    bits, constant = _FROM_PI[group]
    return ModpGroup(_prime_from_pi(bits, constant), 2, exponent_bits(group))


def exponent_bits(group: int) -> int:
    """Bits of the exponents that are drawn for a MODP group."""
    if group in SUBGROUPS:
        return SUBGROUPS[group][2].bit_length()
    return _EXPONENT_BITS.get(_FROM_PI[group][0], 256)


def modp_size(group: int) -> int:
    """Octets of the modulus of a MODP group."""
    bits = SUBGROUPS[group][0].bit_length() if group in SUBGROUPS else _FROM_PI[group][0]
    return bits // 8


def modp_prime(group: int) -> int:
    """The prime of a MODP group. Raises UnsupportedAlgorithm for a group that is not MODP."""
    return modp_group(group).prime
