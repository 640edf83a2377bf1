"""MOBIKE at the responder (RFC 4555): where packets go, what a rekey keeps, and what it does when it moves itself."""

from dataclasses import replace
from typing import Any

import pytest

from harness.codes import Exchange, NotifyType, ProfileName, Trigger
from harness.peer import Ask
from harness.profile import DEFAULT, Mobility
from harness.responder.state import IkeSa
from harness.wire import v2
from harness.wire.datagram import Endpoint
from testcases.selftest.responder.pairing import PEER_NATT, TARGET_NATT, Pair

AWAY = "192.0.2.102"
HERE, THERE = PEER_NATT, PEER_NATT._replace(address=AWAY)
OURS = ("192.0.2.11", "192.0.2.12")


def mobile(profile: ProfileName = ProfileName.STRICT, **mobility: Any) -> Pair:
    """A pair that the peer made, and that agreed on MOBIKE."""
    pair = Pair(replace(DEFAULT, profile=profile, mobility=Mobility(additional=OURS, **mobility)))
    pair.peer.elsewhere = AWAY
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.ike_auth_mobile())
    return pair


def called() -> Pair:
    """A pair that a two-way device made."""
    pair = Pair(replace(DEFAULT, profile=ProfileName.TWO_WAY, mobility=Mobility(additional=OURS)))
    pair.provoke(Trigger.OPERATOR_INITIATE)
    return pair


def moved(pair: Pair) -> None:
    """The peer goes to its other address and says so."""
    pair.play(pair.peer.moves())
    pair.play(pair.peer.update_addresses())


def the_sa(pair: Pair) -> IkeSa:
    """The SA that serves."""
    (sa,) = (each for each in pair.responder.all() if each.up)
    assert isinstance(sa, IkeSa)
    return sa


def sent_by(pair: Pair, trigger: Trigger) -> list[tuple[Endpoint, Endpoint]]:
    """From where to where the datagrams go that a trigger brings forth."""
    return [(each.source, each.destination) for each in pair.responder.provoke(trigger, pair.now).send]


class TestWherePacketsGo:
    def test_packets_follow_once_the_new_address_has_answered(self) -> None:
        """RFC 4555 section 3.7: the check done, the tunnel goes to the new address."""
        pair = mobile()
        moved(pair)

        assert sent_by(pair, Trigger.MATCHING_TRAFFIC) == [(TARGET_NATT, THERE)]

    def test_packets_stay_until_the_new_address_has_answered(self) -> None:
        """RFC 4555 section 3.7: by default the check comes before the update of the IPsec SAs."""
        pair = mobile()
        pair.peer.ignores(Ask.INFORMATIONAL)
        moved(pair)

        assert sent_by(pair, Trigger.MATCHING_TRAFFIC) == [(TARGET_NATT, HERE)]

    def test_without_a_check_packets_follow_at_once(self) -> None:
        """RFC 4555 section 3.7: it may be omitted where peers are trusted."""
        pair = mobile(routability=False)
        moved(pair)

        assert pair.started() == []
        assert sent_by(pair, Trigger.MATCHING_TRAFFIC) == [(TARGET_NATT, THERE)]

    def test_a_packet_from_elsewhere_moves_no_packets(self) -> None:
        """RFC 4555 section 3.5: only UPDATE_SA_ADDRESSES changes where the tunnel goes, answers to packets too."""
        pair = mobile()
        ping = pair.peer.ping().packet()
        step = pair.responder.receive(pair.peer.from_elsewhere(ping).datagram, pair.now)

        assert [each.destination for each in step.send] == [HERE]

    def test_an_heir_asks_what_its_forebear_had_no_answer_to(self) -> None:
        """RFC 7296 section 2.8: the check goes on with the new IKE SA, and then packets follow."""
        pair = mobile()
        pair.peer.ignores(Ask.INFORMATIONAL)
        moved(pair)
        pair.peer.answers_again()
        pair.play(pair.peer.rekey_ike())

        assert sent_by(pair, Trigger.MATCHING_TRAFFIC) == [(TARGET_NATT, THERE)]


def test_an_heir_moves_by_its_first_message() -> None:
    """RFC 7296 section 2.2: an heir counts from zero, and so does what is newer than the last update."""
    pair = mobile()
    pair.play(pair.peer.rekey_ike())
    moved(pair)

    assert the_sa(pair).remote == THERE


class TestItsOwnMove:
    @pytest.mark.parametrize("profile", list(ProfileName))
    def test_the_responder_tells_its_addresses_from_the_new_one(self, profile: ProfileName) -> None:
        """RFC 4555 section 3.6: one INFORMATIONAL with the whole list, whatever the profile; no SA goes or comes."""
        pair = mobile(profile)
        pair.provoke(Trigger.ADDRESS_CHANGE)

        assert pair.started() == [Exchange.INFORMATIONAL]
        assert pair.peer.ike.heard_from == TARGET_NATT._replace(address=OURS[0])
        assert pair.peer.ike.told.addresses == (bytes((192, 0, 2, 12)),)
        assert the_sa(pair).children

    def test_the_last_address_is_told_as_such(self) -> None:
        """RFC 4555 section 3.6: NO_ADDITIONAL_ADDRESSES of who has only the one in the IP header."""
        pair = Pair(replace(DEFAULT, mobility=Mobility(additional=OURS[:1])))
        pair.play(pair.peer.ike_sa_init())
        pair.play(pair.peer.ike_auth_mobile())
        pair.provoke(Trigger.ADDRESS_CHANGE)

        assert pair.peer.ike.told.addresses == ()

    def test_the_peer_moves_the_sa_after_it(self) -> None:
        """RFC 4555 section 3.5: the original initiator then decides, by UPDATE_SA_ADDRESSES to the new address."""
        pair = mobile()
        pair.provoke(Trigger.ADDRESS_CHANGE)
        pair.play(pair.peer.follows_target())
        answer = pair.play(pair.peer.update_addresses())

        assert answer is not None
        assert the_sa(pair).local == TARGET_NATT._replace(address=OURS[0])

    def test_the_original_initiator_moves_its_sa(self) -> None:
        """RFC 4555 section 3.5: UPDATE_SA_ADDRESSES from the new address, and the peer follows."""
        pair = called()
        pair.provoke(Trigger.ADDRESS_CHANGE)
        asked = pair.sent[-1]

        assert pair.started() == [Exchange.IKE_SA_INIT, Exchange.IKE_AUTH, Exchange.INFORMATIONAL]
        assert not asked.is_response
        assert pair.peer.ike.remote.address == OURS[0]
        assert the_sa(pair).children

    def test_a_move_that_the_peer_refuses_ends_the_sa(self) -> None:
        """RFC 4555 section 3.5: on UNACCEPTABLE_ADDRESSES the initiator may disconnect."""
        pair = called()
        pair.peer.answers_with(inner=(v2.Notify(notify_type=NotifyType.UNACCEPTABLE_ADDRESSES),))
        pair.provoke(Trigger.ADDRESS_CHANGE)

        assert not any(sa.up for sa in pair.responder.all())

    @pytest.mark.parametrize("offered", [False, True])
    def test_without_mobike_it_starts_over(self, *, offered: bool) -> None:
        """Where either end does not have it, the SA is deleted; a responder makes no other one."""
        mobility = Mobility(additional=OURS) if offered else None
        pair = Pair(replace(DEFAULT, mobility=mobility))
        pair.play(pair.peer.ike_sa_init())
        pair.play(pair.peer.ike_auth())
        pair.provoke(Trigger.ADDRESS_CHANGE)

        assert pair.started() == [Exchange.INFORMATIONAL]
        assert not any(sa.up for sa in pair.responder.all())

    def test_packets_leave_from_the_new_address(self) -> None:
        """RFC 4555 section 3.5: a responder whose address is gone may move its IPsec SAs to another one."""
        pair = mobile()
        pair.provoke(Trigger.ADDRESS_CHANGE)

        assert sent_by(pair, Trigger.MATCHING_TRAFFIC) == [(TARGET_NATT._replace(address=OURS[0]), HERE)]


def test_an_ike_sa_made_again_keeps_to_the_ports_of_the_lost_one() -> None:
    """Where both ends had moved to port 4500 the new IKE_SA_INIT goes there too, behind the non-ESP marker (section 2.23)."""
    pair = mobile(ProfileName.TWO_WAY)

    pair.play(pair.peer.delete_ike())

    sent = [datagram for step in pair.steps for datagram in step.send]
    again = next(
        each for each in sent if Exchange.IKE_SA_INIT in each.data[18:23:4] and not each.data[19] & 0x20
    )
    assert again.destination.port == 4500
    assert again.data.startswith(bytes(4))
