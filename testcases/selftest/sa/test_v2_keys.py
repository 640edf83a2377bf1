"""IKEv2's key schedule against NIST's samples for SP 800-135 (IKEv2, SHA-1), and its cuts by definition."""

import hashlib
import hmac

import pytest

from harness.crypto import UnsupportedAlgorithm
from harness.sa.v2 import (
    ChildSuite,
    Keys,
    Suite,
    child_keys,
    cookie,
    ike_keys,
    nat_detection,
    psk_auth,
    rekeyed_keys,
    rekeyed_skeyseed,
    signed_octets,
    skeyseed,
)

# AES-CBC-128, HMAC-SHA1-96, PRF HMAC-SHA1, group 2: 132 octets of keying material, as many as the sample has.
SUITE = Suite(encr=12, key_bits=128, integ=2, prf=2, group=2)
GCM = Suite(encr=20, key_bits=256, integ=0, prf=5, group=31)
NI, NR = bytes.fromhex("32b50d5f4a3763f3"), bytes.fromhex("9206a04b26564cb1")
SPI_I, SPI_R = bytes.fromhex("34c9e7c188868785"), bytes.fromhex("3ff77d760d2b2199")
SHARED = bytes.fromhex("4b2c1f971981a8ad8d0abeafabf38cf75fc8349c148142465ed9c8b516b8be52")
NEW_SHARED = bytes.fromhex("863f3c9d06efd39d2b907b97f8699e5dd5251ef64a2a176f36ee40c87d4f9330")
SKEYSEED = "a9a7b222b59f8f48645f28a1db5b5f5d7479cba7"
REKEYED = "63e81194946ebd05df7df5ebf5d8750056bf1f1d"
KEYING_MATERIAL = (
    "a14293677cc80ff8f9cc0eee30d895da9d8f405666e30ef0dfcb63c634a46002a2a63080e514a062768b76606f9fa5e9"
    "92204fc5a670bde3f10d6b027113936a5c55b648a194ae587b0088d52204b702c979fa280870d2ed41efa9c549fd1119"
    "8af1670b143d384bd275c5f594cf266b05ebadca855e4249520a441a81157435a7a56cc4"
)


def _joined(keys: Keys) -> bytes:
    parts = (keys.sk_d, keys.sk_ai, keys.sk_ar, keys.sk_ei, keys.sk_er, keys.sk_pi, keys.sk_pr)
    return b"".join(parts)


def test_skeyseed_is_the_published_one() -> None:
    """SKEYSEED of a new IKE SA is NIST's."""
    assert skeyseed(2, NI, NR, SHARED).hex() == SKEYSEED


def test_the_keys_in_order_are_the_published_keying_material() -> None:
    """SK_d, SK_ai, SK_ar, SK_ei, SK_er, SK_pi, SK_pr in this order are NIST's 132 octets (RFC 7296 section 2.14)."""
    assert _joined(ike_keys(SUITE, SPI_I, SPI_R, NI, NR, SHARED)).hex() == KEYING_MATERIAL


def test_skeyseed_of_a_rekey_is_the_published_one() -> None:
    """SKEYSEED of a rekeyed IKE SA is NIST's, made with the old SK_d."""
    old = ike_keys(SUITE, SPI_I, SPI_R, NI, NR, SHARED)

    assert rekeyed_skeyseed(2, old.sk_d, NI, NR, NEW_SHARED).hex() == REKEYED


def test_keys_have_the_lengths_of_their_suite() -> None:
    """A combined mode takes no integrity keys, and four octets of salt with each cipher key (RFC 5282 section 7.1)."""
    keys = ike_keys(GCM, SPI_I, SPI_R, NI, NR, SHARED)
    sizes = [len(key) for key in (keys.sk_d, keys.sk_ai, keys.sk_ar, keys.sk_ei, keys.sk_er, keys.sk_pi)]

    assert sizes == [32, 0, 0, 36, 36, 32]


def test_a_rekey_seeds_with_the_old_prf_and_expands_with_the_new() -> None:
    """When a rekey changes the prf, SKEYSEED comes from the old one, the keys from the new (RFC 7296 section 2.18)."""
    old = ike_keys(SUITE, SPI_I, SPI_R, NI, NR, SHARED)
    new = rekeyed_keys(old, GCM, b"newspi_i", b"newspi_r", NI, NR, NEW_SHARED)
    first_block = NI + NR + b"newspi_inewspi_r" + b"\x01"

    assert new.sk_d == hmac.digest(bytes.fromhex(REKEYED), first_block, "sha256")
    assert (new.spi_i, new.spi_r, new.suite) == (b"newspi_i", b"newspi_r", GCM)


def test_child_keys_are_cut_by_direction_then_kind() -> None:
    """KEYMAT is cut into the initiator's cipher and integrity key, then the responder's (RFC 7296 section 2.17)."""
    sk_d = bytes(range(20))
    child = child_keys(sk_d, 2, ChildSuite(protocol=3, encr=12, key_bits=128, integ=2), NI, NR)
    blocks = [b""]
    for number in range(1, 5):
        blocks.append(hmac.digest(sk_d, blocks[-1] + NI + NR + bytes((number,)), "sha1"))
    keymat = b"".join(blocks)

    assert (child.encr_i, child.integ_i) == (keymat[:16], keymat[16:36])
    assert (child.encr_r, child.integ_r) == (keymat[36:52], keymat[52:72])


def test_child_keys_with_an_exchange_of_their_own_begin_with_its_secret() -> None:
    """With a new key exchange g^ir stands before the nonces (RFC 7296 section 2.17)."""
    suite = ChildSuite(protocol=3, encr=20, key_bits=128, integ=0)

    assert child_keys(bytes(32), 5, suite, NI, NR, b"secret") == child_keys(
        bytes(32), 5, suite, b"secret" + NI, NR
    )


def test_ah_takes_no_cipher_key() -> None:
    """A Child SA of AH has integrity keys alone."""
    child = child_keys(bytes(32), 5, ChildSuite(protocol=2, encr=0, key_bits=None, integ=12), NI, NR)

    assert [len(key) for key in (child.encr_i, child.integ_i, child.encr_r, child.integ_r)] == [0, 32, 0, 32]


def test_auth_covers_message_nonce_and_identity() -> None:
    """The octets under AUTH are message, the other end's nonce, and prf(SK_p, ID) (RFC 7296 section 2.15)."""
    expected = b"message" + NR + hmac.digest(b"sk_p", b"\x01\x00\x00\x00\x0a\x09\x00\x01", "sha256")

    assert signed_octets(b"message", NR, b"\x01\x00\x00\x00\x0a\x09\x00\x01", b"sk_p", 5) == expected


def test_auth_pads_the_shared_secret() -> None:
    """AUTH is prf(prf(secret, "Key Pad for IKEv2"), octets) (RFC 7296 section 2.15)."""
    padded = hmac.digest(b"a secret", b"Key Pad for IKEv2", "sha1")

    assert psk_auth(2, b"a secret", b"octets") == hmac.digest(padded, b"octets", "sha1")


@pytest.mark.parametrize(
    ("address", "packed"), [("192.0.2.1", "c0000201"), ("2001:db8::1", "20010db8" + 11 * "00" + "01")]
)
def test_nat_detection_is_sha1_of_spis_and_place(address: str, packed: str) -> None:
    """NAT detection data is SHA-1 of both SPIs, the address in 4 or 16 octets, and the port (RFC 7296 section 2.23)."""
    expected = hashlib.sha1(SPI_I + SPI_R + bytes.fromhex(packed) + b"\x01\xf4").digest()

    assert nat_detection(SPI_I, SPI_R, address, 500) == expected


def test_a_cookie_names_the_version_of_its_secret() -> None:
    """A cookie fits in 64 octets and begins with its secret's version (RFC 7296 section 2.6)."""
    made = cookie(b"secret", 7, NI, "192.0.2.1", SPI_I)

    assert made[0] == 7
    assert len(made) <= 64


def test_a_cookie_depends_on_nonce_address_spi_and_secret() -> None:
    """No two of these cookies are equal."""
    made = {
        cookie(b"secret", 1, NI, "192.0.2.1", SPI_I),
        cookie(b"others", 1, NI, "192.0.2.1", SPI_I),
        cookie(b"secret", 1, NR, "192.0.2.1", SPI_I),
        cookie(b"secret", 1, NI, "192.0.2.2", SPI_I),
        cookie(b"secret", 1, NI, "192.0.2.1", SPI_R),
    }

    assert len(made) == 5


def test_an_unknown_suite_has_no_keys() -> None:
    """A suite with a prf that is not here is refused by its number."""
    with pytest.raises(UnsupportedAlgorithm, match="function 99"):
        ike_keys(Suite(12, 128, 2, 99, 14), SPI_I, SPI_R, NI, NR, SHARED)


def test_keys_do_not_show_in_their_repr() -> None:
    """A traceback that prints keys prints no secret."""
    keys = ike_keys(SUITE, SPI_I, SPI_R, NI, NR, SHARED)

    assert repr(keys.sk_d) not in repr(keys)
    assert "sk_" not in repr(keys)
