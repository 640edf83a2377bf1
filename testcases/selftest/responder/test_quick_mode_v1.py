"""Quick Mode beyond one ESP suite: several protocols together, lifetimes, transport mode, the Commit bit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.codes import (
    AttributeP1,
    AttributeP2,
    Encapsulation,
    Encr,
    Esn,
    Exchange,
    Integ,
    LifeType,
    NotifyTypeV1,
    ProfileName,
    Protocol,
    Trigger,
)
from harness.profile import DEFAULT, ChildProposal, Configuration, Version1
from harness.sa.nat_traversal import FORMS, RFC_3947
from harness.wire import Message, decode, v1
from harness.wire import replace as replace_message

AH = ChildProposal(Protocol.AH, 0, None, Integ.AUTH_HMAC_SHA2_256_128)
ESP = ChildProposal(Protocol.ESP, Encr.ENCR_AES_CBC, 128, Integ.AUTH_HMAC_SHA2_256_128)
BOTH = replace(DEFAULT, child_proposals=(ESP, AH))
HOSTS = replace(DEFAULT, version1=Version1(transport=True))
COMMIT = 0x02


def ready(pairs: Any, configuration: Configuration = DEFAULT, **changes: Any) -> Any:
    """A responder with an ISAKMP SA, and its peer."""
    pair = pairs(configuration)
    pair.play(pair.alice.main_mode(**changes))
    return pair


def answered(answer: Message | None) -> v1.SecurityAssociation:
    """The SA payload of an answer."""
    assert answer is not None
    found = answer.find(v1.SecurityAssociation)
    assert found is not None
    return found


def with_offer(change: Callable[[v1.SecurityAssociation], v1.SecurityAssociation]) -> Any:
    """A change of the SA payload in the first message."""

    def bend(message: Message) -> Message:
        payloads = (change(p) if isinstance(p, v1.SecurityAssociation) else p for p in message.payloads)
        return replace_message(message, payloads=tuple(payloads))

    return bend


def proposals(change: Callable[[tuple[v1.Proposal, ...]], tuple[v1.Proposal, ...]]) -> Any:
    """A change of the proposals."""
    return with_offer(lambda offer: replace_message(offer, proposals=change(offer.proposals)))


def attributes(change: Callable[[tuple[v1.Attribute, ...]], tuple[v1.Attribute, ...]]) -> Any:
    """A change of the attributes of every transform."""

    def bend(offered: tuple[v1.Proposal, ...]) -> tuple[v1.Proposal, ...]:
        return tuple(
            replace_message(
                p,
                transforms=tuple(replace_message(t, attributes=change(t.attributes)) for t in p.transforms),
            )
            for p in offered
        )

    return proposals(bend)


# Several protocols


def test_a_suite_of_two_protocols_is_taken_whole(pairs: Any) -> None:
    """RFC 2408 section 4.2: AH and ESP under one proposal number make a pair of IPsec SAs each, with keys of their own."""
    pair = ready(pairs, BOTH)
    answer = pair.play(pair.alice.quick_mode(suites=((AH, ESP),)))
    ours, theirs = pair.sas[0].children, pair.alice.isakmp.children
    taken = answered(answer).proposals

    assert [p.protocol for p in taken] == [Protocol.AH, Protocol.ESP]
    assert len({p.spi for p in taken}) == 2
    assert {p.number for p in taken} == {1}
    assert [child.proposal for child in ours] == [child.suite for child in theirs] == [AH, ESP]
    assert [child.keys.integ_i for child in ours] == [child.keys_out.auth for child in theirs]


def test_one_protocol_of_a_suite_that_is_not_ours_refuses_it(pairs: Any) -> None:
    """RFC 2408 section 4.2: a suite is taken whole or not at all; the next one may serve."""
    pair = ready(pairs, replace(DEFAULT, child_proposals=(ESP,)))
    answer = pair.play(pair.alice.quick_mode(suites=(ESP, (AH, ESP)), change=proposals(lambda p: p[1:])))
    other = pair.play(pair.alice.quick_mode(suites=((AH, ESP), (ESP,))))

    assert answer is None or v1.SecurityAssociation not in answer
    assert NotifyTypeV1.NO_PROPOSAL_CHOSEN in pair.notified()
    assert [p.number for p in answered(other).proposals] == [2]


@pytest.mark.parametrize(
    "change",
    [
        proposals(lambda p: (p[0], replace_message(p[1], number=2), replace_message(p[0], number=1))),
        proposals(lambda p: (p[1], p[1])),
        proposals(lambda p: (p[0], replace_message(p[1], spi=bytes(4)))),
        proposals(lambda p: (p[0], replace_message(p[1], transforms=()))),
    ],
)
def test_a_suite_that_does_not_hold_together_is_refused(pairs: Any, change: Any) -> None:
    """One torn apart by another number, one protocol twice, a reserved SPI, or nothing to choose: refused, not half taken."""
    pair = ready(pairs, replace(DEFAULT, child_proposals=(AH, ESP)))
    pair.play(pair.alice.quick_mode(suites=((AH, ESP),), change=change))
    taken = [child.proposal for child in pair.sas[0].children]

    assert len(taken) < 2


def test_a_delete_takes_one_protocol_of_a_suite(pairs: Any) -> None:
    """Each protocol's SAs are deleted by themselves (RFC 2408 section 3.15)."""
    pair = ready(pairs, BOTH)
    pair.play(pair.alice.quick_mode(suites=((AH, ESP),)))
    pair.play(pair.alice.delete_v1(pair.alice.isakmp.children[0]))

    assert [child.proposal for child in pair.sas[0].children] == [ESP]


def test_extended_sequence_numbers_are_agreed_by_their_attribute(pairs: Any) -> None:
    """RFC 4304: attribute 11 asks for 64 bits; the value for 32 bits is as good as none."""
    suite = replace(ESP, esn=Esn.ESN)
    pair = ready(pairs, replace(DEFAULT, child_proposals=(suite, ESP)))
    wide, narrow = (
        attributes(lambda a, n=number: (*a, v1.Attribute(AttributeP2.EXTENDED_SEQUENCE_NUMBER, n)))
        for number in (1, 0)
    )
    pair.play(pair.alice.quick_mode(suites=(ESP,), change=wide))
    pair.play(pair.alice.quick_mode(suites=(ESP,), change=narrow))

    assert [child.proposal for child in pair.sas[0].children] == [suite, ESP]


# Lifetimes


def lasting(*pairs: tuple[int, int | bytes]) -> Any:
    """The offered lifetimes exchanged for these types and durations."""

    def change(offered: tuple[v1.Attribute, ...]) -> tuple[v1.Attribute, ...]:
        others = [
            a for a in offered if a.type not in (AttributeP2.SA_LIFE_TYPE, AttributeP2.SA_LIFE_DURATION)
        ]
        life = [
            v1.Attribute(*attribute)
            for kind, duration in pairs
            for attribute in ((AttributeP2.SA_LIFE_TYPE, kind), (AttributeP2.SA_LIFE_DURATION, duration))
        ]
        return (*life, *others)

    return attributes(change)


def told(answer: Message) -> dict[int, int]:
    """The lifetimes of the RESPONDER-LIFETIME in an answer, by their type."""
    notify = answer.find(v1.Notify, NotifyTypeV1.RESPONDER_LIFETIME)
    if notify is None:
        return {}
    read = [
        a.value if isinstance(a.value, int) else int.from_bytes(a.value, "big")
        for a in v1.Attribute.decode_list(notify.data, 0, len(notify.data))
    ]
    return dict(zip(read[::2], read[1::2], strict=True))


SECONDS, KILOBYTES = int(LifeType.SECONDS), int(LifeType.KILOBYTES)


@pytest.mark.parametrize("zero", [0, bytes(4)])
def test_a_duration_of_zero_sets_no_limit_and_ours_is_told(pairs: Any, zero: int | bytes) -> None:
    """RFC 2407 section 4.5.4: who offers no end is told of ours, in seconds and in kilobytes."""
    configuration = DEFAULT.with_lifetimes(child_hard=100.0, child_kilobytes=500)
    pair = ready(pairs, configuration)
    answer = pair.play(pair.alice.quick_mode(change=lasting((SECONDS, zero), (KILOBYTES, zero))))

    assert told(answer) == {SECONDS: 100, KILOBYTES: 500}
    assert pair.sas[0].children[0].expires == 100.0


def test_without_an_end_on_either_side_there_is_none(pairs: Any) -> None:
    """Neither end names a limit: nothing is told, and the SAs live on."""
    configuration = DEFAULT.with_lifetimes(child_hard=None, child_soft=None, child_kilobytes=None)
    pair = ready(pairs, configuration)
    answer = pair.play(pair.alice.quick_mode(change=lasting((SECONDS, 0))))
    pair.wait(80_000)

    assert told(answer) == {}
    assert pair.children == 1


def test_a_duration_of_zero_in_phase_1_is_no_end(pairs: Any) -> None:
    """RFC 2409 appendix A forbids no value: the policy's own lifetime counts, and RESPONDER-LIFETIME says so."""

    def change(message: Message) -> Message:
        offer = message.payloads[0]
        assert isinstance(offer, v1.SecurityAssociation)
        (proposal,) = offer.proposals
        bent = tuple(
            replace_message(
                t,
                attributes=tuple(
                    replace_message(a, value=0) if a.type == AttributeP1.LIFE_DURATION else a
                    for a in t.attributes
                ),
            )
            for t in proposal.transforms
        )
        other = replace_message(offer, proposals=(replace_message(proposal, transforms=bent),))
        return replace_message(message, payloads=(other, *message.payloads[1:]))

    pair = pairs(DEFAULT.with_lifetimes(ike_hard=5000.0))
    answer = pair.play(pair.alice.main_mode(change=change, at=1))

    assert pair.sas[0].lifetime == 5000.0
    assert told(answer) == {SECONDS: 5000}


@pytest.mark.parametrize(
    ("kilobytes", "expected"), [(400, {}), (500, {}), (501, {KILOBYTES: 500}), (1 << 31, {KILOBYTES: 500})]
)
def test_kilobytes_are_negotiated_like_seconds(pairs: Any, kilobytes: int, expected: dict[int, int]) -> None:
    """RFC 2407 section 4.5.4: a volume longer than ours is answered with ours, a shorter one is taken as it is."""
    pair = ready(pairs, DEFAULT.with_lifetimes(child_kilobytes=500))
    change = lasting((SECONDS, 3600), (KILOBYTES, kilobytes.to_bytes(4, "big")))
    answer = pair.play(pair.alice.quick_mode(change=change))

    assert told(answer) == expected
    assert pair.sas[0].children[0].kilobytes == kilobytes


def test_each_protocol_of_a_suite_is_told_of_our_lifetime(pairs: Any) -> None:
    """RESPONDER-LIFETIME names the SPI that it is about, so there is one for each protocol (RFC 2407 section 4.6.3.1)."""
    pair = ready(pairs, BOTH.with_lifetimes(child_hard=100.0))
    answer = pair.play(pair.alice.quick_mode(suites=((AH, ESP),), change=lasting((SECONDS, 3600))))
    notifies = answer.all(v1.Notify, NotifyTypeV1.RESPONDER_LIFETIME)

    assert [(n.protocol, n.spi) for n in notifies] == [
        (p.protocol, p.spi) for p in answered(answer).proposals
    ]


# Transport mode


def test_transport_mode_is_for_the_two_ends(pairs: Any) -> None:
    """RFC 2407 section 4.5: where it is configured the ends' own traffic is protected in transport mode."""
    pair = ready(pairs, HOSTS)
    pair.play(pair.alice.quick_mode(mode=Encapsulation.TRANSPORT))
    (child,) = pair.sas[0].children

    assert child.mode == Encapsulation.TRANSPORT
    assert child.local[0].start == child.local[0].end == bytes((192, 0, 2, 1))
    assert child.remote[0].start == child.remote[0].end == bytes((192, 0, 2, 2))


def test_transport_mode_is_refused_where_it_is_not_configured(pairs: Any) -> None:
    """A device of tunnels takes no transform of transport mode."""
    pair = ready(pairs)
    pair.play(pair.alice.quick_mode(mode=Encapsulation.TRANSPORT))

    assert pair.notified() == [NotifyTypeV1.NO_PROPOSAL_CHOSEN]


def test_transport_mode_for_others_is_refused(pairs: Any) -> None:
    """Client identities that are not the two ends get INVALID-ID-INFORMATION."""
    pair = ready(pairs, HOSTS)
    ids = ("203.0.113.0/24", "198.51.100.0/24")
    pair.play(pair.alice.quick_mode(mode=Encapsulation.TRANSPORT, ids=ids))

    assert pair.notified() == [NotifyTypeV1.INVALID_ID_INFORMATION]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name.strip())
def test_original_addresses_are_exchanged_in_udp_transport_mode(pairs: Any, form: Any) -> None:
    """RFC 3947 section 5.2: both ends send both original addresses, under the payload number of their form."""
    pair = ready(pairs, HOSTS, nat_t=(form,))
    answer = pair.play(pair.alice.quick_mode(mode=form.transport))
    said = [payload.address for payload in answer.payloads if type(payload) is form.original]
    (child,) = pair.sas[0].children

    assert said == [bytes((192, 0, 2, 2)), bytes((192, 0, 2, 1))]
    assert child.originals == (bytes((192, 0, 2, 2)), bytes((192, 0, 2, 1)))


def test_an_end_behind_a_nat_may_name_its_original_address(pairs: Any) -> None:
    """Behind a NAT the client identity is the address before translation; the SAs are for the one that is seen."""
    pair = ready(pairs, HOSTS, nat_t=True)
    inner = bytes((10, 0, 0, 5))

    def translated(message: Message) -> Message:
        outer, kept = bytes((192, 0, 2, 2)), []
        for payload in message.payloads:
            if isinstance(payload, v1.Identification) and payload.data == outer:
                payload = replace_message(payload, data=inner, protocol=17, port=1701)
            elif isinstance(payload, v1.NatOriginalAddress) and payload.address == outer:
                payload = replace_message(payload, address=inner)
            kept.append(payload)
        return replace_message(message, payloads=tuple(kept))

    pair.play(pair.alice.quick_mode(mode=RFC_3947.transport, change=translated))
    (child,) = pair.sas[0].children
    remote = child.remote[0]

    assert (remote.start, remote.protocol, remote.start_port) == (bytes((192, 0, 2, 2)), 17, 1701)
    assert child.originals[0] == inner


def test_no_original_addresses_go_with_tunnel_mode(pairs: Any) -> None:
    """RFC 3947 section 5.2: for tunnel mode original addresses are not sent."""
    pair = ready(pairs, HOSTS, nat_t=True)
    answer = pair.play(pair.alice.quick_mode(mode=RFC_3947.tunnel))

    assert v1.NatOriginalAddress not in answer


# The Commit bit


def test_a_device_that_commits_says_connected(pairs: Any) -> None:
    """RFC 2408 section 3.1: it sets the bit in its answer, and says CONNECTED under the exchange's Message ID."""
    pair = ready(pairs, replace(DEFAULT, version1=Version1(commit=True)))
    pair.play(pair.alice.quick_mode())
    answer, last = (decode(datagram.data) for datagram in pair.sent[-2:])

    assert answer.flags & COMMIT
    assert (last.exchange, last.message_id) == (Exchange.INFORMATIONAL_V1, answer.message_id)
    assert not last.flags & COMMIT
    assert pair.notified() == [NotifyTypeV1.CONNECTED]
    assert pair.children == 1


def test_where_the_peer_commits_the_sas_wait_for_connected(pairs: Any) -> None:
    """RFC 2408 section 3.1: who did not set the bit waits for CONNECTED before the SAs serve."""
    pair = ready(pairs)
    pair.play(pair.alice.quick_mode_1(commit=True))
    pair.play(pair.alice.quick_mode_3())
    before = pair.children
    pair.play(pair.alice.connected())
    after = pair.children
    pair.play(pair.alice.connected(mark="again"))

    assert (before, after, pair.children) == (0, 1, 1)


def test_sas_that_were_never_committed_are_forgotten(pairs: Any) -> None:
    """Without CONNECTED nothing comes of the exchange, and nothing is left of it."""
    pair = ready(pairs)
    pair.play(pair.alice.quick_mode_1(commit=True))
    pair.play(pair.alice.quick_mode_3())
    pair.wait(60)
    pair.play(pair.alice.connected())

    assert pair.children == 0
    assert pair.sas[0].quick == ()


def test_connected_for_nothing_changes_nothing(pairs: Any) -> None:
    """A CONNECTED that no Quick Mode waits for is dropped."""
    pair = ready(pairs)
    pair.play(pair.alice.quick_mode())
    pair.play(pair.alice.connected())

    assert pair.drops[-1].endswith("was used before")
    assert pair.children == 1


def test_a_device_that_begins_waits_for_connected_too(pairs: Any) -> None:
    """A two-way device whose answerer sets the Commit bit has its SAs serve when CONNECTED has come."""
    pair = pairs(replace(DEFAULT, profile=ProfileName.TWO_WAY, initiate_version=1))
    committing: list[int] = []

    def commits(message: Message) -> Message:
        if message.exchange != Exchange.QUICK_MODE:
            return message
        committing.append(message.message_id)
        return replace_message(message, flags=COMMIT)

    pair.alice.answers_with(change=commits)
    pair.provoke(Trigger.OPERATOR_INITIATE)
    before = pair.children
    pair.alice.answers_with()
    notify = v1.Notify(protocol=Protocol.ESP, notify_type=NotifyTypeV1.CONNECTED)
    pair.play(pair.alice.informational_v1(notify, message_id=committing[0]))

    assert (before, pair.children) == (0, 1)


# What a device begins


def mine(**changes: Any) -> Configuration:
    """A device that renews, with short lifetimes and both kinds of protocols."""
    limited = DEFAULT.with_lifetimes(child_hard=100.0, child_soft=50.0)
    changes = {"profile": ProfileName.REKEY_OK, "initiate_version": 1, "child_proposals": (ESP, AH)} | changes
    return replace(limited, **changes)


def test_a_suite_of_several_protocols_is_renewed_whole(pairs: Any) -> None:
    """At the soft limit one Quick Mode renews all protocols of a suite, and the old ones are deleted."""
    pair = ready(pairs, mine())
    pair.play(pair.alice.quick_mode(suites=((AH, ESP),)))
    old = {child.spi_in for child in pair.sas[0].children}
    pair.wait(60.0)
    children = pair.sas[0].children

    assert pair.started().count(Exchange.QUICK_MODE) == 1
    assert [child.proposal for child in children] == [AH, ESP]
    assert not old & {child.spi_in for child in children}
    assert [child.suite for child in pair.alice.isakmp.children] == [AH, ESP]


@pytest.mark.parametrize("mode", [Encapsulation.TRANSPORT, RFC_3947.transport, RFC_3947.tunnel])
def test_ipsec_sas_are_renewed_in_their_mode(pairs: Any, mode: int) -> None:
    """What serves in transport mode or in UDP is asked for in the same mode again."""
    configuration = mine(version1=Version1(transport=True), child_proposals=(ESP,))
    pair = ready(pairs, configuration, nat_t=True)
    pair.play(pair.alice.quick_mode(mode=mode))
    (old,) = pair.sas[0].children
    pair.wait(60.0)
    (new,) = pair.sas[0].children

    assert (new.mode, new.local, new.remote) == (old.mode, old.local, old.remote)
    assert new.spi_in != old.spi_in


def test_a_renewal_that_is_refused_may_be_tried_again(pairs: Any) -> None:
    """A Quick Mode of ours that comes to nothing leaves the IPsec SAs as they were."""
    pair = ready(pairs, mine())
    pair.play(pair.alice.quick_mode())
    pair.alice.ignores("quick-mode")
    pair.provoke(Trigger.SOFT_EXPIRY)
    pair.wait(45.0)
    pair.alice.answers_again()
    pair.provoke(Trigger.SOFT_EXPIRY)

    assert pair.children == 1
    assert pair.started().count(Exchange.QUICK_MODE) == 2


def test_our_own_offers_name_both_lifetimes(pairs: Any) -> None:
    """RFC 2407 section 4.5: seconds and kilobytes are offered where they are configured."""
    configuration = mine(profile=ProfileName.TWO_WAY).with_lifetimes(child_kilobytes=777)
    pair = pairs(configuration)
    pair.provoke(Trigger.OPERATOR_INITIATE)
    offer = next(m.find(v1.SecurityAssociation) for m in pair.opened if m.exchange == Exchange.QUICK_MODE)
    life = {
        (a.type, a.value if isinstance(a.value, int) else int.from_bytes(a.value, "big"))
        for a in offer.proposals[0].transforms[0].attributes
    }

    assert {(AttributeP2.SA_LIFE_DURATION, 100), (AttributeP2.SA_LIFE_DURATION, 777)} <= life
    assert pair.sas[0].children[0].kilobytes == 777


@pytest.mark.parametrize(
    ("told_us", "seconds", "kilobytes"),
    [((40, 10), 40.0, 10), ((0, 0), 100.0, 777), ((500, 5000), 100.0, 777)],
)
def test_a_responder_lifetime_shortens_ours(
    pairs: Any, told_us: tuple[int, int], seconds: float, kilobytes: int
) -> None:
    """RFC 2407 section 4.6.3.1: shorter lifetimes that the answerer tells count, longer ones and zero do not."""
    configuration = mine(profile=ProfileName.TWO_WAY).with_lifetimes(child_kilobytes=777)
    pair = pairs(configuration)
    data = b"".join(
        v1.Attribute(kind, value).encode()
        for unit, value_ in zip((SECONDS, KILOBYTES), told_us, strict=True)
        for kind, value in ((AttributeP2.SA_LIFE_TYPE, unit), (AttributeP2.SA_LIFE_DURATION, value_))
    )
    notify = v1.Notify(protocol=3, notify_type=NotifyTypeV1.RESPONDER_LIFETIME, spi=bytes(4), data=data)
    pair.alice.answers_with(
        change=lambda m: (
            replace_message(m, payloads=(*m.payloads, notify)) if m.exchange == Exchange.QUICK_MODE else m
        )
    )
    pair.provoke(Trigger.OPERATOR_INITIATE)
    (child,) = pair.sas[0].children

    assert (child.expires, child.kilobytes) == (seconds, kilobytes)
