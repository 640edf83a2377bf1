"""EAP in IKE_AUTH: the responder as server, the peer's own implementation as client."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import SeededEntropy
from harness.codes import AuthMethod, EapCode, EapType, Exchange, MsChapOpcode, NotifyType
from harness.peer.certified import certified
from harness.peer.eap import EapClient, Outcome
from harness.profile import DEFAULT, User
from harness.responder import eap
from harness.sa.v2 import Opened, open_sealed
from harness.wire import Message, v2
from harness.wire.eap import EapMessage, MsChap, Value, read_eap, read_mschap
from testcases.selftest.responder.pairing import Pair

ALICE, BOB = User("alice", "correct horse"), User("bob", "battery staple")
BY_EAP = replace(certified(DEFAULT, remote="eap"), users=(ALICE, BOB))
MD5, MSCHAPV2 = EapType.MD5_CHALLENGE, EapType.MSCHAPV2


def both_up(pair: Pair) -> bool:
    """Whether the two ends believe each other, have the same keys, and a child."""
    up, theirs = [sa for sa in pair.responder.all() if sa.up], pair.peer.ike
    return bool(up) and theirs.established and theirs.child is not None


def by_eap(configuration: Any = BY_EAP, **how: Any) -> tuple[Pair, Message]:
    """Both ends after EAP, and the last answer."""
    pair = Pair(configuration)
    pair.play(pair.peer.ike_sa_init())
    return pair, pair.play(pair.peer.ike_auth_by_eap(**how))


def opened(pair: Pair, number: int) -> Message:
    """The responder's answer with this Message ID, opened with the peer's keys."""
    keys = pair.peer.ike.keys
    assert keys is not None
    message = next(m for m in pair.sent if m.message_id == number)
    inside = open_sealed(message.encode(), keys, by_initiator=False)
    assert isinstance(inside, Opened)
    return Message(b"", b"", message.exchange, message.flags, number, inside.payloads)


@pytest.mark.parametrize("method", [MSCHAPV2, MD5])
def test_client_comes_by_eap(method: EapType) -> None:
    """By either method both ends are up, with AUTH by the method's key or by SK_p; the child is the one asked for first."""
    pair, _ = by_eap(methods=[method])

    assert both_up(pair)


def test_connecting_goes_by_eap_where_it_is_configured() -> None:
    """A peer whose own proof is EAP connects by it, as its first user."""
    pair = Pair(BY_EAP)
    pair.play(pair.peer.connect())

    assert both_up(pair)


def test_eap_goes_as_section_2_16_draws_it() -> None:
    """IDr, CERT, AUTH and EAP come first; SA and traffic selectors only with the last AUTH, without IDr."""
    pair, _ = by_eap(replace(BY_EAP, eap_methods=("md5",)))

    assert [[type(p).__name__ for p in opened(pair, number).payloads] for number in (1, 2, 3)] == [
        ["IdResponder", "Certificate", "Authentication", "Eap"],
        ["Eap"],
        ["Authentication", "SecurityAssociation", "TrafficSelectorsI", "TrafficSelectorsR"],
    ]


def test_responder_asks_for_no_identity() -> None:
    """IDi has told who comes, so that the first Request is that of a method (section 3.16)."""
    pair, _ = by_eap()
    first = read_eap(opened(pair, 1).find(v2.Eap).data)

    assert isinstance(first, EapMessage)
    assert (first.code, first.type) == (EapCode.REQUEST, MSCHAPV2)


def test_client_is_known_by_its_user_name() -> None:
    """Who was proved is the user of EAP, not what IDi says (section 2.16)."""
    pair, _ = by_eap(user=BOB)

    assert [sa.session.proved for sa in pair.responder.all()] == [b"EAP bob"]


def test_initial_contact_goes_by_user() -> None:
    """INITIAL_CONTACT, in the first request of EAP, takes the older SAs of the same user away, not those of another."""
    pair = Pair(BY_EAP)
    for user, contact in ((ALICE, False), (BOB, False), (BOB, True)):
        pair.play(pair.peer.ike_sa_init())
        pair.play(pair.peer.ike_auth_by_eap(user=user, initial_contact=contact))

    assert [sa.session.proved for sa in pair.responder.all()] == [b"EAP alice", b"EAP bob"]


def failed(answer: Message) -> bool:
    """Whether an answer says Failure in EAP and AUTHENTICATION_FAILED in IKE, and nothing proves or makes anything."""
    payload = answer.find(v2.Eap)
    said = None if payload is None else read_eap(payload.data)
    told = answer.find(v2.Notify, NotifyType.AUTHENTICATION_FAILED) is not None
    return isinstance(said, EapMessage) and said.code == EapCode.FAILURE and told


@pytest.mark.parametrize("method", [MSCHAPV2, MD5])
@pytest.mark.parametrize("user", [User("alice", "wrong"), User("mallory", "correct horse")])
def test_wrong_password_and_unknown_user_fail(method: EapType, user: User) -> None:
    """Neither a wrong password nor a name that nobody has ends in Success; EAP says Failure (section 2.16)."""
    pair, answer = by_eap(methods=[method], user=user)

    assert failed(answer)
    assert not any(sa.up for sa in pair.responder.all())


def test_mschapv2_lets_a_client_try_again() -> None:
    """A client that gets its password right at the second try is believed."""
    talk = eap.begin(("mschapv2",), SeededEntropy(1))
    client = EapClient(User("alice", "wrong"), SeededEntropy(2))
    talk = answered(talk, client)
    client.user = ALICE
    talk = answered(answered(talk, client), client)

    assert (talk.succeeded, talk.user, talk.msk) == (True, ALICE, client.msk)


def answered(talk: eap.Conversation, client: EapClient) -> eap.Conversation:
    """The conversation after the client's answer."""
    response = client.hear(talk.said.encode())
    assert response is not None
    return eap.hear(talk, response, (ALICE, BOB), SeededEntropy(3))


def test_tries_are_counted() -> None:
    """After the first try and two more nobody may try again, with however right a password."""
    talk = eap.begin(("mschapv2",), SeededEntropy(1))
    client = EapClient(User("alice", "wrong"), SeededEntropy(2))
    for _ in range(4):
        talk = answered(talk, client)

    assert talk.failed


def test_nak_brings_another_method() -> None:
    """A client that wants MD5 gets it after its Nak; one that wants what is not here gets Failure (RFC 3748 section 5.3.1)."""
    begun = eap.begin(("mschapv2", "md5"), SeededEntropy(1))
    outcomes = [
        eap.hear(
            begun,
            EapMessage(EapCode.RESPONSE, begun.said.identifier, EapType.NAK, wanted),
            (),
            SeededEntropy(1),
        )
        for wanted in (bytes([MD5]), bytes([13]), b"\0")
    ]

    assert [talk.said.type for talk in outcomes] == [MD5, None, None]
    assert [talk.failed for talk in outcomes] == [False, True, True]


def test_response_to_something_else_fails() -> None:
    """A Response whose identifier or type is not the Request's ends in Failure (section 3.16)."""
    begun = eap.begin(("md5",), SeededEntropy(1))
    one = begun.said.identifier
    wrong = [
        EapMessage(EapCode.RESPONSE, (one + 1) & 0xFF, MD5, b"\0"),
        EapMessage(EapCode.RESPONSE, one, MSCHAPV2, b"\3"),
        EapMessage(EapCode.SUCCESS, one),
    ]

    assert [eap.hear(begun, message, (ALICE,), SeededEntropy(1)).failed for message in wrong] == [True] * 3


@pytest.mark.parametrize(("claimed", "right"), [(b"alice", True), (b"bob", False), (b"", False)])
def test_digest_without_a_name_is_of_who_the_client_said_to_be(claimed: bytes, right: bool) -> None:
    """MD5-Challenge may leave the Name out: then the identity counts that IKE passed before (section 3.16)."""
    begun = replace(eap.begin(("md5",), SeededEntropy(1)), claimed=claimed)
    hashed = bytes([begun.said.identifier]) + ALICE.password.encode() + begun.challenge
    digest = hashlib.md5(hashed, usedforsecurity=False).digest()
    response = EapMessage(EapCode.RESPONSE, begun.said.identifier, MD5, Value(digest).encode())

    assert eap.hear(begun, response, (ALICE, BOB), SeededEntropy(1)).succeeded is right


def test_success_needs_the_clients_proof() -> None:
    """A client that acknowledges a Success that it was not told gets no Success."""
    begun = eap.begin(("mschapv2",), SeededEntropy(1))
    early = EapMessage(
        EapCode.RESPONSE, begun.said.identifier, MSCHAPV2, MsChap(MsChapOpcode.SUCCESS).encode()
    )

    assert eap.hear(begun, early, (ALICE,), SeededEntropy(1)).failed


def test_client_wants_the_servers_proof() -> None:
    """The peer's client does not acknowledge a server that does not know the password."""
    talk = eap.begin(("mschapv2",), SeededEntropy(1))
    client = EapClient(ALICE, SeededEntropy(2))
    talk = answered(talk, client)
    packet = read_mschap(talk.said.data)
    assert packet is not None
    forged = replace(talk.said, data=MsChap(3, packet.identifier, b"S=" + b"0" * 40 + b" M=Welcome").encode())

    assert (client.hear(forged.encode()), client.msk) == (None, b"")


def test_client_tells_its_identity_when_asked() -> None:
    """Although nobody should ask, the client answers an Identity request (section 3.16)."""
    client = EapClient(ALICE, SeededEntropy(1))

    assert client.hear(EapMessage(EapCode.REQUEST, 7, EapType.IDENTITY).encode()) == EapMessage(
        EapCode.RESPONSE, 7, EapType.IDENTITY, b"alice"
    )


@pytest.mark.parametrize("key", [b"", b"another key"])
def test_auth_after_eap_is_by_its_key(key: bytes) -> None:
    """AUTH by SK_pi, or by another key than the MSK that MSCHAPv2 made, is refused after Success (section 2.16)."""
    pair = Pair(BY_EAP)
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.ike_auth(proof="eap"))
    client = EapClient(ALICE, SeededEntropy(2))
    while client.outcome is Outcome.OPEN:
        action = pair.peer.eap(client)
        pair.play(action) if client.outcome is Outcome.OPEN else None
    answer = pair.play(pair.peer.eap_auth(key))

    assert answer.find(v2.Notify, NotifyType.AUTHENTICATION_FAILED) is not None
    assert not any(sa.up for sa in pair.responder.all())


def test_auth_before_success_proves_nothing() -> None:
    """A client that sends AUTH in place of its EAP response is refused."""
    pair = Pair(BY_EAP)
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.ike_auth(proof="eap"))
    answer = pair.play(pair.peer.eap_auth(b""))

    assert v2.SecurityAssociation not in answer
    assert not any(sa.up for sa in pair.responder.all())


def test_eap_takes_a_signature_of_the_responder() -> None:
    """A responder that can't sign refuses clients that ask for EAP (section 2.16)."""
    pair = Pair(replace(BY_EAP, local_auth="psk"))
    pair.play(pair.peer.ike_sa_init())
    answer = pair.play(pair.peer.ike_auth(proof="eap"))

    assert answer.find(v2.Notify, NotifyType.AUTHENTICATION_FAILED) is not None


def test_eap_alone_is_for_safe_methods() -> None:
    """EAP_ONLY_AUTHENTICATION changes nothing where no method is safe enough: the responder still signs (RFC 5998)."""
    pair = Pair(BY_EAP)
    pair.play(pair.peer.ike_sa_init())
    only = v2.Notify(notify_type=NotifyType.EAP_ONLY_AUTHENTICATION)
    answer = pair.play(pair.peer.ike_auth(only, proof="eap"))

    assert answer.find(v2.Authentication).method == AuthMethod.DIGITAL_SIGNATURE


def test_malformed_eap_is_invalid_syntax() -> None:
    """An EAP message whose length is not the payload's is INVALID_SYNTAX, and the half-open SA goes."""
    pair = Pair(BY_EAP)
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.ike_auth(proof="eap"))
    answer = pair.play(pair.peer.request(Exchange.IKE_AUTH, v2.Eap(b"\2\1\0\x63\4")))

    assert answer.find(v2.Notify, NotifyType.INVALID_SYNTAX) is not None


messages = st.builds(
    EapMessage, st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=90)
)
bodies = st.one_of(
    st.binary(max_size=90),
    st.builds(
        lambda opcode, data: MsChap(opcode, 1, data).encode(), st.integers(0, 9), st.binary(max_size=80)
    ),
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["md5", "mschapv2"]), st.lists(bodies, min_size=1, max_size=5), st.booleans())
def test_no_response_raises_or_succeeds(method: Any, said: Sequence[bytes], naks: bool) -> None:
    """Whatever a client says that knows no password, the server neither raises nor says Success."""
    talk = eap.begin((method, "md5"), SeededEntropy(1))
    for data in said:
        kind = EapType.NAK if naks else talk.said.type
        response = EapMessage(EapCode.RESPONSE, talk.said.identifier, kind, data)
        if talk.failed:
            break
        talk = eap.hear(talk, response, (ALICE, BOB), SeededEntropy(2))

    assert not talk.succeeded


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(messages.map(EapMessage.encode), st.binary(max_size=60)), max_size=5))
def test_no_request_raises_at_the_client(said: Sequence[bytes]) -> None:
    """Whatever a server says, the client answers or says why not, and makes no key of it."""
    client = EapClient(ALICE, SeededEntropy(1))
    for octets in said:
        client.hear(octets)

    assert client.msk == b""
