"""IKE and ESP in a TCP stream: RFC 9329 sections 3 and 4."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.wire.stream import LONGEST, PREFIX, Stream, framed

MESSAGES = st.lists(st.binary(min_size=1, max_size=300), max_size=6)


def _pieces(octets: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted({cut % (len(octets) + 1) for cut in cuts}), len(octets)]
    return [octets[a:b] for a, b in pairwise(places)]


def test_the_length_counts_itself() -> None:
    """An IKE message of 28 octets with its marker has length 34 (section 3.1, figure 1)."""
    assert framed(bytes(32))[:2] == (34).to_bytes(2, "big")


def test_a_keepalive_has_length_three() -> None:
    """Section 6.6: one octet 0xff behind a length of 3."""
    assert framed(b"\xff") == bytes((0, 3, 0xFF))


@given(MESSAGES, st.lists(st.integers(0, 3000), max_size=8), st.booleans())
def test_messages_come_out_as_they_went_in_however_the_stream_is_cut(
    messages: list[bytes], cuts: list[int], prefixed: bool
) -> None:
    """Segments have nothing to do with messages."""
    octets = (PREFIX if prefixed else b"") + b"".join(map(framed, messages))
    stream = Stream(prefixed=prefixed)
    got = [message for piece in _pieces(octets, cuts) for message in stream.feed(piece)]

    assert got == messages
    assert (stream.broken, stream.unfinished) == (None, 0)


@given(st.lists(st.binary(max_size=400), max_size=40), st.booleans())
def test_any_octets_are_survived_in_bounded_memory(pieces: list[bytes], prefixed: bool) -> None:
    """Nothing raises, and never more than one message is kept."""
    stream = Stream(prefixed=prefixed)
    for piece in pieces:
        for message in stream.feed(piece):
            assert 1 <= len(message) <= LONGEST
        assert stream.unfinished <= LONGEST + 2


@pytest.mark.parametrize("length", [0, 1])
def test_lengths_that_do_not_count_themselves_break_the_stream(length: int) -> None:
    """Section 3.1: 0 and 1 are fatal; what came before counts, what comes after does not."""
    stream = Stream(prefixed=False)
    messages = stream.feed(framed(b"good") + length.to_bytes(2, "big") + framed(b"lost"))

    assert messages == (b"good",)
    assert stream.broken == f"a message of length {length}"
    assert (stream.feed(framed(b"late")), stream.unfinished) == ((), 0)


def test_empty_messages_are_ignored() -> None:
    """Section 3: where the length is 2 nothing is meant."""
    assert Stream(prefixed=False).feed(framed(b"") + framed(b"x") + framed(b"")) == (b"x",)


@pytest.mark.parametrize("count", range(1, len(PREFIX)))
def test_nothing_is_read_before_the_whole_prefix(count: int) -> None:
    """Section 6.1: the responder waits for all of it."""
    stream = Stream(prefixed=True)

    assert stream.feed(PREFIX[:count]) == ()
    assert stream.broken is None
    assert stream.feed(PREFIX[count:] + framed(b"x")) == (b"x",)


@pytest.mark.parametrize("wrong", [b"GET / HTTP/1.1", b"IKEtcp", b"\x00\x22", b"IKETCQ"])
def test_another_prefix_breaks_the_stream(wrong: bytes) -> None:
    """Section 4: a stream that begins otherwise is none of ours."""
    stream = Stream(prefixed=True)

    assert stream.feed(wrong + framed(b"x")) == ()
    assert stream.broken == "a stream begins with b'IKETCP'"


def test_a_message_that_no_length_can_tell_is_refused() -> None:
    """Section 3: 65533 octets are the most."""
    assert len(framed(bytes(LONGEST))) == 65_535
    with pytest.raises(ValueError, match="65533 octets at most"):
        framed(bytes(LONGEST + 1))
