"""Ciphers against published vectors.

RFC 3602 section 4, NIST SP 800-38A appendix F.2, FIPS 81, SP 800-67 appendix B, RFC 3713 appendix A (Camellia), RFC 2144
appendix B.1 (CAST), Eric Young's vectors of Blowfish, Lai's and Massey's of IDEA, RFC 3686 section 6 (counter mode).
"""

import pytest

from harness.codes import Encr
from harness.crypto import UnsupportedAlgorithm, cbc_cipher, cipher

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
CAMELLIA_KEY = "0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff"
CAMELLIA_TEXT = "0123456789abcdeffedcba9876543210"
# One block each, as the first of CBC under an IV of zeros.
SINGLE_BLOCKS = [
    (
        Encr.ENCR_CAMELLIA_CBC,
        128,
        CAMELLIA_KEY[:32],
        bytes(16).hex(),
        CAMELLIA_TEXT,
        "67673138549669730857065648eabe43",
    ),
    (
        Encr.ENCR_CAMELLIA_CBC,
        192,
        CAMELLIA_KEY[:48],
        bytes(16).hex(),
        CAMELLIA_TEXT,
        "b4993401b3e996f84ee5cee7d79b09b9",
    ),
    (
        Encr.ENCR_CAMELLIA_CBC,
        256,
        CAMELLIA_KEY,
        bytes(16).hex(),
        CAMELLIA_TEXT,
        "9acc237dff16d76c20ef7c919e3a7509",
    ),
    (
        Encr.ENCR_CAST,
        128,
        "0123456712345678234567893456789a",
        bytes(8).hex(),
        "0123456789abcdef",
        "238b4fe5847e44b2",
    ),
    (
        Encr.ENCR_CAST,
        None,
        "0123456712345678234567893456789a",
        bytes(8).hex(),
        "0123456789abcdef",
        "238b4fe5847e44b2",
    ),
    (Encr.ENCR_CAST, 80, "01234567123456782345", bytes(8).hex(), "0123456789abcdef", "eb6a711a2c02271b"),
    (Encr.ENCR_CAST, 40, "0123456712", bytes(8).hex(), "0123456789abcdef", "7ac816d16e9b302e"),
    (
        Encr.ENCR_IDEA,
        None,
        "00010002000300040005000600070008",
        bytes(8).hex(),
        "0000000100020003",
        "11fbed2b01986de5",
    ),
]
BLOWFISH = [
    (
        Encr.ENCR_BLOWFISH,
        128,
        "0123456789abcdeff0e1d2c3b4a59687",
        "fedcba9876543210",
        "37363534333231204e6f77206973207468652074696d6520666f722000000000",
        "6b77b4d63006dee605b156e27403979358deb9e7154616d959f1652bd5ff92cc",
    ),
]
VECTORS = RFC_3602 + SP_800_38A + FIPS_81 + SP_800_67 + SINGLE_BLOCKS + BLOWFISH
NAMES = ("algorithm", "bits", "key", "iv", "plaintext", "ciphertext")


@pytest.mark.parametrize(NAMES, VECTORS)
def test_encryption_gives_the_published_ciphertext(
    algorithm: Encr, bits: int | None, key: str, iv: str, plaintext: str, ciphertext: str
) -> None:
    """Every CBC cipher encrypts the published plaintext to the published ciphertext."""
    sealed = cbc_cipher(algorithm, bits).encrypt(
        bytes.fromhex(key), bytes.fromhex(iv), bytes.fromhex(plaintext)
    )

    assert sealed.hex() == ciphertext


@pytest.mark.parametrize(NAMES, VECTORS)
def test_decryption_gives_the_published_plaintext(
    algorithm: Encr, bits: int | None, key: str, iv: str, plaintext: str, ciphertext: str
) -> None:
    """Every CBC cipher decrypts the published ciphertext to the published plaintext."""
    opened = cbc_cipher(algorithm, bits).decrypt(
        bytes.fromhex(key), bytes.fromhex(iv), bytes.fromhex(ciphertext)
    )

    assert opened.hex() == plaintext


def test_triple_des_chains_its_blocks() -> None:
    """A second 3DES block is encrypted over the first one's ciphertext: CBC by its definition, from single blocks."""
    triple_des = cbc_cipher(Encr.ENCR_3DES)
    key, iv = bytes(range(1, 25)), bytes(range(8))
    first = triple_des.encrypt(key, iv, b"8 octets")
    second = triple_des.encrypt(key, first, b"8 others")

    assert triple_des.encrypt(key, iv, b"8 octets8 others") == first + second


@pytest.mark.parametrize(
    ("algorithm", "bits"),
    [
        (Encr.ENCR_AES_CBC, None),
        (Encr.ENCR_AES_CBC, 64),
        (Encr.ENCR_AES_CTR, None),
        (Encr.ENCR_3DES, 128),
        (Encr.ENCR_CAST, 136),
        (Encr.ENCR_BLOWFISH, 32),
        (Encr.ENCR_IDEA, 64),
        (Encr.ENCR_NULL, 128),
        (Encr.ENCR_RC5, 128),
    ],
)
def test_a_key_length_that_does_not_exist_is_refused(algorithm: Encr, bits: int | None) -> None:
    """AES needs one of its three key lengths, 3DES has but one, NULL has none."""
    with pytest.raises(UnsupportedAlgorithm, match="no cipher"):
        cipher(algorithm, bits)


COUNTED_TEXT = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
RFC_3686 = [  # the key, the nonce after it, the IV, the plaintext, the ciphertext; tests 1 to 9
    (
        128,
        "ae6852f8121067cc4bf7a5765577f39e",
        "00000030",
        "0000000000000000",
        b"Single block msg".hex(),
        "e4095d4fb7a7b3792d6175a3261311b8",
    ),
    (
        128,
        "7e24067817fae0d743d6ce1f32539163",
        "006cb6db",
        "c0543b59da48d90b",
        COUNTED_TEXT[:64],
        "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28",
    ),
    (
        128,
        "7691be035e5020a8ac6e618529f9a0dc",
        "00e0017b",
        "27777f3f4a1786f0",
        COUNTED_TEXT[:72],
        "c1cf48a89f2ffdd9cf4652e9efdb72d74540a42bde6d7836d59a5ceaaef3105325b2072f",
    ),
    (
        192,
        "16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb78515",
        "00000048",
        "36733c147d6d93cb",
        b"Single block msg".hex(),
        "4b55384fe259c9c84e7935a003cbe928",
    ),
    (
        192,
        "7c5cb2401b3dc33c19e7340819e0f69c678c3db8e6f6a91a",
        "0096b03b",
        "020c6eadc2cb500d",
        COUNTED_TEXT[:64],
        "453243fc609b23327edfaafa7131cd9f8490701c5ad4a79cfc1fe0ff42f4fb00",
    ),
    (
        192,
        "02bf391ee8ecb159b959617b0965279bf59b60a786d3e0fe",
        "0007bdfd",
        "5cbd60278dcc0912",
        COUNTED_TEXT[:72],
        "96893fc55e5c722f540b7dd1ddf7e758d288bc95c69165884536c811662f2188abee0935",
    ),
    (
        256,
        "776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104",
        "00000060",
        "db5672c97aa8f0b2",
        b"Single block msg".hex(),
        "145ad01dbf824ec7560863dc71e3e0c0",
    ),
    (
        256,
        "f6d66d6bd52d59bb0796365879eff886c66dd51a5b6a99744b50590c87a23884",
        "00faac24",
        "c1585ef15a43d875",
        COUNTED_TEXT[:64],
        "f05e231b3894612c49ee000b804eb2a9b8306b508f839d6a5530831d9344af1c",
    ),
    (
        256,
        "ff7a617ce69148e4f1726e2f43581de2aa62d9f805532edff1eed687fb54153d",
        "001cc5b7",
        "51a51d70a1c11148",
        COUNTED_TEXT[:72],
        "eb6c52821d0bbbf7ce7594462aca4faab407df866569fd07f48cc0b583d6071f1ec0e6b8",
    ),
]


@pytest.mark.parametrize(("bits", "key", "nonce", "iv", "plaintext", "ciphertext"), RFC_3686)
def test_counter_mode_gives_the_published_ciphertext(
    bits: int, key: str, nonce: str, iv: str, plaintext: str, ciphertext: str
) -> None:
    """AES in counter mode encrypts as RFC 3686 section 6 prints, and decrypts what it printed."""
    counter = cipher(Encr.ENCR_AES_CTR, bits)
    whole_key, octets = bytes.fromhex(key + nonce), bytes.fromhex(iv)

    assert counter.key_size == len(whole_key)
    assert counter.encrypt(whole_key, octets, bytes.fromhex(plaintext)).hex() == ciphertext
    assert counter.decrypt(whole_key, octets, bytes.fromhex(ciphertext)).hex() == plaintext


def test_no_cipher_leaves_what_is_there() -> None:
    """ENCR_NULL is the identity, without a key and without an IV (RFC 2410)."""
    null = cipher(Encr.ENCR_NULL)

    assert (null.key_size, null.iv_size, null.block_size) == (0, 0, 1)
    assert null.decrypt(b"", b"", null.encrypt(b"", b"", b"octets")) == b"octets"


@pytest.mark.parametrize("algorithm", [Encr.ENCR_AES_CTR, Encr.ENCR_NULL])
def test_what_is_not_in_cbc_mode_is_told_apart(algorithm: Encr) -> None:
    """IKEv1 wants CBC (RFC 2409 appendix B): nothing else goes for it."""
    with pytest.raises(UnsupportedAlgorithm, match="CBC"):
        cbc_cipher(algorithm, 128 if algorithm == Encr.ENCR_AES_CTR else None)
