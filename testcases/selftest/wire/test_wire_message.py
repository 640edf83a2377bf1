"""Headers and chains: what is true is None, what is false is kept, what can't be read is a value."""

import pytest

from harness.codes import Exchange, NotifyType
from harness.wire import (
    Ciphertext,
    Malformed,
    Message,
    NotIke,
    Unknown,
    decode,
    decode_chain,
    describe,
    encode,
    encode_chain,
    replace,
    v1,
    v2,
)

SPI_I, SPI_R = b"initiate", b"responds"


def ike(*payloads: v2.Payload, **changes: object) -> Message:
    """A version 2 message; `changes` as for Message."""
    return replace(Message(SPI_I, SPI_R, Exchange.IKE_AUTH, 0x08, 1, payloads), **changes)


def read(message: Message) -> Message:
    """What is read of the octets of `message`."""
    made = decode(message.encode())
    assert isinstance(made, Message)
    return made


def test_header_lies_where_the_rfc_puts_it() -> None:
    """RFC 7296 section 3.1: the sixteen octets of SPIs, then types, flags, Message ID and length."""
    octets = ike(v2.Nonce(b"n")).encode()

    assert octets == SPI_I + SPI_R + bytes([40, 0x20, 35, 0x08, 0, 0, 0, 1, 0, 0, 0, 33, 0, 0, 0, 5]) + b"n"


def test_true_length_is_none() -> None:
    """A length that agrees with the datagram is not worth a value."""
    assert read(ike(v2.Nonce(b"n"))).length is None


@pytest.mark.parametrize("length", [0, 27, 32, 34, 0xFFFFFFFF])
def test_false_length_is_kept(length: int) -> None:
    """A header length that disagrees with the datagram is kept, and the reading says why it matters."""
    made = read(ike(v2.Nonce(b"n"), length=length))

    assert made.length == length
    assert made.why is not None


def test_octets_beyond_the_length_are_trailing() -> None:
    """What follows the end that the header claims is kept apart from the payloads."""
    octets = ike(v2.Nonce(b"n")).encode() + b"more"
    made = decode(octets)
    assert isinstance(made, Message)

    assert (made.payloads, made.trailing) == ((v2.Nonce(b"n"),), b"more")


def test_short_octets_are_not_ike() -> None:
    """Twenty-seven octets are no header: they are kept as NotIke with the reason."""
    made = decode(bytes(27))

    assert isinstance(made, NotIke)
    assert "28 octets" in made.why


def test_broken_chain_keeps_the_type_it_promised() -> None:
    """A payload that runs past the end is trailing; the one before keeps its false Next Payload."""
    octets = bytearray(ike(v2.Nonce(b"n"), v2.VendorId(b"v")).encode())
    octets[-2] = 200
    made = decode(bytes(octets))
    assert isinstance(made, Message)

    assert [p.next for p in made.payloads] == [43]
    assert made.trailing == bytes(octets[-5:])
    assert made.why == "payload 43 at 33 says 200 octets, 5 left"


def test_promised_first_payload_that_is_not_there_is_a_lie() -> None:
    """A header that names a first payload where nothing follows keeps that number."""
    made = read(ike(next_payload=33))

    assert made.next_payload == 33
    assert made.why == "payload 33 at 28 wants a header of 4 octets, 0 left"


def test_next_payload_can_be_made_to_lie() -> None:
    """A payload that says what follows is written with that number."""
    octets = encode_chain((v2.Nonce(b"", next=99), v2.Nonce(b"")))

    assert octets[0] == 99


def test_unknown_payload_is_kept() -> None:
    """A type that version 2 doesn't have is a value with its octets and its critical bit."""
    made = read(ike(Unknown(201, b"abc", critical=True)))

    assert made.payloads == (Unknown(201, b"abc", flags=0x80),)
    assert made.payloads[0].critical


def test_malformed_payload_says_where() -> None:
    """A Notify too short for its SPI is a value that tells which field wanted what."""
    made = read(ike(Unknown(41, b"\x00\x04\x40\x00ab")))
    (payload,) = made.payloads

    assert isinstance(payload, Malformed)
    assert payload.data == b"\x00\x04\x40\x00ab"
    assert payload.why == "Notify.spi wants 4 octets at 36, 2 left"


def test_malformed_payload_does_not_end_the_chain() -> None:
    """The payloads after a malformed one are read all the same."""
    made = read(ike(Unknown(41, b"\x00"), v2.Nonce(b"n")))

    assert made.payloads[1] == v2.Nonce(b"n")


def test_encrypted_payload_ends_the_chain() -> None:
    """The Next Payload of SK names what is inside (RFC 7296 section 3.14), so nothing after it is read."""
    made = read(ike(v2.Encrypted(b"sealed", inner=35)))

    assert made.payloads == (v2.Encrypted(b"sealed", inner=35),)
    assert made.why is None


def test_octets_after_the_encrypted_payload_are_trailing() -> None:
    """What stands after SK is kept, not read as the payload whose type SK carries."""
    made = read(ike(v2.Encrypted(b"sealed", inner=40), trailing=b"\x00\x00\x00\x05n"))

    assert made.trailing == b"\x00\x00\x00\x05n"
    assert made.why == "5 octets after the last payload"


def test_encrypted_version_1_message_is_one_ciphertext() -> None:
    """Under version 1's E bit everything after the header is one value, named by the header's Next Payload."""
    made = read(Message(SPI_I, SPI_R, 32, 0x01, 7, (Ciphertext(8, b"0123456789abcdef"),), version=0x10))

    assert made.payloads == (Ciphertext(8, b"0123456789abcdef"),)
    assert made.encrypted


@pytest.mark.parametrize("major", [0, 3, 15])
def test_other_major_versions_have_unknown_payloads(major: int) -> None:
    """A version that doesn't exist has no payload types, but its chain is read."""
    made = read(ike(v2.Nonce(b"n"), version=major << 4))

    assert made.payloads == (Unknown(40, b"n"),)


def test_same_number_means_what_its_version_says() -> None:
    """Type 11 is a notification in version 1 and nothing in version 2."""
    octets = v1.Notify(1, 1, 14).encode()

    assert decode_chain(11, octets, 1).payloads == (v1.Notify(1, 1, 14),)
    assert isinstance(decode_chain(11, octets, 2).payloads[0], Unknown)


def test_flags_speak_for_their_version() -> None:
    """R and I are version 2's, E is version 1's."""
    two, one = ike(flags=0x29), ike(flags=0x29, version=0x10)

    assert (two.is_response, two.from_initiator, two.encrypted) == (True, True, False)
    assert (one.is_response, one.from_initiator, one.encrypted) == (False, False, True)


def test_find_tells_notifies_apart() -> None:
    """A payload is found by class, a Notify by its type as well."""
    cookie = v2.Notify(notify_type=NotifyType.COOKIE, data=b"c")
    message = ike(v2.Notify(notify_type=NotifyType.USE_TRANSPORT_MODE), cookie)

    assert message.find(v2.Notify, NotifyType.COOKIE) is cookie
    assert message.find(v2.Delete) is None
    assert v2.Notify in message
    assert v2.Delete not in message
    assert len(message.all(v2.Notify)) == 2


def test_message_prints_as_one_line() -> None:
    """The line names exchange, direction, Message ID and payloads."""
    message = ike(v2.Authentication(2, b"a"), Unknown(201, critical=True), v2.Encrypted(b"x"))

    assert str(message) == "IKE_AUTH request 1 { AUTH, 201!, SK{…} }"


def test_nothing_from_the_wire_prints_raw() -> None:
    """Control characters in any payload reach neither the message's line nor a payload's."""
    hostile = b"\x1b[2J\n\r\x07"
    message = ike(v2.VendorId(hostile), Unknown(9, hostile), v2.Notify(spi=hostile, data=hostile))

    lines = [str(message), repr(message), *map(describe, message.payloads)]

    assert all(line.isprintable() for line in lines)


def test_description_names_code_points() -> None:
    """A payload's line tells its code points by the registry's names."""
    payload = v2.KeyExchange(31, b"\x01\x02")

    assert describe(payload) == "KeyExchange(group=CURVE25519, data=0102)"


def test_replace_changes_a_copy() -> None:
    """The copy has the change, the original keeps its value."""
    before = v2.Notify(notify_type=14, data=b"old")
    after = replace(before, data=b"new", spi_size=9)

    assert (before.data, before.spi_size) == (b"old", None)
    assert (after.data, after.spi_size, after.notify_type) == (b"new", 9, 14)


def test_replace_refuses_a_field_that_is_not_there() -> None:
    """A misspelt field is our mistake and says so."""
    with pytest.raises(TypeError, match="dta"):
        replace(v2.Nonce(b""), dta=b"")


def test_octets_like_values_are_read() -> None:
    """Whatever turns into octets is read, so a packet of another library is too."""
    octets = ike(v2.Nonce(b"n")).encode()

    assert encode(decode(memoryview(octets))) == octets
