"""Combined-mode ciphers against McGrew and Viega's GCM submission, test cases 4, 10 and 16, and RFC 7634 appendix B."""

import pytest

from harness.codes import Encr
from harness.crypto import UnsupportedAlgorithm, aead, encryption_key_size

HALF_KEY = "feffe9928665731c6d6a8f9467308308"
SALT, IV = "cafebabe", "facedbaddecaf888"
AAD = "feedfacedeadbeeffeedfacedeadbeefabaddad2"
PLAINTEXT = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
GCM = [
    (
        128,
        HALF_KEY,
        (
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
            "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
        ),
        "5bc94fbc3221a5db94fae95ae7121a47",
    ),
    (
        192,
        HALF_KEY + "feffe9928665731c",
        (
            "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
            "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710"
        ),
        "2519498e80f1478f37ba55bd6d27618c",
    ),
    (
        256,
        HALF_KEY * 2,
        (
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        ),
        "76fc6ece0f4e1768cddf8853bb2d551b",
    ),
]
SIZES = [(Encr.ENCR_AES_GCM_8, 8), (Encr.ENCR_AES_GCM_12, 12), (Encr.ENCR_AES_GCM_16, 16)]


def _octets(*texts: str) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


@pytest.mark.parametrize(("algorithm", "icv_size"), SIZES)
@pytest.mark.parametrize(("bits", "key", "ciphertext", "tag"), GCM)
def test_gcm_seals_as_published(
    algorithm: Encr, icv_size: int, bits: int, key: str, ciphertext: str, tag: str
) -> None:
    """AES-GCM gives the published ciphertext and the head of the published tag, at each ICV length."""
    whole_key, iv, aad, plaintext = _octets(key + SALT, IV, AAD, PLAINTEXT)
    sealed = aead(algorithm, bits).seal(whole_key, iv, aad, plaintext)

    assert sealed.hex() == ciphertext + tag[: 2 * icv_size]


@pytest.mark.parametrize(("algorithm", "icv_size"), SIZES)
@pytest.mark.parametrize(("bits", "key", "ciphertext", "tag"), GCM)
def test_gcm_opens_what_was_published(
    algorithm: Encr, icv_size: int, bits: int, key: str, ciphertext: str, tag: str
) -> None:
    """AES-GCM opens the published ciphertext under the head of the published tag, at each ICV length."""
    whole_key, iv, aad, sealed = _octets(key + SALT, IV, AAD, ciphertext + tag[: 2 * icv_size])
    opened = aead(algorithm, bits).open(whole_key, iv, aad, sealed)

    assert opened == bytes.fromhex(PLAINTEXT)


@pytest.mark.parametrize(("algorithm", "icv_size"), SIZES)
@pytest.mark.parametrize("place", [0, -1])
def test_gcm_refuses_an_altered_octet(algorithm: Encr, icv_size: int, place: int) -> None:
    """An octet altered in ciphertext or ICV leaves nothing opened, at each ICV length."""
    cipher = aead(algorithm, 128)
    sealed = bytearray(cipher.seal(bytes(20), bytes(8), b"", b"plaintext"))
    sealed[place] ^= 1

    assert cipher.open(bytes(20), bytes(8), b"", bytes(sealed)) is None


@pytest.mark.parametrize(("algorithm", "icv_size"), SIZES)
def test_gcm_refuses_less_than_an_icv(algorithm: Encr, icv_size: int) -> None:
    """Fewer octets than an ICV has open to nothing."""
    assert aead(algorithm, 128).open(bytes(20), bytes(8), b"", bytes(icv_size - 1)) is None


def test_chacha20_poly1305_seals_as_published() -> None:
    """ChaCha20-Poly1305 gives the ciphertext and tag of RFC 7634 appendix B."""
    key = bytes(range(0x80, 0xA0)) + bytes.fromhex("a0a1a2a3")
    aad, plaintext, expected = _octets(
        "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029",
        "0000000c000040010000000a00",
        "610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2",
    )

    assert aead(Encr.ENCR_CHACHA20_POLY1305).seal(key, bytes(range(0x10, 0x18)), aad, plaintext) == expected


@pytest.mark.parametrize(
    ("algorithm", "bits", "size"),
    [
        (Encr.ENCR_AES_CBC, 256, 32),
        (Encr.ENCR_3DES, None, 24),
        (Encr.ENCR_AES_GCM_16, 256, 36),
        (Encr.ENCR_CHACHA20_POLY1305, None, 36),
        (Encr.ENCR_NULL, None, 0),
    ],
)
def test_keying_material_includes_the_salt(algorithm: Encr, bits: int | None, size: int) -> None:
    """A combined mode takes its key and four octets of salt (RFC 5282 section 7.1), others their key alone."""
    assert encryption_key_size(algorithm, bits) == size


def test_a_cipher_of_another_kind_is_refused() -> None:
    """CBC is no combined mode."""
    with pytest.raises(UnsupportedAlgorithm, match="12"):
        aead(Encr.ENCR_AES_CBC, 128)
