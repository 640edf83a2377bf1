"""RFC 7296 sections 2.1 to 2.4: windows, kept responses, own requests and their retransmission."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.codes import Exchange, NotifyType, Trigger
from harness.peer import Request
from harness.peer.mischief import flip_last
from harness.profile import DEFAULT, Dpd, Exchanges, Retransmission
from harness.responder.state import IkeSa
from harness.values import replace as replace_value
from harness.wire import Message, v2
from testcases.selftest.responder.pairing import Pair

WIDE = replace(DEFAULT, exchanges=Exchanges(window=4))
TOLD = NotifyType.SET_WINDOW_SIZE


def connected(configuration: Any = WIDE, **options: Any) -> Pair:
    """A pair whose IKE SA stands."""
    pair = Pair(configuration, **options)
    pair.play(pair.peer.connect())
    return pair


def standing(pair: Pair) -> IkeSa:
    """The IKE SA at the responder."""
    (sa,) = [sa for sa in pair.responder.all() if sa.up]
    assert isinstance(sa, IkeSa)
    return sa


@pytest.mark.parametrize("left", [1, 0])
def test_an_ike_sa_without_message_ids_left_is_closed(left: int) -> None:
    """The last Message ID of our own is spent on the Delete, and none wraps (section 2.2)."""
    pair = connected(replace(DEFAULT, dpd=Dpd(10.0)))
    sa = standing(pair)
    pair.responder._sas[sa.ours] = replace_value(sa, next_own=(1 << 32) - left)
    pair.wait(100.0)

    assert {m.message_id for m in pair.sent if not m.is_response} == set([0xFFFF_FFFF][:left])
    assert not any(sa.up for sa in pair.responder.all())


def test_an_ike_sa_on_which_the_peer_has_no_message_ids_left_is_closed() -> None:
    """The last request of the peer is answered, and then nothing more could come: a Delete follows (section 2.2)."""
    pair = connected(DEFAULT)
    sa = standing(pair)
    pair.responder._sas[sa.ours] = replace_value(sa, expected=0xFFFF_FFFF)
    pair.peer.ike.next_message_id = 0xFFFF_FFFF
    pair.play(pair.peer.liveness())

    assert [(m.message_id, m.is_response) for m in pair.sent[-2:]] == [(0xFFFF_FFFF, True), (0, False)]
    assert list(pair.responder.all()) == []


def ahead(pair: Pair, count: int, **changes: Any) -> Request:
    """A liveness check `count` Message IDs later than the next one; its Message ID is not bent."""
    request = pair.peer.liveness(ahead=count, **changes)
    assert isinstance(request, Request)
    return request


def informational(pair: Pair) -> list[bytes]:
    """The responses to INFORMATIONAL, octet for octet."""
    return [m.encode() for m in pair.sent if m.exchange == Exchange.INFORMATIONAL and m.is_response]


@pytest.mark.parametrize(("size", "told"), [(1, []), (4, [b"\0\0\0\4"])])
def test_a_window_is_told_of_when_the_initial_exchanges_complete(size: int, told: list[bytes]) -> None:
    """SET_WINDOW_SIZE of four octets stands in the last IKE_AUTH response if more than one request is kept."""
    pair = Pair(replace(DEFAULT, exchanges=Exchanges(window=size)))
    pair.play(pair.peer.ike_sa_init())
    answer = pair.play(pair.peer.ike_auth())

    assert [notify.data for notify in answer.all(v2.Notify, TOLD)] == told


def test_the_window_is_one_before_authentication() -> None:
    """Until IKE_AUTH is done only the next Message ID is served, whatever is configured."""
    pair = Pair(WIDE)
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.ike_auth(message_id=2, due=True))

    assert [m.exchange for m in pair.sent] == [Exchange.IKE_SA_INIT]


@given(st.permutations(range(4)))
@settings(max_examples=24, deadline=None)
def test_requests_inside_the_window_are_served_in_any_order(order: list[int]) -> None:
    """Four requests under four Message IDs are each answered once, whichever comes first."""
    pair = connected()
    requests = [ahead(pair, number) for number in range(4)]
    for number in order:
        pair.play(requests[number])

    assert len(informational(pair)) == 4
    assert standing(pair).expected == 6


@given(st.permutations(range(4)), st.lists(st.integers(0, 3), max_size=6))
@settings(max_examples=40, deadline=None)
def test_repeats_get_the_kept_response(order: list[int], repeats: list[int]) -> None:
    """Whichever of the last four requests is repeated gets its own response again, octet for octet."""
    pair = connected()
    requests = [ahead(pair, number) for number in range(4)]
    said = {}
    for number in order:
        pair.play(requests[number])
        said[number] = informational(pair)[-1]
    for number in repeats:
        pair.play(requests[number])
        assert informational(pair)[-1] == said[number]

    assert len(informational(pair)) == 4 + len(repeats)


def test_no_more_responses_are_kept_than_were_promised() -> None:
    """After ten requests the last four responses are kept, and a repeat of an older request is ignored."""
    pair = connected()
    requests = []
    for _ in range(10):
        request = pair.peer.liveness()
        assert isinstance(request, Request)
        requests.append(request)
        pair.play(request)
    count = len(informational(pair))
    for request in requests[:6]:
        pair.play(request)

    assert len(standing(pair).served) == 4
    assert len(informational(pair)) == count


def test_a_request_beyond_the_window_is_dropped() -> None:
    """With four promised, the fifth Message ID is not served before the first was."""
    pair = connected()
    pair.play(ahead(pair, 3))
    pair.peer.ike.window = 9
    pair.play(ahead(pair, 4))

    assert len(informational(pair)) == 1


def test_other_octets_under_a_message_id_that_was_served_are_dropped() -> None:
    """A second request of the same Message ID gets neither a new response nor the old one."""
    pair = connected()
    pair.play(ahead(pair, 1))
    pair.play(pair.peer.delete_child(message_id=3, due=True))

    assert len(informational(pair)) == 1
    assert len(standing(pair).children) == 1


def children(count: int, window: int) -> Pair:
    """A strict device of one IKE SA with so many children, whose peer keeps so many requests and answers no Delete."""
    pair = connected(DEFAULT)
    for _ in range(count - 1):
        pair.play(pair.peer.create_child())
    if window > 1:
        pair.play(pair.peer.window(window))
    pair.peer.ignores("delete")
    return pair


@pytest.mark.parametrize("window", [1, 2, 3, 5])
def test_own_requests_go_out_up_to_the_peers_window(window: int) -> None:
    """Of four Deletes as many are sent at once as the peer keeps requests; the others wait."""
    pair = children(4, window)
    pair.provoke(Trigger.HARD_EXPIRY)
    sa = standing(pair)

    assert len(sa.outstanding) == min(window, 4)
    assert len(sa.queue) == 4 - min(window, 4)


def test_what_waits_goes_out_as_responses_come() -> None:
    """Once the peer answers, every Delete is sent and none is left."""
    pair = children(4, 2)
    pair.provoke(Trigger.HARD_EXPIRY)
    pair.peer.answers_again()
    pair.wait(5.0)
    sa = standing(pair)

    assert (sa.outstanding, sa.queue, sa.half_closed) == ((), (), ())
    assert pair.peer.ike.children == []


def test_the_oldest_unanswered_request_bounds_the_window() -> None:
    """Request X goes out only when all up to X - N are answered, although later ones were."""
    pair = children(4, 2)
    pair.provoke(Trigger.HARD_EXPIRY)
    first, second = standing(pair).outstanding
    response = pair.peer.response(Exchange.INFORMATIONAL, message_id=second.message_id)
    pair.play(response)

    assert standing(pair).outstanding == (first,)
    assert len(standing(pair).queue) == 2


@pytest.mark.parametrize("data", [b"\0\0\0\1", b"\0\0\0\0", b"\0\5", b"", b"\0\0\0\0\0"])
def test_a_window_never_shrinks_and_odd_sizes_are_ignored(data: bytes) -> None:
    """SET_WINDOW_SIZE of less than is in effect, or of other than four octets, changes nothing."""
    pair = connected(DEFAULT)
    pair.play(pair.peer.window(3))
    pair.play(pair.peer.informational(v2.Notify(notify_type=TOLD, data=data)))

    assert standing(pair).window == 3


def test_a_rekeyed_ike_sa_begins_with_a_window_of_one() -> None:
    """The new IKE SA keeps one request until it says otherwise, which it then does by itself."""
    pair = connected()
    old = standing(pair)
    pair.play(pair.peer.rekey_ike())
    heir = standing(pair)

    assert (old.promised, old.window) == (4, 4)
    assert (heir.promised, heir.window) == (4, 1)
    assert pair.peer.ike.window == 4
    assert pair.started() == [Exchange.INFORMATIONAL]


COMPLAINING = replace(DEFAULT, exchanges=Exchanges(complains=True))


def heard(pair: Pair) -> list[bytes]:
    """The data of every INVALID_MESSAGE_ID that the peer was sent in a request."""
    told: list[bytes] = []
    receive = pair.peer.receive

    def listen(datagram: Any, now: float) -> Any:
        received = receive(datagram, now)
        message = received.message
        if isinstance(message, Message) and not message.is_response:
            told.extend(n.data for n in message.all(v2.Notify, NotifyType.INVALID_MESSAGE_ID))
        return received

    pair.peer.receive = listen
    return told


def test_invalid_message_id_is_told_in_an_exchange_of_its_own() -> None:
    """A request ahead of the window gets no response; the peer is told of its Message ID by a request."""
    pair = connected(COMPLAINING)
    told = heard(pair)
    answer = pair.play(pair.peer.liveness(message_id=900, due=True))

    assert answer is None
    assert told == [(900).to_bytes(4, "big")]


def test_invalid_message_id_is_rate_limited() -> None:
    """Of a hundred requests outside the window within a second the peer is told of one; later of another."""
    pair = connected(COMPLAINING)
    told = heard(pair)
    for number in range(100):
        pair.play(pair.peer.liveness(message_id=900 + number, due=True))
    pair.wait(6.0)
    pair.play(pair.peer.liveness(message_id=7000, due=True))

    assert told == [(900).to_bytes(4, "big"), (7000).to_bytes(4, "big")]


@pytest.mark.parametrize("changes", [{"message_id": 900, "bend": flip_last}, {"message_id": 0}])
def test_nobody_is_told_of_forgeries_and_of_old_requests(changes: Any) -> None:
    """What does not open, and what lies behind the window, is dropped without a word."""
    pair = connected(COMPLAINING)
    told = heard(pair)
    pair.play(pair.peer.liveness(**changes, due=True))

    assert told == []


def test_by_default_nobody_is_told() -> None:
    """Sending INVALID_MESSAGE_ID is optional: without configuration nothing is started."""
    pair = connected(DEFAULT)
    pair.play(pair.peer.liveness(message_id=900, due=True))

    assert pair.started() == []


def test_retransmissions_follow_the_configuration() -> None:
    """A liveness check without answer goes out three times, after half a second and after one more; then the SA is lost."""
    patience = Exchanges(retransmission=Retransmission(first=0.5, factor=2.0, tries=3))
    pair = connected(replace(DEFAULT, dpd=Dpd(interval=5.0), exchanges=patience))
    pair.peer.ignores("liveness")
    times = []
    for _ in range(1000):
        before = len(pair.started())
        pair.wait(0.05)
        times += [round(pair.now, 1)] * (len(pair.started()) - before)

    assert times == [5.0, 5.5, 6.5]
    assert patience.retransmission.patience == 3.5
    assert list(pair.responder.all()) == []


def test_a_retransmission_is_the_same_octets() -> None:
    """Every copy of a request of our own is octet for octet the first one (section 2.1)."""
    pair = connected(replace(DEFAULT, dpd=Dpd(interval=5.0)))
    pair.peer.ignores("liveness")
    pair.wait(20.0)
    copies = {m.encode() for m in pair.sent if not m.is_response}

    assert len(pair.started()) > 2
    assert len(copies) == 1


def test_a_peer_that_talks_is_not_asked_for_signs_of_life() -> None:
    """While protected messages come within the interval, no liveness check is sent."""
    pair = connected(replace(DEFAULT, dpd=Dpd(interval=10.0)))
    for _ in range(10):
        pair.wait(8.0)
        pair.play(pair.peer.liveness())

    assert pair.started() == []


def test_requests_of_both_ends_cross_without_waiting_for_each_other() -> None:
    """A request of the peer is served while our own waits for its response (section 2.3: else both would wait)."""
    pair = connected(replace(DEFAULT, dpd=Dpd(interval=5.0)))
    pair.peer.ignores("liveness")
    pair.wait(5.5)
    answer = pair.play(pair.peer.liveness())

    assert answer is not None
    assert [each.own.kind for each in standing(pair).outstanding] == ["liveness"]


def test_an_answer_of_another_exchange_type_is_none() -> None:
    """A response under the right Message ID but of another exchange leaves the request waiting."""
    pair = connected(replace(DEFAULT, dpd=Dpd(interval=5.0)))
    pair.peer.ignores("liveness")
    pair.wait(5.5)
    pair.play(pair.peer.response(Exchange.CREATE_CHILD_SA, message_id=0))

    assert len(standing(pair).outstanding) == 1


def test_the_delete_of_an_ike_sa_overtakes_what_waits() -> None:
    """An IKE SA that the peer deletes while our request waits is closed, answered, and asks for nothing more."""
    pair = children(2, 1)
    pair.provoke(Trigger.HARD_EXPIRY)
    count = len(pair.started())
    answer = pair.play(pair.peer.delete_ike())
    pair.wait(120.0)

    assert answer is not None
    assert len(pair.started()) == count
    assert list(pair.responder.all()) == []


def test_deletes_of_a_child_that_cross_name_no_pair() -> None:
    """Of a child that both ends delete at once the response holds no Delete payload (section 1.4.1)."""
    pair = children(1, 1)
    pair.provoke(Trigger.HARD_EXPIRY)
    answer = pair.play(pair.peer.delete_child())

    assert answer is not None
    assert tuple(answer.payloads) == ()


def test_deletes_of_an_ike_sa_that_cross_leave_nothing() -> None:
    """An IKE SA that both ends delete at once is answered by an empty response, and gone (section 2.25.2)."""
    pair = connected(DEFAULT)
    pair.peer.ignores("delete")
    pair.provoke(Trigger.CLEAR)
    answer = pair.play(pair.peer.delete_ike())
    pair.wait(60.0)

    assert answer is not None
    assert tuple(answer.payloads) == ()
    assert list(pair.responder.all()) == []
