"""MD4 (RFC 1320), which OpenSSL 3 keeps in a provider that is not loaded; MS-CHAP hashes passwords with it, nothing else may."""

from struct import Struct

_BLOCK = 64
_WORDS = Struct("<16I")
_STATE = Struct("<4I")
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_ROUNDS = (
    (0x00000000, (3, 7, 11, 19), tuple(range(16))),
    (0x5A827999, (3, 5, 9, 13), (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)),
    (0x6ED9EBA1, (3, 9, 11, 15), (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)),
)
"""Of each round: the constant, the four shifts, the order of the words (RFC 1320 section 3.4)."""


def md4(data: bytes) -> bytes:
    """The 16 octets of the digest."""
    fill = -(len(data) + 9) % _BLOCK
    padded = data + b"\x80" + bytes(fill) + (8 * len(data)).to_bytes(8, "little")
    state: tuple[int, ...] = _START
    for at in range(0, len(padded), _BLOCK):
        state = _compressed(state, _WORDS.unpack_from(padded, at))
    return _STATE.pack(*state)


def _compressed(state: tuple[int, ...], words: tuple[int, ...]) -> tuple[int, ...]:
    a, b, c, d = state
    for number, (constant, shifts, order) in enumerate(_ROUNDS):
        for step, index in enumerate(order):
            mixed = a + _mix(number, b, c, d) + words[index] + constant
            a, b, c, d = d, _rotated(mixed & 0xFFFFFFFF, shifts[step % 4]), b, c
    return tuple((old + new) & 0xFFFFFFFF for old, new in zip(state, (a, b, c, d), strict=True))


def _mix(number: int, x: int, y: int, z: int) -> int:
    """F, G or H of RFC 1320 section 3.4: choice, majority, parity."""
    if number == 0:
        return (x & y) | (~x & z)
    if number == 1:
        return (x & y) | (x & z) | (y & z)
    return x ^ y ^ z


def _rotated(word: int, count: int) -> int:
    return (word << count | word >> (32 - count)) & 0xFFFFFFFF
