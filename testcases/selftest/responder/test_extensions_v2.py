"""The extensions that a gateway of remote clients has: addresses, redirection, MOBIKE, tickets, crash detection."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.codes import CfgAttribute, CfgType, Exchange, NotifyType, ProfileName, Protocol
from harness.peer.script import Request
from harness.profile import (
    DEFAULT,
    AddressPool,
    CrashDetection,
    Lifetimes,
    Mobility,
    Redirect,
    Tickets,
)
from harness.responder.v2.crash_detection import token
from harness.sa.v2 import resumed_auth, resumed_keys, seal, signed_octets
from harness.wire import Message, decode, v2
from harness.wire.datagram import Datagram, Endpoint, frame
from harness.wire.v2.notify_data import AuthLifetime, Gateway, TicketWithLifetime, read
from testcases.selftest.responder.pairing import PEER, TARGET, Pair

POOL = AddressPool("10.77.0.0/29", dns=("10.77.0.53",))
EVERYTHING = (("0.0.0.0/0",), ("0.0.0.0/0",))
SECRETS = (b"s" * 32, b"t" * 32)
KEY = b"k" * 32


def status(kind: NotifyType, data: bytes = b"") -> v2.Notify:
    """A notify about no SA."""
    return v2.Notify(notify_type=kind, data=data)


def asking(*attributes: tuple[int, bytes]) -> v2.Configuration:
    """A CFG_REQUEST for these attributes."""
    return v2.Configuration(
        CfgType.CFG_REQUEST, tuple(v2.ConfigurationAttribute(kind, value=value) for kind, value in attributes)
    )


def connected(*extra: Any, init: tuple[Any, ...] = (), **configuration: Any) -> tuple[Pair, Message]:
    """A pair after IKE_AUTH with these extra payloads, and the response to it."""
    pair = Pair(replace(DEFAULT, **configuration))
    pair.play(pair.peer.ike_sa_init(*init))
    answer = pair.play(pair.peer.ike_auth(*extra))
    assert isinstance(answer, Message)
    return pair, answer


def notify_types(message: Message) -> list[int]:
    """The types of a message's notifies, in their order."""
    return [p.notify_type for p in message.payloads if isinstance(p, v2.Notify)]


def told(answer: Message) -> dict[int, list[bytes]]:
    """The attributes of a CFG_REPLY, by type."""
    reply = answer.find(v2.Configuration)
    assert reply is not None
    values: dict[int, list[bytes]] = {}
    for attribute in reply.attributes:
        values.setdefault(attribute.type, []).append(attribute.value)
    return values


def from_elsewhere(request: Request, source: Endpoint) -> Datagram:
    """The request as it comes from another place."""
    return request.datagram._replace(source=source)


class TestInnerAddresses:
    def test_a_client_that_asks_gets_an_address_and_may_use_it_alone(self) -> None:
        """RFC 7296 section 2.19: CFG_REPLY names an address, and the child's selector is that address."""
        pair, answer = connected(
            asking((CfgAttribute.INTERNAL_IP4_ADDRESS, b"")), pool=POOL, remote_subnets=()
        )
        (sa,) = pair.responder.all()
        (address,) = told(answer)[CfgAttribute.INTERNAL_IP4_ADDRESS]

        assert sa.inner_address == address == bytes((10, 77, 0, 1))

    def test_selectors_are_narrowed_to_the_address_given(self) -> None:
        """RFC 7296 section 2.9: a client that offers everything gets the one address that it was given."""
        pair = Pair(replace(DEFAULT, pool=POOL))
        pair.play(pair.peer.ike_sa_init())
        answer = pair.play(
            pair.peer.ike_auth(asking((CfgAttribute.INTERNAL_IP4_ADDRESS, b"")), subnets=EVERYTHING)
        )
        (selector,) = answer.find(v2.TrafficSelectorsI).selectors

        assert (selector.start, selector.end) == (bytes((10, 77, 0, 1)),) * 2

    def test_the_wish_of_a_client_is_granted_where_it_can_be(self) -> None:
        """RFC 7296 section 3.15.1: an address that is asked for and free is given."""
        wish = bytes((10, 77, 0, 5))
        _, answer = connected(asking((CfgAttribute.INTERNAL_IP4_ADDRESS, wish)), pool=POOL)

        assert told(answer)[CfgAttribute.INTERNAL_IP4_ADDRESS] == [wish]

    def test_an_address_outside_of_the_pool_is_not_granted(self) -> None:
        """A wish for an address that the pool has not is answered with one that it has."""
        _, answer = connected(asking((CfgAttribute.INTERNAL_IP4_ADDRESS, bytes((8, 8, 8, 8)))), pool=POOL)

        assert told(answer)[CfgAttribute.INTERNAL_IP4_ADDRESS] == [bytes((10, 77, 0, 1))]

    def test_no_two_clients_have_the_same_address(self) -> None:
        """Every client gets another address, until the pool is empty; the IKE SA of the next stands without a child."""
        pair = Pair(replace(DEFAULT, pool=AddressPool("10.77.0.0/30")))
        answers = []
        for _ in range(3):
            pair.play(pair.peer.ike_sa_init())
            ask = asking((CfgAttribute.INTERNAL_IP4_ADDRESS, b""))
            answers.append(pair.play(pair.peer.ike_auth(ask, subnets=EVERYTHING)))
        given = [told(answer)[CfgAttribute.INTERNAL_IP4_ADDRESS][0][-1] for answer in answers[:2]]

        assert given == [1, 2]
        assert notify_types(answers[2]) == [NotifyType.INTERNAL_ADDRESS_FAILURE]
        assert [len(sa.children) for sa in pair.responder.all()] == [1, 1, 0]

    def test_a_client_that_must_ask_and_does_not_gets_no_child(self) -> None:
        """RFC 7296 section 2.19: FAILED_CP_REQUIRED in place of the child; the IKE SA stands."""
        pair, answer = connected(pool=replace(POOL, demanded=True))
        (sa,) = pair.responder.all()

        assert notify_types(answer) == [NotifyType.FAILED_CP_REQUIRED]
        assert (sa.up, sa.children) == (True, ())

    def test_an_address_is_free_again_when_its_sa_is_deleted(self) -> None:
        """The address of a client that has left goes to the next."""
        pair, _ = connected(
            asking((CfgAttribute.INTERNAL_IP4_ADDRESS, b"")), pool=AddressPool("10.77.0.0/30")
        )
        pair.play(pair.peer.delete_ike())
        pair.play(pair.peer.ike_sa_init())
        answer = pair.play(pair.peer.ike_auth(asking((CfgAttribute.INTERNAL_IP4_ADDRESS, b""))))

        assert told(answer)[CfgAttribute.INTERNAL_IP4_ADDRESS] == [bytes((10, 77, 0, 1))]

    def test_an_address_outlives_the_rekey_of_its_ike_sa(self) -> None:
        """RFC 7296 section 2.8: the heir has the client's address."""
        pair, _ = connected(asking((CfgAttribute.INTERNAL_IP4_ADDRESS, b"")), pool=POOL)
        pair.play(pair.peer.rekey_ike())

        assert [sa.inner_address for sa in pair.responder.all() if sa.up] == [bytes((10, 77, 0, 1))]

    def test_only_what_is_asked_for_is_told(self) -> None:
        """RFC 7296 section 3.15.1: netmask, name servers and subnets are told to whom asks, unknown attributes passed over."""
        asked = (
            (CfgAttribute.INTERNAL_IP4_ADDRESS, b""),
            (CfgAttribute.INTERNAL_IP4_DNS, b""),
            (CfgAttribute.INTERNAL_IP4_NETMASK, b""),
            (CfgAttribute.INTERNAL_IP4_SUBNET, b""),
            (CfgAttribute.INTERNAL_IP6_DNS, b""),
            (28_000, b""),
        )
        _, answer = connected(asking(*asked), pool=POOL)

        assert told(answer) == {
            CfgAttribute.INTERNAL_IP4_ADDRESS: [bytes((10, 77, 0, 1))],
            CfgAttribute.INTERNAL_IP4_DNS: [bytes((10, 77, 0, 53))],
            CfgAttribute.INTERNAL_IP4_NETMASK: [bytes((255, 255, 255, 248))],
            CfgAttribute.INTERNAL_IP4_SUBNET: [bytes((198, 51, 100, 0, 255, 255, 255, 0))],
        }

    def test_an_ipv6_address_comes_with_its_prefix(self) -> None:
        """RFC 7296 section 3.15.1: INTERNAL_IP6_ADDRESS has seventeen octets."""
        pool = AddressPool("2001:db8:77::/64")
        _, answer = connected(asking((CfgAttribute.INTERNAL_IP6_ADDRESS, b"")), pool=pool)
        (address,) = told(answer)[CfgAttribute.INTERNAL_IP6_ADDRESS]

        assert (len(address), address[-1]) == (17, 64)

    def test_nothing_can_be_set(self) -> None:
        """RFC 7296 section 3.15: CFG_SET is acknowledged without any of its attributes."""
        pair, _ = connected()
        setting = v2.Configuration(CfgType.CFG_SET, (v2.ConfigurationAttribute(3, value=bytes(4)),))
        answer = pair.play(pair.peer.informational(setting))

        assert answer.find(v2.Configuration) == v2.Configuration(CfgType.CFG_ACK)

    def test_the_application_version_is_told_in_an_informational(self) -> None:
        """RFC 7296 section 2.20: APPLICATION_VERSION is answered on an IKE SA that stands."""
        pair, _ = connected()
        answer = pair.play(pair.peer.informational(asking((CfgAttribute.APPLICATION_VERSION, b""))))

        assert b"ike-harness" in told(answer)[CfgAttribute.APPLICATION_VERSION][0]


class TestRedirect:
    ELSEWHERE = Redirect("ipv4", "192.0.2.77")
    CAN = (status(NotifyType.REDIRECT_SUPPORTED),)

    def test_a_client_that_can_be_redirected_is_sent_away_without_state(self) -> None:
        """RFC 5685 section 3: REDIRECT with the gateway and the client's nonce, SPIr zero, and no SA."""
        pair = Pair(replace(DEFAULT, redirect=self.ELSEWHERE))
        answer = pair.play(pair.peer.ike_sa_init(*self.CAN))
        (notify,) = answer.payloads

        assert read(Gateway, notify.data) == Gateway(
            1, identity=bytes((192, 0, 2, 77)), nonce=pair.peer.ike.ni
        )
        assert (answer.spi_r, list(pair.responder.all())) == (bytes(8), [])

    def test_a_client_that_cannot_be_redirected_is_served(self) -> None:
        """RFC 5685 section 3: without REDIRECT_SUPPORTED nobody is sent away."""
        pair, _ = connected(redirect=self.ELSEWHERE)

        assert [sa.up for sa in pair.responder.all()] == [True]

    def test_a_client_that_was_redirected_before_can_be_again(self) -> None:
        """RFC 5685 section 3: REDIRECTED_FROM says as much as REDIRECT_SUPPORTED."""
        pair = Pair(replace(DEFAULT, redirect=self.ELSEWHERE))
        came_from = Gateway(1, identity=bytes((192, 0, 2, 7))).encode()
        answer = pair.play(pair.peer.ike_sa_init(status(NotifyType.REDIRECTED_FROM, came_from)))

        assert notify_types(answer) == [NotifyType.REDIRECT]

    def test_an_authenticated_client_is_redirected_in_place_of_a_child(self) -> None:
        """RFC 5685 section 6: IDr, AUTH and REDIRECT without nonce; the IKE SA stands, without a child."""
        to = Redirect("fqdn", "other.example", when="auth")
        pair, answer = connected(init=self.CAN, redirect=to)
        (notify,) = answer.all(v2.Notify)
        (sa,) = pair.responder.all()

        assert read(Gateway, notify.data) == Gateway(3, identity=b"other.example")
        assert answer.find(v2.Authentication) is not None
        assert sa.children == ()

    def test_a_session_is_redirected_by_an_informational_and_ended_when_the_client_stays(self) -> None:
        """RFC 5685 section 5: one INFORMATIONAL with REDIRECT, then, when patience is over, a Delete."""
        to = replace(self.ELSEWHERE, when="established", patience=7.0)
        pair, _ = connected(init=self.CAN, redirect=to)
        pair.wait(1.0)
        told_to_go = pair.started()
        pair.wait(6.5)

        assert told_to_go == [Exchange.INFORMATIONAL]
        assert pair.started() == [Exchange.INFORMATIONAL] * 2
        assert list(pair.responder.all()) == []

    def test_an_heir_is_not_redirected_again(self) -> None:
        """A client that was told once is not told again when its IKE SA is rekeyed."""
        to = replace(self.ELSEWHERE, when="established", patience=100.0)
        pair, _ = connected(init=self.CAN, redirect=to)
        pair.wait(1.0)
        pair.play(pair.peer.rekey_ike())
        pair.wait(5.0)

        assert pair.started() == [Exchange.INFORMATIONAL]


class TestMobike:
    HOME = Mobility(additional=("192.0.2.11", "2001:db8::11"))
    SUPPORTED = status(NotifyType.MOBIKE_SUPPORTED)
    AWAY = Endpoint("192.0.2.202", 4500)

    def moved(self, pair: Pair, *extra: Any, source: Endpoint = AWAY) -> Message:
        """The response to UPDATE_SA_ADDRESSES from another address, opened."""
        request = pair.peer.informational(status(NotifyType.UPDATE_SA_ADDRESSES), *extra)
        assert isinstance(request, Request)
        datagram = from_elsewhere(request, source)
        if source.port == 4500:
            datagram = datagram._replace(
                destination=TARGET._replace(port=4500), data=frame(request.datagram.data, natt=True)
            )
        step = pair.responder.receive(datagram, pair.now)
        self.sent = step.send
        pair.peer.ike.natt = source.port == 4500
        first, home = step.send[0], pair.peer.local_natt if source.port == 4500 else pair.peer.local
        answer = pair.peer.receive(first._replace(destination=home), pair.now).message
        assert answer is not None
        return answer

    def test_both_ends_say_that_they_support_it_and_list_their_addresses(self) -> None:
        """RFC 4555 sections 3.2 and 3.4: MOBIKE_SUPPORTED with our further addresses answers the peer's."""
        _, answer = connected(self.SUPPORTED, mobility=self.HOME)

        assert notify_types(answer) == [
            NotifyType.MOBIKE_SUPPORTED,
            NotifyType.ADDITIONAL_IP4_ADDRESS,
            NotifyType.ADDITIONAL_IP6_ADDRESS,
        ]

    def test_it_is_not_offered_to_a_peer_that_has_not_offered_it(self) -> None:
        """RFC 4555 section 3.2: a peer without it hears nothing of it."""
        _, answer = connected(mobility=self.HOME)

        assert notify_types(answer) == []

    def test_the_sa_follows_the_ip_header_of_an_update(self) -> None:
        """RFC 4555 section 3.5: the IKE SA's addresses are those that UPDATE_SA_ADDRESSES came from."""
        pair, _ = connected(self.SUPPORTED, mobility=replace(self.HOME, routability=False))
        self.moved(pair)
        (sa,) = pair.responder.all()

        assert sa.remote == self.AWAY

    def test_no_other_request_moves_an_sa(self) -> None:
        """RFC 4555 section 3.8: a liveness check from another address is answered there, and moves nothing."""
        pair, _ = connected(self.SUPPORTED, mobility=self.HOME)
        request = pair.peer.liveness()
        assert isinstance(request, Request)
        elsewhere = Endpoint("192.0.2.202", 500)
        step = pair.responder.receive(from_elsewhere(request, elsewhere), pair.now)
        (sa,) = pair.responder.all()

        assert [d.destination for d in step.send] == [elsewhere]
        assert sa.remote == PEER

    def test_an_address_against_policy_is_refused(self) -> None:
        """RFC 4555 section 3.5: UNACCEPTABLE_ADDRESSES, and the SA stays where it was."""
        pair, _ = connected(self.SUPPORTED, mobility=replace(self.HOME, refused=("192.0.2.200/29",)))
        answer = self.moved(pair)
        (sa,) = pair.responder.all()

        assert notify_types(answer) == [NotifyType.UNACCEPTABLE_ADDRESSES]
        assert sa.remote == PEER

    def test_a_peer_that_moved_is_asked_to_answer_from_there(self) -> None:
        """RFC 4555 section 3.7: a COOKIE2 goes to the new address, as the return routability check."""
        pair, _ = connected(self.SUPPORTED, mobility=self.HOME)
        self.moved(pair)
        probe = decode(self.sent[1].data[4:])

        assert isinstance(probe, Message)
        assert (probe.exchange, probe.is_response, self.sent[1].destination) == (
            Exchange.INFORMATIONAL,
            False,
            self.AWAY,
        )

    def test_a_cookie_that_comes_back_altered_ends_the_sa(self) -> None:
        """RFC 4555 section 3.7: the IKE SA is closed when COOKIE2 differs."""
        pair, _ = connected(self.SUPPORTED, mobility=self.HOME)
        self.moved(pair, source=Endpoint("192.0.2.202", 500))
        lie = pair.peer.response(
            Exchange.INFORMATIONAL, status(NotifyType.COOKIE2, b"another cookie"), message_id=0
        )
        pair.responder.receive(lie.datagram, pair.now)
        (sa,) = pair.responder.all()

        assert not sa.up

    def test_cookie2_is_copied_to_the_response(self) -> None:
        """RFC 4555 section 3.7: any INFORMATIONAL request with COOKIE2 gets it back as it was."""
        pair, _ = connected()
        cookie = status(NotifyType.COOKIE2, b"twelve octets")
        answer = pair.play(pair.peer.informational(cookie))

        assert answer.payloads == (cookie,)

    def test_nat_detection_is_answered_with_nat_detection(self) -> None:
        """RFC 4555 section 3.8: a request with the NAT notifies gets both in the response."""
        pair, _ = connected(self.SUPPORTED, mobility=self.HOME)
        answer = pair.play(pair.peer.informational(*pair.peer.nat_notifies(pair.peer.ike)))

        assert notify_types(answer) == [
            NotifyType.NAT_DETECTION_SOURCE_IP,
            NotifyType.NAT_DETECTION_DESTINATION_IP,
        ]

    def test_a_nat_where_none_is_allowed_is_told(self) -> None:
        """RFC 4555 section 3.9: addresses that differ from NO_NATS_ALLOWED get UNEXPECTED_NAT_DETECTED, and change nothing."""
        pair, _ = connected(self.SUPPORTED, mobility=self.HOME)
        claimed = bytes((192, 0, 2, 2, 192, 0, 2, 1)) + bytes.fromhex("01f401f4")
        answer = self.moved(pair, status(NotifyType.NO_NATS_ALLOWED, claimed))
        (sa,) = pair.responder.all()

        assert notify_types(answer) == [NotifyType.UNEXPECTED_NAT_DETECTED]
        assert sa.remote == PEER

    def test_a_nat_in_ike_auth_where_none_is_allowed_ends_the_sa(self) -> None:
        """RFC 4555 section 3.9: the initiator has to begin anew with IKE_SA_INIT."""
        claimed = status(NotifyType.NO_NATS_ALLOWED, bytes(12))
        pair, answer = connected(self.SUPPORTED, claimed, mobility=self.HOME)
        (sa,) = pair.responder.all()

        assert notify_types(answer) == [NotifyType.UNEXPECTED_NAT_DETECTED]
        assert not sa.up

    def test_a_new_list_of_addresses_replaces_the_old_one(self) -> None:
        """RFC 4555 section 3.6: the whole list is sent every time; NO_ADDITIONAL_ADDRESSES empties it."""
        pair, _ = connected(
            self.SUPPORTED, status(NotifyType.ADDITIONAL_IP4_ADDRESS, b"\x0a\0\0\1"), mobility=self.HOME
        )
        before = [sa.session.mobile.addresses for sa in pair.responder.all()]
        pair.play(pair.peer.informational(status(NotifyType.NO_ADDITIONAL_ADDRESSES)))
        after = [sa.session.mobile.addresses for sa in pair.responder.all()]

        assert (before, after) == ([(b"\x0a\0\0\1",)], [()])


class TestLifetimes:
    def test_the_peer_is_told_when_to_authenticate_again(self) -> None:
        """RFC 4478 section 3: AUTH_LIFETIME carries the seconds."""
        _, answer = connected(auth_lifetime=600.0)
        (notify,) = answer.all(v2.Notify, NotifyType.AUTH_LIFETIME)

        assert read(AuthLifetime, notify.data) == AuthLifetime(600)

    def test_a_rekey_does_not_prolong_an_authentication(self) -> None:
        """RFC 4478 section 2: the heir of an SA is deleted when the time of its peer's authentication is over."""
        pair, _ = connected(auth_lifetime=600.0)
        pair.wait(500.0)
        pair.play(pair.peer.rekey_ike())
        pair.wait(99.0)
        before = [sa.up for sa in pair.responder.all() if sa.up]
        pair.wait(2.0)

        assert (before, list(pair.responder.all())) == ([True], [])

    def test_an_ike_sa_without_a_child_is_announced_and_made(self) -> None:
        """RFC 6023 section 3: CHILDLESS_IKEV2_SUPPORTED, about the IKE SA, and an IKE_AUTH without SA is answered likewise."""
        pair = Pair()
        answer = pair.play(pair.peer.ike_sa_init())
        pair.play(pair.peer.ike_auth(child=False))
        (notify,) = answer.all(v2.Notify, NotifyType.CHILDLESS_IKEV2_SUPPORTED)
        (sa,) = pair.responder.all()

        assert notify.protocol == Protocol.IKE
        assert (sa.up, sa.children) == (True, ())

    def test_where_it_is_not_supported_an_ike_auth_without_a_child_is_malformed(self) -> None:
        """RFC 6023 section 3: INVALID_SYNTAX, and nothing was announced."""
        pair = Pair(replace(DEFAULT, childless=False))
        announced = pair.play(pair.peer.ike_sa_init()).all(v2.Notify, NotifyType.CHILDLESS_IKEV2_SUPPORTED)
        answer = pair.play(pair.peer.ike_auth(child=False))

        assert announced == ()
        assert notify_types(answer) == [NotifyType.INVALID_SYNTAX]


class TestCrashDetection:
    SECRETS = CrashDetection(SECRETS)

    def test_an_sa_comes_with_a_token(self) -> None:
        """RFC 6290 section 4.2: a token of at least sixteen octets, about the IKE SA, follows AUTH."""
        pair, answer = connected(crash_detection=self.SECRETS)
        (notify,) = answer.all(v2.Notify, NotifyType.QUICK_CRASH_DETECTION)
        ike = pair.peer.ike

        assert (notify.protocol, notify.data) == (Protocol.IKE, token(SECRETS[0], ike.spi_i, ike.spi_r))

    def test_a_restarted_device_shows_the_token_of_an_sa_that_it_lost(self) -> None:
        """RFC 6290 section 4.5: INVALID_IKE_SPI comes with a token for each secret, the one given among them."""
        pair, answer = connected(crash_detection=self.SECRETS)
        given = answer.find(v2.Notify, NotifyType.QUICK_CRASH_DETECTION)
        assert given is not None
        reborn = Pair(replace(DEFAULT, crash_detection=self.SECRETS))
        request = pair.peer.liveness()
        step = reborn.responder.receive(request.datagram, 0.0)
        shown = decode(step.send[0].data)
        assert isinstance(shown, Message)

        assert notify_types(shown)[0] == NotifyType.INVALID_IKE_SPI
        assert given.data in [n.data for n in shown.all(v2.Notify, NotifyType.QUICK_CRASH_DETECTION)]

    @pytest.mark.parametrize("flags", [0x00, 0x08])
    def test_no_token_is_shown_for_an_sa_that_stands(self, flags: int) -> None:
        """RFC 6290 section 9.2: whatever its I flag, a forged request on a live SA gets no token in clear."""
        pair, _ = connected(crash_detection=self.SECRETS)
        ike = pair.peer.ike
        forged = Message(ike.spi_i, ike.spi_r, Exchange.INFORMATIONAL, flags, 7, ()).encode()
        step = pair.responder.receive(Datagram(PEER, TARGET, forged), 0.0)
        answers = [decode(d.data) for d in step.send]

        assert not any(
            NotifyType.QUICK_CRASH_DETECTION in notify_types(a) for a in answers if isinstance(a, Message)
        )

    def test_a_new_ike_sa_comes_with_a_new_token(self) -> None:
        """RFC 6290 section 4.3: the response that rekeys the IKE SA carries the token of the new SPIs."""
        pair, _ = connected(crash_detection=self.SECRETS)
        answer = pair.play(pair.peer.rekey_ike())
        (notify,) = answer.all(v2.Notify, NotifyType.QUICK_CRASH_DETECTION)
        ike = pair.peer.ike

        assert notify.data == token(SECRETS[0], ike.spi_i, ike.spi_r)

    @pytest.mark.parametrize(("shown", "left"), [(b"p" * 16, []), (b"q" * 16, [True])])
    def test_the_token_of_a_peer_that_crashed_ends_its_sa_silently(
        self, shown: bytes, left: list[bool]
    ) -> None:
        """RFC 6290 section 4.5: the right token ends the SA without a word; a wrong one changes nothing."""
        pair, _ = connected(v2.Notify(Protocol.IKE, NotifyType.QUICK_CRASH_DETECTION, b"", b"p" * 16))
        ike = pair.peer.ike
        payloads = (
            status(NotifyType.INVALID_IKE_SPI),
            v2.Notify(Protocol.IKE, NotifyType.QUICK_CRASH_DETECTION, b"", shown),
        )
        crashed = Message(ike.spi_i, ike.spi_r, Exchange.INFORMATIONAL, 0x28, 0, payloads).encode()
        step = pair.responder.receive(Datagram(PEER, TARGET, crashed), 1.0)

        assert step.send == ()
        assert [sa.up for sa in pair.responder.all()] == left


class TestResumption:
    SEALED = Tickets(KEY)
    ASK = status(NotifyType.TICKET_REQUEST)

    def ticket(self, answer: Message) -> TicketWithLifetime:
        (notify,) = answer.all(v2.Notify, NotifyType.TICKET_LT_OPAQUE)
        found = read(TicketWithLifetime, notify.data)
        assert found is not None
        return found

    def resume(self, pair: Pair, ticket: bytes, ni: bytes = b"n" * 32) -> Message:
        """The answer to IKE_SESSION_RESUME with this ticket."""
        spi_i = b"resumed!"
        payloads = (v2.Nonce(ni), status(NotifyType.TICKET_OPAQUE, ticket))
        self.request = Message(spi_i, bytes(8), Exchange.IKE_SESSION_RESUME, 0x08, 0, payloads).encode()
        step = pair.responder.receive(Datagram(PEER, TARGET, self.request), pair.now)
        answer = decode(step.send[0].data)
        assert isinstance(answer, Message)
        return answer

    def authenticate(self, pair: Pair, answer: Message, identity: Any = None) -> None:
        """IKE_AUTH of a resumed session, by formulas of RFC 5723 section 5.1 and 4.3.3 alone."""
        old = pair.peer.ike.keys
        assert old is not None
        nonce = answer.find(v2.Nonce)
        assert nonce is not None
        keys = resumed_keys(old.suite, old.sk_d, answer.spi_i, answer.spi_r, b"n" * 32, nonce.data)
        who = identity or v2.IdInitiator(
            pair.peer.configuration.local_id.id_type, pair.peer.configuration.local_id.data
        )
        signed = signed_octets(self.request, nonce.data, who.body, keys.sk_pi, old.suite.prf)
        auth = v2.Authentication(2, resumed_auth(old.suite.prf, keys.sk_pi, signed))
        message = Message(answer.spi_i, answer.spi_r, Exchange.IKE_AUTH, 0x08, 1, ())
        octets = seal(message, keys, by_initiator=True, iv=bytes(8), inner=(who, auth))
        pair.responder.receive(Datagram(PEER, TARGET, octets), pair.now)

    def test_a_client_that_asks_gets_a_ticket(self) -> None:
        """RFC 5723 section 4.1: TICKET_LT_OPAQUE with the seconds that it is good for."""
        _, answer = connected(self.ASK, tickets=self.SEALED)

        assert self.ticket(answer).lifetime == 3600

    def test_a_ticket_lives_no_longer_than_its_authentication(self) -> None:
        """RFC 5723 section 6.2: the lifetime is the least of the SA's and of the authentication's."""
        _, answer = connected(self.ASK, tickets=self.SEALED, auth_lifetime=900.0)

        assert self.ticket(answer).lifetime == 900

    def test_a_ticket_makes_an_sa_in_place_of_the_old_one(self) -> None:
        """RFC 5723 sections 4.3 and 5: new SPIs, fresh keys, and the old SA silently gone."""
        pair, answer = connected(self.ASK, tickets=self.SEALED)
        (old,) = pair.responder.all()
        self.authenticate(pair, self.resume(pair, self.ticket(answer).ticket))
        (new,) = pair.responder.all()

        assert new.up
        assert new.ours != old.ours
        assert pair.started() == []

    def test_a_ticket_keeps_who_was_proved(self) -> None:
        """RFC 5723 section 5: the identity that was authenticated is the resumed session's, whoever that was."""
        pair, answer = connected(self.ASK, tickets=self.SEALED)
        (old,) = pair.responder.all()
        self.authenticate(pair, self.resume(pair, self.ticket(answer).ticket))

        assert [sa.session.proved for sa in pair.responder.all()] == [old.session.proved] != [b""]

    def test_a_restarted_device_with_the_same_key_resumes(self) -> None:
        """RFC 5723 section 6.1: a ticket by value needs no memory."""
        pair, answer = connected(self.ASK, tickets=self.SEALED)
        reborn = Pair(replace(DEFAULT, tickets=self.SEALED))
        reborn.peer.ike = pair.peer.ike
        self.authenticate(reborn, self.resume(reborn, self.ticket(answer).ticket))

        assert [sa.up for sa in reborn.responder.all()] == [True]

    def test_a_ticket_serves_once(self) -> None:
        """RFC 5723 section 4.3.1: TICKET_NACK for a ticket that has made an SA."""
        pair, answer = connected(self.ASK, tickets=self.SEALED)
        ticket = self.ticket(answer).ticket
        self.authenticate(pair, self.resume(pair, ticket))

        assert notify_types(self.resume(pair, ticket, b"m" * 32)) == [NotifyType.TICKET_NACK]

    def test_a_ticket_does_not_serve_another_identity(self) -> None:
        """RFC 5723 section 4.3.3: IDi must be the one in the ticket."""
        pair, answer = connected(self.ASK, tickets=self.SEALED, remote_id=None)
        resumed = self.resume(pair, self.ticket(answer).ticket)
        self.authenticate(pair, resumed, v2.IdInitiator(2, b"somebody.else"))

        assert [sa.up for sa in pair.responder.all() if sa.ours == resumed.spi_r] == [False]

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda ticket: b"",
            lambda ticket: ticket[:-1],
            lambda ticket: ticket[:-1] + bytes((ticket[-1] ^ 1,)),
            lambda ticket: bytes((ticket[0] ^ 1,)) + ticket[1:],
            lambda ticket: ticket + bytes(10_000),
        ],
    )
    def test_what_is_no_ticket_of_ours_is_refused(self, spoil: Callable[[bytes], bytes]) -> None:
        """RFC 5723 section 4.3.2: TICKET_NACK, SPIr zero, and no state."""
        pair, answer = connected(self.ASK, tickets=self.SEALED)
        refused = self.resume(pair, spoil(self.ticket(answer).ticket))

        assert notify_types(refused) == [NotifyType.TICKET_NACK]
        assert (refused.spi_r, len(list(pair.responder.all()))) == (bytes(8), 1)

    def test_a_ticket_expires(self) -> None:
        """RFC 5723 section 6.1: the expiry inside of the ticket counts."""
        pair, answer = connected(
            self.ASK, tickets=self.SEALED, lifetimes=Lifetimes(ike_hard=None, ike_soft=None)
        )
        pair.now = 3601.0

        assert notify_types(self.resume(pair, self.ticket(answer).ticket)) == [NotifyType.TICKET_NACK]

    def test_a_ticket_can_be_asked_for_later(self) -> None:
        """RFC 5723 section 4.1: in an INFORMATIONAL at any time."""
        pair, _ = connected(tickets=self.SEALED)
        answer = pair.play(pair.peer.informational(self.ASK))

        assert self.ticket(answer).lifetime > 0

    def test_a_ticket_tells_nothing(self) -> None:
        """RFC 5723 section 6.1: what is in a ticket is encrypted: SK_d is not to be found in it."""
        pair, answer = connected(self.ASK, tickets=self.SEALED)
        keys = pair.peer.ike.keys
        assert keys is not None

        assert keys.sk_d.hex().encode() not in self.ticket(answer).ticket

    def test_a_device_without_tickets_refuses_them(self) -> None:
        """A request for a ticket is passed over, and one that is shown gets TICKET_NACK."""
        pair, answer = connected(self.ASK)

        assert notify_types(answer) == []
        assert notify_types(self.resume(pair, b"a ticket of somebody")) == [NotifyType.TICKET_NACK]


@pytest.mark.parametrize("profile", [ProfileName.STRICT, ProfileName.TWO_WAY])
def test_no_extension_starts_a_negotiation(profile: ProfileName) -> None:
    """With all of them configured and used, what the device starts by itself is INFORMATIONAL alone."""
    pair, _ = connected(
        status(NotifyType.MOBIKE_SUPPORTED),
        status(NotifyType.TICKET_REQUEST),
        asking((CfgAttribute.INTERNAL_IP4_ADDRESS, b"")),
        init=(status(NotifyType.REDIRECT_SUPPORTED),),
        profile=profile,
        pool=POOL,
        mobility=Mobility(),
        tickets=Tickets(KEY),
        crash_detection=CrashDetection(SECRETS),
        redirect=Redirect("ipv4", "192.0.2.77", when="established"),
        auth_lifetime=60.0,
    )
    pair.wait(5.0)

    assert set(pair.started()) == {Exchange.INFORMATIONAL}
