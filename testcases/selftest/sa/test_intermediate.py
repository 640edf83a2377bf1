"""IKE_INTERMEDIATE: what IntAuth covers and comes to, each by the text of RFC 9242; no vector of it is published."""

import hmac
from dataclasses import replace

import pytest

from harness.codes import Exchange
from harness.sa.intermediate import IntAuth, bare_octets_of, bare_octets_with, updated_keys
from harness.sa.opened import Opened
from harness.sa.v2 import (
    ChildSuite,
    Keys,
    Suite,
    child_keys,
    ike_keys,
    iv_size,
    open_fragment,
    open_sealed,
    reassemble,
    rekeyed_skeyseed,
    seal,
    seal_fragment,
)
from harness.wire import Message, decode, encode_chain, v2

CBC = Suite(encr=12, key_bits=128, integ=12, prf=5, group=31)
GCM = Suite(encr=20, key_bits=256, integ=0, prf=5, group=31)
HEADER = Message(b"initiate", b"respond!", Exchange.IKE_INTERMEDIATE, 0x08, 1)
INNER = (v2.KeyExchange(31, bytes(range(32))), v2.Nonce(b"n" * 16))


def _keys(suite: Suite) -> Keys:
    return ike_keys(suite, b"initiate", b"respond!", b"i" * 32, b"r" * 32, b"s" * 32)


@pytest.mark.parametrize("suite", [CBC, GCM], ids=["cbc", "gcm"])
def test_what_is_covered_does_not_depend_on_the_cipher(suite: Suite) -> None:
    """The receiver of a sealed message and its sender cover the same octets: header, generic header, inner payloads."""
    keys = _keys(suite)
    octets = seal(HEADER, keys, by_initiator=True, iv=bytes(iv_size(suite)), inner=INNER, padding=b"pad")
    opened, message = open_sealed(octets, keys, by_initiator=True), decode(octets)

    assert isinstance(opened, Opened)
    assert isinstance(message, Message)
    assert bare_octets_of(message, opened.first, opened.plaintext) == bare_octets_with(HEADER, INNER)


def test_the_lengths_count_neither_iv_nor_padding_nor_checksum() -> None:
    """The adjusted lengths are those of A | P, and of the generic header and P (section 3.3.2, figure 1)."""
    covered = bare_octets_with(HEADER, INNER)
    inner = encode_chain(INNER)

    assert covered[24:28] == (28 + 4 + len(inner)).to_bytes(4, "big")
    assert covered[28:32] == bytes((v2.KeyExchange.type, 0)) + (4 + len(inner)).to_bytes(2, "big")
    assert covered[32:] == inner


def test_a_fragmented_message_covers_what_the_whole_one_does() -> None:
    """Reconstructed from its fragments a message covers the same octets, by whichever fragment's header."""
    keys, inner = _keys(GCM), encode_chain(INNER)
    fragments = [
        seal_fragment(
            HEADER,
            keys,
            by_initiator=True,
            iv=bytes(8),
            number=number,
            total=2,
            first=INNER[0].type if number == 1 else 0,
            content=inner[(number - 1) * 30 : number * 30 if number == 1 else None],
        )
        for number in (1, 2)
    ]
    whole = reassemble(open_fragment(each, keys, by_initiator=True) for each in fragments)

    assert isinstance(whole, Opened)
    for each in map(decode, fragments):
        assert isinstance(each, Message)
        assert bare_octets_of(each, whole.first, whole.plaintext) == bare_octets_with(HEADER, INNER)


def test_reserved_bits_of_the_encrypted_payload_are_covered() -> None:
    """The RESERVED field of the Encrypted payload's header is part of A."""
    keys = _keys(GCM)
    octets = seal(HEADER, keys, by_initiator=True, iv=bytes(8), inner=INNER, flags=0x01)
    opened, message = open_sealed(octets, keys, by_initiator=True), decode(octets)

    assert isinstance(opened, Opened)
    assert isinstance(message, Message)
    assert bare_octets_of(message, opened.first, opened.plaintext)[29] == 0x01


def test_without_exchanges_nothing_follows_the_signed_octets() -> None:
    """An SA without IKE_INTERMEDIATE has the AUTH of RFC 7296."""
    assert IntAuth().octets == b""


def test_int_auth_chains_the_exchanges_each_under_its_own_keys() -> None:
    """IntAuth is iN | rN | the Message ID of IKE_AUTH, each link made with the SK_p of its own exchange."""
    first = _keys(GCM)
    second = updated_keys(first, b"i" * 32, b"r" * 32, b"more")
    made = IntAuth().then(first, b"request 1", b"response 1").then(second, b"request 2", b"response 2")

    def prf(key: bytes, octets: bytes) -> bytes:
        return hmac.digest(key, octets, "sha256")

    i_2 = prf(second.sk_pi, prf(first.sk_pi, b"request 1") + b"request 2")
    r_2 = prf(second.sk_pr, prf(first.sk_pr, b"response 1") + b"response 2")
    assert made.octets == i_2 + r_2 + bytes((0, 0, 0, 3))


def test_an_additional_key_exchange_renews_every_key_and_keeps_the_spis() -> None:
    """SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr); the rest is cut as of IKE_SA_INIT (RFC 9370 section 2.2.2)."""
    old = _keys(GCM)
    new = updated_keys(old, b"i" * 32, b"r" * 32, b"more")
    seed = hmac.digest(old.sk_d, b"more" + b"i" * 32 + b"r" * 32, "sha256")
    first_block = hmac.digest(seed, b"i" * 32 + b"r" * 32 + b"initiate" + b"respond!" + b"\x01", "sha256")

    assert (new.spi_i, new.spi_r, new.suite) == (old.spi_i, old.spi_r, old.suite)
    assert new.sk_d == first_block
    assert not {new.sk_ei, new.sk_er, new.sk_pi, new.sk_pr} & {old.sk_ei, old.sk_er, old.sk_pi, old.sk_pr}


def test_secrets_of_follow_ups_come_after_the_nonces() -> None:
    """SK(1) … SK(n) stand behind SK(0) | Ni | Nr, in SKEYSEED and in KEYMAT (RFC 9370 section 2.2.4)."""
    seed = rekeyed_skeyseed(5, b"d" * 32, b"ni", b"nr", b"sk0", b"sk1sk2")
    keys = child_keys(b"d" * 32, 5, ChildSuite(3, 20, 128, 0), b"ni", b"nr", b"sk0", b"sk1sk2")

    assert seed == hmac.digest(b"d" * 32, b"sk0ninrsk1sk2", "sha256")
    assert keys.encr_i == hmac.digest(b"d" * 32, b"sk0ninrsk1sk2\x01", "sha256")[:20]


def test_the_suite_of_updated_keys_may_name_its_exchanges() -> None:
    """Naming the additional methods in a suite changes no key."""
    named = replace(GCM, additional=(19, 20))

    assert _keys(named).sk_d == _keys(GCM).sk_d
