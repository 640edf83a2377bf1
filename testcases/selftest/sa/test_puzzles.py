"""Puzzles of RFC 8019, by its text: under the keys of its examples HMAC-SHA-256 leaves no zero bits, so they prove nothing.

Counted are the bits at the end of the results that RFC 4231 publishes.
"""

import pytest

from harness.codes import Prf
from harness.sa.puzzle import auth_string, puzzle, zero_bits

SHA_256 = Prf.PRF_HMAC_SHA2_256


@pytest.mark.parametrize(
    ("key", "octets", "bits"),
    [
        (b"\x0b" * 20, b"Hi There", 0),  # test case 1, ends in …cff7
        (b"\xaa" * 20, b"\xdd" * 50, 1),  # test case 3, ends in …65fe
        (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First", 2),  # 6, …7f54
    ],
)
def test_zero_bits_are_counted_from_the_end_of_the_published_result(
    key: bytes, octets: bytes, bits: int
) -> None:
    """The trailing zero bits are those of the PRF's last octets."""
    assert zero_bits(SHA_256, key, octets) == bits


def test_the_notify_names_prf_and_difficulty() -> None:
    """The data of PUZZLE is three octets: the PRF's transform id and the difficulty (RFC 8019 section 8.1)."""
    assert puzzle(SHA_256, 18).hex() == "000512"


def test_the_puzzle_of_ike_auth_is_about_nonce_and_spi() -> None:
    """S is Nr | SPIr (RFC 8019 section 7.2.3)."""
    assert auth_string(b"nonce", b"respond!") == b"noncerespond!"
