"""The peer as a remote client of a gateway: addresses, REDIRECT, MOBIKE, tickets, tokens."""

from dataclasses import replace
from typing import Any

import pytest

from harness.codes import CfgAttribute, Exchange, NotifyType
from harness.peer import Note
from harness.peer.v2.client import MAX_REDIRECTS, token
from harness.peer.v2.mobile import addresses_listed
from harness.profile import (
    DEFAULT,
    AddressPool,
    CrashDetection,
    Mobility,
    Redirect,
    Tickets,
)
from harness.wire import Message, decode, v2
from harness.wire.v2.notify_data import Gateway, read
from testcases.selftest.responder.pairing import PEER, PEER_NATT, TARGET_NATT, Pair

EVERYTHING = (("0.0.0.0/0",), ("0.0.0.0/0",))
ADDRESS = CfgAttribute.INTERNAL_IP4_ADDRESS
TICKET_REQUEST = v2.Notify(notify_type=NotifyType.TICKET_REQUEST)
AWAY = "192.0.2.102"


def met(**configuration: Any) -> Pair:
    """A pair after IKE_SA_INIT."""
    pair = Pair(replace(DEFAULT, **configuration))
    pair.peer.elsewhere = AWAY
    pair.play(pair.peer.ike_sa_init())
    return pair


def connected(*extra: Any, **configuration: Any) -> Pair:
    """A pair after IKE_AUTH with these extra payloads."""
    pair = met(**configuration)
    pair.play(pair.peer.ike_auth(*extra))
    return pair


class TestInnerAddresses:
    def test_the_address_given_is_the_child_s(self) -> None:
        """A client that offers everything has a child for the one address that it got."""
        pair = met(pool=AddressPool("10.77.0.0/29"))
        peer = pair.peer
        pair.play(peer.ike_auth(before=(peer.cfg_request(ADDRESS),), subnets=EVERYTHING))
        child = peer.ike.child

        assert peer.inner_address == "10.77.0.1"
        assert child is not None
        assert [s.start for s in child.local] == [bytes((10, 77, 0, 1))]

    def test_cp_stands_before_the_child(self) -> None:
        """RFC 7296 section 2.19: CP precedes SA."""
        pair = met()
        peer = pair.peer
        said: list[type] = []
        peer.ike_auth(
            before=(peer.cfg_request(ADDRESS),), change=lambda m: said.extend(map(type, m.payloads)) or m
        )

        assert (
            said.index(v2.Authentication) < said.index(v2.Configuration) < said.index(v2.SecurityAssociation)
        )

    def test_an_address_outlives_a_rekey(self) -> None:
        """What was told goes on with the heir of the IKE SA."""
        pair = met(pool=AddressPool("10.77.0.0/29"))
        pair.play(pair.peer.ike_auth(before=(pair.peer.cfg_request((ADDRESS, bytes((10, 77, 0, 4)))),)))
        pair.play(pair.peer.rekey_ike())

        assert pair.peer.inner_address == "10.77.0.4"


class TestRedirect:
    HERE = Redirect("ipv4", "192.0.2.1")

    def test_a_redirect_is_followed_a_bounded_number_of_times(self) -> None:
        """RFC 5685 section 7: a client in a loop gives up."""
        pair = Pair(replace(DEFAULT, redirect=self.HERE))
        pair.play(pair.peer.ike_sa_init_redirectable(mark="init"))

        assert pair.exchanges() == [(Exchange.IKE_SA_INIT, True)] * (1 + MAX_REDIRECTS)

    def test_the_next_gateway_is_told_of_the_first(self) -> None:
        """RFC 5685 section 3: REDIRECTED_FROM in place of REDIRECT_SUPPORTED."""
        pair = Pair(replace(DEFAULT, redirect=self.HERE))
        steps = pair.peer.ike_sa_init_redirectable(mark="init")
        again = decode(steps.send(pair.play(next(steps))).data)
        assert isinstance(again, Message)
        came_from = again.find(v2.Notify, NotifyType.REDIRECTED_FROM)
        assert came_from is not None

        assert again.find(v2.Notify, NotifyType.REDIRECT_SUPPORTED) is None
        assert read(Gateway, came_from.data) == Gateway(1, identity=bytes((192, 0, 2, 1)))

    def test_a_redirect_with_another_nonce_is_not_followed(self) -> None:
        """RFC 5685 section 3: who did not see the request can send nobody away."""
        pair = Pair(replace(DEFAULT, redirect=self.HERE))
        steps = pair.peer.ike_sa_init_redirectable()
        answer = pair.play(next(steps))
        notify = answer.find(v2.Notify, NotifyType.REDIRECT)
        gateway = read(Gateway, notify.data)
        assert gateway is not None
        lie = v2.Notify(
            notify_type=NotifyType.REDIRECT,
            data=Gateway(gateway.gateway_type, identity=gateway.identity, nonce=bytes(32)).encode(),
        )

        with pytest.raises(StopIteration):
            steps.send(Message(answer.spi_i, bytes(8), Exchange.IKE_SA_INIT, 0x20, 0, (lie,)))

    def test_a_session_remembers_where_it_is_sent(self) -> None:
        """RFC 5685 section 5: the request is answered, and what it says is kept."""
        pair = Pair(replace(DEFAULT, redirect=Redirect("fqdn", "other.example", when="established")))
        pair.play(pair.peer.ike_sa_init_redirectable(follow=0))
        pair.play(pair.peer.ike_auth())
        pair.wait(1.0)

        assert pair.peer.ike.told.redirect == Gateway(3, identity=b"other.example")


class TestMobike:
    HOME = Mobility(additional=("192.0.2.11",))

    def mobile(self, **mobility: Any) -> Pair:
        """A pair that agreed on MOBIKE."""
        pair = met(mobility=replace(self.HOME, **mobility))
        pair.play(pair.peer.ike_auth_mobile())
        return pair

    def test_it_goes_on_between_the_ports_for_nats(self) -> None:
        """RFC 4555 section 3.3: where both ends traverse NATs, port 4500 is used even without one."""
        pair = self.mobile()
        (sa,) = pair.responder.all()

        assert (sa.local, sa.remote) == (TARGET_NATT, PEER_NATT)
        assert (pair.peer.ike.told.mobile, pair.peer.ike.told.addresses) == (True, (bytes((192, 0, 2, 11)),))

    def test_who_moves_takes_its_sa_along(self) -> None:
        """RFC 4555 section 3.5: UPDATE_SA_ADDRESSES comes from the new address, and the SA goes there."""
        pair = self.mobile()
        pair.play(pair.peer.moves())
        pair.play(pair.peer.update_addresses())
        (sa,) = pair.responder.all()

        assert sa.remote == PEER_NATT._replace(address=AWAY)
        assert sa.up

    def test_who_moves_can_come_back(self) -> None:
        """The address that was left is the other one from then on."""
        pair = self.mobile()
        pair.play(pair.peer.moves())
        pair.play(pair.peer.moves())

        assert (pair.peer.local, pair.peer.elsewhere) == (PEER, AWAY)

    def test_a_message_from_elsewhere_moves_nothing(self) -> None:
        """RFC 4555 section 3.10: a path is tested by an INFORMATIONAL without UPDATE_SA_ADDRESSES."""
        pair = self.mobile()
        pair.play(pair.peer.from_elsewhere(pair.peer.liveness()))
        (sa,) = pair.responder.all()

        assert (sa.remote, pair.peer.ike.local) == (PEER_NATT, PEER_NATT)

    def test_cookie2_comes_back_as_it_is(self) -> None:
        """RFC 4555 section 3.7: so the target's check of the new address holds."""
        pair = self.mobile()
        pair.play(pair.peer.moves())
        pair.play(pair.peer.update_addresses())

        assert pair.started() == [Exchange.INFORMATIONAL]
        assert [sa.outstanding for sa in pair.responder.all()] == [()]

    def test_an_answer_can_be_bent(self) -> None:
        """What comes back altered ends the SA."""
        pair = self.mobile()
        lie = v2.Notify(notify_type=NotifyType.COOKIE2, data=b"another cookie")
        pair.play(pair.peer.moves())
        pair.peer.answers_with(inner=(lie,))
        pair.play(pair.peer.update_addresses())

        assert not any(sa.up for sa in pair.responder.all())

    def test_no_nats_allowed_says_where_it_was_sent(self) -> None:
        """RFC 4555 section 3.9: a request whose header says the same is heeded."""
        pair = self.mobile(routability=False)
        pair.play(pair.peer.moves())
        answer = pair.play(pair.peer.update_addresses(nat_detection=False))

        assert answer.payloads == ()

    def test_an_empty_list_is_said_so(self) -> None:
        """RFC 4555 section 4.2.3: NO_ADDITIONAL_ADDRESSES stands for none."""
        kinds = [n.notify_type for n in (*addresses_listed(), *addresses_listed("192.0.2.9", "2001:db8::9"))]

        assert kinds == [
            NotifyType.NO_ADDITIONAL_ADDRESSES,
            NotifyType.ADDITIONAL_IP4_ADDRESS,
            NotifyType.ADDITIONAL_IP6_ADDRESS,
        ]


class TestResumption:
    SEALED = Tickets(b"k" * 32)

    def test_a_ticket_makes_an_ike_sa_with_a_child(self) -> None:
        """RFC 5723 section 4.3: IKE_SESSION_RESUME, IKE_AUTH, and everything stands again under new SPIs."""
        pair = connected(TICKET_REQUEST, tickets=self.SEALED)
        old = pair.peer.ike
        pair.play(pair.peer.resume())
        pair.play(pair.peer.ike_auth())

        assert (pair.peer.ike.established, pair.peer.ike.why) == (True, "")
        assert pair.peer.ike.child is not None
        assert pair.peer.ike.keys != old.keys

    def test_a_cookie_is_followed(self) -> None:
        """RFC 5723 section 4.3.2: the exchange behaves as IKE_SA_INIT does."""
        pair = connected(TICKET_REQUEST, tickets=self.SEALED, cookie_threshold=0)
        pair.play(pair.peer.resume())
        pair.play(pair.peer.ike_auth())

        assert pair.peer.ike.established

    def test_a_ticket_of_a_rekey_is_of_the_new_ike_sa(self) -> None:
        """RFC 5723 section 4.1: what CREATE_CHILD_SA gives goes with the SK_d that it makes."""
        pair = connected(tickets=self.SEALED)
        pair.play(pair.peer.rekey_ike(TICKET_REQUEST))
        pair.play(pair.peer.resume())
        pair.play(pair.peer.ike_auth())

        assert pair.peer.ike.established

    def test_a_ticket_that_is_refused_makes_nothing(self) -> None:
        """TICKET_NACK leaves the client where it was, and says so."""
        pair = connected(TICKET_REQUEST, tickets=self.SEALED)
        answer = pair.play(pair.peer.resume(octets=b"a ticket of somebody"))
        note = pair.peer.ike_auth()

        assert answer.find(v2.Notify, NotifyType.TICKET_NACK) is not None
        assert isinstance(note, Note)
        assert "did not take the ticket" in note.value

    def test_without_a_ticket_nothing_is_sent(self) -> None:
        """A client that has none says so in the evidence."""
        pair = connected()
        (action,) = list(pair.peer.resume())

        assert isinstance(action, Note)


class TestTokens:
    def test_the_target_s_token_is_kept(self) -> None:
        """RFC 6290 section 3: it is what the target will show when it has lost the SA."""
        pair = connected(crash_detection=CrashDetection((b"s" * 32,)))

        assert len(pair.peer.ike.told.token) == 32

    def test_an_end_that_lost_its_sas_shows_its_token(self) -> None:
        """RFC 6290 section 4.5: INVALID_IKE_SPI and the token end the SA at the other end."""
        pair = connected(token(b"p" * 16))
        pair.play(pair.peer.lost(None, b"p" * 16))

        assert list(pair.responder.all()) == []


def test_an_authentication_has_an_end() -> None:
    """RFC 4478 section 3: the seconds of AUTH_LIFETIME."""
    assert connected(auth_lifetime=600.0).peer.ike.told.auth_lifetime == 600
