"""Version 1 between two peers: what one starts the other completes, and both hold the same keys."""

from dataclasses import replace as with_fields

import pytest

from harness.codes import CfgType, Doi, Exchange, NotifyTypeV1, Protocol
from harness.peer import Initiator, Script, flip_last
from harness.peer.mischief import HONEST
from harness.peer.v1.sa import Taken
from harness.peer.v1.steps import UNHASHED
from harness.sa.nat_traversal import RFC_3947
from harness.sa.v1 import exchange_iv, informational_hash
from harness.wire import Datagram, Endpoint, Message, decode, replace, v1


def in_main_mode(loop, **changes):
    """A loop whose ends have an ISAKMP SA from Main Mode."""
    made = loop(**changes)
    made.play(made.alice.main_mode())
    return made


def same_child(loop) -> bool:
    """Whether the newest pair of IPsec SAs is the same at both ends."""
    ours, theirs = loop.alice.isakmp.child, loop.bob.isakmp.child
    return (ours.spi_in, ours.keys_in, ours.keys_out) == (theirs.spi_out, theirs.keys_out, theirs.keys_in)


def test_main_mode_gives_both_ends_the_same_secrets(loop):
    """Six messages of Main Mode leave the same secrets at both ends."""
    made = in_main_mode(loop)

    assert made.alice.isakmp.established
    assert made.bob.isakmp.established
    assert made.secrets["alice"] == made.secrets["bob"] != []
    assert len(made.seen) == 6


def test_aggressive_mode_gives_both_ends_the_same_secrets(loop):
    """Three messages of Aggressive Mode leave the same secrets at both ends."""
    made = loop()
    made.play(made.alice.aggressive_mode())

    assert made.bob.isakmp.established
    assert made.secrets["alice"] == made.secrets["bob"] != []
    assert len(made.seen) == 3


def test_an_honest_quick_mode_waits_for_phase_1(loop):
    """Before phase 1 is done a Quick Mode that counts on an answer is not sent; one that makes no claim is."""
    made = loop()

    def script(alice: Initiator) -> Script:
        yield alice.main_mode_1()
        yield alice.main_mode_3()
        yield from alice.quick_mode()
        yield from alice.quick_mode(hostile=True, retransmit=())

    made.play(script(made.alice))

    assert [note.what for note in made.notes] == ["not sent"]
    assert Exchange.QUICK_MODE in {message.exchange for message in made.messages()}


def test_what_nothing_answers_is_sent_several_times(loop):
    """A Delete sent surely goes out as often as was asked, octet for octet the same."""
    made = in_main_mode(loop)
    before = len(made.seen)
    made.play(made.alice.surely(made.alice.delete_v1(), copies=3))

    assert len(made.seen) == before + 3
    assert len({bytes(datagram.data) for datagram in made.seen[before:]}) == 1


def test_a_message_that_does_not_count_says_why(loop):
    """Why the last message of an exchange did not count is kept with the exchange; after one that counts nothing is."""
    made = loop()

    def wrong(message: Message) -> Message:
        hashed = (v1.Hash(bytes(32)) if isinstance(p, v1.Hash) else p for p in message.payloads)
        return replace(message, payloads=tuple(hashed))

    made.bob.answers_with(change=wrong)
    made.play(made.alice.main_mode())

    assert made.alice.isakmp.dialogues[0].why == "the HASH is wrong"
    assert in_main_mode(loop).alice.isakmp.dialogues[0].why == ""


@pytest.mark.parametrize("place", range(4))
def test_every_policy_offered_by_default_works(loop, place):
    """Each default policy alone brings an ISAKMP SA up."""
    offered = (loop().alice.configuration.proposals_v1[place],)
    made = in_main_mode(loop, proposals_v1=offered)

    assert made.secrets["alice"] == made.secrets["bob"] != []


@pytest.mark.parametrize("pfs", [False, True])
def test_quick_mode_gives_both_ends_the_same_keys(loop, pfs):
    """Quick Mode, with and without its own key exchange, makes IPsec SAs that both ends share."""
    made = in_main_mode(loop)
    made.play(made.alice.quick_mode(pfs=pfs, mark="quick"))

    assert made.requests[-1].mark == "quick"
    assert same_child(made)


@pytest.mark.parametrize("encrypt", [False, True])
def test_quick_mode_follows_aggressive_mode(loop, encrypt):
    """The IV chain goes on from Aggressive Mode, whether its third message was encrypted or not."""
    made = loop()
    made.play(made.alice.aggressive_mode(encrypt=encrypt))
    made.play(made.alice.quick_mode())

    assert same_child(made)


@pytest.mark.parametrize("place", range(4))
def test_every_child_suite_offered_by_default_works(loop, place):
    """Each default suite alone is taken in Quick Mode."""
    offered = (loop().alice.configuration.child_proposals[place],)
    made = in_main_mode(loop, child_proposals=offered)
    made.play(made.alice.quick_mode())

    assert made.bob.isakmp.child.suite == offered[0]
    assert same_child(made)


def test_exchanges_in_a_row_have_chains_of_their_own(loop):
    """Quick Modes, DPD and Deletes follow each other in any number, from either end."""
    made = in_main_mode(loop)
    made.play(made.alice.quick_mode())
    made.play(made.bob.quick_mode(pfs=True))
    made.play(_once(made.alice.dpd()))
    made.play(_once(made.bob.dpd()))
    made.play(made.alice.quick_mode())

    assert len(made.alice.isakmp.children) == len(made.bob.isakmp.children) == 3
    assert same_child(made)


@pytest.mark.parametrize("mode", ["main_mode", "aggressive_mode"])
def test_target_that_starts_is_answered_to_the_end(loop, mode):
    """Phase 1 and phase 2 started by the other end are completed."""
    made = loop()
    made.play(getattr(made.bob, mode)())
    made.play(made.bob.quick_mode(pfs=True))

    assert made.secrets["alice"] == made.secrets["bob"] != []
    assert same_child(made)


def test_r_u_there_is_acknowledged_with_its_number(loop):
    """R-U-THERE-ACK repeats the sequence number and is the request's answer."""
    made = in_main_mode(loop)
    made.play(_answered(made, made.alice.dpd(sequence=7)))

    acknowledgement = made.heard[-1].find(v1.Notify)
    assert acknowledgement.notify_type == NotifyTypeV1.R_U_THERE_ACK
    assert acknowledgement.data == bytes([0, 0, 0, 7])


def test_sequence_numbers_go_up_by_one(loop):
    """Each new R-U-THERE has the next number (RFC 3706 section 6.2)."""
    made = in_main_mode(loop)
    made.play(_once(made.alice.dpd()))
    made.play(_once(made.alice.dpd()))

    numbers = [int.from_bytes(n.data, "big") for m in made.heard for n in m.all(v1.Notify)]
    first = numbers[0]
    assert numbers == [first, first, first + 1, first + 1]


def test_deleted_child_is_gone_at_both_ends(loop):
    """Delete of the IPsec SAs takes them away at both ends."""
    made = in_main_mode(loop)
    made.play(made.alice.quick_mode())
    made.play(_once(made.alice.delete_v1(made.alice.isakmp.child)))

    assert made.alice.isakmp.children == made.bob.isakmp.children == []


def test_deleted_isakmp_sa_is_gone_at_both_ends(loop):
    """Delete of the ISAKMP SA names it by both cookies, and both ends forget it."""
    made = in_main_mode(loop)
    made.play(_once(made.alice.delete_v1()))

    assert made.bob.isakmp.state == made.alice.isakmp.state == "closed"


def test_ipsec_sas_outlive_the_isakmp_sa_that_made_them(loop):
    """IPsec SAs stay when their ISAKMP SA is deleted, and a Delete under the next one takes them away."""
    made = in_main_mode(loop)
    made.play(made.alice.quick_mode())
    child, old = made.alice.isakmp.child, made.bob.isakmp
    made.play(_once(made.alice.delete_v1()))
    made.play(made.alice.main_mode())
    kept = list(old.children)
    made.play(_once(made.alice.delete_v1(child)))

    assert [pair.spi_out for pair in kept] == [child.spi_in]
    assert old.children == []


def test_initial_contact_may_come_with_the_fifth_message(loop):
    """INITIAL-CONTACT in Main Mode's fifth message reaches the other end."""
    made = loop()
    made.play(made.alice.main_mode(initial_contact=True))

    assert [n.notify_type for n in made.bob.isakmp.notified] == [NotifyTypeV1.INITIAL_CONTACT]


def test_initial_contact_may_come_alone(loop):
    """INITIAL-CONTACT in an Informational exchange reaches the other end."""
    made = in_main_mode(loop)
    made.play(_once(made.alice.initial_contact()))

    assert [n.notify_type for n in made.bob.isakmp.notified] == [NotifyTypeV1.INITIAL_CONTACT]


def test_lost_datagrams_are_made_up_for(loop):
    """With the first copy of every datagram but the last message's lost, retransmission brings the SAs up."""
    made, lost = loop(), set()

    def first_copy(datagram: Datagram) -> bool:
        known = datagram in lost
        lost.add(datagram)
        return not known

    made.lost = first_copy
    made.play(made.alice.main_mode())

    assert made.secrets["alice"] == made.secrets["bob"] != []
    assert made.alice.isakmp.established


def test_last_message_is_repeated_when_its_forerunner_comes_again(loop):
    """A second message of Quick Mode that comes again brings the third one again."""
    made = in_main_mode(loop)
    made.play(made.alice.quick_mode())
    second, third = made.seen[-2:]
    received = made.alice.receive(second, 0.0)

    assert received.send == (third,)


def test_doubled_datagrams_change_nothing(loop):
    """With every datagram doubled both ends still agree, and the exchanges end."""
    made = loop()
    made.copies = 2
    made.play(made.alice.main_mode())
    made.play(made.alice.quick_mode())
    made.play(_once(made.alice.dpd()))

    assert same_child(made)
    assert len(made.bob.isakmp.children) == 1


def test_nat_between_the_ends_moves_them_to_4500(loop):
    """Where NAT-D tells of a NAT, the fifth message and all that follows goes behind the marker."""
    made = loop()
    inside, outside = "10.0.0.2", made.alice.local.address
    made.alice.local, made.alice.local_natt = Endpoint(inside, 500), Endpoint(inside, 4500)

    def translate(datagram: Datagram) -> Datagram:
        swap = {inside: outside, outside: inside}
        ends = (datagram.source, datagram.destination)
        source, destination = (Endpoint(swap.get(end.address, end.address), end.port) for end in ends)
        return Datagram(source, destination, datagram.data)

    made.translate = translate
    made.play(made.alice.main_mode(nat_t=True))
    made.play(made.alice.quick_mode())
    made.play(_once(made.bob.dpd()))

    assert [datagram.destination.port for datagram in made.seen] == [500] * 4 + [4500] * 7
    assert same_child(made)


def test_without_a_nat_port_500_is_kept(loop):
    """NAT-D that matches at both ends leaves the exchange on port 500."""
    made = loop()
    made.play(made.alice.main_mode(nat_t=True))

    assert {datagram.destination.port for datagram in made.seen} == {500}
    assert made.alice.isakmp.nat_t is RFC_3947


def test_wrong_key_leaves_no_sa(loop):
    """With another secret at the other end Main Mode ends before any SA stands."""
    made = loop()
    made.bob.configuration = with_psk(made.bob.configuration, b"another")
    made.play(made.alice.main_mode())

    assert not made.alice.isakmp.established
    assert not made.bob.isakmp.established


def test_bad_block_goes_unanswered_and_the_chain_stays(loop):
    """A broken fifth message is dropped, and an honest one in its place is taken."""
    made = loop()

    def script(alice: Initiator) -> Script:
        yield alice.main_mode_1()
        yield alice.main_mode_3()
        yield alice.main_mode_5(bend=flip_last, mark="bad")
        yield alice.main_mode_5(mark="good")

    made.play(script(made.alice))

    assert made.alice.isakmp.established
    assert made.bob.isakmp.established


def test_hash_covers_what_a_change_put_there(loop):
    """HASH(1) is worked out after the change, so that only what was bent is wrong."""
    made = in_main_mode(loop)
    made.play(
        made.alice.quick_mode(change=lambda m: replace(m, payloads=(*m.payloads, v1.VendorId(b"bent"))))
    )

    assert any(v1.VendorId in message and v1.Hash in message for message in made.heard)
    assert same_child(made)


def test_hash_may_be_wrong(loop):
    """A HASH that a change put there goes out as it is, and is refused."""
    made = in_main_mode(loop)
    wrong = v1.Hash(bytes(32))
    made.play(made.alice.quick_mode(change=lambda m: replace(m, payloads=(wrong, *m.payloads[1:]))))

    assert "HASH(1) is wrong" in made.whys
    assert made.bob.isakmp.children == []


def test_raw_octets_stand_after_a_right_hash(loop):
    """Hostile plaintext of Quick Mode carries the right HASH(1) over itself."""
    made = in_main_mode(loop)
    made.play(_once(made.alice.quick_mode_1(inner=(1, b"\x00\x00\x00\x06\xff\xff"))))

    assert "HASH(1) is wrong" not in made.whys
    assert made.heard[-1].payloads[0].type == v1.Hash.type


def test_mark_is_that_of_the_message_chosen(loop):
    """The mark and the changes of a step are those of the message it names."""
    made = loop()
    made.play(made.alice.main_mode(at=3, mark="third"))

    assert [request.mark for request in made.requests] == [None, "third", None]


def test_again_sends_the_same_octets(loop):
    """A message sent again is the very same, and its answer is recognised."""
    made = in_main_mode(loop)

    def script(alice: Initiator) -> Script:
        yield alice.quick_mode_1(mark="quick")
        yield alice.again("quick", mark="repeat")

    made.play(script(made.alice))

    first, answer, repeat, answer_again = made.seen[-4:]
    assert first == repeat
    assert answer == answer_again


def test_clear_notify_answers_an_open_request(loop):
    """A notify in clear is an answer of sorts to the first message: the step ends, nothing is believed."""
    made = loop()
    request = made.alice.main_mode_1()
    sent = _message(request)
    notify = v1.Notify(Doi.IPSEC, Protocol.IKE, NotifyTypeV1.NO_PROPOSAL_CHOSEN)
    refusal = Message(sent.spi_i, bytes(8), Exchange.INFORMATIONAL_V1, 0, 99, (notify,), version=0x10)
    received = made.alice.receive(Datagram(made.alice.remote, made.alice.local, refusal.encode()), 0.0)

    assert request.answered_by(received.message)
    assert made.alice.isakmp.suite is None


def test_ignored_quick_mode_gets_no_answer(loop):
    """What the script takes away is not answered."""
    made = in_main_mode(loop)
    made.alice.ignores("quick-mode")
    made.play(made.bob.quick_mode())

    assert made.alice.isakmp.children == made.bob.isakmp.children == []


def test_mode_config_request_gets_a_reply(loop):
    """A Transaction REQUEST is answered by a REPLY under the same Message ID and identifier."""
    made, replies = in_main_mode(loop), []
    bob, sa = made.bob, made.bob.isakmp
    dialogue = sa.dialogue(Exchange.TRANSACTION, 5, exchange_iv(sa.secrets, sa.last, 5))
    dialogue.then = lambda message, _: replies.append(message) or Taken()
    request = (UNHASHED, v1.Attributes(CfgType.CFG_REQUEST, 77))
    octets = bob.sealed_v1(
        sa, dialogue, request, HONEST, lambda rest: informational_hash(sa.secrets, 5, rest)
    )
    made.carry(Datagram(bob.local, bob.remote, octets))

    reply = replies[0].find(v1.Attributes)
    assert (reply.attr_type, reply.identifier) == (CfgType.CFG_REPLY, 77)


def test_without_an_sa_a_note_stands_in_for_the_message(loop):
    """A script goes on when phase 1 failed: what can't be sent is noted."""
    made = loop()
    made.lost = lambda _: True
    made.play(made.alice.main_mode())
    made.play(made.alice.quick_mode())
    made.play(_once(made.alice.dpd()))

    assert [note.what for note in made.notes] == ["not sent", "not sent"]


def with_psk(configuration, psk: bytes):
    """The configuration with another secret."""
    return with_fields(configuration, psk=psk)


def _once(action) -> Script:
    yield action


def _answered(made, action) -> Script:
    answer = yield action
    assert answer is not None


def _message(request) -> Message:
    message = decode(request.data)
    assert isinstance(message, Message)
    return message
