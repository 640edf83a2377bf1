"""Version 2 between two peers: what one starts the other completes, and both hold the same keys."""

from dataclasses import replace as with_fields

import pytest

from harness.codes import Exchange, Group, NotifyType, Protocol
from harness.peer import Initiator, Request, Script, flip_last
from harness.wire import Datagram, Endpoint, Message, decode, replace, v2


def connected(loop):
    """A loop whose ends have an IKE SA with one Child SA."""
    made = loop()
    made.play(made.alice.connect())
    return made


def same_child(loop) -> bool:
    """Whether the newest Child SA is the same at both ends."""
    ours, theirs = loop.alice.ike.child, loop.bob.ike.child
    return (ours.spi_in, ours.spi_out, ours.keys) == (theirs.spi_out, theirs.spi_in, theirs.keys)


def test_connect_gives_both_ends_the_same_ike_keys(loop):
    """IKE_SA_INIT and IKE_AUTH leave the same IKE keys at both ends."""
    made = connected(loop)

    assert made.alice.ike.established
    assert made.bob.ike.established
    assert made.secrets["alice"] == made.secrets["bob"] != []


def test_connect_gives_both_ends_the_same_child(loop):
    """IKE_AUTH makes a Child SA whose SPIs and keys both ends share."""
    made = connected(loop)

    assert same_child(made)


@pytest.mark.parametrize("place", range(4))
def test_every_suite_offered_by_default_works(loop, place):
    """Each default proposal alone brings an IKE SA up."""
    made = loop()
    offered = (made.alice.configuration.proposals_v2[place],)
    made = loop(proposals_v2=offered)
    made.play(made.alice.connect())

    assert made.secrets["alice"] == made.secrets["bob"] != []


def test_group_asked_for_is_followed(loop):
    """After INVALID_KE_PAYLOAD the same request goes out with a KE payload of the group asked for."""
    made = loop()
    made.play(made.alice.ike_sa_init(group=Group.MODP_1024, mark="first"))

    first, second = made.requests
    assert (first.mark, second.mark) == ("first", "first/group")
    assert made.alice.ike.keys.suite.group == Group.CURVE25519
    assert made.secrets["alice"] == made.secrets["bob"] != []


def test_cookie_is_followed(loop):
    """After COOKIE the same request goes out again, the cookie first and all else unchanged."""
    alice = loop().alice
    steps = alice.ike_sa_init(mark="first")
    first = _message(next(steps))
    cookie = v2.Notify(Protocol.NONE, NotifyType.COOKIE, data=b"biscuit")
    answer = replace(first, flags=0x20, payloads=(cookie,))
    received = alice.receive(Datagram(alice.remote, alice.local, answer.encode()), 0.0)
    again = steps.send(received.message)

    assert again.mark == "first/cookie"
    assert _message(again).payloads == (cookie, *first.payloads)


def test_cookie_is_not_followed_when_told_not_to(loop):
    """With `follow=False` the step ends with the refusal."""
    alice = loop().alice
    steps = alice.ike_sa_init(follow=False)
    first = _message(next(steps))
    cookie = v2.Notify(Protocol.NONE, NotifyType.COOKIE, data=b"biscuit")

    with pytest.raises(StopIteration):
        steps.send(replace(first, flags=0x20, payloads=(cookie,)))


@pytest.mark.parametrize("pfs", [False, True])
def test_child_is_made_with_and_without_its_own_key_exchange(loop, pfs):
    """CREATE_CHILD_SA makes a second Child SA that both ends share."""
    made = connected(loop)
    made.play(made.alice.create_child(pfs=pfs))

    assert len(made.alice.ike.children) == len(made.bob.ike.children) == 2
    assert same_child(made)


@pytest.mark.parametrize("pfs", [False, True])
def test_child_is_rekeyed_and_the_old_one_deleted(loop, pfs):
    """A rekeyed Child SA replaces the old one at both ends."""
    made = connected(loop)
    old = made.alice.ike.child
    made.play(made.alice.rekey_child(pfs=pfs))

    assert [len(end.ike.children) for end in (made.alice, made.bob)] == [1, 1]
    assert made.alice.ike.child is not old
    assert same_child(made)


def test_rekeyed_child_is_named_by_the_spi_its_initiator_receives(loop):
    """REKEY_SA names the SPI that the exchange's initiator chose (RFC 7296 section 1.3.3)."""
    made = connected(loop)
    old = made.alice.ike.child
    made.play(made.alice.rekey_child())

    rekeys = [n for m in made.heard for n in m.all(v2.Notify, NotifyType.REKEY_SA)]
    assert [rekey.spi for rekey in rekeys] == [old.spi_in]


def test_ike_rekey_keeps_children_and_counts_from_zero(loop):
    """The new IKE SA has its own keys, inherits the Child SAs, and its first request has Message ID 0."""
    made = connected(loop)
    old, child = made.alice.ike, made.alice.ike.child
    made.play(made.alice.rekey_ike())
    made.play(_once(made.alice.liveness()))

    assert made.alice.ike is not old
    assert made.alice.ike.children == [child]
    assert made.secrets["alice"] == made.secrets["bob"]
    assert [m.message_id for m in made.heard[-2:]] == [0, 0]


def test_child_of_a_rekeyed_ike_sa_has_the_same_keys_at_both_ends(loop):
    """Child SAs made after an IKE rekey come from the new SK_d."""
    made = connected(loop)
    made.play(made.alice.rekey_ike())
    made.play(made.alice.create_child())

    assert same_child(made)


def test_both_ends_take_turns_in_rekeying(loop):
    """After the target rekeyed the IKE SA, this end answers as its responder and rekeys it again."""
    made = connected(loop)
    made.play(made.bob.rekey_ike())
    made.play(made.alice.rekey_ike())
    made.play(_once(made.alice.liveness()))

    assert made.secrets["alice"] == made.secrets["bob"]
    assert len([keys for keys in made.secrets["alice"] if "ike" in keys]) == 3
    assert made.heard[-1].is_response


def test_target_that_starts_is_answered_to_the_end(loop):
    """IKE_SA_INIT, IKE_AUTH and every later exchange started by the other end are completed."""
    made = loop()

    def script(bob: Initiator) -> Script:
        yield from bob.connect()
        yield bob.liveness()
        yield from bob.create_child(pfs=True)
        yield from bob.rekey_child()
        yield bob.delete_child()
        yield bob.delete_ike()

    made.play(script(made.bob))

    assert made.secrets["alice"] == made.secrets["bob"] != []
    assert all(made.heard[place].is_response for place in range(1, len(made.heard), 2))
    assert made.alice.ike.state == made.bob.ike.state == "closed"


def test_deleted_child_is_gone_at_both_ends(loop):
    """Delete of a Child SA is answered with the other half of the pair."""
    made = connected(loop)
    child = made.alice.ike.child
    made.play(_once(made.alice.delete_child()))

    assert made.alice.ike.children == made.bob.ike.children == []
    assert made.heard[-1].find(v2.Delete).spis == (child.spi_out,)


def test_deleted_ike_sa_answers_nothing_more(loop):
    """After Delete of the IKE SA a request on it stays without answer."""
    made = connected(loop)
    made.play(_once(made.alice.delete_ike()))
    heard = len(made.heard)
    made.play(_once(made.alice.liveness()))

    assert not any(message.is_response for message in made.heard[heard:])


def test_wrong_key_is_refused(loop):
    """AUTH made with another secret is answered AUTHENTICATION_FAILED, and no SA stands."""
    made = loop()

    def script(alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(psk=b"another")

    made.play(script(made.alice))

    assert made.heard[-1].find(v2.Notify, NotifyType.AUTHENTICATION_FAILED) is not None
    assert not made.alice.ike.established


def test_unknown_critical_payload_is_refused_by_name(loop):
    """A payload with the critical bit and an unknown type is named in UNSUPPORTED_CRITICAL_PAYLOAD."""
    made = loop()

    def script(alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(v2.Unknown(type=201, critical=True), mark="probe")

    made.play(script(made.alice))

    assert made.heard[-1].find(v2.Notify, NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD).data == b"\xc9"


def test_selectors_are_narrowed(loop):
    """Of the asked selectors only what lies in the configured subnets comes back."""
    made = loop()

    def script(alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(subnets=(("203.0.113.0/25",), ("0.0.0.0/0",)))

    made.play(script(made.alice))

    child = made.alice.ike.child
    assert [(s.start, s.end) for s in child.remote] == [
        (bytes([198, 51, 100, 0]), bytes([198, 51, 100, 255]))
    ]
    assert [(s.start, s.end) for s in child.local] == [(bytes([203, 0, 113, 0]), bytes([203, 0, 113, 127]))]


def test_foreign_selectors_are_unacceptable(loop):
    """Selectors outside every configured subnet are answered TS_UNACCEPTABLE, and the IKE SA stands."""
    made = loop()

    def script(alice: Initiator) -> Script:
        yield from alice.ike_sa_init()
        yield alice.ike_auth(subnets=(("10.0.0.0/8",), ("10.0.0.0/8",)))

    made.play(script(made.alice))

    assert made.heard[-1].find(v2.Notify, NotifyType.TS_UNACCEPTABLE) is not None
    assert made.alice.ike.established
    assert made.alice.ike.children == []


def test_repeated_request_gets_the_same_octets(loop):
    """A request sent again is answered with the very octets of the first answer."""
    made = connected(loop)

    def script(alice: Initiator) -> Script:
        yield alice.liveness(mark="probe")
        yield alice.again("probe", mark="repeat")

    made.play(script(made.alice))

    probe, answer, repeat, answer_again = made.seen[-4:]
    assert probe == repeat
    assert answer == answer_again
    assert [request.mark for request in made.requests[-2:]] == ["probe", "repeat"]


def test_lost_datagrams_are_made_up_for(loop):
    """With the first copy of every datagram lost, retransmission brings the SA up."""
    made, lost = loop(), set()

    def first_copy(datagram: Datagram) -> bool:
        known = datagram in lost
        lost.add(datagram)
        return not known

    made.lost = first_copy
    made.play(made.alice.connect())
    made.play(made.alice.rekey_child())

    assert made.secrets["alice"] == made.secrets["bob"]
    assert same_child(made)


def test_doubled_datagrams_change_nothing(loop):
    """With every datagram doubled both ends still agree."""
    made = loop()
    made.copies = 2
    made.play(made.alice.connect())
    made.play(made.alice.rekey_ike())
    made.play(made.alice.rekey_child())

    assert same_child(made)
    assert [len(end.ike.children) for end in (made.alice, made.bob)] == [1, 1]


def test_nat_between_the_ends_moves_them_to_4500(loop):
    """Where the hashes tell of a NAT, IKE_AUTH and all that follows goes behind the marker."""
    made = loop()
    inside, outside = "10.0.0.2", made.alice.local.address
    made.alice.local, made.alice.local_natt = Endpoint(inside, 500), Endpoint(inside, 4500)

    def translate(datagram: Datagram) -> Datagram:
        swap = {inside: outside, outside: inside}
        ends = (datagram.source, datagram.destination)
        source, destination = (Endpoint(swap.get(end.address, end.address), end.port) for end in ends)
        return Datagram(source, destination, datagram.data)

    made.translate = translate
    made.play(made.alice.connect())
    made.play(_once(made.bob.liveness()))

    assert made.alice.ike.natt
    assert [datagram.destination.port for datagram in made.seen] == [500, 500] + [4500] * 4
    assert made.heard[-1].is_response


def test_bad_checksum_goes_unanswered_and_its_message_id_is_used_again(loop):
    """What fails the integrity check is dropped, and the next honest request has its Message ID."""
    made = connected(loop)

    def script(alice: Initiator) -> Script:
        yield alice.liveness(bend=flip_last, mark="bad")
        yield alice.liveness(mark="good")

    made.play(script(made.alice))

    bad, good = made.requests[-2:]
    assert (bad.due, bad.hostile, good.due, good.hostile) == (False, True, True, False)
    assert _message(bad).message_id == _message(good).message_id
    assert made.heard[-1].is_response


def test_keys_can_be_exchanged_for_wrong_ones(loop):
    """A request sealed with other keys does not open at the other end."""
    made = connected(loop)
    stranger = connected(loop).alice.ike.keys
    other = bytes(len(stranger.sk_ei))
    wrong = made.alice.liveness(keys=lambda keys: _with_key(keys, other))
    made.play(_once(wrong))

    assert made.whys[-1] == "the ICV does not hold"


def test_raw_octets_can_be_sealed(loop):
    """Hostile plaintext is sealed with right keys: the other end reads it and refuses its form."""
    made = connected(loop)
    made.play(_once(made.alice.informational(inner=(41, b"\x00\x00\x00\x05\x01"), mark="hostile")))

    assert made.heard[-1].find(v2.Notify, NotifyType.INVALID_SYNTAX) is not None


def test_change_sees_the_payloads_before_they_are_sealed(loop):
    """A change bends header and inner payloads, and what it gives is sealed."""
    made = connected(loop)

    def script(alice: Initiator) -> Script:
        yield alice.liveness(change=lambda message: replace(message, payloads=(v2.VendorId(b"bent"),)))

    made.play(script(made.alice))

    assert made.heard[-2].find(v2.VendorId).data == b"bent"


def test_request_may_go_out_unsealed(loop):
    """With `sealed=False` the payloads stand in clear, and nobody answers."""
    made = connected(loop)
    made.play(_once(made.alice.delete_ike(sealed=False)))

    assert v2.Delete in _message(made.requests[-1])
    assert made.bob.ike.established


def test_message_id_can_be_chosen(loop):
    """A request far outside the window stays without answer, and the next one is in it."""
    made = connected(loop)

    def script(alice: Initiator) -> Script:
        yield alice.liveness(message_id=77)
        yield alice.liveness()

    made.play(script(made.alice))

    assert _message(made.requests[-2]).message_id == 77
    assert made.heard[-1].message_id == 2


def test_ignored_requests_get_no_answer(loop):
    """What the script takes away is not answered, and the note says so."""
    made = connected(loop)

    def script(alice: Initiator) -> Script:
        yield alice.ignores("liveness")

    made.play(script(made.alice))
    made.play(_once(made.bob.liveness()))

    assert made.notes[-1].value == "alice: liveness"
    assert not made.heard[-1].is_response


def test_without_an_sa_a_note_stands_in_for_the_request(loop):
    """A script goes on when the target refused the SA: what can't be sent is noted."""
    made = loop()
    made.lost = lambda _: True
    made.play(made.alice.connect())
    made.play(_once(made.alice.ike_auth()))

    assert made.notes[-1].what == "not sent"


def test_next_request_waits_for_an_answer_that_is_due(loop):
    """While a request that had to be answered was not, the next one is not sent: a note says so."""
    made = connected(loop)
    made.lost = lambda datagram: datagram.source == made.bob.local

    def script(alice: Initiator) -> Script:
        yield alice.liveness(mark="first")
        yield alice.liveness(mark="second")

    made.play(script(made.alice))

    assert [request.mark for request in made.requests[-2:]] == [None, "first"]
    assert "must wait" in made.notes[-1].value


def test_answers_are_matched_by_their_header(loop):
    """Only a response with the request's SPIs, exchange and Message ID is its answer."""
    made = connected(loop)
    request = made.alice.liveness()
    sent = _message(request)

    assert request.answered_by(replace(sent, flags=0x20))
    assert not request.answered_by(replace(sent, flags=0x20, message_id=9))
    assert not request.answered_by(sent)


def test_raw_octets_are_hostile_unless_due(loop):
    """Octets sent as they are make no claim on an answer, unless the script says so."""
    alice = loop().alice

    assert alice.raw(b"noise").hostile
    assert not alice.raw(b"noise", due=True).hostile


def test_bent_messages_are_not_due(loop):
    """A request must be answered unless it was bent; the script can say otherwise."""
    assert connected(loop).alice.liveness().due
    assert not connected(loop).alice.liveness(bend=flip_last).due
    assert connected(loop).alice.liveness(bend=flip_last, due=True).due


def test_same_entropy_gives_the_same_octets(loop):
    """Two runs from the same seeds are the same, octet for octet."""
    assert connected(loop).seen == connected(loop).seen


def test_exchange_of_any_type_can_be_asked(loop):
    """A sealed request of another exchange type goes out under that type."""
    made = connected(loop)
    request = made.alice.request(Exchange.IKE_INTERMEDIATE, v2.Nonce(bytes(16)))

    assert _message(request).exchange == Exchange.IKE_INTERMEDIATE


def _once(action) -> Script:
    yield action


def _message(request: Request) -> Message:
    message = decode(request.data)
    assert isinstance(message, Message)
    return message


def _with_key(keys, other: bytes):
    return with_fields(keys, sk_ei=other)
