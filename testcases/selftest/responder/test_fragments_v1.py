"""Fragments of IKEv1: what comes in pieces is served like what comes whole, and hostile pieces do no harm."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import SeededEntropy
from harness.profile import DEFAULT, Fragmentation, Version1
from harness.responder.v1.fragments import MOST_FRAGMENTS, MOST_OCTETS, PATIENCE_S
from harness.sa.fragments_v1 import fragments
from harness.sa.v1 import VID_FRAGMENTATION
from harness.wire import Message, decode, v1
from harness.wire import replace as replace_message
from harness.wire.datagram import Endpoint

SIZE = 200
CUTTING = replace(DEFAULT, version1=Version1(fragmentation=Fragmentation(SIZE)))
ELSEWHERE = Endpoint("192.0.2.77", 500)


@pytest.fixture
def cutting(pairs: Any) -> Any:
    """A responder that takes and sends fragments, and its peer, before the third message of Main Mode."""
    pair = pairs(CUTTING)
    pair.play(pair.alice.main_mode_1())
    return pair


def carrier(sa: Any, **fields: Any) -> bytes:
    """A fragment by hand, under the cookies of the responder's SA."""
    piece = v1.Fragment(**({"fragment_id": 7, "number": 1, "data": b"x"} | fields))
    return Message(sa.cky_i, sa.cky_r, 2, 0, 0, (piece,), version=0x10).encode()


def pieces_of(pair: Any) -> list[bytes]:
    """The third message of Main Mode, cut."""
    return list(fragments(pair.alice.main_mode_3().data, SIZE))


@settings(max_examples=50, deadline=None)
@given(st.integers(29, 3000), st.integers(40, 700))
def test_fragments_put_together_are_the_message(length: int, size: int) -> None:
    """Cut and joined, a message is what it was; no fragment is longer than asked for, and only the last says so."""
    octets = Message(b"initiat1", b"respond1", 2, 1, 0, version=0x10, trailing=bytes(length - 28)).encode()
    cut = fragments(octets, size)
    read = [decode(each).find(v1.Fragment) for each in cut]

    assert all(len(each) <= size or len(cut) > 200 for each in cut)
    if len(cut) > 1:
        assert b"".join(piece.data for piece in read) == octets
        assert [piece.number for piece in read] == list(range(1, len(cut) + 1))
        assert [piece.last for piece in read] == [0] * (len(cut) - 1) + [1]
        assert len({piece.fragment_id for piece in read}) == 1


@pytest.mark.parametrize(
    "arrange",
    [
        tuple,
        lambda pieces: pieces[::-1],
        lambda pieces: [piece for piece in pieces for _ in range(2)][:-1],
        lambda pieces: (*pieces[1:], pieces[0]),
    ],
)
def test_fragments_in_any_order_are_served_once(
    cutting: Any, arrange: Callable[[Sequence[bytes]], Sequence[bytes]]
) -> None:
    """[MS-IKEE]: in order, reversed, doubled and shuffled, fragments bring the answer that the whole message brings."""
    cutting.play(cutting.alice.in_fragments(cutting.alice.main_mode_3(), SIZE, arrange))
    cutting.play(cutting.alice.in_fragments(cutting.alice.main_mode_5(), 64, arrange))
    cutting.play(cutting.alice.quick_mode())

    assert cutting.children == 1


def test_long_messages_leave_in_fragments(cutting: Any) -> None:
    """No message to a peer that announced fragmentation is longer than configured; short ones stay whole."""
    cutting.play(cutting.alice.main_mode_3())
    cutting.play(cutting.alice.main_mode_5())
    cut = [v1.Fragment in decode(datagram.data) for datagram in cutting.sent]

    assert max(len(datagram.data) for datagram in cutting.sent) <= SIZE
    assert (cut[0], any(cut)) == (False, True)
    assert cutting.sas[0].up


def test_a_repeated_message_is_cut_into_the_same_fragments(cutting: Any) -> None:
    """What goes out again is octet for octet the same, in fragments too."""
    cutting.play(cutting.alice.main_mode_3(mark="third"))
    first = [datagram.data for datagram in cutting.sent[1:]]
    cutting.play(cutting.alice.again("third"))

    assert [datagram.data for datagram in cutting.sent[1 + len(first) :]] == first


def test_each_fragment_has_its_own_marker_behind_a_nat(pairs: Any) -> None:
    """On the NAT's port every fragment is told from ESP by itself (RFC 3948 section 2.2)."""
    pair = pairs(CUTTING)
    pair.play(pair.alice.main_mode(nat_t=True))
    pair.alice.isakmp.natt = True
    pair.alice.isakmp.local, pair.alice.isakmp.remote = pair.alice.local_natt, pair.alice.remote_natt
    before = len(pair.sent)
    pair.play(pair.alice.quick_mode(pfs=14))

    assert len(pair.sent) > before + 1
    assert all(datagram.data.startswith(bytes(4)) for datagram in pair.sent[before:])
    assert pair.children == 1


@pytest.mark.parametrize("vendors", [(), (VID_FRAGMENTATION[:8],)])
def test_who_announced_nothing_gets_no_fragments(pairs: Any, vendors: tuple[bytes, ...]) -> None:
    """Fragments go only to a peer that announced the Vendor ID, all of it."""
    pair = pairs(CUTTING)
    pair.alice.configuration = replace(pair.alice.configuration, version1=Version1())
    pair.play(pair.alice.main_mode(*map(v1.VendorId, vendors), at=1))

    assert max(len(datagram.data) for datagram in pair.sent) > SIZE


@pytest.mark.parametrize("tail", [b"", bytes.fromhex("80000000"), bytes.fromhex("c0000000")])
def test_the_vendor_id_counts_with_and_without_capabilities(pairs: Any, tail: bytes) -> None:
    """The Vendor ID may be followed by four octets of capabilities."""
    pair = pairs(CUTTING)
    pair.alice.configuration = replace(pair.alice.configuration, version1=Version1())
    pair.play(pair.alice.main_mode(v1.VendorId(VID_FRAGMENTATION + tail), at=1))

    assert max(len(datagram.data) for datagram in pair.sent) <= SIZE


def test_fragmentation_is_announced_where_it_is_configured(cutting: Any, pair: Any) -> None:
    """Only a device that is set up for fragments says so."""
    said = [each.play(each.alice.main_mode_1()).all(v1.VendorId) for each in (cutting, pair)]

    assert [any(v.data.startswith(VID_FRAGMENTATION) for v in each) for each in said] == [True, False]


def test_a_new_fragment_id_begins_anew(cutting: Any) -> None:
    """A set with a new ID takes the place of an incomplete older one."""
    cutting.hand(carrier(cutting.sas[0]))
    cutting.play(cutting.alice.in_fragments(cutting.alice.main_mode_3(), SIZE))

    assert cutting.alice.isakmp.secrets is not None


def test_an_incomplete_message_is_forgotten(cutting: Any) -> None:
    """After a while the fragments of an incomplete message are given up, also where the SA lives on."""
    cutting.play(cutting.alice.main_mode_3())
    cutting.play(cutting.alice.main_mode_5())
    (sa,) = cutting.sas
    cutting.hand(carrier(sa))
    waiting = cutting.sas[0].pieces
    cutting.wait(PATIENCE_S + 1)

    assert waiting is not None
    assert cutting.sas[0].pieces is None
    assert cutting.sas[0].up


@pytest.mark.parametrize(
    "fields",
    [
        {"number": 0},
        {"number": MOST_FRAGMENTS + 1},
        {"number": 255},
        {"data": b""},
        {"length": 8},
        {"length": 400},
    ],
)
def test_malformed_fragments_are_dropped(cutting: Any, fields: dict[str, Any]) -> None:
    """A number out of bounds, no content, or a wrong length: nothing is kept of it."""
    step = cutting.hand(carrier(cutting.sas[0], **fields))

    assert step.drop is not None
    assert cutting.sas[0].pieces is None


@pytest.mark.parametrize(
    "second",
    [
        {"number": 2, "data": b"other"},
        {"number": 3, "last": 1},
        {"number": 1, "last": 1},
        {"number": 3},
    ],
)
def test_fragments_that_contradict_each_other_are_dropped(cutting: Any, second: dict[str, Any]) -> None:
    """Two contents of one number, two last ones, one behind the last: what came first stands."""
    cutting.hand(carrier(cutting.sas[0], number=2, last=1))
    before = cutting.sas[0].pieces
    step = cutting.hand(carrier(cutting.sas[0], **second))

    assert step.drop is not None
    assert cutting.sas[0].pieces == before


def test_what_fragments_occupy_is_bounded(cutting: Any) -> None:
    """However many come, in however many sets, an SA holds one message of bounded size."""
    big = bytes(MOST_OCTETS // 4)
    for number in range(1, MOST_FRAGMENTS + 1):
        cutting.hand(carrier(cutting.sas[0], number=number, data=big))
    held = len(cutting.sas[0].pieces.octets)
    for name in range(1000):
        cutting.hand(carrier(cutting.sas[0], fragment_id=name))

    assert held <= MOST_OCTETS
    assert len(cutting.sas[0].pieces.octets) == 1


@pytest.mark.parametrize("cookie", [bytes(8), b"stranger"])
def test_fragments_under_unknown_cookies_leave_nothing(cutting: Any, cookie: bytes) -> None:
    """Fragments with cookies of nobody get no answer and make no state."""
    message = decode(carrier(cutting.sas[0]))
    before = len(cutting.sent), cutting.sas
    step = cutting.hand(replace_message(message, spi_r=cookie).encode())

    assert step.drop == "a fragment under no cookies of ours"
    assert step.send == ()
    assert (len(cutting.sent), cutting.sas) == before


def test_fragments_from_elsewhere_are_dropped(cutting: Any) -> None:
    """Who only knows the cookies cannot disturb from another address."""
    cutting.hand(carrier(cutting.sas[0]), ELSEWHERE)

    assert cutting.sas[0].pieces is None


@pytest.mark.parametrize(
    "inside",
    [
        lambda sa: b"too short",
        lambda sa: carrier(sa),
        lambda sa: carrier(sa)[:16] + bytes((132, 0x10, 4)) + carrier(sa)[19:],
        lambda sa: b"another1" + carrier(sa)[8:],
        lambda sa: carrier(sa)[:17] + bytes((0x20,)) + carrier(sa)[18:],
    ],
)
def test_a_whole_that_is_no_message_of_its_place_is_dropped(
    cutting: Any, inside: Callable[[Any], bytes]
) -> None:
    """What is put together must be a message of the same SA and exchange, and no fragment again."""
    step = cutting.hand(carrier(cutting.sas[0], data=inside(cutting.sas[0]), last=1))

    assert step.drop is not None
    assert step.send == ()
    assert cutting.sas[0].pieces is None


def test_where_it_is_not_configured_fragments_are_dropped(pair: Any) -> None:
    """A device that did not announce fragmentation keeps no fragment."""
    pair.play(pair.alice.main_mode_1())
    step = pair.hand(carrier(pair.sas[0]))

    assert step.drop == "a fragment, and fragmentation is not configured"


def test_random_fragments_never_raise(cutting: Any) -> None:
    """Thousands of fragments of chance leave the responder able to finish what is under way."""
    chance = SeededEntropy("fragments")
    for _ in range(3000):
        fields = {
            "fragment_id": chance.below(3),
            "number": chance.below(5),
            "last": chance.below(3),
            "data": chance.octets(chance.below(40)),
        }
        octets = bytearray(carrier(cutting.sas[0], **fields))
        octets[16 + chance.below(len(octets) - 16)] ^= chance.below(2)
        cutting.hand(bytes(octets))
    cutting.play(cutting.alice.in_fragments(cutting.alice.main_mode_3(), SIZE))

    assert cutting.alice.isakmp.secrets is not None


def test_the_whole_of_a_known_message_is_repeated_not_served_again(cutting: Any) -> None:
    """Fragments of a message that was answered get the same answer again."""
    action = cutting.alice.main_mode_3()
    cutting.play(action)
    before = [datagram.data for datagram in cutting.sent[1:]]
    for piece in fragments(action.data, SIZE):
        cutting.hand(piece)

    assert [datagram.data for datagram in cutting.steps[-1].send] == before
