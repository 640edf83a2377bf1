"""Extended authentication: the reference responder as the edge device, its peer as the client."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.codes import (
    AuthMethodV1,
    CfgAttribute,
    CfgType,
    Exchange,
    NotifyTypeV1,
    ProfileName,
    Protocol,
    Trigger,
    XauthStatus,
    XauthType,
)
from harness.peer import Await
from harness.profile import DEFAULT, Configuration, User, Version1, Xauth
from harness.sa.v1 import VID_XAUTH
from harness.wire import Message, v1
from harness.wire import replace as replace_message

JOE = User("joe", "open sesame")


def configured(auth: int = AuthMethodV1.XAUTH_INIT_PRE_SHARED, **xauth: Any) -> Configuration:
    """A device that takes one policy, by this method, and knows Joe."""
    policy = replace(DEFAULT.proposals_v1[0], auth=auth)
    return replace(DEFAULT, proposals_v1=(policy,), users=(JOE,), version1=Version1(xauth=Xauth(**xauth)))


@pytest.fixture
def edge(pairs: Any) -> Any:
    """An edge device with an XAUTH policy, and its client."""
    return pairs(configured())


def said(pair: Any, kind: int) -> list[v1.Attributes]:
    """All attributes of a kind that the device said."""
    payloads = (message.find(v1.Attributes) for message in pair.opened)
    return [each for each in payloads if each is not None and each.attr_type == kind]


def values(attributes: v1.Attributes) -> dict[int, int | bytes]:
    """Attributes by their type."""
    return {attribute.type: attribute.value for attribute in attributes.attributes}


def bent(*attributes: tuple[int, int | bytes], **fields: Any) -> Callable[[Message], Message]:
    """A change that puts these attributes, and these fields, into a message of a Transaction exchange."""

    def change(message: Message) -> Message:
        asked = message.find(v1.Attributes)
        if asked is None:
            return message
        inside = tuple(v1.Attribute(type=kind, value=value) for kind, value in attributes)
        reply = replace_message(asked, **({"attributes": inside} | fields))
        return replace_message(message, payloads=(message.payloads[0], reply))

    return change


@pytest.mark.parametrize("kind", ["generic", "chap"])
@pytest.mark.parametrize("mode", ["main_mode", "aggressive_mode"])
def test_a_user_who_proves_himself_is_served(pairs: Any, kind: str, mode: str) -> None:
    """After phase 1 by an XAUTH method the device asks for the user, tells OK, and serves Quick Mode."""
    pair = pairs(configured(kind=kind))
    pair.play(getattr(pair.alice, mode)())
    pair.play(pair.alice.quick_mode())

    assert pair.alice.isakmp.xauth_status == XauthStatus.OK
    assert pair.sas[0].user == "joe"
    assert pair.children == 1


def test_the_request_names_what_it_wants_without_values(edge: Any) -> None:
    """XAUTH section 6.1: name and password are asked for with no value; without CHAP there is no challenge."""
    edge.play(edge.alice.main_mode())
    (request,) = said(edge, CfgType.CFG_REQUEST)

    assert values(request) == {
        CfgAttribute.XAUTH_TYPE: XauthType.GENERIC,
        CfgAttribute.XAUTH_USER_NAME: b"",
        CfgAttribute.XAUTH_USER_PASSWORD: b"",
    }


def test_a_password_behind_a_challenge_never_travels_as_it_is(pairs: Any) -> None:
    """Under RADIUS-CHAP the request has a challenge of chance, which every attempt has anew."""
    pair = pairs(configured(kind="chap"))
    pair.alice.logs_in_as("joe", "wrong")
    pair.play(pair.alice.main_mode())
    challenges = {
        values(request)[CfgAttribute.XAUTH_CHALLENGE] for request in said(pair, CfgType.CFG_REQUEST)
    }

    assert len(challenges) == 3
    assert {len(challenge) for challenge in challenges} == {16}


def test_the_status_stands_alone_in_the_set(edge: Any) -> None:
    """XAUTH section 6.1: the SET says success or failure and nothing else, once, in the same transaction."""
    edge.play(edge.alice.main_mode())
    ((request,), (told,)) = (said(edge, kind) for kind in (CfgType.CFG_REQUEST, CfgType.CFG_SET))

    assert values(told) == {CfgAttribute.XAUTH_STATUS: XauthStatus.OK}
    assert told.identifier == request.identifier


def test_each_exchange_of_a_transaction_has_its_own_message_id(edge: Any) -> None:
    """Mode-Config section 3.1.1: a Message ID serves one exchange, so REQUEST and SET have two."""
    edge.play(edge.alice.main_mode())
    used = {m.message_id for m in edge.opened if m.exchange == Exchange.TRANSACTION}

    assert len(used) == 2
    assert 0 not in used


def test_the_vendor_id_is_announced_where_xauth_is_configured(edge: Any, pair: Any) -> None:
    """XAUTH section 4: only a device that is set up for XAUTH says that it knows it."""
    announced = [
        VID_XAUTH in {v.data for v in each.play(each.alice.main_mode_1()).all(v1.VendorId)}
        for each in (edge, pair)
    ]

    assert announced == [True, False]


@pytest.mark.parametrize(
    ("configuration", "auth"),
    [
        (DEFAULT, AuthMethodV1.XAUTH_INIT_PRE_SHARED),
        (configured(), AuthMethodV1.XAUTH_RESP_PRE_SHARED),
        (configured(AuthMethodV1.XAUTH_RESP_PRE_SHARED), AuthMethodV1.XAUTH_RESP_PRE_SHARED),
        (configured(AuthMethodV1.HYBRID_INIT_RSA), AuthMethodV1.HYBRID_INIT_RSA),
        (configured(AuthMethodV1.RSA_ENCRYPTION), AuthMethodV1.RSA_ENCRYPTION),
        (configured(AuthMethodV1.XAUTH_INIT_DSS), AuthMethodV1.XAUTH_INIT_DSS),
    ],
)
def test_methods_that_can_not_be_served_are_refused(
    pairs: Any, configuration: Configuration, auth: int
) -> None:
    """XAUTH without users, XAUTH of the wrong end, encryption, DSS and hybrid ones get NO-PROPOSAL-CHOSEN."""
    pair = pairs(configuration)
    offered = replace(DEFAULT.proposals_v1[0], auth=auth)
    pair.play(pair.alice.main_mode_1(policies=(offered,)))

    assert pair.notified() == [NotifyTypeV1.NO_PROPOSAL_CHOSEN]
    assert pair.sas == []


def test_a_wrong_key_of_phase_1_is_asked_for_no_user(pairs: Any) -> None:
    """XAUTH section 5: phase 1 is still done in full, so without the pre-shared key there is no request."""
    pair = pairs(configured())
    pair.alice.configuration = replace(pair.alice.configuration, psk=b"another")
    pair.play(pair.alice.main_mode())

    assert pair.started() == [Exchange.INFORMATIONAL_V1]
    assert not pair.sas[0].up


def test_who_errs_may_try_again_in_the_same_transaction(edge: Any) -> None:
    """XAUTH section 6: a retry is another REQUEST with the same identifier, and there is no SET before the end."""
    edge.alice.logs_in_as("joe", "wrong")
    edge.play(edge.alice.main_mode())
    requests, told = said(edge, CfgType.CFG_REQUEST), said(edge, CfgType.CFG_SET)

    assert len(requests) == 3
    assert len({each.identifier for each in (*requests, *told)}) == 1
    assert [values(each) for each in told] == [{CfgAttribute.XAUTH_STATUS: XauthStatus.FAIL}]


def test_who_fails_loses_the_isakmp_sa(edge: Any) -> None:
    """XAUTH section 6: after the last wrong answer the device says FAIL and deletes the ISAKMP SA."""
    edge.alice.logs_in_as("nobody", JOE.password)
    edge.play(edge.alice.main_mode())
    deleted = [d.protocol for m in edge.opened for d in m.all(v1.Delete)]

    assert edge.alice.isakmp.xauth_status == XauthStatus.FAIL
    assert deleted == [Protocol.IKE]
    assert edge.sas == []


def test_a_client_that_gives_up_loses_the_isakmp_sa(edge: Any) -> None:
    """XAUTH section 5: a REPLY with the status FAIL ends the transaction; no SET follows."""
    edge.alice.configuration = replace(edge.alice.configuration, users=())
    edge.play(edge.alice.main_mode())

    assert said(edge, CfgType.CFG_SET) == []
    assert edge.sas == []


@pytest.mark.parametrize(
    "reply",
    [
        bent((CfgAttribute.XAUTH_STATUS, XauthStatus.OK)),
        bent(),
        bent((CfgAttribute.XAUTH_USER_NAME, b"joe")),
        bent((CfgAttribute.XAUTH_USER_PASSWORD, b"open sesame")),
        bent((CfgAttribute.XAUTH_USER_NAME, b"joe"), (CfgAttribute.XAUTH_USER_PASSWORD, b"")),
        bent((CfgAttribute.XAUTH_USER_NAME, b"joe\0"), (CfgAttribute.XAUTH_USER_PASSWORD, b"open sesame")),
        bent((CfgAttribute.XAUTH_USER_NAME, 7), (CfgAttribute.XAUTH_USER_PASSWORD, 7)),
        bent(
            (CfgAttribute.XAUTH_TYPE, XauthType.RADIUS_CHAP),
            (CfgAttribute.XAUTH_USER_NAME, b"joe"),
            (CfgAttribute.XAUTH_USER_PASSWORD, b"open sesame"),
        ),
    ],
)
def test_a_reply_that_proves_nobody_counts_as_wrong(edge: Any, reply: Callable[[Message], Message]) -> None:
    """Half an answer, another type, or a status of OK by the client (XAUTH section 5) lets nobody in."""
    edge.alice.answers_with(change=reply)
    edge.play(edge.alice.main_mode())
    edge.play(edge.alice.quick_mode())

    assert edge.alice.isakmp.xauth_status != XauthStatus.OK
    assert edge.children == 0


def test_without_a_type_in_the_reply_the_one_asked_for_counts(edge: Any) -> None:
    """XAUTH section 6.2: the type is optional, and clients leave the default out."""
    named = ((CfgAttribute.XAUTH_USER_NAME, b"joe"), (CfgAttribute.XAUTH_USER_PASSWORD, b"open sesame"))
    edge.alice.answers_with(change=bent(*named))
    edge.play(edge.alice.main_mode())

    assert edge.sas[0].user == "joe"


def test_a_reply_of_another_transaction_is_dropped(edge: Any) -> None:
    """XAUTH section 6: all messages of a transaction have one identifier; another's answer is none."""

    def change(message: Message) -> Message:
        asked = message.find(v1.Attributes)
        assert asked is not None
        return bent(identifier=asked.identifier ^ 1, attributes=asked.attributes)(message)

    edge.alice.answers_with(change=change)
    edge.play(edge.alice.main_mode())

    assert edge.drops[-1] == "no REPLY to what was asked"
    assert edge.sas[0].xauth_due


@pytest.mark.parametrize(
    ("step", "answered"),
    [("quick_mode", False), ("mode_config", False), ("dpd", True)],
)
def test_xauth_comes_before_all_but_informational(edge: Any, step: str, answered: bool) -> None:
    """XAUTH section 6: until the user is authenticated only Informational exchanges are served."""
    edge.alice.ignores("transaction")
    edge.play(edge.alice.main_mode())
    action = getattr(edge.alice, step)()
    answer = edge.play(action)

    assert (answer is not None) is answered
    assert edge.children == 0


def test_an_unanswered_request_is_repeated_and_then_the_sa_is_deleted(edge: Any) -> None:
    """Mode-Config section 3.5: the request goes out again, octet for octet, a bounded number of times; then all ends."""
    edge.alice.ignores("transaction")
    edge.play(edge.alice.main_mode())
    before = len(edge.sent)
    edge.wait(120)
    copies = [datagram.data for datagram in edge.sent[before - 1 : before + 4]]

    assert len(set(copies)) == 1
    assert len(edge.sent) == before + 5
    assert edge.sas == []


def test_an_acknowledgement_that_was_lost_is_asked_for_again(edge: Any) -> None:
    """The SET goes out again until its ACK comes; the repeated ACK ends the authentication."""
    edge.lost = lambda message: (
        message.exchange == Exchange.TRANSACTION and len(said(edge, CfgType.CFG_SET)) == 1
    )
    edge.play(edge.alice.main_mode())
    due_before = edge.sas[0].xauth_due
    edge.lost = lambda _: False
    edge.wait(2)

    assert due_before
    assert not edge.sas[0].xauth_due


@pytest.mark.parametrize("ack", [bent(), bent((CfgAttribute.XAUTH_STATUS, 1)), bent((30000, b"junk"))])
def test_the_attributes_of_the_ack_do_not_matter(edge: Any, ack: Callable[[Message], Message]) -> None:
    """XAUTH section 6.1: an ACK may come empty, with the status, or with anything."""

    def change(message: Message) -> Message:
        asked = message.find(v1.Attributes)
        return ack(message) if asked is not None and asked.attr_type == CfgType.CFG_ACK else message

    edge.alice.answers_with(change=change)
    edge.play(edge.alice.main_mode())

    assert not edge.sas[0].xauth_due


def test_a_client_that_sets_its_own_status_gains_nothing(edge: Any) -> None:
    """XAUTH section 5: a client's SET of the status OK is not served while XAUTH is due."""
    edge.alice.ignores("transaction")
    edge.play(edge.alice.main_mode())
    ok = (v1.Attribute(CfgAttribute.XAUTH_STATUS, XauthStatus.OK),)
    edge.play(edge.alice.transaction(CfgType.CFG_SET, ok))

    assert edge.drops[-1] == "XAUTH comes first"
    assert edge.sas[0].xauth_due


@pytest.mark.parametrize("profile", list(ProfileName))
def test_xauth_is_asked_for_under_every_profile(pairs: Any, profile: ProfileName) -> None:
    """The request is no negotiation, so a responder-only device starts it too."""
    pair = pairs(replace(configured(), profile=profile))
    pair.play(pair.alice.main_mode())

    assert Exchange.TRANSACTION in pair.started()
    assert not {Exchange.QUICK_MODE, Exchange.IDENTITY_PROTECTION} & set(pair.started())


@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_a_device_that_begins_asks_the_responder(pairs: Any, mode: str) -> None:
    """XAUTH section 7.2: an edge device that starts phase 1 offers the method that asks the responder, then goes on."""
    configuration = replace(configured(), profile=ProfileName.TWO_WAY, initiate_version=1, initiate_mode=mode)
    pair = pairs(configuration)
    pair.provoke(Trigger.OPERATOR_INITIATE)
    (sa,) = pair.sas

    assert sa.policy.auth == AuthMethodV1.XAUTH_RESP_PRE_SHARED
    assert sa.user == "joe"
    assert pair.children == 1


def test_a_script_can_wait_for_the_end_of_xauth(edge: Any) -> None:
    """The step `xauth` waits for the SET that tells the status, and for nothing else."""
    edge.play(edge.alice.main_mode())
    waits = edge.alice.xauth()
    told = [m for m in edge.opened if waits.what(m)]

    assert isinstance(waits, Await)
    assert [m.find(v1.Attributes).attr_type for m in told] == [CfgType.CFG_SET]


def test_passwords_show_in_no_representation(edge: Any) -> None:
    """Neither the SA nor the configuration prints a password."""
    edge.play(edge.alice.main_mode())

    assert JOE.password not in repr((edge.sas, edge.responder.configuration, edge.steps[-1]))
