"""The Encrypted payload: sealed, opened, and every wrong input as a value (RFC 7296 section 3.14, RFC 5282, RFC 7383)."""

from dataclasses import replace
from functools import cache

import pytest

from harness.clock import SeededEntropy
from harness.codes import NotifyType
from harness.crypto import aead
from harness.sa.v2 import (
    Keys,
    Opened,
    OpenedFragment,
    Sealed,
    Suite,
    ike_keys,
    iv_size,
    open_fragment,
    open_sealed,
    reassemble,
    seal,
    seal_fragment,
)
from harness.wire import Chain, Message, decode, v2

SUITES = [
    Suite(encr=3, key_bits=None, integ=2, prf=2, group=2),
    Suite(encr=3, key_bits=None, integ=1, prf=1, group=2),
    Suite(encr=12, key_bits=128, integ=2, prf=2, group=5),
    Suite(encr=12, key_bits=192, integ=13, prf=6, group=20),
    Suite(encr=12, key_bits=256, integ=14, prf=7, group=14),
    Suite(encr=12, key_bits=256, integ=12, prf=5, group=14),
    Suite(encr=18, key_bits=128, integ=0, prf=5, group=19),
    Suite(encr=19, key_bits=192, integ=0, prf=5, group=19),
    Suite(encr=20, key_bits=256, integ=0, prf=5, group=31),
    Suite(encr=28, key_bits=None, integ=0, prf=5, group=31),
]
CBC, GCM = SUITES[5], SUITES[8]
HEADER = Message(
    spi_i=b"spi_init", spi_r=b"spi_resp", exchange=37, flags=0x08, message_id=7, payloads=(), version=0x20
)
WINDOW = v2.Notify(notify_type=NotifyType.SET_WINDOW_SIZE, data=b"\x00\x00\x00\x0a")
NONCE = v2.Nonce(data=b"a nonce of some octets")


@cache
def _keys(suite: Suite) -> Keys:
    return ike_keys(suite, b"spi_init", b"spi_resp", b"nonce i" * 3, b"nonce r" * 3, b"shared")


def _sealed(suite: Suite, *inner: v2.Payload, by_initiator: bool = True) -> bytes:
    return seal(
        HEADER, _keys(suite), by_initiator=by_initiator, iv=bytes(range(iv_size(suite))), inner=tuple(inner)
    )


def _opened(octets: bytes, suite: Suite = GCM) -> Opened:
    opened = open_sealed(octets, _keys(suite), by_initiator=True)
    assert isinstance(opened, Opened)
    return opened


def _why(octets: bytes, suite: Suite = GCM) -> Sealed:
    sealed = open_sealed(octets, _keys(suite), by_initiator=True)
    assert isinstance(sealed, Sealed)
    return sealed


def _published_chacha_keys() -> Keys:
    key = bytes(range(0x80, 0xA0)) + bytes.fromhex("a0a1a2a3")
    return Keys(
        SUITES[9],
        bytes.fromhex("c0c1c2c3c4c5c6c7"),
        bytes.fromhex("d0d1d2d3d4d5d6d7"),
        b"",
        b"",
        b"",
        b"",
        key,
        b"",
        b"",
    )


PUBLISHED = bytes.fromhex(
    "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029"
    "1011121314151617610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2"
)


def test_the_published_message_opens() -> None:
    """The whole message of RFC 7634 appendix B opens to its SET_WINDOW_SIZE notify."""
    opened = open_sealed(PUBLISHED, _published_chacha_keys(), by_initiator=False)

    assert isinstance(opened, Opened)
    assert opened.payloads == (WINDOW,)


def test_the_published_message_is_sealed() -> None:
    """Sealing gives the whole message of RFC 7634 appendix B, octet for octet."""
    keys = _published_chacha_keys()
    message = Message(spi_i=keys.spi_i, spi_r=keys.spi_r, exchange=37, flags=0, message_id=9, payloads=())
    octets = seal(message, keys, by_initiator=False, iv=bytes(range(0x10, 0x18)), inner=(WINDOW,))

    assert octets == PUBLISHED


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("by_initiator", [True, False])
def test_what_is_sealed_opens(suite: Suite, by_initiator: bool) -> None:
    """Under every suite, in both directions, the payloads come back."""
    octets = _sealed(suite, WINDOW, NONCE, by_initiator=by_initiator)
    opened = open_sealed(octets, _keys(suite), by_initiator=by_initiator)

    assert isinstance(opened, Opened)
    assert (opened.payloads, opened.trailing, opened.why, opened.first) == ((WINDOW, NONCE), b"", None, 41)


@pytest.mark.parametrize("suite", SUITES)
def test_an_empty_message_is_sealed_too(suite: Suite) -> None:
    """A liveness check holds no payload, and first payload 0 (RFC 7296 section 1.4)."""
    opened = _opened(_sealed(suite), suite)

    assert (opened.payloads, opened.plaintext, opened.first) == ((), b"", 0)


@pytest.mark.parametrize("suite", SUITES)
def test_the_directions_have_keys_of_their_own(suite: Suite) -> None:
    """What the initiator sealed does not open as the responder's."""
    opened = open_sealed(_sealed(suite, WINDOW), _keys(suite), by_initiator=False)

    assert opened == Sealed("the ICV does not hold")


@pytest.mark.parametrize("suite", SUITES)
def test_every_octet_is_protected(suite: Suite) -> None:
    """A bit altered anywhere in the message, headers included, keeps it sealed."""
    octets = _sealed(suite, WINDOW)

    for place in range(len(octets)):
        bent = bytearray(octets)
        bent[place] ^= 0x40
        assert isinstance(open_sealed(bytes(bent), _keys(suite), by_initiator=True), Sealed)


@pytest.mark.parametrize("suite", SUITES)
def test_no_head_of_a_message_opens(suite: Suite) -> None:
    """A message cut off anywhere stays sealed, also when its lengths are corrected."""
    octets = _sealed(suite, WINDOW)

    for size in range(len(octets)):
        head = bytearray(octets[:size])
        assert isinstance(open_sealed(bytes(head), _keys(suite), by_initiator=True), Sealed)
        if size >= 32:
            head[24:28] = size.to_bytes(4, "big")
            head[30:32] = (size - 28).to_bytes(2, "big")
            assert isinstance(open_sealed(bytes(head), _keys(suite), by_initiator=True), Sealed)


@pytest.mark.parametrize("suite", [CBC, GCM])
def test_payloads_in_clear_go_before(suite: Suite) -> None:
    """Payloads of the message itself stand in clear before the Encrypted one, under its ICV."""
    message = HEADER.__class__(
        **{name: getattr(HEADER, name) for name in HEADER.NAMES} | {"payloads": (NONCE,)}
    )
    octets = seal(message, _keys(suite), by_initiator=True, iv=bytes(iv_size(suite)), inner=(WINDOW,))
    outer = decode(octets)

    assert isinstance(outer, Message)
    assert [payload.type for payload in outer.payloads] == [40, 46]
    assert _opened(octets, suite).payloads == (WINDOW,)


def test_the_shortest_padding_is_taken() -> None:
    """CBC is padded to the next block and no further; combined modes take no padding but its length."""
    assert len(_sealed(CBC, WINDOW)) == 28 + 4 + 16 + 16 + 16
    assert len(_sealed(GCM, WINDOW)) == 28 + 4 + 8 + 13 + 16


@pytest.mark.parametrize("suite", [CBC, GCM])
def test_any_padding_is_taken_off(suite: Suite) -> None:
    """A receiver takes any pad length that aligns (RFC 7296 section 3.14, RFC 5282 section 3)."""
    octets = seal(
        HEADER,
        _keys(suite),
        by_initiator=True,
        iv=bytes(iv_size(suite)),
        inner=(WINDOW,),
        padding=b"\xa5" * 200,
    )

    assert _opened(octets, suite).payloads == (WINDOW,)


@pytest.mark.parametrize("suite", [CBC, GCM])
def test_a_pad_length_beyond_the_plaintext_is_said(suite: Suite) -> None:
    """A pad length that exceeds what is encrypted keeps the message sealed, though its ICV holds."""
    octets = seal(
        HEADER, _keys(suite), by_initiator=True, iv=bytes(iv_size(suite)), inner=(WINDOW,), pad_length=255
    )

    assert _why(octets, suite).authentic
    assert "a pad length of 255 exceeds" in _why(octets, suite).why


def test_a_combined_mode_may_hold_nothing_at_all() -> None:
    """An authentic message without even a pad length is said to be so."""
    keys = _keys(GCM)
    short = bytearray(_sealed(GCM))
    short[24:28] = (len(short) - 1).to_bytes(4, "big")
    short[30:32] = (len(short) - 29).to_bytes(2, "big")
    head = bytes(short[:32])
    octets = head + bytes(8) + aead(20, 256).seal(keys.sk_ei, bytes(8), head, b"")

    assert _why(octets) == Sealed("nothing is encrypted, not even a pad length", authentic=True)


@pytest.mark.parametrize("suite", [CBC, GCM])
def test_any_octets_can_be_sealed(suite: Suite) -> None:
    """Hostile plaintext is sealed as it is; what can't be read of it comes back as trailing octets and a reason."""
    octets = seal(
        HEADER,
        _keys(suite),
        by_initiator=True,
        iv=bytes(iv_size(suite)),
        inner=(33, b"\x29\x00\x00\x04\x00\x00\xff\xffrest"),
    )
    opened = _opened(octets, suite)

    assert (opened.first, opened.trailing) == (33, b"\x00\x00\xff\xffrest")
    assert opened.why is not None


def test_a_chain_is_sealed_with_its_trailing_octets() -> None:
    """A chain with octets after its last payload is sealed whole."""
    octets = seal(
        HEADER,
        _keys(GCM),
        by_initiator=True,
        iv=bytes(8),
        inner=Chain((WINDOW,), b"more", "four octets more"),
    )
    opened = _opened(octets)

    assert (opened.payloads, opened.trailing) == ((WINDOW,), b"more")


def test_a_lie_about_the_length_is_sealed_under_a_good_icv() -> None:
    """The Encrypted payload's length may lie; the receiver says what it found."""
    octets = seal(HEADER, _keys(GCM), by_initiator=True, iv=bytes(8), inner=(WINDOW,), length=5)

    assert "payload 46 says 5 octets" in _why(octets).why


def test_octets_after_the_message_keep_it_sealed() -> None:
    """A datagram longer than its header says does not open."""
    octets = _sealed(GCM, WINDOW)

    assert _why(octets + b"\x00").why == f"the header says {len(octets)} octets, there are {len(octets) + 1}"


def test_a_message_without_protection_is_said_to_be_so() -> None:
    """A message in clear has nothing to open."""
    clear = Message(spi_i=b"spi_init", spi_r=bytes(8), exchange=34, flags=8, message_id=0, payloads=(NONCE,))

    assert _why(clear.encode()).why == "no payload of the message is protected"


@pytest.mark.parametrize("octets", [b"", bytes(27), bytes(24) + b"\x00\x00\x00\x1c"])
def test_what_is_no_message_is_sealed(octets: bytes) -> None:
    """Too few octets, or a header alone, are values and no exceptions."""
    assert _why(octets).why


def test_unknown_keys_open_nothing() -> None:
    """Keys that another program's table did not hold are said to be missing."""
    keys = replace(_keys(CBC), sk_ai=b"")

    assert open_sealed(_sealed(CBC, WINDOW), keys, by_initiator=True) == Sealed(
        "the keys of this direction are not known"
    )


def test_an_unknown_cipher_opens_nothing() -> None:
    """A suite that is not here is said to be unsupported."""
    keys = replace(_keys(GCM), suite=Suite(encr=4, key_bits=128, integ=0, prf=5, group=14))
    opened = open_sealed(_sealed(GCM, WINDOW), keys, by_initiator=True)

    assert opened == Sealed("no cipher 4 with a key of 128 bits here")


def test_random_octets_never_raise() -> None:
    """Whatever follows a header, with lengths made right, is a value."""
    entropy = SeededEntropy("random octets")
    for _ in range(2000):
        size = entropy.below(120)
        body = bytearray(entropy.octets(size))
        if size >= 4:
            body[2:4] = size.to_bytes(2, "big")
        head = entropy.octets(16) + bytes((46 + 7 * entropy.below(2), 0x20)) + entropy.octets(6)
        octets = head + (28 + size).to_bytes(4, "big") + bytes(body)
        for suite in (CBC, GCM):
            assert isinstance(open_sealed(octets, _keys(suite), by_initiator=True), Sealed)
            assert isinstance(open_fragment(octets, _keys(suite), by_initiator=True), Sealed)


# --- fragments ----------------------------------------------------------------------------------------------------


def _fragments(suite: Suite) -> list[bytes]:
    content = NONCE.body
    whole = bytes((0, 0)) + (4 + len(content)).to_bytes(2, "big") + content
    pieces = [whole[at : at + 10] for at in range(0, len(whole), 10)]
    return [
        seal_fragment(
            HEADER,
            _keys(suite),
            by_initiator=True,
            iv=bytes(iv_size(suite)),
            number=number,
            total=len(pieces),
            first=40 if number == 1 else 0,
            content=piece,
        )
        for number, piece in enumerate(pieces, 1)
    ]


def _pieces(suite: Suite) -> list[OpenedFragment]:
    opened = [open_fragment(octets, _keys(suite), by_initiator=True) for octets in _fragments(suite)]
    return [piece for piece in opened if isinstance(piece, OpenedFragment)]


@pytest.mark.parametrize("suite", SUITES)
def test_fragments_come_together_in_any_order(suite: Suite) -> None:
    """A message cut into fragments is whole again, whatever the order (RFC 7383 section 2.6)."""
    opened = reassemble(reversed(_pieces(suite)))

    assert isinstance(opened, Opened)
    assert (opened.payloads, opened.first) == ((NONCE,), 40)


def test_a_missing_fragment_is_said() -> None:
    """Without one of its fragments a message stays sealed."""
    assert reassemble(_pieces(GCM)[1:]) == Sealed("2 of 3 fragments are here", authentic=True)


def test_no_fragments_make_no_message() -> None:
    """Nothing comes of nothing."""
    assert isinstance(reassemble(()), Sealed)


def test_fragments_of_a_smaller_total_are_left_out() -> None:
    """Fragments of a later, finer cut replace the earlier ones (RFC 7383 section 2.5.1)."""
    stale = OpenedFragment(1, 2, 33, b"stale")
    opened = reassemble([stale, *_pieces(GCM)])

    assert isinstance(opened, Opened)
    assert opened.payloads == (NONCE,)


def test_a_fragment_is_no_whole_message() -> None:
    """A fragment does not open as an Encrypted payload, nor the other way round."""
    assert open_sealed(_fragments(GCM)[0], _keys(GCM), by_initiator=True) == Sealed(
        "the message is a fragment"
    )
    assert open_fragment(_sealed(GCM, WINDOW), _keys(GCM), by_initiator=True) == Sealed(
        "the message is no fragment"
    )


def test_an_altered_fragment_number_is_noticed() -> None:
    """The fragment's numbers are under its ICV."""
    bent = bytearray(_fragments(GCM)[0])
    bent[33] = 2

    assert open_fragment(bytes(bent), _keys(GCM), by_initiator=True) == Sealed("the ICV does not hold")
