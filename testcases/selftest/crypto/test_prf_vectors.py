"""Pseudorandom functions against RFC 2202, RFC 4868 section 2.7.1 (RFC 4231), RFC 4434, RFC 4615 and NIST's samples for SP 800-135."""

import pytest

from harness.codes import Prf
from harness.crypto import PRFS, UnsupportedAlgorithm, prf

LONG = b"Test Using Larger Than Block-Size Key - Hash Key First"
RFC_2202 = [
    (Prf.PRF_HMAC_MD5, b"\x0b" * 16, b"Hi There", "9294727a3638bb1c13f48ef8158bfc9d"),
    (Prf.PRF_HMAC_MD5, b"Jefe", b"what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"),
    (Prf.PRF_HMAC_MD5, b"\xaa" * 80, LONG, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"),
    (Prf.PRF_HMAC_SHA1, b"\x0b" * 20, b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
    (Prf.PRF_HMAC_SHA1, b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    (Prf.PRF_HMAC_SHA1, b"\xaa" * 80, LONG, "aa4ae5e15272d00e95705637ce8a3b55ed402112"),
]
RFC_4868 = [
    (
        Prf.PRF_HMAC_SHA2_256,
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        Prf.PRF_HMAC_SHA2_384,
        b"\x0b" * 20,
        b"Hi There",
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
    ),
    (
        Prf.PRF_HMAC_SHA2_512,
        b"\x0b" * 20,
        b"Hi There",
        (
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
            "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
        ),
    ),
    (
        Prf.PRF_HMAC_SHA2_256,
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        Prf.PRF_HMAC_SHA2_384,
        b"Jefe",
        b"what do ya want for nothing?",
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
    ),
    (
        Prf.PRF_HMAC_SHA2_512,
        b"Jefe",
        b"what do ya want for nothing?",
        (
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        ),
    ),
]
COUNTED = bytes(range(20))
RFC_4434 = [  # section 2.1
    (Prf.PRF_AES128_XCBC, bytes(range(16)), COUNTED, "47f51b4564966215b8985c63055ed308"),
    (Prf.PRF_AES128_XCBC, bytes(range(10)), COUNTED, "0fa087af7d866e7653434e602fdde835"),
    (Prf.PRF_AES128_XCBC, bytes(range(16)) + b"\xed\xcb", COUNTED, "8cd3c93ae598a9803006ffb67c40e9e4"),
]
RFC_4615 = [  # section 4
    (Prf.PRF_AES128_CMAC, bytes(range(16)) + b"\xed\xcb", COUNTED, "84a348a4a45d235babfffc0d2b4da09a"),
    (Prf.PRF_AES128_CMAC, bytes(range(16)), COUNTED, "980ae87b5f4c9c5214f5b6a8455e4c2d"),
    (Prf.PRF_AES128_CMAC, bytes(range(10)), COUNTED, "290d9e112edb09ee141fcf64c0b72f3d"),
]


@pytest.mark.parametrize(("algorithm", "key", "data", "expected"), RFC_2202 + RFC_4868 + RFC_4434 + RFC_4615)
def test_prf_gives_the_published_output(algorithm: Prf, key: bytes, data: bytes, expected: str) -> None:
    """Every pseudorandom function gives the output that its RFC prints, whatever the key's length."""
    assert prf(algorithm)(key, data).hex() == expected


# NIST's samples for the key derivation of IKEv2 with SHA-1 (SP 800-135 component validation).
SKEYSEED = bytes.fromhex("a9a7b222b59f8f48645f28a1db5b5f5d7479cba7")
SEED = bytes.fromhex("32b50d5f4a3763f39206a04b26564cb134c9e7c1888687853ff77d760d2b2199")
STREAM = (
    "a14293677cc80ff8f9cc0eee30d895da9d8f405666e30ef0dfcb63c634a46002a2a63080e514a062768b76606f9fa5e9"
    "92204fc5a670bde3f10d6b027113936a5c55b648a194ae587b0088d52204b702c979fa280870d2ed41efa9c549fd1119"
    "8af1670b143d384bd275c5f594cf266b05ebadca855e4249520a441a81157435a7a56cc4"
)


@pytest.mark.parametrize("size", [0, 15, 20, 40, 132])
def test_prf_plus_is_cut_anywhere(size: int) -> None:
    """prf+ gives NIST's stream, cut inside and between its blocks."""
    assert prf(Prf.PRF_HMAC_SHA1).plus(SKEYSEED, SEED, size).hex() == STREAM[: 2 * size]


def test_prf_plus_ends_after_255_blocks() -> None:
    """prf+ is not defined beyond a counter of one octet."""
    assert len(prf(Prf.PRF_HMAC_SHA1).plus(b"", b"", 255 * 20)) == 255 * 20

    with pytest.raises(ValueError, match="255 blocks"):
        prf(Prf.PRF_HMAC_SHA1).plus(b"", b"", 255 * 20 + 1)


@pytest.mark.parametrize("algorithm", [Prf.PRF_AES128_XCBC, Prf.PRF_AES128_CMAC])
def test_the_nonces_make_half_a_key_each_for_aes(algorithm: Prf) -> None:
    """A function of one block takes 64 bits of each nonce for SKEYSEED (RFC 7296 section 2.14)."""
    assert prf(algorithm).nonce_key(b"i" * 32, b"r" * 16) == b"i" * 8 + b"r" * 8


def test_the_nonces_are_the_key_of_an_hmac() -> None:
    """HMAC takes both nonces whole for SKEYSEED (RFC 7296 section 2.14)."""
    assert prf(Prf.PRF_HMAC_SHA2_256).nonce_key(b"i" * 32, b"r" * 16) == b"i" * 32 + b"r" * 16


def test_a_prf_knows_its_hash() -> None:
    """The hash under HMAC-MD5 is MD5: of "abc" as in RFC 1321 appendix A.5."""
    assert prf(Prf.PRF_HMAC_MD5).hash(b"abc").hex() == "900150983cd24fb0d6963f7d28e17f72"


def test_an_unknown_prf_is_named() -> None:
    """A prf that is not in the table is refused by its number."""
    assert 1024 not in PRFS

    with pytest.raises(UnsupportedAlgorithm, match="1024"):
        prf(1024)
