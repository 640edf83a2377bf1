"""Combined-mode ciphers against published vectors.

McGrew and Viega's GCM submission, test cases 4, 10 and 16; RFC 7634 appendix B; NIST CAVP's CCM vectors (VNT for nonces of
11 octets, VTT for ICVs of 8 and 12); RFC 4543's GMAC from draft-mcgrew-gcm-test-01.
"""

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


# Algorithm, key length, key, nonce, associated data, plaintext, ciphertext with ICV. The nonce is cut between salt and IV.
CCM = [
    (
        Encr.ENCR_AES_CCM_16,
        128,
        "e6ab9e70a4fb51b01c2e262233e64c0d",
        "74e689eb5af9441dd690a6",
        "42f6518ee0fbe42f28e13b4bb2eb60517b37c9744394d9143393a879c3e107c7",
        "ba15916733550d7aa82b2f6b117cd3f54c83ddc16cd0288a",
        "dcc151443288f35d39ed8fae6f0ce1d1eb656f4f7fd65c0b16f322ce85d7c54e71ac560fd4da9651",
    ),
    (
        Encr.ENCR_AES_CCM_16,
        192,
        "af84c6f302c59aeee6d5728ed5da2e3c64a5a781c52c4d1b",
        "df990c42a268950677c433",
        "a6ab5d78427f297a4b7e21f1091ff3a5b20caa3fe1cbcb09459d9df596a6c8e1",
        "6db41aeb5f7c24df8929dbc30483b3c7934b3bd1cdce5bb9",
        "8c9328258bf71970d33e23a3ff81cc1c9cbe196a1294264bfd6a7255e4801963bb30a63de3fc5b82",
    ),
    (
        Encr.ENCR_AES_CCM_16,
        256,
        "97bc7482a87ba005475dfa3448f59d4b3f9c4c969d08b39b1b21ef965c0f5125",
        "0bcf78103ec52d6df28887",
        "049c10f0cb37ae08eae2d0766563b7c5a8454f841c2061a4f71a0a2158ae6ce5",
        "b99bf4dc781795fc4d3a8467b06e1665d4e543657f23129f",
        "0d3891fa0caac1f7ebe41b480920ffd34d4155064c24f3b17a483163dd8f228d1f20cd4f86cf38fd",
    ),
    (
        Encr.ENCR_AES_CCM_8,
        128,
        "368f35a1f80eaaacd6bb136609389727",
        "842a8445847502ea77363a16b6",
        "34396dfcfa6f742aea7040976bd596497a7a6fa4fb85ee8e4ca394d02095b7bf",
        "1cccd55825316a94c5979e049310d1d717cdfb7624289dac",
        "1a58094f0e8c6035a5584bfa8d1009c5f78fd2ca487ff222f6d1d897d6051618",
    ),
    (
        Encr.ENCR_AES_CCM_8,
        192,
        "bdf277af2226f03ec1a0ba7a8532ade6aea9b3d519fe2d38",
        "cc3c596be884e7caed503315c0",
        "4d6546167b3ed55f01c62bd384e02e1039c0d67ef7abe33291fecb136272f73b",
        "0ff89eff92a530b66684cd75a39481e7e069a7d05e89b692",
        "6ef66a52c866bd5df20ec5096de92167ad83cab0e095ad0c778a299f1224f10c",
    ),
    (
        Encr.ENCR_AES_CCM_8,
        256,
        "bae73483de27b581a7c13f178a6d7bda168c1b4a1cb9180512a13e3ab914eb61",
        "daf54faef6e4fc7867624b76f2",
        "7022eaa52c9da821da72d2edd98f6b91dfe474999b75b34699aeb38465f70c1c",
        "28ef408d57930086011b167ac04b866e5b58fe6690a0b9c3",
        "356367c6cee4453658418d9517f7c6faddcd7c65aef460138cf050f48c505151",
    ),
    (
        Encr.ENCR_AES_CCM_12,
        128,
        "3ee186594f110fb788a8bf8aa8be5d4a",
        "44f705d52acf27b7f17196aa9b",
        "2c16724296ff85e079627be3053ea95adf35722c21886baba343bd6c79b5cb57",
        "d71864877f2578db092daba2d6a1f9f4698a9c356c7830a1",
        "b4dd74e7a0cc51aea45dfb401a41d5822c96901a83247ea0d6965f5aa6e31302a9cc2b36",
    ),
    (
        Encr.ENCR_AES_CCM_12,
        192,
        "5a5667197f46b8027980d0a3166c0a419713d4df0629a860",
        "6236b01079d180fce156fbaab4",
        "29bdf65b29394d363d5243d4249bad087520f8d733a763daa1356be458d487e5",
        "d0e4024d6e33daafc011fe463545ed20f172872f6f33cefa",
        "479f3d408bfa00d1cd1c8bf11a167ce7ae4bcdb011f04e38733013b8ebe5e92b1917640c",
    ),
    (
        Encr.ENCR_AES_CCM_12,
        256,
        "7f4af6765cad1d511db07e33aaafd57646ec279db629048aa6770af24849aa0d",
        "dde2a362ce81b2b6913abc3095",
        "404f5df97ece7431987bc098cce994fc3c063b519ffa47b0365226a0015ef695",
        "7ebef26bf4ecf6f0ebb2eb860edbf900f27b75b4a6340fdb",
        "353022db9c568bd7183a13c40b1ba30fcc768c54264aa2cd2927a053c9244d3217a7ad05",
    ),
]


@pytest.mark.parametrize(("algorithm", "bits", "key", "nonce", "aad", "plaintext", "sealed"), CCM)
def test_ccm_seals_and_opens_as_published(
    algorithm: Encr, bits: int, key: str, nonce: str, aad: str, plaintext: str, sealed: str
) -> None:
    """AES-CCM gives NIST's ciphertext and ICV, and opens them."""
    mode = aead(algorithm, bits)
    whole_key, iv = bytes.fromhex(key + nonce[:-16]), bytes.fromhex(nonce[-16:])
    covered, clear, expected = _octets(aad, plaintext, sealed)

    assert mode.seal(whole_key, iv, covered, clear) == expected
    assert mode.open(whole_key, iv, covered, expected) == clear


@pytest.mark.parametrize(
    ("algorithm", "icv_size"),
    [(Encr.ENCR_AES_CCM_8, 8), (Encr.ENCR_AES_CCM_12, 12), (Encr.ENCR_AES_CCM_16, 16)],
)
def test_ccm_takes_three_octets_of_salt(algorithm: Encr, icv_size: int) -> None:
    """CCM's nonce is three octets of salt and the IV (RFC 5282 section 4, RFC 4309 section 4)."""
    assert (aead(algorithm, 128).salt_size, aead(algorithm, 128).icv_size) == (3, icv_size)


def test_gmac_covers_and_hides_nothing() -> None:
    """AES-GMAC leaves the packet as it is, and its ICV covers header, IV and packet (RFC 4543 section 3.3)."""
    packet = (
        "45000030da3a00008001df3bc0a80005c0a800010800c6cd0200070061626364"
        "65666768696a6b6c6d6e6f707172737401020201"
    )
    key, header, clear = _octets("4c80cdefbb5d10da906ac73c3613a63422433c64", "0000432100000007", packet)
    sealed = aead(Encr.ENCR_NULL_AUTH_AES_GMAC, 128).seal(key, bytes(8), header, clear)

    assert sealed.hex() == packet + "f2a9a836e155106aa8dcd618e4099aaa"
    assert aead(Encr.ENCR_NULL_AUTH_AES_GMAC, 128).open(key, bytes(8), header, sealed) == clear


@pytest.mark.parametrize(
    ("algorithm", "bits", "size"),
    [
        (Encr.ENCR_AES_CBC, 256, 32),
        (Encr.ENCR_3DES, None, 24),
        (Encr.ENCR_AES_GCM_16, 256, 36),
        (Encr.ENCR_CHACHA20_POLY1305, None, 36),
        (Encr.ENCR_NULL, None, 0),
        (Encr.ENCR_AES_CTR, 256, 36),
        (Encr.ENCR_AES_CCM_8, 128, 19),
        (Encr.ENCR_NULL_AUTH_AES_GMAC, 192, 28),
        (Encr.ENCR_CAMELLIA_CBC, 192, 24),
        (Encr.ENCR_CAMELLIA_CTR, 128, 20),
        (Encr.ENCR_CAMELLIA_CCM_16, 256, 35),
        (Encr.ENCR_AES_CCM_8_IIV, 128, 19),
        (Encr.ENCR_AES_GCM_16_IIV, 256, 36),
        (Encr.ENCR_CHACHA20_POLY1305_IIV, None, 36),
        (Encr.ENCR_BLOWFISH, 448, 56),
    ],
)
def test_keying_material_includes_the_salt(algorithm: Encr, bits: int | None, size: int) -> None:
    """A combined or counter mode takes its key and its salt (RFC 5282 section 7.1), others their key alone."""
    assert encryption_key_size(algorithm, bits) == size


@pytest.mark.parametrize("algorithm", [Encr.ENCR_RC5, Encr.ENCR_DES_IV64, 1024])
def test_keying_material_of_an_unknown_cipher_is_refused(algorithm: int) -> None:
    """A cipher whose key length is not known is refused by its number."""
    with pytest.raises(UnsupportedAlgorithm, match=str(int(algorithm))):
        encryption_key_size(algorithm, 128)


def test_a_cipher_of_another_kind_is_refused() -> None:
    """CBC is no combined mode."""
    with pytest.raises(UnsupportedAlgorithm, match="12"):
        aead(Encr.ENCR_AES_CBC, 128)
