"""Integrity algorithms against RFC 2202 and RFC 4868 section 2.7.2."""

import pytest

from harness.codes import Integ
from harness.crypto import UnsupportedAlgorithm, integrity, integrity_key_size

TEXT = b"Test With Truncation"
WANT = b"what do ya want for nothing?"
VECTORS = [
    (Integ.AUTH_HMAC_MD5_96, b"\x0c" * 16, TEXT, "56461ef2342edc00f9bab995"),
    (Integ.AUTH_HMAC_SHA1_96, b"\x0c" * 20, TEXT, "4c1a03424b55e07fe7f27be1"),
    (Integ.AUTH_HMAC_SHA2_256_128, b"\x0b" * 32, b"Hi There", "198a607eb44bfbc69903a0f1cf2bbdc5"),
    (Integ.AUTH_HMAC_SHA2_256_128, b"Jefe" * 8, WANT, "167f928588c5cc2eef8e3093caa0e87c"),
    (
        Integ.AUTH_HMAC_SHA2_384_192,
        b"\x0b" * 48,
        b"Hi There",
        "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee973",
    ),
    (
        Integ.AUTH_HMAC_SHA2_384_192,
        b"Jefe" * 12,
        WANT,
        "2c7353974f1842fd66d53c452ca42122b28c0b594cfb184d",
    ),
    (
        Integ.AUTH_HMAC_SHA2_512_256,
        b"\x0b" * 64,
        b"Hi There",
        "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8",
    ),
    (
        Integ.AUTH_HMAC_SHA2_512_256,
        b"Jefe" * 16,
        WANT,
        "cb370917ae8a7ce28cfd1d8f4705d6141c173b2a9362c15df235dfb251b15454",
    ),
]


@pytest.mark.parametrize(("algorithm", "key", "data", "icv"), VECTORS)
def test_the_icv_is_the_published_one(algorithm: Integ, key: bytes, data: bytes, icv: str) -> None:
    """Every integrity algorithm gives the truncated value printed in RFC 2202 and RFC 4868."""
    assert integrity(algorithm).icv(key, data).hex() == icv


@pytest.mark.parametrize(("algorithm", "key", "data", "icv"), VECTORS)
def test_key_and_icv_have_their_lengths(algorithm: Integ, key: bytes, data: bytes, icv: str) -> None:
    """The table's key and ICV lengths are those of the published vectors."""
    assert (integrity(algorithm).key_size, integrity(algorithm).icv_size) == (len(key), len(icv) // 2)


def test_an_altered_octet_breaks_the_icv() -> None:
    """The ICV holds over its own data, and over no other."""
    check = integrity(Integ.AUTH_HMAC_SHA2_256_128)
    icv = check.icv(bytes(32), b"data")

    assert check.holds(bytes(32), b"data", icv)
    assert not check.holds(bytes(32), b"dada", icv)


def test_no_integrity_takes_no_key() -> None:
    """NONE takes no key, and is no algorithm that could be run."""
    assert integrity_key_size(Integ.NONE) == 0

    with pytest.raises(UnsupportedAlgorithm, match="integrity algorithm 0"):
        integrity(Integ.NONE)
