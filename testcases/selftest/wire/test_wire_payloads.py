"""Payload by payload: octets laid out as the RFC draws them, and lies told on purpose."""

import pytest

from harness.codes import NotifyType
from harness.wire import Malformed, Payload, decode_chain, v1, v2
from harness.wire.fields import describe


def only(payload: Payload, major: int = 2) -> Payload:
    """What is read of the octets of one payload."""
    (made,) = decode_chain(payload.type, payload.encode(), major).payloads
    return made


DRAWN = [
    (2, v2.KeyExchange(19, b"AB"), "0000000a 00130000 4142"),
    (2, v2.IdInitiator(2, b"a.b"), "0000000b 02000000 612e62"),
    (2, v2.IdResponder(1, b"\x01\x02\x03\x04"), "0000000c 01000000 01020304"),
    (2, v2.Certificate(4, b"C"), "00000006 0443"),
    (2, v2.CertificateRequest(4, b"H"), "00000006 0448"),
    (2, v2.Authentication(2, b"P"), "00000009 02000000 50"),
    (2, v2.Nonce(b"N"), "00000005 4e"),
    (2, v2.Notify(3, NotifyType.REKEY_SA, b"spi!", b"d"), "0000000d 03044009 73706921 64"),
    (2, v2.Delete(3, None, (b"aaaa", b"bbbb")), "00000010 03040002 61616161 62626262"),
    (2, v2.Delete(1), "00000008 01000000"),
    (2, v2.VendorId(b"V"), "00000005 56"),
    # The four keys of the first example of RFC 8019 section 4.4, as section 8.2 lays them out.
    (
        2,
        v2.PuzzleSolution(bytes.fromhex("061840073324 0c8a2a0d94c8")),
        "00000010 061840 073324 0c8a2a 0d94c8",
    ),
    (
        2,
        v2.TrafficSelectorsI((v2.TrafficSelector(7, 6, 80, 443, b"\x0a\x00\x00\x00", b"\x0a\x00\x00\xff"),)),
        "00000018 01000000 07060010 005001bb 0a000000 0a0000ff",
    ),
    (
        2,
        v2.TrafficSelectorsR((v2.TrafficSelector(8, 0, 0, 65535, bytes(16), b"\xff" * 16),), reserved=1),
        "00000030 01000001 08000028 0000ffff" + "00" * 16 + "ff" * 16,
    ),
    (2, v2.Encrypted(b"SEAL", inner=35), "23000008 5345414c"),
    (2, v2.EncryptedFragment(1, 2, b"S", inner=35), "23000009 00010002 53"),
    (
        2,
        v2.Configuration(
            1, (v2.ConfigurationAttribute(1), v2.ConfigurationAttribute(3, b"\x08\x08\x08\x08"))
        ),
        "00000014 01000000 00010000 00030004 08080808",
    ),
    (2, v2.Eap(b"\x02\x07\x00\x05\x01"), "00000009 02070005 01"),
    (
        2,
        v2.SecurityAssociation(
            (
                v2.Proposal(
                    1, 3, b"spi1", (v2.Transform(1, 12, (v2.Attribute(14, 128),)), v2.Transform(5, 0))
                ),
                v2.Proposal(2, 1, b"", (v2.Transform(2, 5),)),
            )
        ),
        (
            "00000034 02000020 01030402 73706931 0300000c 0100000c 800e0080 00000008 05000000"
            " 00000010 02010001 00000008 02000005"
        ),
    ),
    (
        1,
        v1.SecurityAssociation(
            proposals=(
                v1.Proposal(
                    1, 1, b"", (v1.Transform(1, 1, (v1.Attribute(1, 7), v1.Attribute(12, b"\0\1\x51\x80"))),)
                ),
            )
        ),
        "00000028 00000001 00000001 0000001c 01010001 00000014 01010000 80010007 000c0004 00015180",
    ),
    (1, v1.KeyExchange(b"K"), "00000005 4b"),
    (1, v1.Identification(1, 17, 500, b"\x0a\x00\x00\x01"), "0000000c 011101f4 0a000001"),
    (1, v1.Certificate(4, b"C"), "00000006 0443"),
    (1, v1.CertificateRequest(4), "00000005 04"),
    (1, v1.Hash(b"H"), "00000005 48"),
    (1, v1.Signature(b"S"), "00000005 53"),
    (1, v1.Nonce(b"N"), "00000005 4e"),
    (1, v1.Notify(1, 3, 14, b"spi!", b"d"), "00000011 00000001 0304000e 73706921 64"),
    (1, v1.Delete(1, 3, None, (b"spi!",)), "00000010 00000001 03040001 73706921"),
    (1, v1.VendorId(b"V"), "00000005 56"),
    (
        1,
        v1.Attributes(1, 9, (v1.Attribute(16520, 0), v1.Attribute(16521, b"u"))),
        "00000011 01000009 c0880000 40890001 75",
    ),
    (1, v1.NatDetection(b"H"), "00000005 48"),
    (1, v1.NatDetectionDraft(b"H"), "00000005 48"),
    (1, v1.NatOriginalAddress(1, b"\x0a\x00\x00\x01"), "0000000c 01000000 0a000001"),
    (1, v1.NatOriginalAddressDraft(1, b"\x0a\x00\x00\x01"), "0000000c 01000000 0a000001"),
    (1, v1.Fragment(1, 2, 1, b"F"), "00000009 00010201 46"),
]


@pytest.mark.parametrize(
    ("major", "payload", "drawn"), DRAWN, ids=lambda value: getattr(type(value), "__name__", "")
)
def test_payload_is_written_as_drawn(major: int, payload: Payload, drawn: str) -> None:
    """The octets are those of the RFC's figure."""
    assert payload.encode().hex() == drawn.replace(" ", "")


@pytest.mark.parametrize(
    ("major", "payload", "drawn"), DRAWN, ids=lambda value: getattr(type(value), "__name__", "")
)
def test_drawn_octets_are_read_back(major: int, payload: Payload, drawn: str) -> None:
    """The octets of the RFC's figure are read to the fields they were drawn from."""
    chain = decode_chain(payload.type, bytes.fromhex(drawn), major)

    assert chain.payloads == (payload,)
    assert chain.why is None


def test_every_payload_is_drawn_here() -> None:
    """No class of either version lacks its figure above."""
    drawn = {(major, type(payload)) for major, payload, _ in DRAWN}

    assert drawn == {(1, cls) for cls in v1.PAYLOADS} | {(2, cls) for cls in v2.PAYLOADS}


def test_labelled_situation_carries_its_labels() -> None:
    """RFC 2407 section 4.6.1: domain, then secrecy, then integrity, each padded to four octets."""
    label = v1.SensitivityLabel(b"top", b"\xf0", category_bits=4)
    payload = v1.SecurityAssociation(1, 6, domain=v1.LabelledDomain(5), secrecy=label, integrity=label)

    assert payload.body.hex() == "000000010000000600000005" + "00030000746f700000040000f0000000" * 2
    assert only(payload, 1) == payload


def test_label_padding_that_is_not_zero_is_kept() -> None:
    """Octets that fill up a label come back even where the RFC wants zeros."""
    label = v1.SensitivityLabel(b"t", b"", level_padding=b"abc")
    payload = v1.SecurityAssociation(1, 2, domain=v1.LabelledDomain(0), secrecy=label)

    assert only(payload, 1) == payload


def test_short_and_long_attributes_stay_apart() -> None:
    """The same number in the short and in the long form are two values (RFC 2408 section 3.3)."""
    short, long = v1.Attribute(12, 0x7080), v1.Attribute(12, b"\x70\x80")

    assert (short.encode().hex(), long.encode().hex()) == ("800c7080", "000c00027080")
    assert v1.Attribute.decode_list(short.encode() + long.encode(), 0, 10) == (short, long)


def test_reserved_bit_of_a_configuration_attribute_is_kept() -> None:
    """RFC 7296 section 3.15.1: the bit before the type is apart from it."""
    payload = v2.Configuration(1, (v2.ConfigurationAttribute(1, b"", reserved=1),))

    assert payload.encode()[8:10] == b"\x80\x01"
    assert only(payload) == payload


LIES = [
    (v2.Notify(3, 11, b"spi!", b"", spi_size=2), "000c"),
    (v2.Delete(3, 4, (b"aaaa",), count=7), "000c"),
    (v2.TrafficSelectorsI((), count=3), "0008"),
    (v2.Nonce(b"nonce", length=200), "00c8"),
]


@pytest.mark.parametrize(("payload", "length"), LIES)
def test_lie_changes_nothing_else(payload: Payload, length: str) -> None:
    """A false size or count is written as said while the payload's own length stays what it is or was told."""
    assert payload.encode()[2:4].hex() == length


def test_false_count_is_read_as_a_number() -> None:
    """A transform count that disagrees with the transforms is kept; the true one is None."""
    false = v2.SecurityAssociation((v2.Proposal(transforms=(v2.Transform(1, 12),), transform_count=9),))
    made = only(false)
    assert isinstance(made, v2.SecurityAssociation)

    assert made.proposals[0].transform_count == 9
    assert made == false


def test_false_last_is_read_as_a_number() -> None:
    """A last proposal that says more will come keeps its 2."""
    false = v2.SecurityAssociation((v2.Proposal(last=2),))

    assert only(false) == false


def test_reserved_octets_are_fields() -> None:
    """What a sender puts where zeros belong is read and written back."""
    payload = v2.KeyExchange(31, b"k", reserved=0xABCD)

    assert payload.encode()[6:8] == b"\xab\xcd"
    assert only(payload) == payload


BROKEN = [
    (2, 33, "0000000001", "Proposal.last wants 8 octets at 4, 5 left"),
    (2, 33, "0000000701010000", "Proposal.length at 4 is 7, 8 left"),
    (2, 33, "0000000901010000", "Proposal.length at 4 is 9, 8 left"),
    (2, 33, "0000000801010900", "Proposal.spi wants 9 octets at 12, 0 left"),
    (2, 34, "0013", "KeyExchange.group wants 4 octets at 4, 2 left"),
    (2, 42, "030400016161", "Delete.spis: 2 octets at 8 are no whole number of 4"),
    (2, 42, "0300000161", "Delete.spis: 1 octets at 8 are no whole number of 0"),
    (2, 44, "0100000007000007", "TrafficSelector.ts_type wants 8 octets at 8, 4 left"),
    (2, 47, "010000000001000501", "ConfigurationAttribute.value wants 5 octets at 12, 1 left"),
    (1, 1, "00000001", "SecurityAssociation.doi wants 8 octets at 4, 4 left"),
    (1, 14, "01000000000c000401", "Attribute.value wants 4 octets at 12, 1 left"),
]


@pytest.mark.parametrize(("major", "type_", "body", "why"), BROKEN)
def test_broken_body_is_malformed_with_the_reason(major: int, type_: int, body: str, why: str) -> None:
    """A body that doesn't read as its type is a value that names the field, the place and the want."""
    octets = bytes.fromhex(body)
    chain = decode_chain(type_, bytes([0, 0]) + (len(octets) + 4).to_bytes(2, "big") + octets, major)
    (made,) = chain.payloads

    assert isinstance(made, Malformed)
    assert (made.type, made.data, made.why) == (type_, octets, why)


def test_transforms_print_by_name() -> None:
    """A proposal's line reads as an engineer would say it."""
    transforms = (v2.Transform(1, 12, (v2.Attribute(14, 128),)), v2.Transform(2, 5), v2.Transform(1, 999))
    proposal = v2.Proposal(1, 3, b"\x01\x02\x03\x04", transforms)

    assert str(proposal) == "#1 ESP 01020304 {ENCR_AES_CBC-128, PRF_HMAC_SHA2_256, ENCR=999}"


def test_version_1_attributes_print_by_the_names_of_their_phase() -> None:
    """The same attribute number reads as phase 1's or phase 2's, as the proposal's protocol says."""
    transform = v1.Transform(1, 3, (v1.Attribute(4, 2), v1.Attribute(2, b"\x00\x00\x70\x80")))

    assert str(v1.Proposal(1, 3, b"spi!", (transform,))) == (
        "#1 ESP 73706921 {ESP_3DES ENCAPSULATION_MODE=TRANSPORT SA_LIFE_DURATION=28800}"
    )
    assert (
        str(v1.Proposal(1, 1, b"", (transform,)))
        == "#1 IKE {3 GROUP_DESCRIPTION=MODP_1024 HASH_ALGORITHM=28800}"
    )


def test_what_a_user_proves_himself_by_is_not_shown() -> None:
    """Lines about XAUTH name the attributes; passwords, passcodes, PINs and answers stay out of them."""
    secret = (16522, 16523, 16528, 16529)
    payload = v1.Attributes(2, 7, tuple(v1.Attribute(kind, b"sesame") for kind in (16521, *secret)))
    shown = f"{payload} {describe(payload)}"

    assert "XAUTH_USER_PASSWORD" in shown
    assert shown.count(b"sesame".hex()) == 1
