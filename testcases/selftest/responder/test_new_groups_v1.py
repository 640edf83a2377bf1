"""New Group Mode: what policy lets a peer name, and what it may do with the name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.codes import AttributeP1, AttributeP2, Exchange, Group, NotifyTypeV1
from harness.profile import DEFAULT, Version1
from harness.wire import Message, decode, v1
from harness.wire import replace as replace_message

LENIENT = replace(DEFAULT, version1=Version1(new_groups=(Group.MODP_2048, Group.MODP_1536)))
NUMBER = 0x8000


@pytest.fixture
def lenient(pairs: Any) -> Any:
    """A responder that lets two groups be named anew, with an ISAKMP SA."""
    pair = pairs(LENIENT)
    pair.play(pair.alice.main_mode())
    return pair


def test_an_acceptable_group_is_answered_with_the_offer(lenient: Any) -> None:
    """RFC 2409 section 5.6: HASH(2) and the SA payload as it was offered, under the same Message ID."""
    answer = lenient.play(lenient.alice.new_group_mode(Group.MODP_2048, NUMBER))

    assert answer.exchange == Exchange.NEW_GROUP_MODE
    assert [type(payload) for payload in answer.payloads] == [v1.Hash, v1.SecurityAssociation]
    assert lenient.alice.isakmp.new_groups == {NUMBER: Group.MODP_2048}
    assert lenient.sas[0].new_groups == ((NUMBER, Group.MODP_2048),)


def test_the_new_number_serves_in_quick_mode(lenient: Any) -> None:
    """A Quick Mode by the new number exchanges keys in the group that it stands for, under this ISAKMP SA alone."""
    lenient.play(lenient.alice.new_group_mode(Group.MODP_2048, NUMBER))
    lenient.play(lenient.alice.quick_mode(pfs=NUMBER))
    with_it = lenient.children
    known = lenient.alice.isakmp.new_groups
    lenient.play(lenient.alice.main_mode())
    lenient.alice.isakmp.new_groups = known
    lenient.play(lenient.alice.quick_mode(pfs=NUMBER))

    assert with_it == 1
    assert lenient.notified() == [NotifyTypeV1.NO_PROPOSAL_CHOSEN]


def test_a_group_that_policy_does_not_name_is_refused(lenient: Any, connected: Any) -> None:
    """RFC 2409 section 5.6: ATTRIBUTES-NOT-SUPPORTED for another known group, and without a policy for any."""
    lenient.play(lenient.alice.new_group_mode(Group.MODP_3072))
    connected.play(connected.alice.new_group_mode(Group.MODP_2048))

    assert lenient.notified() == connected.notified() == [NotifyTypeV1.ATTRIBUTES_NOT_SUPPORTED]


def bent(change: Callable[[tuple[v1.Attribute, ...]], tuple[v1.Attribute, ...]], **fields: Any) -> Any:
    """A change of the attributes that describe the group, or of the transform."""

    def bend(message: Message) -> Message:
        offer = message.payloads[1]
        assert isinstance(offer, v1.SecurityAssociation)
        (proposal,) = offer.proposals
        (transform,) = proposal.transforms
        other = replace_message(transform, attributes=change(transform.attributes), **fields)
        offer = replace_message(offer, proposals=(replace_message(proposal, transforms=(other,)),))
        return replace_message(message, payloads=(message.payloads[0], offer))

    return bend


def _put(kind: int, value: int | bytes) -> Any:
    return bent(lambda a: tuple(replace_message(x, value=value) if x.type == kind else x for x in a))


@pytest.mark.parametrize(
    "change",
    [
        _put(AttributeP1.GROUP_DESCRIPTION, 0x7FFF),
        _put(AttributeP1.GROUP_DESCRIPTION, Group.MODP_2048),
        _put(AttributeP1.GROUP_TYPE, 2),
        _put(AttributeP1.GROUP_PRIME, b"\x07"),
        _put(AttributeP1.GROUP_PRIME, b""),
        _put(AttributeP1.GROUP_GENERATOR_ONE, 5),
        bent(lambda a: a[1:]),
        bent(lambda a: ()),
        bent(lambda a: (*a, v1.Attribute(AttributeP1.GROUP_ORDER, b"\x01"))),
        bent(lambda a: a, id=2),
        lambda m: replace_message(
            m,
            payloads=(
                m.payloads[0],
                replace_message(m.payloads[1], proposals=m.payloads[1].proposals * 2),
            ),
        ),
    ],
)
def test_groups_that_are_not_fully_known_are_refused(lenient: Any, change: Any) -> None:
    """Another prime, generator or type, a number below 2^15, an attribute too many or too few: not supported."""
    lenient.play(lenient.alice.new_group_mode(Group.MODP_2048, change=change))

    assert lenient.notified() == [NotifyTypeV1.ATTRIBUTES_NOT_SUPPORTED]
    assert lenient.sas[0].new_groups == ()


def test_a_repeated_new_group_mode_gets_the_same_octets(lenient: Any) -> None:
    """The same request again is answered octet for octet as before."""
    lenient.play(lenient.alice.new_group_mode(Group.MODP_2048, mark="new"))
    lenient.play(lenient.alice.again("new"))

    assert lenient.sent[-1] == lenient.sent[-2]
    assert decode(lenient.sent[-1].data).exchange == Exchange.NEW_GROUP_MODE


def test_new_group_mode_needs_phase_1(pairs: Any) -> None:
    """RFC 2409 section 5.6: there is no New Group Mode before there is an ISAKMP SA."""
    pair = pairs(LENIENT)
    pair.play(pair.alice.main_mode_1())
    pair.play(pair.alice.main_mode_3())
    before = len(pair.sent)
    pair.play(pair.alice.new_group_mode(Group.MODP_2048, hostile=True))

    assert len(pair.sent) == before


def test_the_group_number_is_no_group_of_phase_2_by_itself(lenient: Any) -> None:
    """A number that nobody gave stands for nothing."""
    change = AttributeP2.GROUP_DESCRIPTION

    def renamed(message: Message) -> Message:
        offer = message.find(v1.SecurityAssociation)
        assert offer is not None
        (proposal,) = offer.proposals
        transforms = tuple(
            replace_message(
                t,
                attributes=tuple(
                    replace_message(a, value=NUMBER) if a.type == change else a for a in t.attributes
                ),
            )
            for t in proposal.transforms
        )
        other = replace_message(offer, proposals=(replace_message(proposal, transforms=transforms),))
        return replace_message(message, payloads=(message.payloads[0], other, *message.payloads[2:]))

    lenient.play(lenient.alice.quick_mode(pfs=Group.MODP_2048, change=renamed))

    assert lenient.notified() == [NotifyTypeV1.NO_PROPOSAL_CHOSEN]
