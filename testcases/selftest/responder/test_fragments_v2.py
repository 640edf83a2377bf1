"""RFC 7383: fragments of IKEv2 messages, in and out, driven by the peer."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import SeededEntropy
from harness.codes import Exchange, NotifyType, ProfileName, Trigger
from harness.peer import Request
from harness.peer.mischief import flip_last
from harness.profile import DEFAULT, Fragments
from harness.wire import Message, v2
from testcases.selftest.responder.pairing import Pair

FRAGMENTED = replace(DEFAULT, fragments=Fragments())
SUPPORTED = NotifyType.IKEV2_FRAGMENTATION_SUPPORTED


def half_open(configuration: Any = FRAGMENTED) -> Pair:
    """A pair whose IKE_SA_INIT is over."""
    pair = Pair(configuration)
    pair.play(pair.peer.ike_sa_init())
    return pair


def auth(pair: Pair, pieces: int, **changes: Any) -> Request:
    """The peer's IKE_AUTH in so many fragments, not sent yet."""
    request = pair.peer.ike_auth(pieces=pieces, **changes)
    assert isinstance(request, Request)
    return request


def answers(pair: Pair, exchange: int) -> list[Message]:
    """What the responder has answered in this exchange type."""
    return [message for message in pair.sent if message.exchange == exchange and message.is_response]


def up(pair: Pair) -> bool:
    """Whether both ends have the IKE SA."""
    return pair.peer.ike.established and any(sa.up for sa in pair.responder.all())


@pytest.mark.parametrize(("ours", "theirs"), [(True, True), (True, False), (False, True)])
def test_fragmentation_is_told_only_if_both_ends_are_for_it(ours: bool, theirs: bool) -> None:
    """The response to IKE_SA_INIT has IKEV2_FRAGMENTATION_SUPPORTED exactly if it is configured and the request had it."""
    pair = Pair(FRAGMENTED if ours else DEFAULT)
    pair.peer.configuration = replace(pair.peer.configuration, fragments=Fragments() if theirs else None)
    answer = pair.play(pair.peer.ike_sa_init())

    assert (answer.find(v2.Notify, SUPPORTED) is not None) == (ours and theirs)


@given(st.permutations(range(1, 6)))
@settings(max_examples=20, deadline=None)
def test_fragments_make_a_message_in_any_order(order: list[int]) -> None:
    """An IKE_AUTH in five fragments is answered once, by the fragment that comes last, whatever their order."""
    pair = half_open()
    request = auth(pair, 5)
    for number in order:
        assert answers(pair, Exchange.IKE_AUTH) == []
        pair.play(request.part(number))

    assert len(answers(pair, Exchange.IKE_AUTH)) == 1
    assert up(pair)


def test_a_fragment_that_comes_twice_counts_once() -> None:
    """Two copies of one fragment don't stand for two fragments."""
    pair = half_open()
    request = auth(pair, 3)
    for number in (1, 2, 2, 1):
        pair.play(request.part(number))
    early = answers(pair, Exchange.IKE_AUTH)
    pair.play(request.part(3))

    assert early == []
    assert up(pair)


def test_a_forged_fragment_spoils_nothing() -> None:
    """A fragment whose ICV does not hold, before or after the true one of its number, changes nothing."""
    pair = half_open()
    request = auth(pair, 3)
    for number, bend in ((1, None), (2, flip_last), (2, None), (3, flip_last), (3, None)):
        pair.play(request.part(number, bend))

    assert up(pair)


@pytest.mark.parametrize(("number", "total"), [(0, 3), (4, 3), (1, 0), (0, 0), (65535, 1)])
def test_a_fragment_whose_numbers_cannot_be_is_dropped(number: int, total: int) -> None:
    """Fragment Number and Total Fragments are not zero, and the first is at most the second (section 2.6)."""
    pair = half_open()
    request = auth(pair, 3)
    numbers = number.to_bytes(2, "big") + total.to_bytes(2, "big")
    pair.play(request.part(1, lambda octets: octets[:32] + numbers + octets[36:]))
    (sa,) = pair.responder.all()
    kept = sa.gathered
    pair.play(request)

    assert kept == ()
    assert up(pair)


def test_more_fragments_begin_the_message_anew() -> None:
    """A set of more fragments takes the place of a smaller one that is not whole; the smaller one then is dropped."""
    pair = half_open()
    whole = auth(pair, 1, mark="auth")
    small = pair.peer.cut_again("auth", pieces=2)
    large = pair.peer.cut_again("auth", pieces=4)
    assert isinstance(small, Request)
    assert isinstance(large, Request)
    for part in (small.part(1), large.part(2), small.part(2), large.part(1), large.part(3)):
        pair.play(part)
    early = answers(pair, Exchange.IKE_AUTH)
    pair.play(large.part(4))

    assert whole.further == ()
    assert early == []
    assert len(answers(pair, Exchange.IKE_AUTH)) == 1


def test_only_fragment_1_of_a_repeated_request_is_answered() -> None:
    """Of a request that was answered fragment 1 brings the same response again, the others nothing (section 2.6.1)."""
    pair = half_open()
    request = auth(pair, 3)
    pair.play(request)
    (first,) = answers(pair, Exchange.IKE_AUTH)
    for number in (2, 3):
        pair.play(request.part(number))
    after_others = answers(pair, Exchange.IKE_AUTH)
    pair.play(request.part(1))

    assert after_others == [first]
    assert [each.encode() for each in answers(pair, Exchange.IKE_AUTH)] == [first.encode()] * 2


def test_a_request_repeated_in_fragments_is_not_served_again() -> None:
    """A liveness check answered in one piece and repeated in fragments gets its response again, and counts once."""
    pair = half_open()
    pair.play(auth(pair, 1))
    pair.play(pair.peer.delete_child(mark="whole"))
    again = pair.peer.cut_again("whole", pieces=2)
    pair.play(again)
    pair.play(pair.peer.liveness())
    said = [each.encode() for each in answers(pair, Exchange.INFORMATIONAL)]

    assert len(said) == 3
    assert said[0] == said[1]


def test_an_unfinished_message_is_forgotten_in_time() -> None:
    """Fragments that never became a message are gone after the configured time, and the message can come anew."""
    pair = half_open(replace(FRAGMENTED, fragments=Fragments(seconds=5.0)))
    request = auth(pair, 3)
    pair.play(request.part(1))
    pair.wait(6.0)
    (sa,) = pair.responder.all()
    left = sa.gathered
    for number in (2, 3):
        pair.play(request.part(number))
    early = answers(pair, Exchange.IKE_AUTH)
    pair.play(request.part(1))

    assert left == ()
    assert early == []
    assert up(pair)


def test_too_many_fragments_end_the_connection() -> None:
    """Who announces more fragments than are allowed loses the half-open SA (section 5)."""
    pair = half_open(replace(FRAGMENTED, fragments=Fragments(most=4)))
    pair.play(auth(pair, 5).part(1))

    assert list(pair.responder.all()) == []


def test_too_much_content_ends_the_connection() -> None:
    """Who sends more octets in fragments than are allowed loses the half-open SA (section 5)."""
    pair = half_open(replace(FRAGMENTED, fragments=Fragments(octets=100)))
    request = auth(pair, 2)
    pair.play(request.part(1))

    assert list(pair.responder.all()) == []


def test_fragments_that_were_not_agreed_on_are_dropped() -> None:
    """A responder that is not set up for fragmentation takes no fragments; the SA stays."""
    pair = half_open(DEFAULT)
    pair.play(auth(pair, 3))

    assert answers(pair, Exchange.IKE_AUTH) == []
    assert [sa.half_open for sa in pair.responder.all()] == [True]


def test_a_large_response_goes_out_in_fragments() -> None:
    """A response larger than configured comes in fragments whose IP datagrams fit, and the peer puts it together."""
    pair = half_open(replace(DEFAULT, fragments=Fragments(size=200)))
    answer = pair.play(auth(pair, 1))
    said = answers(pair, Exchange.IKE_AUTH)
    outer = [message.payloads[0] for message in said]

    assert [(each.number, each.total) for each in outer] == [(n + 1, len(outer)) for n in range(len(outer))]
    assert len(outer) > 1
    assert max(len(message.encode()) + 28 for message in said) <= 200
    assert answer.find(v2.Authentication) is not None
    assert up(pair)


def test_a_small_response_stays_whole() -> None:
    """What fits is not fragmented: a liveness check is answered by one Encrypted payload."""
    pair = half_open(replace(DEFAULT, fragments=Fragments(size=200)))
    pair.play(auth(pair, 1))
    pair.play(pair.peer.liveness(pieces=2))
    (said,) = answers(pair, Exchange.INFORMATIONAL)

    assert v2.Encrypted in said


def test_a_whole_response_is_cut_for_who_asks_again_in_fragments() -> None:
    """Who got no large response in one piece and repeats the request in fragments gets it in fragments (section 2.4)."""
    pair = half_open()
    pair.play(auth(pair, 1, mark="auth"))
    pair.responder.configuration = replace(FRAGMENTED, fragments=Fragments(size=200))
    pair.responder.reconfigure(replace(FRAGMENTED, fragments=Fragments(size=200)), 0.0)
    before = len(pair.sent)
    pair.play(pair.peer.cut_again("auth", pieces=2))

    assert all(v2.EncryptedFragment in message for message in pair.sent[before:])
    assert len(pair.sent) - before > 1


@pytest.mark.parametrize("suite", DEFAULT.proposals_v2)
def test_every_suite_fragments(suite: Any) -> None:
    """With each of the default suites, both ends fragment IKE_AUTH and understand each other."""
    pair = half_open(replace(DEFAULT, fragments=Fragments(size=180), proposals_v2=(suite,)))
    pair.play(auth(pair, 4))

    assert up(pair)
    assert max(len(message.encode()) + 28 for message in answers(pair, Exchange.IKE_AUTH)) <= 180


def test_a_two_way_device_fragments_its_requests() -> None:
    """A device that starts an IKE SA sends a large IKE_AUTH in fragments to a peer that supports them."""
    pair = Pair(replace(DEFAULT, profile=ProfileName.TWO_WAY, fragments=Fragments(size=200)))
    pair.provoke(Trigger.BOOT)
    asked = [message for message in pair.sent if message.exchange == Exchange.IKE_AUTH]

    assert len(asked) > 1
    assert all(v2.EncryptedFragment in message for message in asked)
    assert up(pair)


def test_fragments_of_the_target_are_put_together_from_a_fragmenting_peer() -> None:
    """A peer that answers in fragments is understood by the device that asked."""
    pair = Pair(replace(DEFAULT, profile=ProfileName.TWO_WAY, fragments=Fragments()))
    pair.peer.answers_with(pieces=3)
    pair.provoke(Trigger.BOOT)

    assert up(pair)


@given(st.integers(0, 1 << 30), st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_mutated_fragments_never_raise_and_never_spoil(seed: int, pieces: int) -> None:
    """Whatever fragments with changed octets come before, the true ones make the message."""
    pair = half_open()
    request, entropy = auth(pair, pieces), SeededEntropy(seed)
    for _ in range(12):
        at, value = 16 + entropy.below(60), entropy.below(256)
        pair.play(
            request.part(
                1 + entropy.below(pieces),
                lambda o, a=at, v=value: o[:a] + bytes([v]) + o[a + 1 :],
            )
        )
    pair.play(request)

    assert up(pair)
