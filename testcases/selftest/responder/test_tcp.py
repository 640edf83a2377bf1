"""IKE over TCP, as far as the responder without sockets has to do with it: RFC 9329 sections 5 to 7."""

from dataclasses import replace

import pytest

from harness.codes import Exchange, NotifyType
from harness.profile import DEFAULT, Configuration, Defence, Dpd, Mobility, Puzzles
from harness.responder.state import IkeSa
from harness.wire import v2
from harness.wire.datagram import NAT_KEEPALIVE, TCP_STREAM, UDP, Datagram, Endpoint
from testcases.selftest.responder.pairing import PEER_NATT, TARGET_NATT, Pair

ELSEWHERE = Endpoint("192.0.2.2", 40_001)


def _pair(configuration: Configuration = DEFAULT) -> Pair:
    pair = Pair(configuration)
    pair.peer.speaks_tcp()
    return pair


def _sa(pair: Pair) -> IkeSa:
    (sa,) = pair.responder.all()
    assert isinstance(sa, IkeSa)
    return sa


def _ways(pair: Pair) -> set[tuple[int, Endpoint]]:
    return {(each.protocol, each.destination) for step in pair.steps for each in step.send}


def test_answers_go_over_the_connection_that_was_asked_on() -> None:
    """Section 5: all messages of an IKE SA go over its TCP connection."""
    pair = _pair()
    pair.play(pair.peer.connect())

    assert pair.peer.ike.established
    assert _ways(pair) == {(TCP_STREAM, PEER_NATT)}
    assert (_sa(pair).protocol, _sa(pair).natt) == (TCP_STREAM, True)


def test_an_sa_goes_on_over_a_new_connection() -> None:
    """Section 6.1: messages of existing SAs are taken from new ports, and the newest connection is the one to use."""
    pair = _pair()
    pair.play(pair.peer.connect())
    pair.peer.ike.local = ELSEWHERE
    pair.play(pair.peer.liveness())

    assert pair.steps[-1].send[0].destination == ELSEWHERE
    assert _sa(pair).remote == ELSEWHERE


def test_what_a_new_connection_sends_without_the_keys_moves_nothing() -> None:
    """Section 6.1: only a message that opens is valid for choosing a connection."""
    pair = _pair()
    pair.play(pair.peer.connect())
    request = pair.peer.liveness()
    spoiled = request.data[:-1] + bytes((request.data[-1] ^ 1,))
    pair.responder.receive(Datagram(ELSEWHERE, TARGET_NATT, spoiled, TCP_STREAM), pair.now)

    assert _sa(pair).remote == PEER_NATT


def test_a_repetition_on_a_new_connection_is_answered_there_and_moves_nothing() -> None:
    """Section 6.1: a retransmission is not valid for choosing a connection; section 6.2: it is answered all the same."""
    pair = _pair()
    pair.play(pair.peer.connect())
    request = pair.peer.liveness()
    pair.play(request)
    again = pair.responder.receive(Datagram(ELSEWHERE, TARGET_NATT, request.data, TCP_STREAM), pair.now)

    assert [(each.destination, each.protocol) for each in again.send] == [(ELSEWHERE, TCP_STREAM)]
    assert _sa(pair).remote == PEER_NATT


def test_what_comes_by_udp_is_answered_by_udp_and_takes_no_sa_off_tcp() -> None:
    """Section 5: only MOBIKE changes the encapsulation."""
    pair = _pair()
    pair.play(pair.peer.connect())
    request = pair.peer.liveness()
    step = pair.responder.receive(Datagram(PEER_NATT, TARGET_NATT, request.data, UDP), pair.now)

    assert [each.protocol for each in step.send] == [UDP]
    assert (_sa(pair).protocol, _sa(pair).remote) == (TCP_STREAM, PEER_NATT)


def test_mobike_takes_an_sa_from_tcp_to_udp() -> None:
    """Section 7.1: UPDATE_SA_ADDRESSES over UDP ends the use of TCP."""
    pair = _pair(replace(DEFAULT, mobility=Mobility()))
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.ike_auth(v2.Notify(notify_type=NotifyType.MOBIKE_SUPPORTED)))
    request = pair.peer.informational(v2.Notify(notify_type=NotifyType.UPDATE_SA_ADDRESSES))
    pair.responder.receive(Datagram(ELSEWHERE, TARGET_NATT, request.data, UDP), pair.now)

    assert (_sa(pair).protocol, _sa(pair).remote) == (UDP, ELSEWHERE)


def test_nats_are_not_refused_over_tcp() -> None:
    """Section 7.1: NO_NATS_ALLOWED should be ignored."""
    pair = _pair(replace(DEFAULT, mobility=Mobility()))
    pair.play(pair.peer.ike_sa_init())
    forbids = v2.Notify(notify_type=NotifyType.NO_NATS_ALLOWED, data=bytes(12))
    pair.play(pair.peer.ike_auth(v2.Notify(notify_type=NotifyType.MOBIKE_SUPPORTED), forbids))

    assert pair.peer.ike.established


WATCHFUL = replace(DEFAULT, dpd=Dpd(interval=10.0))


def test_requests_of_our_own_are_not_repeated_over_tcp() -> None:
    """Section 6.2: TCP brings them there; the SA is given up after the usual patience."""
    pair = _pair(WATCHFUL)
    pair.play(pair.peer.connect())
    pair.peer.ignores("liveness")
    before = len(pair.sent)
    pair.wait(120.0)

    assert len(pair.sent) - before == 1
    assert tuple(pair.responder.all()) == ()


def test_a_request_that_waits_goes_out_again_over_a_new_connection() -> None:
    """Section 6.2: over a new connection it must be retransmitted, the same octets."""
    pair = _pair(WATCHFUL)
    pair.play(pair.peer.connect())
    pair.peer.ignores("liveness")
    pair.wait(11.0)
    asked = next(step.send[0] for step in reversed(pair.steps) if step.send)
    pair.peer.ike.local = ELSEWHERE
    pair.play(pair.peer.informational(v2.Notify(notify_type=NotifyType.INITIAL_CONTACT)))
    answer, again = pair.steps[-1].send

    assert (again.data, again.destination, again.protocol) == (asked.data, ELSEWHERE, TCP_STREAM)
    assert answer.destination == ELSEWHERE


def test_a_rekeyed_sa_stays_on_the_connection() -> None:
    """Section 6.1: an IKE SA and its successor share one connection."""
    pair = _pair()
    pair.play(pair.peer.connect())
    pair.play(pair.peer.rekey_ike())
    (heir,) = (sa for sa in pair.responder.all() if sa.up)

    assert isinstance(heir, IkeSa)
    assert (heir.protocol, heir.remote) == (TCP_STREAM, PEER_NATT)
    assert _ways(pair) == {(TCP_STREAM, PEER_NATT)}


def test_a_connection_is_for_one_ike_sa() -> None:
    """Section 6.1: IKE SAs do not share one, unless one is the other's rekey; over another connection there may be more."""
    pair = _pair()
    pair.play(pair.peer.connect())
    pair.play(pair.peer.ike_sa_init())
    why = pair.steps[-1].drop
    pair.peer.local_natt = ELSEWHERE
    pair.play(pair.peer.connect())

    assert why == "a second IKE SA on a TCP connection"
    assert pair.peer.ike.established


def test_a_cookie_alone_is_not_demanded_over_tcp() -> None:
    """Section 6.3: the handshake has proved the address."""
    pair = _pair(replace(DEFAULT, cookie_threshold=0))
    answer = pair.play(pair.peer.ike_sa_init(follow=False))

    assert answer.find(v2.KeyExchange) is not None


def test_a_puzzle_is_given_over_tcp_as_well_and_its_cookie_serves_on_another_connection() -> None:
    """Section 6.3: puzzles keep their use; no port goes into a cookie."""
    puzzles = Puzzles(threshold=0, difficulty=8)
    pair = _pair(replace(DEFAULT, defence=Defence(puzzles=puzzles)))
    script = pair.peer.ike_sa_init()
    demand = pair.play(next(script))
    pair.peer.ike.local = ELSEWHERE
    answer = pair.play(script.send(demand))

    assert demand.find(v2.Notify, NotifyType.PUZZLE) is not None
    assert answer.find(v2.KeyExchange) is not None
    assert pair.steps[-1].send[0].destination == ELSEWHERE


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (NAT_KEEPALIVE, "not IKE: KEEPALIVE"),
        (b"\0\0", "not IKE: OTHER"),
        (bytes(4) + b"short", "no IKE header: an IKE header is 28 octets, 5 came"),
        (
            bytes(4) + b"cookie-i" + bytes(8) + bytes((1, 0x10, 2, 0)) + bytes(4) + b"\0\0\0\x1c",
            "version 1 over TCP",
        ),
    ],
)
def test_other_messages_of_a_stream_are_dropped(message: bytes, why: str) -> None:
    """Section 6.6: keepalives are dropped silently; TCP is for IKEv2 alone."""
    step = _pair().responder.receive(Datagram(PEER_NATT, TARGET_NATT, message, TCP_STREAM), 0.0)

    assert (step.send, step.drop) == ((), why)


def test_esp_over_tcp_is_answered_over_tcp() -> None:
    """Section 5: packets of its Child SAs go over the connection too."""
    pair = _pair()
    pair.play(pair.peer.connect())
    packet = pair.peer.ping().packet()
    step = pair.responder.receive(packet.datagram, pair.now)

    assert packet.protocol == TCP_STREAM
    assert [(each.protocol, each.destination) for each in step.send] == [(TCP_STREAM, PEER_NATT)]
    assert Exchange.INFORMATIONAL not in [m.exchange for m in pair.sent]
