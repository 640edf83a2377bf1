"""Every suite there is: what is sealed opens, one changed bit never does, and keys have their lengths."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.codes import Encr, EncrV1, HashV1, Integ, NotifyTypeV1
from harness.crypto import AEADS, CIPHERS, INTEGRITIES, PRFS, encryption_key_size, integrity_key_size, prf
from harness.sa import v1 as sa1
from harness.sa.protection import protection
from harness.sa.v2 import (
    ChildSuite,
    Keys,
    Opened,
    Sealed,
    Suite,
    child_keys,
    ike_keys,
    iv_size,
    open_sealed,
    seal,
    skeyseed,
)
from harness.values import replace
from harness.wire import Message, v1, v2

AES = (128, 192, 256)
KEY_BITS: dict[int, tuple[int | None, ...]] = {
    Encr.ENCR_DES: (None,),
    Encr.ENCR_3DES: (None,),
    Encr.ENCR_IDEA: (None,),
    Encr.ENCR_CAST: (None, 40, 128),
    Encr.ENCR_BLOWFISH: (None, 40, 448),
    Encr.ENCR_NULL: (None,),
    Encr.ENCR_CHACHA20_POLY1305: (None,),
}
PLAIN = [(encr, bits) for encr in sorted(CIPHERS) for bits in KEY_BITS.get(encr, AES)]
COMBINED = [(encr, bits) for encr in sorted(AEADS) for bits in KEY_BITS.get(encr, AES)]
SUITES = [
    *(Suite(encr, bits, Integ.AUTH_HMAC_SHA2_256_128, 5, 14) for encr, bits in PLAIN),
    *(Suite(Encr.ENCR_AES_CBC, 128, integ, 5, 14) for integ in sorted(INTEGRITIES)),
    *(Suite(Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA2_256_128, prf_id, 14) for prf_id in sorted(PRFS)),
    *(Suite(encr, bits, 0, 5, 14) for encr, bits in COMBINED),
]
HEADER = Message(b"spi_init", b"spi_resp", 37, 0x08, 7, (), version=0x20)
NOTIFY = v2.Notify(notify_type=16385, data=b"\x00\x00\x00\x0a")

CBC_V1: dict[int, tuple[int | None, ...]] = {
    EncrV1.DES_CBC: (None,),
    EncrV1.IDEA_CBC: (None,),
    EncrV1.BLOWFISH_CBC: (None, 128, 448),
    EncrV1.TRIPLE_DES_CBC: (None,),
    EncrV1.CAST_CBC: (None, 40, 128),
    EncrV1.AES_CBC: AES,
    EncrV1.CAMELLIA_CBC: AES,
}
HASHES_V1 = (HashV1.MD5, HashV1.SHA1, HashV1.SHA2_256, HashV1.SHA2_384, HashV1.SHA2_512)
SUITES_V1 = [
    sa1.Suite(encr, bits, hash_id, 1, 14)
    for encr, all_bits in CBC_V1.items()
    for bits in all_bits
    for hash_id in HASHES_V1
]
HEADER_V1 = Message(b"cookie i", b"cookie r", 5, 0, 42, (), version=0x10)
NOTIFY_V1 = v1.Notify(notify_type=NotifyTypeV1.INITIAL_CONTACT, spi=bytes(16))


@cache
def _keys(suite: Suite) -> Keys:
    return ike_keys(suite, b"spi_init", b"spi_resp", b"nonce i" * 3, b"nonce r" * 3, b"shared")


@cache
def _secrets(suite: sa1.Suite) -> sa1.Secrets:
    return sa1.psk_secrets(suite, b"secret", b"ni", b"nr", b"shared", b"cookie i", b"cookie r", b"gi", b"gr")


def _sealed(suite: Suite, padding: bytes = b"") -> bytes:
    iv = bytes(range(iv_size(suite)))
    return seal(HEADER, _keys(suite), by_initiator=True, iv=iv, inner=(NOTIFY,), padding=padding)


@given(suite=st.sampled_from(SUITES), padding=st.binary(max_size=40))
def test_what_is_sealed_opens(suite: Suite, padding: bytes) -> None:
    """Under every suite the payload comes back, whatever the padding (RFC 7296 section 3.14)."""
    opened = open_sealed(_sealed(suite, padding), _keys(suite), by_initiator=True)

    assert isinstance(opened, Opened)
    assert (opened.payloads, opened.why) == ((NOTIFY,), None)


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_every_suite_seals_and_opens(suite: Suite) -> None:
    """None of the suites is left to chance."""
    assert isinstance(open_sealed(_sealed(suite), _keys(suite), by_initiator=True), Opened)


@given(suite=st.sampled_from(SUITES), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_one_changed_bit_never_opens(suite: Suite, place: int, bit: int) -> None:
    """A bit changed anywhere in the message, header and IV too, leaves nothing opened."""
    octets = bytearray(_sealed(suite))
    octets[place % len(octets)] ^= 1 << bit

    assert isinstance(open_sealed(bytes(octets), _keys(suite), by_initiator=True), Sealed)


@given(suite=st.sampled_from(SUITES), end=st.integers(min_value=0))
def test_a_message_cut_short_never_opens(suite: Suite, end: int) -> None:
    """A message that ends anywhere before its end opens to nothing, though its header says its length."""
    octets = _sealed(suite)
    short = octets[: end % len(octets)]
    said = short[:24] + len(short).to_bytes(4, "big") + short[28:] if len(short) >= 28 else short

    assert isinstance(open_sealed(said, _keys(suite), by_initiator=True), Sealed)


@given(suite=st.sampled_from(SUITES), other=st.sampled_from(SUITES))
def test_no_suite_opens_what_another_sealed(suite: Suite, other: Suite) -> None:
    """Another suite does not show what a message holds, though two may have one ICV in common, and nothing raises."""
    opened = open_sealed(_sealed(suite), _keys(other), by_initiator=True)
    shown = isinstance(opened, Opened) and opened.payloads == (NOTIFY,)

    assert shown is (_in_full(suite) == _in_full(other))


def _in_full(suite: Suite) -> Suite:
    """The suite with the key length that it has where none is said."""
    return replace(suite, key_bits=8 * encryption_key_size(suite.encr, suite.key_bits))


@given(suite=st.sampled_from(SUITES), octets=st.binary(max_size=80))
def test_no_octets_raise(suite: Suite, octets: bytes) -> None:
    """Whatever follows the header of an Encrypted payload, it does not open, and nothing raises."""
    payload = b"\x00\x00" + (len(octets) + 4).to_bytes(2, "big") + octets
    head = HEADER.encode()[:16] + b"\x2e" + HEADER.encode()[17:24] + (28 + len(payload)).to_bytes(4, "big")

    assert isinstance(open_sealed(head + payload, _keys(suite), by_initiator=True), Sealed)


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_keys_of_another_length_open_nothing(suite: Suite) -> None:
    """Keys that are too short or too long are not the suite's, and nothing raises."""
    keys = _keys(suite)
    shorter, longer = keys.sk_ei[:-1], keys.sk_ei + b"\x00"

    for wrong in (longer, shorter) if keys.sk_ei else (longer,):
        bent = Keys(suite, b"", b"", b"", keys.sk_ai, b"", wrong, b"", b"", b"")
        assert open_sealed(_sealed(suite), bent, by_initiator=True) == Sealed(
            "the keys of this direction are not known"
        )


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_keys_have_the_lengths_that_protection_takes(suite: Suite) -> None:
    """SK_e and SK_a are cut as long as the algorithms want them, SK_d and SK_p as long as the prf (RFC 7296 2.14)."""
    keys, under, size = _keys(suite), protection(suite.encr, suite.key_bits, suite.integ), prf(suite.prf).size

    assert (len(keys.sk_ei), len(keys.sk_ai)) == (len(keys.sk_er), len(keys.sk_ar)) == under.key_sizes
    assert len(keys.sk_d) == len(keys.sk_pi) == len(keys.sk_pr) == size


@pytest.mark.parametrize(("encr", "bits"), PLAIN + COMBINED)
def test_child_keys_have_the_lengths_that_protection_takes(encr: int, bits: int | None) -> None:
    """ESP keys are cut as long as what runs under them wants them (RFC 7296 section 2.17)."""
    integ = Integ.NONE if encr in AEADS else Integ.AUTH_HMAC_SHA1_96
    keys = child_keys(bytes(32), 5, ChildSuite(3, encr, bits, integ), b"ni", b"nr")

    assert (len(keys.encr_i), len(keys.integ_i)) == protection(encr, bits, integ).key_sizes
    assert (len(keys.encr_r), len(keys.integ_r)) == (
        encryption_key_size(encr, bits),
        integrity_key_size(integ),
    )


@pytest.mark.parametrize("prf_id", [4, 8])
def test_skeyseed_of_aes_takes_half_its_key_from_each_nonce(prf_id: int) -> None:
    """SKEYSEED under AES-XCBC and AES-CMAC uses 64 bits of each nonce, prf+ all of them (RFC 7296 section 2.14)."""
    ni, nr = b"i" * 16, b"r" * 32

    assert skeyseed(prf_id, ni, nr, b"shared") == prf(prf_id)(ni[:8] + nr[:8], b"shared")


@pytest.mark.parametrize("suite", SUITES_V1, ids=str)
def test_every_suite_of_ikev1_encrypts_and_decrypts(suite: sa1.Suite) -> None:
    """Under every cipher and hash of IKEv1 the payload comes back, and the IV of the next message is the same."""
    secrets = _secrets(suite)
    message = Message(b"cookie i", b"cookie r", 5, 0, 42, (NOTIFY_V1,), version=0x10)
    octets, next_iv = sa1.encrypt(message, secrets, secrets.iv0)
    opened, follows = sa1.decrypt(octets, secrets, secrets.iv0)

    assert isinstance(opened, sa1.Opened)
    assert (opened.payloads, follows) == ((NOTIFY_V1,), next_iv)


@given(suite=st.sampled_from(SUITES_V1), octets=st.binary(max_size=120))
def test_no_octets_raise_in_ikev1(suite: sa1.Suite, octets: bytes) -> None:
    """Whatever a message of IKEv1 holds behind its header, decrypting it raises nothing."""
    head = HEADER_V1.encode()[:16] + b"\x08\x10\x05\x01" + HEADER_V1.encode()[20:24]
    whole = head + (28 + len(octets)).to_bytes(4, "big") + octets

    assert isinstance(sa1.decrypt(whole, _secrets(suite), _secrets(suite).iv0)[0], sa1.Opened | sa1.Sealed)


def test_blowfish_of_ikev1_takes_56_octets_when_nothing_is_said() -> None:
    """RFC 2409 appendix B: without a negotiated length Blowfish's key has 56 octets, CAST's and IDEA's 16."""
    sizes = {encr: len(_secrets(sa1.Suite(encr, None, HashV1.SHA1, 1, 2)).key) for encr in (2, 3, 6)}

    assert sizes == {EncrV1.IDEA_CBC: 16, EncrV1.BLOWFISH_CBC: 56, EncrV1.CAST_CBC: 16}
