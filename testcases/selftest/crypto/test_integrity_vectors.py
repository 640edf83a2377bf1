"""Integrity algorithms against RFC 2202, RFC 4868 section 2.7.2, RFC 3566 section 4.6 and RFC 4493 section 4 (RFC 4494)."""

import pytest

from harness.codes import Integ
from harness.crypto import UnsupportedAlgorithm, integrity, integrity_key_size
from harness.crypto.aes_mac import cmac, xcbc

TEXT = b"Test With Truncation"
WANT = b"what do ya want for nothing?"
VECTORS = [
    (Integ.AUTH_HMAC_MD5_96, b"\x0c" * 16, TEXT, "56461ef2342edc00f9bab995"),
    (Integ.AUTH_HMAC_MD5_128, b"\x0c" * 16, TEXT, "56461ef2342edc00f9bab995690efd4c"),
    (Integ.AUTH_HMAC_SHA1_96, b"\x0c" * 20, TEXT, "4c1a03424b55e07fe7f27be1"),
    (Integ.AUTH_HMAC_SHA1_160, b"\x0c" * 20, TEXT, "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"),
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
COUNTED = bytes(range(16))
RFC_3566 = [
    (b"", "75f0251d528ac01c4573dfd584d79f29"),
    (bytes(range(3)), "5b376580ae2f19afe7219ceef172756f"),
    (bytes(range(16)), "d2a246fa349b68a79998a4394ff7a263"),
    (bytes(range(20)), "47f51b4564966215b8985c63055ed308"),
    (bytes(range(32)), "f54f0ec8d2b9f3d36807734bd5283fd4"),
    (bytes(range(34)), "becbb3bccdb518a30677d5481fb6b4d8"),
    (bytes(1000), "f0dafee895db30253761103b5d84528f"),
]
RFC_4493_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
RFC_4493_TEXT = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
RFC_4493 = [
    (0, "bb1d6929e95937287fa37d129b756746"),
    (16, "070a16b46b4d4144f79bdd9dd04a287c"),
    (40, "dfa66747de9ae63030ca32611497c827"),
    (64, "51f0bebf7e3b9d92fc49741779363cfe"),
]
VECTORS += [(Integ.AUTH_AES_XCBC_96, COUNTED, data, code[:24]) for data, code in RFC_3566]
VECTORS += [
    (Integ.AUTH_AES_CMAC_96, RFC_4493_KEY, RFC_4493_TEXT[:size], code[:24]) for size, code in RFC_4493
]


@pytest.mark.parametrize(("data", "code"), RFC_3566)
def test_xcbc_is_the_published_one(data: bytes, code: str) -> None:
    """AES-XCBC-MAC gives what RFC 3566 section 4.6 prints, before it is cut short."""
    assert xcbc(COUNTED, data).hex() == code


@pytest.mark.parametrize(("size", "code"), RFC_4493)
def test_cmac_is_the_published_one(size: int, code: str) -> None:
    """AES-CMAC gives what RFC 4493 section 4 prints, before it is cut short."""
    assert cmac(RFC_4493_KEY, RFC_4493_TEXT[:size]).hex() == code


@pytest.mark.parametrize(("algorithm", "key", "data", "icv"), VECTORS)
def test_the_icv_is_the_published_one(algorithm: Integ, key: bytes, data: bytes, icv: str) -> None:
    """Every integrity algorithm gives the truncated value that its RFC prints."""
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


@pytest.mark.parametrize(
    ("algorithm", "size"),
    [(Integ.AUTH_AES_128_GMAC, 20), (Integ.AUTH_AES_192_GMAC, 28), (Integ.AUTH_AES_256_GMAC, 36)],
)
def test_gmac_takes_its_salt_with_the_key(algorithm: Integ, size: int) -> None:
    """AH's AES-GMAC has keying material though no ICV is computed here (RFC 4543 section 5.4)."""
    assert integrity_key_size(algorithm) == size


@pytest.mark.parametrize("algorithm", [Integ.AUTH_DES_MAC, Integ.AUTH_KPDK_MD5, 1024])
def test_an_unknown_key_length_is_refused(algorithm: int) -> None:
    """An algorithm that is not here is refused by its number."""
    with pytest.raises(UnsupportedAlgorithm, match=str(int(algorithm))):
        integrity_key_size(algorithm)
