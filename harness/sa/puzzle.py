"""RFC 8019 sections 4.4 and 7: what a puzzle asks for, and how good an answer is."""

from harness.crypto import prf

KEYS = 4
"""How many keys solve a puzzle (RFC 8019 section 7.1.3)."""


def zero_bits(prf_id: int, key: bytes, octets: bytes) -> int:
    """The trailing zero bits of prf(key, octets). Raises UnsupportedAlgorithm."""
    number = int.from_bytes(prf(prf_id)(key, octets), "big")
    return (number & -number).bit_length() - 1 if number else 8 * prf(prf_id).size


def puzzle(prf_id: int, difficulty: int) -> bytes:
    """The data of a PUZZLE notify: PRF, then difficulty (RFC 8019 section 8.1)."""
    return prf_id.to_bytes(2, "big") + bytes((difficulty,))


def auth_string(nr: bytes, spi_r: bytes) -> bytes:
    """What a puzzle of IKE_AUTH is about: Nr | SPIr; one of IKE_SA_INIT is about the cookie (RFC 8019 section 7.2.3)."""
    return nr + spi_r
