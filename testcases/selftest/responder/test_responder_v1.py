"""The reference responder's IKEv1 half, driven by the peer, its stranger."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from harness.codes import (
    AttributeP1,
    AttributeP2,
    Doi,
    EncrV1,
    Exchange,
    HashV1,
    IdTypeV1,
    LifeType,
    NotifyTypeV1,
    ProfileName,
    Protocol,
    Trigger,
)
from harness.profile import DEFAULT, Configuration, Dpd, Identity
from harness.sa.v1 import VID_DPD, VID_NAT_T
from harness.wire import Malformed, Message, decode, v1
from harness.wire import replace as replace_message
from harness.wire.datagram import Endpoint

TARGET, TARGET_NATT = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500)
PEER, PEER_NATT = Endpoint("192.0.2.2", 500), Endpoint("192.0.2.2", 4500)
BOB, BOB_NATT = Endpoint("192.0.2.2", 1500), Endpoint("192.0.2.2", 14500)


def configured(profile: ProfileName = ProfileName.STRICT, **lifetimes: float) -> Configuration:
    """The default configuration under a profile, with other lifetimes, starting version 1 where it starts."""
    return replace(DEFAULT, profile=profile, initiate_version=1).with_lifetimes(**lifetimes)


# Phase 1


@pytest.mark.parametrize("place", range(4))
def test_every_policy_gives_both_ends_the_same_secrets(pairs: Any, place: int) -> None:
    """Main Mode under each default policy ends with the same secrets at both ends."""
    pair = pairs(replace(DEFAULT, proposals_v1=(DEFAULT.proposals_v1[place],)))
    pair.play(pair.alice.main_mode())

    assert pair.sas[0].up
    assert [sa.secrets for sa in pair.sas] == [pair.alice.isakmp.secrets]


@pytest.mark.parametrize("encrypt", [True, False])
def test_aggressive_mode_and_quick_mode_complete(pair: Any, encrypt: bool) -> None:
    """RFC 2409 section 5: the third message of Aggressive Mode counts in clear and encrypted."""
    pair.play(pair.alice.aggressive_mode(encrypt=encrypt))
    pair.play(pair.alice.quick_mode())

    assert pair.alice.isakmp.secrets == pair.sas[0].secrets
    assert pair.children == 1


def test_aggressive_mode_is_refused_where_it_is_not_configured(pairs: Any) -> None:
    """Without Aggressive Mode configured its first message gets UNSUPPORTED-EXCHANGE-TYPE in clear."""
    pair = pairs(replace(DEFAULT, aggressive=False))
    pair.play(pair.alice.aggressive_mode())

    assert pair.notified() == [NotifyTypeV1.UNSUPPORTED_EXCHANGE_TYPE]
    assert pair.sas == []


def _attribute(kind: int, value: int | bytes) -> v1.Attribute:
    return v1.Attribute(type=kind, value=value)


def _phase1_transform(number: int, *, duration: int | bytes = 3600, extra: Any = ()) -> v1.Transform:
    named = {
        AttributeP1.ENCRYPTION_ALGORITHM: EncrV1.TRIPLE_DES_CBC,
        AttributeP1.HASH_ALGORITHM: HashV1.SHA1,
        AttributeP1.AUTHENTICATION_METHOD: 1,
        AttributeP1.GROUP_DESCRIPTION: 2,
        AttributeP1.LIFE_TYPE: LifeType.SECONDS,
        AttributeP1.LIFE_DURATION: duration,
    }
    attributes = (*(_attribute(kind, value) for kind, value in named.items()), *extra)
    return v1.Transform(number=number, id=1, attributes=attributes)


def _offering(*transforms: v1.Transform, **fields: Any) -> Callable[[Message], Message]:
    """A change that offers these transforms in the place of the peer's own."""

    def change(message: Message) -> Message:
        offer = v1.SecurityAssociation(proposals=(v1.Proposal(transforms=transforms, **fields),))
        return replace_message(message, payloads=(offer, *message.payloads[1:]))

    return change


UNKNOWN_ALGORITHM = _attribute(AttributeP1.PRF, 200)


@pytest.mark.parametrize("duration", [3600, (3600).to_bytes(4, "big"), (3600).to_bytes(2, "big")])
def test_the_transform_taken_comes_back_unmodified(pair: Any, duration: int | bytes) -> None:
    """RFC 2409 section 5: number and attributes of the transform chosen are returned octet for octet."""
    wanted = _phase1_transform(7, duration=duration)
    offered = (_phase1_transform(3, extra=(UNKNOWN_ALGORITHM,)), wanted, _phase1_transform(8))
    answer = pair.play(pair.alice.main_mode_1(change=_offering(*offered, number=5)))

    assert answer.find(v1.SecurityAssociation).proposals == (v1.Proposal(number=5, transforms=(wanted,)),)


@pytest.mark.parametrize(
    "transform",
    [
        _phase1_transform(1, extra=(UNKNOWN_ALGORITHM,)),
        _phase1_transform(1, extra=(_attribute(AttributeP1.KEY_LENGTH, 192),)),
        _phase1_transform(1, extra=(_attribute(AttributeP1.HASH_ALGORITHM, HashV1.MD5),)),
        _phase1_transform(1, extra=(_attribute(AttributeP1.GROUP_TYPE, b"\0\1"),)),
        _phase1_transform(1, duration=b""),
        _phase1_transform(1, extra=(_attribute(AttributeP1.LIFE_TYPE, 1),)),
        v1.Transform(number=1, id=2, attributes=_phase1_transform(1).attributes),
        v1.Transform(number=1, id=1),
    ],
)
def test_transforms_that_no_policy_fits_are_refused(pair: Any, transform: v1.Transform) -> None:
    """An offer without an acceptable transform gets NO-PROPOSAL-CHOSEN in clear, and makes no SA."""
    pair.play(pair.alice.main_mode_1(change=_offering(transform)))

    assert pair.notified() == [NotifyTypeV1.NO_PROPOSAL_CHOSEN]
    assert pair.sas == []


def _with_sa(**fields: Any) -> Callable[[Message], Message]:
    def change(message: Message) -> Message:
        offer, *rest = message.payloads
        return replace_message(message, payloads=(replace_message(offer, **fields), *rest))

    return change


def _doubled(message: Message) -> Message:
    offer = message.find(v1.SecurityAssociation)
    assert offer is not None
    return _with_sa(proposals=offer.proposals * 2)(message)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (_with_sa(doi=Doi.ISAKMP), NotifyTypeV1.DOI_NOT_SUPPORTED),
        (_with_sa(situation=0x80000000), NotifyTypeV1.SITUATION_NOT_SUPPORTED),
        (_doubled, NotifyTypeV1.BAD_PROPOSAL_SYNTAX),
        (lambda m: replace_message(m, exchange=Exchange.BASE), NotifyTypeV1.UNSUPPORTED_EXCHANGE_TYPE),
        (
            lambda m: replace_message(m, exchange=Exchange.AUTHENTICATION_ONLY),
            NotifyTypeV1.UNSUPPORTED_EXCHANGE_TYPE,
        ),
        (lambda m: replace_message(m, version=0x11), NotifyTypeV1.INVALID_MINOR_VERSION),
        (_with_sa(flags=1), NotifyTypeV1.PAYLOAD_MALFORMED),
        (
            lambda m: replace_message(m, payloads=(*m.payloads, Malformed(99, b"x"))),
            NotifyTypeV1.PAYLOAD_MALFORMED,
        ),
    ],
)
def test_a_first_message_that_is_not_in_order_is_refused(
    pair: Any, change: Callable[[Message], Message], refusal: int
) -> None:
    """What is wrong with a first message is told in clear by its notify, and makes no SA."""
    pair.play(pair.alice.main_mode_1(change=change))

    assert pair.notified() == [refusal]
    assert pair.sas == []


@pytest.mark.parametrize(
    "change",
    [
        lambda m: replace_message(m, message_id=1),
        lambda m: replace_message(m, flags=0x80),
        lambda m: replace_message(m, flags=0x04),
        lambda m: replace_message(m, flags=0x01),
        lambda m: replace_message(m, length=500),
        lambda m: replace_message(m, spi_i=bytes(8)),
        lambda m: replace_message(m, exchange=31),
        lambda m: replace_message(m, exchange=Exchange.QUICK_MODE),
        lambda m: replace_message(m, payloads=m.payloads[1:]),
        lambda m: replace_message(m, payloads=m.payloads[::-1]),
        lambda m: replace_message(m, payloads=(m.payloads[0], *m.payloads)),
    ],
)
def test_a_first_message_with_a_wrong_header_is_dropped(
    pair: Any, change: Callable[[Message], Message]
) -> None:
    """RFC 2408 section 5.2: what fails the checks of the header is dropped for a named reason, and makes no SA."""
    pair.play(pair.alice.main_mode_1(change=change))

    assert pair.sas == []
    assert pair.sent == []
    assert pair.drops


@pytest.mark.parametrize(
    ("trailing", "taken"),
    [(bytes(3), True), (bytes(2), False), (bytes(7), False), (b"\0\0\1", False)],
)
def test_padding_makes_a_message_a_multiple_of_4_octets(pair: Any, trailing: bytes, taken: bool) -> None:
    """RFC 2408 section 3.6: padding is added at the end of the message; other octets there are malformed."""
    odd = v1.VendorId(data=bytes(17))
    pair.play(
        pair.alice.main_mode_1(
            change=lambda m: replace_message(m, payloads=(*m.payloads, odd), trailing=trailing)
        )
    )

    assert bool(pair.sas) is taken


def test_private_payloads_are_passed_over(pair: Any) -> None:
    """A payload of a private type does no harm (RFC 2408 section 3.16)."""
    stranger = v1.Unknown(type=200, data=b"whatever")
    pair.play(pair.alice.main_mode(stranger, at=1))

    assert pair.sas[0].up


@pytest.mark.parametrize("step", ["main_mode_1", "main_mode_3", "main_mode_5", "quick_mode_1"])
def test_a_repeated_message_gets_the_same_octets(pair: Any, step: str) -> None:
    """A request that is repeated is answered with the same octets, and nothing is done twice."""
    steps = ["main_mode_1", "main_mode_3", "main_mode_5", "quick_mode_1"]
    for name in steps[: steps.index(step) + 1]:
        action = getattr(pair.alice, name)()
        pair.play(action)
    before = pair.sas
    pair.hand(action.data)

    assert pair.steps[-1].send == pair.steps[-2].send != ()
    assert pair.sas == before


def test_a_first_message_of_another_source_makes_another_sa(pair: Any) -> None:
    """RFC 2408 section 2.5.3: the same octets from another port get another cookie."""
    first = pair.alice.main_mode_1()
    cookies = {decode(pair.hand(first.data, source).send[0].data).spi_r for source in (PEER, BOB)}

    assert len(cookies) == 2


def test_a_cookie_serves_only_its_address(pair: Any) -> None:
    """A third message from another address than the first is dropped."""
    pair.play(pair.alice.main_mode_1())
    third = pair.alice.main_mode_3()

    assert pair.hand(third.data, Endpoint("192.0.2.77", 500)).drop


def test_the_first_answer_is_never_repeated_unasked(pair: Any) -> None:
    """Before its cookie came back a peer gets one answer per message, and is forgotten in time."""
    pair.play(pair.alice.main_mode_1())
    pair.wait(DEFAULT.lifetimes.half_open + 1)

    assert len(pair.sent) == 1
    assert pair.sas == []


def test_the_second_answer_is_repeated_three_times_at_growing_pauses(pair: Any) -> None:
    """RFC 2408 section 5.1: the same octets go out again while the answer is missing, bounded and ever slower."""
    pair.play(pair.alice.main_mode_1())
    pair.play(pair.alice.main_mode_3())
    pair.deaf = True
    pair.wait(DEFAULT.lifetimes.half_open + 1)
    repeated, times = pair.sent[1:], pair.times[1:]
    pauses = [later - earlier for earlier, later in pairwise(times)]

    assert len(repeated) == 4
    assert len(set(repeated)) == 1
    assert pauses == sorted(set(pauses))
    assert pair.sas == []


def test_a_finished_exchange_is_not_repeated(connected: Any) -> None:
    """Once everything is answered no timer sends anything for a long while."""
    before = len(connected.sent)
    connected.wait(600.0)

    assert len(connected.sent) == before


@pytest.mark.parametrize("public", [b"", b"\1" * 255, bytes(256), b"\0" * 255 + b"\1", b"\xff" * 256])
def test_a_bad_public_value_is_refused(pair: Any, public: bytes) -> None:
    """A public value of wrong length or a degenerate one gets INVALID-KEY-INFORMATION, and the peer may go on."""

    def change(message: Message) -> Message:
        return replace_message(message, payloads=(v1.KeyExchange(data=public), *message.payloads[1:]))

    pair.play(pair.alice.main_mode_1())
    pair.play(pair.alice.main_mode_3(change=change))
    assert pair.notified() == [NotifyTypeV1.INVALID_KEY_INFORMATION]
    pair.play(pair.alice.main_mode_3())
    pair.play(pair.alice.main_mode_5())

    assert pair.sas[0].up


@pytest.mark.parametrize(("octets", "taken"), [(7, False), (8, True), (256, True), (257, False)])
def test_nonces_of_8_to_256_octets_are_taken(pair: Any, octets: int, taken: bool) -> None:
    """RFC 2409 section 5: a nonce outside its bounds stops phase 1, at the bounds it is in order."""

    def change(message: Message) -> Message:
        ke, _, *rest = message.payloads
        return replace_message(message, payloads=(ke, v1.Nonce(data=b"n" * octets), *rest))

    pair.play(pair.alice.main_mode_1())
    pair.play(pair.alice.main_mode_3(change=change))

    assert len(pair.sent) == 1 + taken


def test_a_wrong_proof_changes_nothing(pair: Any) -> None:
    """After a forged fifth message the honest one still counts: the IV chain has not moved (RFC 2409 section 10)."""
    pair.play(pair.alice.main_mode_1())
    pair.play(pair.alice.main_mode_3())
    fifth = pair.alice.main_mode_5()
    pair.hand(fifth.data[:-1] + bytes([fifth.data[-1] ^ 1]))
    pair.hand(fifth.data[:-16])
    pair.hand(fifth.data[:19] + b"\0" + fifth.data[20:])
    assert not pair.sas[0].up
    pair.play(fifth)

    assert pair.sas[0].up
    assert pair.alice.isakmp.established


def test_the_wrong_key_makes_no_sa(pairs: Any) -> None:
    """A peer with another pre-shared key gets no sixth message."""
    pair = pairs()
    pair.alice.configuration = replace(pair.alice.configuration, psk=b"another")
    pair.play(pair.alice.main_mode())

    assert not any(sa.up for sa in pair.sas)
    assert "isakmp-sa-established" not in [event for step in pair.steps for event in step.events]


def test_an_unknown_identity_is_refused(pair: Any) -> None:
    """A peer that proves an identity not configured gets INVALID-ID-INFORMATION, and its SA is gone."""
    pair.play(pair.alice.main_mode_1())
    pair.play(pair.alice.main_mode_3())
    pair.play(pair.alice.main_mode_5(identity=Identity("fqdn", "stranger.example")))

    assert pair.notified() == [NotifyTypeV1.INVALID_ID_INFORMATION]
    assert pair.sas == []


@pytest.mark.parametrize(
    ("protocol", "port", "taken"), [(17, 500, True), (17, 0, True), (6, 80, False), (17, 501, False)]
)
def test_phase_1_identities_name_udp_500_or_nothing(pair: Any, protocol: int, port: int, taken: bool) -> None:
    """RFC 2407 section 4.6.2: any other protocol or port of a phase 1 identity aborts the setup."""
    who = v1.Identification(id_type=1, protocol=protocol, port=port, data=bytes([192, 0, 2, 2]))

    def change(message: Message) -> Message:
        proof = v1.Hash(pair.alice.proof(pair.alice.isakmp, who.body, True))
        return replace_message(message, payloads=(who, proof))

    pair.play(pair.alice.main_mode(change=change, at=5))

    assert any(sa.up for sa in pair.sas) is taken


def test_nat_traversal_is_answered_where_the_peer_can_do_it(pair: Any) -> None:
    """RFC 3947: Vendor ID for Vendor ID, and two NAT-D payloads in the fourth message."""
    answer = pair.play(pair.alice.main_mode_1(nat_t=True))
    third = pair.play(pair.alice.main_mode_3())
    pair.play(pair.alice.main_mode_5())

    assert VID_NAT_T in [vendor.data for vendor in answer.all(v1.VendorId)]
    assert len(third.all(v1.NatDetection)) == 2
    assert pair.sas[0].up


def test_a_peer_that_floats_to_the_nat_port_is_followed(pair: Any) -> None:
    """RFC 3947 section 4: from the fifth message on everything goes through 4500, Quick Mode in UDP encapsulation."""
    pair.play(pair.alice.main_mode_1(nat_t=True))
    pair.play(pair.alice.main_mode_3())
    sa = pair.alice.isakmp
    sa.natt, sa.local, sa.remote = True, PEER_NATT, TARGET_NATT
    pair.play(pair.alice.main_mode_5())
    pair.play(pair.alice.quick_mode())

    assert {(d.source, d.destination) for d in pair.sent[2:]} == {(TARGET_NATT, PEER_NATT)}
    assert pair.children == 1


def test_without_nat_traversal_offered_none_is_answered(pair: Any) -> None:
    """RFC 2408 section 3.16: to a peer without Vendor IDs no private or NAT payload goes."""
    answer = pair.play(pair.alice.main_mode_1())
    third = pair.play(pair.alice.main_mode_3())

    assert [vendor.data for vendor in answer.all(v1.VendorId)] == [VID_DPD]
    assert third.all(v1.NatDetection) == ()


def test_the_oldest_unfinished_exchange_makes_room(pair: Any) -> None:
    """However many first messages come, the number of unfinished exchanges is bounded, and a new peer is served."""
    for number in range(1100):
        cookie = (number + 1).to_bytes(8, "big")
        pair.hand(pair.alice.main_mode_1(change=lambda m, c=cookie: replace_message(m, spi_i=c)).data)
    pair.play(pair.alice.main_mode())

    assert len(pair.sas) <= 1001
    assert any(sa.up for sa in pair.sas)


def test_unknown_cookies_are_answered_with_a_limited_rate(pair: Any) -> None:
    """Of a thousand messages under unknown cookies within a second few get INVALID-COOKIE; an Informational none."""
    stray = Message(b"i" * 8, b"r" * 8, Exchange.QUICK_MODE, 1, 5, (), version=0x10)
    answers = [len(pair.hand(stray.encode()).send) for _ in range(1000)]
    other = replace_message(stray, exchange=Exchange.INFORMATIONAL_V1)

    assert 1 <= sum(answers) <= 20
    assert pair.hand(other.encode()).send == ()


# Quick Mode


@pytest.mark.parametrize("place", range(4))
def test_every_child_suite_gives_both_ends_the_same_keys(pairs: Any, place: int) -> None:
    """Quick Mode under each default suite makes a pair of IPsec SAs with the same keys at both ends."""
    pair = pairs(replace(DEFAULT, child_proposals=(DEFAULT.child_proposals[place],))).connect()
    ours, theirs = pair.sas[0].children[0], pair.alice.isakmp.children[0]

    assert (ours.spi_in, ours.spi_out) == (theirs.spi_out, theirs.spi_in)
    assert (ours.keys.encr_i, ours.keys.integ_i) == (theirs.keys_out.encr, theirs.keys_out.auth)
    assert (ours.keys.encr_r, ours.keys.integ_r) == (theirs.keys_in.encr, theirs.keys_in.auth)


@pytest.mark.parametrize("group", [2, 5, 14, 19])
def test_perfect_forward_secrecy_is_served(pair: Any, group: int) -> None:
    """A Quick Mode with its own key exchange is answered in the group of its offer."""
    pair.play(pair.alice.main_mode())
    pair.play(pair.alice.quick_mode(pfs=group))
    ours, theirs = pair.sas[0].children[0], pair.alice.isakmp.children[0]

    assert ours.keys.encr_i == theirs.keys_out.encr


@pytest.mark.parametrize("offered", [False, 2])
def test_the_configured_group_is_demanded(pairs: Any, offered: int) -> None:
    """Where a group is configured, an offer without it or with another gets NO-PROPOSAL-CHOSEN under protection."""
    pair = pairs(replace(DEFAULT, pfs_group=14))
    pair.play(pair.alice.main_mode())
    pair.play(pair.alice.quick_mode(pfs=offered))

    assert pair.notified() == [NotifyTypeV1.NO_PROPOSAL_CHOSEN]
    assert decode(pair.sent[-1].data).encrypted
    assert pair.sas[0].up


def _quick_payloads(replacement: Callable[[list[Any]], list[Any]]) -> Callable[[Message], Message]:
    return lambda message: replace_message(message, payloads=tuple(replacement(list(message.payloads))))


def _identities(*pairs: tuple[int, bytes]) -> Callable[[Message], Message]:
    """A change that puts these client identities in the place of the peer's own."""
    named = [v1.Identification(id_type=kind, data=data) for kind, data in pairs]
    return _quick_payloads(lambda p: [each for each in p if not isinstance(each, v1.Identification)] + named)


HERE = bytes([198, 51, 100, 0, 255, 255, 255, 0])
THERE = bytes([203, 0, 113, 0, 255, 255, 255, 0])
SUBNET, ADDRESS, RANGE = (
    IdTypeV1.ID_IPV4_ADDR_SUBNET,
    IdTypeV1.ID_IPV4_ADDR,
    IdTypeV1.ID_IPV4_ADDR_RANGE,
)


@pytest.mark.parametrize(
    "identities",
    [
        ((SUBNET, THERE), (SUBNET, HERE)),
        ((ADDRESS, bytes([203, 0, 113, 9])), (ADDRESS, bytes([198, 51, 100, 1]))),
        ((RANGE, bytes([203, 0, 113, 9, 203, 0, 113, 99])), (SUBNET, HERE)),
    ],
)
def test_clients_within_the_policy_are_taken_and_echoed(
    pair: Any, identities: tuple[tuple[int, bytes], ...]
) -> None:
    """Client identities inside a configured pair of subnets make IPsec SAs, and come back as they were."""
    pair.play(pair.alice.main_mode())
    answer = pair.play(pair.alice.quick_mode(change=_identities(*identities)))

    assert [(i.id_type, i.data) for i in answer.all(v1.Identification)] == list(identities)
    assert pair.children == 1


@pytest.mark.parametrize(
    "identities",
    [
        (),
        ((SUBNET, THERE),),
        ((SUBNET, HERE), (SUBNET, THERE)),
        ((SUBNET, THERE), (SUBNET, bytes(8))),
        ((SUBNET, THERE), (SUBNET, HERE), (SUBNET, HERE)),
        ((SUBNET, THERE), (IdTypeV1.ID_FQDN, b"host.example")),
        ((SUBNET, THERE), (SUBNET, HERE[:7])),
        ((SUBNET, THERE[:4] + bytes([255, 0, 255, 0])), (SUBNET, HERE)),
        ((RANGE, bytes([203, 0, 113, 9, 203, 0, 113, 8])), (SUBNET, HERE)),
        ((SUBNET, THERE), (0, b"")),
    ],
)
def test_clients_outside_the_policy_are_refused(pair: Any, identities: tuple[tuple[int, bytes], ...]) -> None:
    """RFC 2409 section 5.5: client identities that policy does not know get INVALID-ID-INFORMATION."""
    pair.play(pair.alice.main_mode())
    pair.play(pair.alice.quick_mode_1(change=_identities(*identities)))

    assert pair.notified() == [NotifyTypeV1.INVALID_ID_INFORMATION]
    assert pair.children == 0


def _phase2_transform(extra: dict[int, int | bytes], **fields: Any) -> v1.Transform:
    named = {
        AttributeP2.SA_LIFE_TYPE: 1,
        AttributeP2.SA_LIFE_DURATION: 1800,
        AttributeP2.ENCAPSULATION_MODE: 1,
        AttributeP2.AUTHENTICATION_ALGORITHM: 2,
        **extra,
    }
    attributes = tuple(_attribute(kind, value) for kind, value in named.items())
    return v1.Transform(**{"number": 1, "id": 3, "attributes": attributes, **fields})


def _proposing(*proposals: v1.Proposal) -> Callable[[Message], Message]:
    offer = v1.SecurityAssociation(proposals=proposals)
    return _quick_payloads(lambda p: [p[0], offer, *p[2:]])


def _esp(number: int, *transforms: v1.Transform, **fields: Any) -> v1.Proposal:
    return v1.Proposal(
        **{"number": number, "protocol": Protocol.ESP, "spi": b"spi1", "transforms": transforms, **fields}
    )


GOOD = _phase2_transform({})


@pytest.mark.parametrize(
    "proposals",
    [
        (_esp(1, _phase2_transform({}, id=99)), _esp(2, GOOD)),
        (_esp(1, GOOD, protocol=99), _esp(2, GOOD)),
        (_esp(1, GOOD, spi=b"\0\0\0\xff"), _esp(2, GOOD)),
        (_esp(1, GOOD, spi=b"longer-spi"), _esp(2, GOOD)),
        (_esp(1, GOOD), _esp(1, GOOD, protocol=Protocol.AH), _esp(2, GOOD)),
        (_esp(1, _phase2_transform({AttributeP2.ENCAPSULATION_MODE: 99})), _esp(2, GOOD)),
        (_esp(1, _phase2_transform({AttributeP2.KEY_LENGTH: 192})), _esp(2, GOOD)),
        (_esp(1, _phase2_transform({AttributeP2.GROUP_DESCRIPTION: 14})), _esp(2, GOOD)),
        (_esp(1, _phase2_transform({}, id=0), GOOD.__class__(number=2, id=77)), _esp(2, GOOD)),
    ],
)
def test_the_first_acceptable_proposal_is_taken_as_it_was_offered(
    pair: Any, proposals: tuple[v1.Proposal, ...]
) -> None:
    """RFC 2408 section 4.2: one proposal with one transform comes back, its number and attributes unmodified."""
    pair.play(pair.alice.main_mode())
    answer = pair.play(pair.alice.quick_mode_1(change=_proposing(*proposals)))
    (taken,) = answer.find(v1.SecurityAssociation).proposals

    assert (taken.number, taken.protocol, taken.transforms) == (2, Protocol.ESP, (GOOD,))
    assert taken.spi not in (b"spi1", bytes(4))


@pytest.mark.parametrize(
    ("proposals", "refusal"),
    [
        (
            (_esp(1, _phase2_transform({AttributeP2.ENCAPSULATION_MODE: 99})),),
            NotifyTypeV1.NO_PROPOSAL_CHOSEN,
        ),
        ((_esp(1),), NotifyTypeV1.NO_PROPOSAL_CHOSEN),
        ((_esp(1, GOOD), _esp(1, GOOD, protocol=Protocol.AH)), NotifyTypeV1.NO_PROPOSAL_CHOSEN),
        (
            (_esp(1, _phase2_transform({AttributeP2.SA_LIFE_TYPE: 3})),),
            NotifyTypeV1.ATTRIBUTES_NOT_SUPPORTED,
        ),
        (
            (_esp(1, GOOD.__class__(id=3, attributes=(*GOOD.attributes, _attribute(4, 2)))),),
            NotifyTypeV1.ATTRIBUTES_NOT_SUPPORTED,
        ),
    ],
)
def test_unacceptable_proposals_are_refused(
    pair: Any, proposals: tuple[v1.Proposal, ...], refusal: int
) -> None:
    """An offer that can't be taken is refused under protection; contradictory attributes by their own notify."""
    pair.play(pair.alice.main_mode())
    pair.play(pair.alice.quick_mode_1(change=_proposing(*proposals)))

    assert pair.notified() == [refusal]


@pytest.mark.parametrize(
    "replacement",
    [
        lambda p: [p[0], p[2], p[1], *p[3:]],
        lambda p: [p[1], p[0], *p[2:]],
        lambda p: [p[0], *p[2:]],
        lambda p: [each for each in p if not isinstance(each, v1.Nonce)],
        lambda p: p[1:],
    ],
)
def test_a_quick_mode_out_of_order_is_dropped(
    pair: Any, replacement: Callable[[list[Any]], list[Any]]
) -> None:
    """RFC 2409 section 5.5: HASH first, SA second, and a nonce; else nothing comes of it."""
    pair.play(pair.alice.main_mode())
    before = len(pair.sent)
    pair.play(pair.alice.quick_mode_1(change=_quick_payloads(replacement)))

    assert len(pair.sent) == before
    assert pair.drops


def test_a_refused_quick_mode_repeated_gets_the_same_refusal(pair: Any) -> None:
    """A repetition of a Quick Mode that was refused gets the same octets again."""
    pair.play(pair.alice.main_mode())
    asked = pair.alice.quick_mode_1(ids=("192.0.2.0/24", "192.0.2.0/24"))
    first, again = pair.hand(asked.data), pair.hand(asked.data)

    assert first.send == again.send != ()


def test_ipsec_sas_serve_only_after_the_third_message(pair: Any) -> None:
    """RFC 2409 section 7.2: without HASH(3) there are no IPsec SAs; the second message is repeated three times."""
    pair.play(pair.alice.main_mode())
    pair.play(pair.alice.quick_mode_1())
    assert pair.children == 0
    before = len(pair.sent)
    pair.deaf = True
    pair.wait(DEFAULT.lifetimes.half_open + 1)

    assert len(pair.sent) == before + 3
    assert pair.sas[0].quick == ()


def test_forgeries_do_not_disturb_a_quick_mode(pair: Any) -> None:
    """What is injected under the Message ID of a Quick Mode moves neither its IV chain nor its state."""
    pair.play(pair.alice.main_mode())
    first = pair.alice.quick_mode_1()
    pair.hand(first.data[:-16] + bytes(16))
    pair.play(first)
    third = pair.alice.quick_mode_3()
    pair.hand(third.data[:-1] + bytes([third.data[-1] ^ 1]))
    pair.hand(first.data[:-1] + bytes([first.data[-1] ^ 1]))
    pair.play(third)

    assert pair.children == 1


def test_two_quick_modes_may_interleave(pair: Any) -> None:
    """RFC 2409 appendix B: every Quick Mode has an IV chain of its own."""
    pair.play(pair.alice.main_mode())
    pair.play(pair.alice.quick_mode_1())
    one = pair.alice.quick
    pair.play(pair.alice.quick_mode_1())
    pair.play(pair.alice.quick_mode_3())
    pair.alice.quick = one
    pair.play(pair.alice.quick_mode_3())

    assert pair.children == 2


def test_a_message_id_serves_one_exchange(connected: Any) -> None:
    """A Message ID that was used once starts nothing more, however long ago that was."""
    used = connected.alice.quick.dialogue.message_id
    connected.wait(DEFAULT.lifetimes.half_open + 1)
    connected.play(connected.alice.quick_mode_1(message_id=used))

    assert connected.children == 1
    assert connected.drops[-1] == f"Message ID {used:08x} was used before"


def test_quick_mode_needs_phase_1(pair: Any) -> None:
    """A Quick Mode on a half-made ISAKMP SA is dropped."""
    pair.play(pair.alice.main_mode_1())
    pair.play(pair.alice.main_mode_3())
    pair.play(pair.alice.quick_mode_1(hostile=True))

    assert pair.drops == ["exchange 32 before phase 1 is done"]


def test_a_shorter_lifetime_of_ours_is_told(pairs: Any) -> None:
    """RFC 2407 section 4.6.3.1: RESPONDER-LIFETIME in the second message names our lifetime and our inbound SPI."""
    pair = pairs(configured(child_hard=600.0))
    pair.alice.configuration = replace(pair.alice.configuration, lifetimes=DEFAULT.lifetimes)
    pair.play(pair.alice.main_mode())
    answer = pair.play(pair.alice.quick_mode())
    told = answer.find(v1.Notify, NotifyTypeV1.RESPONDER_LIFETIME)

    assert told.data == bytes.fromhex("80010001 00020004 00000258")
    assert (told.spi, told.protocol) == (pair.sas[0].children[0].spi_in, Protocol.ESP)


def test_a_shorter_lifetime_of_the_peer_counts(pairs: Any) -> None:
    """IPsec SAs end with the lifetime that the peer offered, if that is the shorter one."""
    pair = pairs()
    pair.alice.configuration = pair.alice.configuration.with_lifetimes(child_hard=100.0)
    pair.connect()
    pair.wait(101.0)

    assert pair.children == 0


def test_new_group_mode_is_refused(connected: Any) -> None:
    """RFC 2409 section 5.6: a new group gets ATTRIBUTES-NOT-SUPPORTED under protection."""
    sa = connected.alice.isakmp
    offer = v1.SecurityAssociation(proposals=(v1.Proposal(transforms=(_phase1_transform(1),)),))

    def change(message: Message) -> Message:
        return replace_message(message, exchange=Exchange.NEW_GROUP_MODE)

    connected.play(connected.alice.informational_v1(offer, sa=sa, change=change))

    assert connected.notified() == [NotifyTypeV1.ATTRIBUTES_NOT_SUPPORTED]


# Informational


def test_a_delete_of_ipsec_sas_is_heeded_and_not_answered(connected: Any) -> None:
    """A Delete by the SPI on which the peer receives ends the pair; nothing is said about it."""
    before = len(connected.sent)
    connected.play(connected.alice.delete_v1(connected.alice.isakmp.children[0]))

    assert (connected.children, len(connected.sent)) == (0, before)
    assert connected.sas[0].up


def test_a_delete_of_the_isakmp_sa_is_heeded(connected: Any) -> None:
    """A Delete of the ISAKMP SA ends it; with no other one its IPsec SAs end too, and nothing is started."""
    connected.play(connected.alice.delete_v1())
    connected.wait(600.0)

    assert connected.sas == []
    assert connected.started() == []


def test_ipsec_sas_pass_to_the_peers_other_isakmp_sa(connected: Any) -> None:
    """IPsec SAs outlive the ISAKMP SA that made them, and are deleted under the next one."""
    old = connected.alice.isakmp
    child = old.children[0]
    connected.play(connected.alice.main_mode())
    connected.play(connected.alice.delete_v1(old))
    assert connected.children == 1
    connected.play(connected.alice.delete_v1(child))

    assert connected.children == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"doi": 99},
        {"protocol": 99},
        {"protocol": Protocol.AH},
        {"spis": (b"none",)},
        {"spi_size": 16, "spis": (bytes(16),), "protocol": Protocol.IKE},
    ],
)
def test_a_delete_that_names_nothing_known_is_passed_over(connected: Any, fields: dict[str, Any]) -> None:
    """RFC 2408 section 5.15: a Delete of an unknown domain, protocol or SPI ends nothing."""
    child = connected.alice.isakmp.children[0]
    delete = v1.Delete(protocol=Protocol.ESP, spi_size=4, spis=(child.spi_in,))
    connected.play(connected.alice.informational_v1(replace_message(delete, **fields)))

    assert connected.children == 1


def test_known_spis_among_unknown_ones_are_deleted(connected: Any) -> None:
    """Every SPI of a Delete is looked at by itself; one named twice does no harm."""
    spi = connected.alice.isakmp.children[0].spi_in
    delete = v1.Delete(protocol=Protocol.ESP, spi_size=4, spis=(b"none", spi, spi))
    connected.play(connected.alice.informational_v1(delete))

    assert connected.children == 0


def test_our_own_spi_deletes_nothing(connected: Any) -> None:
    """RFC 2408 section 3.15: a peer deletes by its own SPIs and no others."""
    spi = connected.sas[0].children[0].spi_in
    connected.play(
        connected.alice.informational_v1(v1.Delete(protocol=Protocol.ESP, spi_size=4, spis=(spi,)))
    )

    assert connected.children == 1


def test_after_a_delete_the_rest_of_the_message_counts_for_nothing(connected: Any) -> None:
    """A Delete of the ISAKMP SA with a liveness check behind it ends the SA, and the check is not answered."""
    sa = connected.alice.isakmp
    name = sa.cky_i + sa.cky_r
    delete = v1.Delete(protocol=Protocol.IKE, spi_size=16, spis=(name, name))
    check = v1.Notify(notify_type=NotifyTypeV1.R_U_THERE, spi=name, data=bytes(4))
    before = len(connected.sent)
    connected.play(connected.alice.informational_v1(delete, check, delete))

    assert (connected.sas, len(connected.sent)) == ([], before)


@pytest.mark.parametrize(
    "changes",
    [
        {"sealed": False},
        {"change": lambda m: replace_message(m, payloads=m.payloads[1:])},
        {"change": lambda m: replace_message(m, payloads=(v1.Hash(b"h" * 32), *m.payloads[1:]))},
        {"bend": lambda octets: octets[:-1] + bytes([octets[-1] ^ 1])},
        {"change": lambda m: replace_message(m, flags=0x04), "sealed": False},
    ],
)
def test_an_unproved_informational_is_dropped(connected: Any, changes: dict[str, Any]) -> None:
    """RFC 2409 section 5.7: a Delete in clear, without HASH or with a wrong one ends nothing."""
    child = connected.alice.isakmp.children[0]
    delete = v1.Delete(protocol=Protocol.ESP, spi_size=4, spis=(child.spi_in,))
    connected.play(connected.alice.informational_v1(delete, **changes))

    assert connected.children == 1
    assert connected.drops


def test_initial_contact_lets_older_sas_go(connected: Any) -> None:
    """INITIAL-CONTACT in the fifth message ends the peer's older SAs, without a word about it."""
    before = len(connected.sent)
    connected.play(connected.alice.main_mode(initial_contact=True))

    assert [sa.cky_i for sa in connected.sas] == [connected.alice.isakmp.cky_i]
    assert len(connected.sent) == before + 3


def test_initial_contact_of_a_responder_counts_too(pairs: Any) -> None:
    """A device that begins lets the peer's older SAs go when the answer says INITIAL-CONTACT."""
    pair = pairs(configured(ProfileName.TWO_WAY)).connect()

    def greeting(message: Message) -> Message:
        if message.exchange != Exchange.IDENTITY_PROTECTION or len(message.payloads) < 2:
            return message
        name = message.spi_i + message.spi_r
        notify = v1.Notify(notify_type=NotifyTypeV1.INITIAL_CONTACT, spi=name)
        return replace_message(message, payloads=(*message.payloads, notify))

    pair.alice.answers_with(change=greeting)
    pair.provoke(Trigger.OPERATOR_INITIATE)

    assert [sa.we_started for sa in pair.sas] == [True]


def test_initial_contact_in_an_informational_counts(connected: Any) -> None:
    """INITIAL-CONTACT in a protected Informational ends the peer's older SAs."""
    connected.play(connected.alice.main_mode())
    connected.play(connected.alice.initial_contact())

    assert [sa.cky_i for sa in connected.sas] == [connected.alice.isakmp.cky_i]


def test_initial_contact_in_aggressive_mode_is_passed_over(connected: Any) -> None:
    """RFC 2407 section 4.6.3: no status notify belongs into Aggressive Mode, in clear or encrypted."""
    contact = v1.Notify(notify_type=NotifyTypeV1.INITIAL_CONTACT, spi=bytes(16))
    connected.play(connected.alice.aggressive_mode(contact, at=1))
    connected.play(connected.alice.aggressive_mode(contact, at=3))

    assert len(connected.sas) == 3


def test_initial_contact_with_a_wrong_proof_is_passed_over(connected: Any) -> None:
    """RFC 2407 section 4.6.3.3: older SAs go only after the sender has proved who it is."""
    wrong = v1.Hash(b"h" * 32)

    def change(message: Message) -> Message:
        return replace_message(message, payloads=(message.payloads[0], wrong, *message.payloads[2:]))

    connected.play(connected.alice.main_mode(initial_contact=True, change=change, at=5))

    assert connected.children == 1


# Liveness


@pytest.mark.parametrize("sequence", [0, 1, 0x7FFFFFFF, 0xFFFFFFFE])
def test_a_liveness_check_is_answered_with_its_number(connected: Any, sequence: int) -> None:
    """RFC 3706 section 5.3: R-U-THERE-ACK has the layout and the number of its query."""
    answer = connected.play(connected.alice.dpd(sequence=sequence))
    notify = answer.find(v1.Notify)
    sa = connected.alice.isakmp

    assert (notify.notify_type, notify.data) == (NotifyTypeV1.R_U_THERE_ACK, sequence.to_bytes(4, "big"))
    assert (notify.doi, notify.protocol, notify.spi) == (Doi.IPSEC, Protocol.IKE, sa.cky_i + sa.cky_r)


def test_a_hundred_liveness_checks_are_answered(connected: Any) -> None:
    """Each query gets one acknowledgement, under a Message ID of its own."""
    before = len(connected.sent)
    for _ in range(100):
        assert connected.play(connected.alice.dpd()) is not None
    numbers = {decode(d.data).message_id for d in connected.sent[before:]}

    assert len(numbers) == 100


def test_a_repeated_liveness_check_gets_the_same_acknowledgement(connected: Any) -> None:
    """The same octets of a query get the same octets of an answer; an older query is not answered again."""
    old, new = connected.alice.dpd(), connected.alice.dpd()
    answers = [connected.hand(each.data) for each in (old, new, new, old)]

    assert answers[1].send == answers[2].send != ()
    assert answers[3].send == ()


def test_a_number_behind_the_last_one_is_not_acknowledged(connected: Any) -> None:
    """RFC 3706 section 6.2: a query whose number lies behind is rejected; one that skips some is not."""
    answers = [connected.play(connected.alice.dpd(sequence=n)) for n in (100, 150, 149, 151)]

    assert [answer is not None for answer in answers] == [True, True, False, True]


def test_a_liveness_check_in_clear_is_rejected(connected: Any) -> None:
    """RFC 3706 section 5.2: an unprotected R-U-THERE gets no acknowledgement."""
    before = len(connected.sent)
    connected.play(connected.alice.dpd(sealed=False))

    assert len(connected.sent) == before


def watchful(**changes: Any) -> Configuration:
    """A configuration with liveness checks of its own: after 10 s of silence, each 2 s, 3 times."""
    return replace(DEFAULT, dpd=Dpd(10.0, 2.0, 3), **changes)


def test_a_silent_peer_is_asked_whether_it_lives(pairs: Any) -> None:
    """A device with DPD configured asks a quiet peer, with numbers that go up by one, and is content with its answer."""
    pair = pairs(watchful()).connect()
    pair.wait(100.0)
    numbers = [
        int.from_bytes(n.data, "big") for m in pair.opened for n in m.all(v1.Notify, NotifyTypeV1.R_U_THERE)
    ]

    assert len(numbers) == 10
    assert numbers == list(range(numbers[0], numbers[0] + 10))
    assert numbers[0] < 1 << 31
    assert pair.children == 1


def test_a_dead_peer_is_given_up_and_not_called_back(pairs: Any) -> None:
    """After as many queries as configured the SAs of a dead peer go, and nothing is started."""
    pair = pairs(watchful()).connect()
    before = len(pair.sent)
    pair.deaf = True
    pair.wait(100.0)

    assert len(pair.sent) == before + 3
    assert set(pair.started()) == {Exchange.INFORMATIONAL_V1}
    assert pair.sas == []


@pytest.mark.parametrize("bend", [{"data": bytes(4)}, {"data": b""}, {"spi": bytes(16)}, {"protocol": 3}])
def test_an_acknowledgement_of_something_else_is_dropped(pairs: Any, bend: dict[str, Any]) -> None:
    """RFC 3706 section 6.1: an R-U-THERE-ACK counts with the number that was asked, and about this SA."""
    pair = pairs(watchful()).connect()

    def other(message: Message) -> Message:
        notify = message.payloads[1]
        return replace_message(message, payloads=(v1.Hash(b""), replace_message(notify, **bend)))

    pair.alice.answers_with(change=other)
    pair.wait(11.0)

    assert pair.drops[-1] == "an R-U-THERE-ACK to nothing that was asked"
    assert pair.sas[0].probe is not None


def test_acknowledgements_in_clear_keep_nobody_alive(pairs: Any) -> None:
    """RFC 3706 section 5.2: an unprotected R-U-THERE-ACK proves nothing, and the peer is given up."""
    pair = pairs(watchful()).connect()
    pair.alice.answers_with(sealed=False)
    pair.wait(60.0)

    assert pair.sas == []


def test_both_ends_may_ask_at_once(pairs: Any) -> None:
    """RFC 3706 section 6.2: each end has numbers of its own, so queries of both cross without harm."""
    pair = pairs(watchful()).connect()
    for _ in range(5):
        pair.wait(10.5)
        assert pair.play(pair.alice.dpd()) is not None

    assert NotifyTypeV1.R_U_THERE in pair.notified()
    assert pair.children == 1


def test_a_liveness_check_is_due_when_its_timer_is(pairs: Any) -> None:
    """A moment plus an interval, less that moment, may be less than the interval: the timer goes off only once."""
    pair = pairs(replace(DEFAULT, dpd=Dpd(1.0, 1.0, 3)))
    pair.now = 0.001
    assert (pair.now + 1.0) - pair.now < 1.0
    pair.connect()
    pair.wait(5.0)

    assert NotifyTypeV1.R_U_THERE in pair.notified()


def test_no_peer_is_asked_that_did_not_say_it_can_answer(pairs: Any) -> None:
    """RFC 3706 section 5.1: without the peer's Vendor ID no R-U-THERE is sent."""
    pair = pairs(watchful())
    pair.play(pair.alice.main_mode(change=lambda m: replace_message(m, payloads=m.payloads[:1]), at=1))
    before = len(pair.sent)
    pair.wait(100.0)

    assert len(pair.sent) == before


# Lifetimes and profiles


def test_under_strict_soft_limits_start_nothing(pairs: Any) -> None:
    """At the soft limits of both phases a responder-only device is silent."""
    pair = pairs(configured(ike_hard=100.0, ike_soft=20.0, child_hard=100.0, child_soft=10.0)).connect()
    before = len(pair.sent)
    pair.wait(99.0)

    assert len(pair.sent) == before


def test_under_strict_hard_limits_end_in_deletes(pairs: Any) -> None:
    """At the hard limits the SAs are deleted, the peer is told once, and nothing takes their place."""
    pair = pairs(configured(ike_hard=100.0, child_hard=50.0)).connect()
    pair.wait(500.0)

    assert pair.started() == [Exchange.INFORMATIONAL_V1] * 2
    assert pair.sas == []
    assert not pair.alice.isakmp.established


def test_ipsec_sas_end_with_the_last_isakmp_sa(pairs: Any) -> None:
    """Where phase 1 ends first and the peer has no other ISAKMP SA, its IPsec SAs are deleted with it."""
    pair = pairs(configured(ike_hard=50.0, child_hard=100.0)).connect()
    pair.wait(60.0)

    assert pair.started() == [Exchange.INFORMATIONAL_V1] * 2
    assert pair.alice.isakmp.children == []


def test_ipsec_sas_outlive_an_isakmp_sa_that_was_renewed(pairs: Any) -> None:
    """Where the peer has renewed phase 1 in time, IPsec SAs live to their own end."""
    pair = pairs(configured(ike_hard=50.0, child_hard=100.0)).connect()
    pair.wait(40.0)
    pair.play(pair.alice.main_mode())
    pair.wait(20.0)
    assert pair.children == 1
    pair.wait(25.0)

    assert pair.children == 1


def test_rekey_ok_renews_ipsec_sas_and_not_phase_1(pairs: Any) -> None:
    """Under rekey-ok Quick Mode is started at the soft limit; a new phase 1 would be an initiation."""
    limits = configured(ProfileName.REKEY_OK, ike_hard=100.0, ike_soft=20.0, child_hard=30.0, child_soft=10.0)
    pair = pairs(limits).connect()
    pair.wait(15.0)
    assert pair.started() == [Exchange.QUICK_MODE, Exchange.INFORMATIONAL_V1]
    pair.wait(80.0)

    assert set(pair.started()) == {Exchange.QUICK_MODE, Exchange.INFORMATIONAL_V1}
    assert pair.children == 1


@pytest.mark.parametrize("mode", ["main", "aggressive"])
@pytest.mark.parametrize("group", [None, 14])
def test_two_way_begins_both_phases(pairs: Any, mode: str, group: int | None) -> None:
    """A two-way device begins phase 1 in the mode configured, and Quick Mode after it, with PFS or without."""
    limits = configured(ProfileName.TWO_WAY)
    pair = pairs(replace(limits, initiate_mode=mode, pfs_group=group))
    pair.provoke(Trigger.BOOT)
    ours, theirs = pair.sas[0], pair.alice.isakmp

    assert ours.secrets == theirs.secrets
    assert ours.children[0].keys.encr_i == theirs.children[0].keys_in.encr


def test_two_way_renews_phase_1_and_keeps_ipsec_sas(pairs: Any) -> None:
    """At the soft limit of phase 1 a two-way device makes the next ISAKMP SA, which takes the IPsec SAs over."""
    limits = configured(ProfileName.TWO_WAY, ike_hard=50.0, ike_soft=20.0, child_hard=500.0)
    pair = pairs(limits)
    pair.provoke(Trigger.BOOT)
    child = pair.sas[0].children[0].spi_in
    pair.wait(30.0)

    assert [[c.spi_in for c in sa.children] for sa in pair.sas] == [[child]]
    assert pair.sas[0].born == 20.0


def test_two_way_makes_a_deleted_sa_again(pairs: Any) -> None:
    """A two-way device whose peer deletes the ISAKMP SA begins another one at once."""
    pair = pairs(configured(ProfileName.TWO_WAY)).connect()
    pair.play(pair.alice.delete_v1())

    assert Exchange.IDENTITY_PROTECTION in [decode(d.data).exchange for d in pair.sent[5:]]
    assert pair.children == 1


def test_two_way_gives_up_on_a_silent_peer(pairs: Any) -> None:
    """A first message of ours goes out five times, the same octets, and is given up."""
    pair = pairs(configured(ProfileName.TWO_WAY))
    pair.deaf = True
    pair.provoke(Trigger.BOOT)
    pair.wait(60.0)

    assert len(pair.sent) == 5
    assert len(set(pair.sent)) == 1
    assert pair.sas == []


@pytest.mark.parametrize("trigger", [t for t in Trigger if t is not Trigger.CLOCK_STEP])
def test_strict_is_silent_on_every_trigger(pairs: Any, trigger: Trigger) -> None:
    """Under responder-only no local event starts a negotiation, with or without an ISAKMP SA; Deletes are allowed."""
    pair = pairs(configured())
    pair.provoke(trigger)
    pair.connect()
    pair.provoke(trigger)
    pair.wait(60.0)

    assert set(pair.started()) <= {Exchange.INFORMATIONAL_V1}


def test_an_altered_answer_to_our_offer_is_rejected(pairs: Any) -> None:
    """RFC 2409 section 5: a two-way device goes on only with a transform of its own, unmodified."""
    pair = pairs(configured(ProfileName.TWO_WAY))
    pair.deaf = True
    pair.provoke(Trigger.BOOT)
    first = decode(pair.sent[0].data)
    offer = first.find(v1.SecurityAssociation)
    (proposal,) = offer.proposals
    taken = proposal.transforms[0]
    for attributes in (
        taken.attributes[:-1],
        (*taken.attributes, _attribute(AttributeP1.KEY_LENGTH, 256)),
        taken.attributes[::-1],
    ):
        answer = replace_message(
            offer,
            proposals=(
                replace_message(
                    proposal, transforms=(replace_message(taken, last=None, attributes=attributes),)
                ),
            ),
        )
        message = replace_message(first, spi_r=b"r" * 8, payloads=(answer,))
        assert pair.hand(message.encode()).send == ()

    assert pair.sas[0].cky_r == bytes(8)


def test_attributes_in_another_order_are_no_alteration(pairs: Any) -> None:
    """A peer may give our transform back with its attributes in another order, and phase 1 goes on."""
    pair = pairs(configured(ProfileName.TWO_WAY))
    pair.deaf = True
    pair.provoke(Trigger.BOOT)
    first = decode(pair.sent[0].data)
    (proposal,) = first.find(v1.SecurityAssociation).proposals
    taken = proposal.transforms[0]
    turned = replace_message(taken, last=None, attributes=(*taken.attributes[3:], *taken.attributes[:3]))
    answer = v1.SecurityAssociation(proposals=(replace_message(proposal, transforms=(turned,)),))

    assert pair.hand(replace_message(first, spi_r=b"r" * 8, payloads=(answer,)).encode()).send


def test_a_quick_mode_that_is_refused_is_not_asked_for_again(pairs: Any) -> None:
    """A protected error notify about our Quick Mode ends it; it is not sent again."""
    pair = pairs(configured(ProfileName.TWO_WAY)).connect()
    pair.deaf = True
    pair.provoke(Trigger.SOFT_EXPIRY)
    refusal = v1.Notify(protocol=Protocol.ESP, notify_type=NotifyTypeV1.NO_PROPOSAL_CHOSEN)
    pair.play(pair.alice.informational_v1(refusal))
    asked = [decode(d.data).exchange for d in pair.sent].count(Exchange.QUICK_MODE)
    pair.wait(20.0)

    assert [decode(d.data).exchange for d in pair.sent].count(Exchange.QUICK_MODE) == asked


def test_strict_and_its_peers_repeat_octet_for_octet(pairs: Any) -> None:
    """The same calls with the same entropy give the same octets."""
    runs = [pairs().connect().sent for _ in range(2)]

    assert runs[0] == runs[1]
