"""CBC ciphers against RFC 3602 section 4, NIST SP 800-38A appendix F.2, FIPS 81 and SP 800-67 appendix B."""

import pytest

from harness.codes import Encr
from harness.crypto import UnsupportedAlgorithm, cbc_cipher

BLOCKS = (
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
COUNTED = "000102030405060708090a0b0c0d0e0f"
RFC_3602 = [
    (
        Encr.ENCR_AES_CBC,
        128,
        "06a9214036b8a15b512e03d534120006",
        "3dafba429d9eb430b422da802c9fac41",
        b"Single block msg".hex(),
        "e353779c1079aeb82708942dbe77181a",
    ),
    (
        Encr.ENCR_AES_CBC,
        128,
        "6c3ea0477630ce21a2ce334aa746c2cd",
        "c782dc4c098c66cbd9cd27d825682c81",
        b"This is a 48-byte message (exactly 3 AES blocks)".hex(),
        "d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5021c19216bad525c8579695d83ba2684",
    ),
]
SP_800_38A = [
    (
        Encr.ENCR_AES_CBC,
        192,
        "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
        COUNTED,
        BLOCKS,
        (
            "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
            "571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd"
        ),
    ),
    (
        Encr.ENCR_AES_CBC,
        256,
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        COUNTED,
        BLOCKS,
        (
            "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
            "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"
        ),
    ),
]
# FIPS 81 appendix C, table C1.
FIPS_81 = [
    (
        Encr.ENCR_DES,
        None,
        "0123456789abcdef",
        "1234567890abcdef",
        b"Now is the time for all ".hex(),
        "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6",
    ),
]
# SP 800-67 appendix B prints ECB: each block is CBC's first under an IV of zeros.
SP_800_67 = [
    (
        Encr.ENCR_3DES,
        None,
        "0123456789abcdef23456789abcdef01456789abcdef0123",
        "0000000000000000",
        plain,
        cipher,
    )
    for plain, cipher in (
        ("5468652071756663", "a826fd8ce53b855f"),
        ("6b2062726f776e20", "cce21c8112256fe6"),
        ("666f78206a756d70", "68d5c05dd9b6b900"),
    )
]
VECTORS = RFC_3602 + SP_800_38A + FIPS_81 + SP_800_67
NAMES = ("algorithm", "bits", "key", "iv", "plaintext", "ciphertext")


@pytest.mark.parametrize(NAMES, VECTORS)
def test_encryption_gives_the_published_ciphertext(
    algorithm: Encr, bits: int | None, key: str, iv: str, plaintext: str, ciphertext: str
) -> None:
    """Every CBC cipher encrypts the published plaintext to the published ciphertext."""
    cipher = cbc_cipher(algorithm, bits)
    sealed = cipher.encrypt(bytes.fromhex(key), bytes.fromhex(iv), bytes.fromhex(plaintext))

    assert sealed.hex() == ciphertext


@pytest.mark.parametrize(NAMES, VECTORS)
def test_decryption_gives_the_published_plaintext(
    algorithm: Encr, bits: int | None, key: str, iv: str, plaintext: str, ciphertext: str
) -> None:
    """Every CBC cipher decrypts the published ciphertext to the published plaintext."""
    cipher = cbc_cipher(algorithm, bits)
    opened = cipher.decrypt(bytes.fromhex(key), bytes.fromhex(iv), bytes.fromhex(ciphertext))

    assert opened.hex() == plaintext


def test_triple_des_chains_its_blocks() -> None:
    """A second 3DES block is encrypted over the first one's ciphertext: CBC by its definition, from single blocks."""
    cipher = cbc_cipher(Encr.ENCR_3DES)
    key, iv = bytes(range(1, 25)), bytes(range(8))
    first = cipher.encrypt(key, iv, b"8 octets")
    second = cipher.encrypt(key, first, b"8 others")

    assert cipher.encrypt(key, iv, b"8 octets8 others") == first + second


@pytest.mark.parametrize(
    ("algorithm", "bits"), [(Encr.ENCR_AES_CBC, None), (Encr.ENCR_AES_CBC, 64), (Encr.ENCR_3DES, 128)]
)
def test_a_key_length_that_does_not_exist_is_refused(algorithm: Encr, bits: int | None) -> None:
    """AES needs one of its three key lengths, 3DES has but one."""
    with pytest.raises(UnsupportedAlgorithm):
        cbc_cipher(algorithm, bits)
