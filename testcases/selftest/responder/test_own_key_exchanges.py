"""Additional key exchanges that a two-way device begins, answered by the peer (RFC 9242, RFC 9370)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.codes import Exchange, Group, NotifyType, ProfileName, Trigger
from harness.profile import DEFAULT, Configuration, Lifetimes
from harness.responder.state import IkeSa
from harness.wire import Message, v2
from harness.wire import replace as replace_message
from testcases.selftest.responder.pairing import Pair

FURTHER = (Group.ECP_256, Group.ML_KEM_768)
CHILD = replace(DEFAULT.child_proposals[0], additional=FURTHER)
IKE = replace(DEFAULT.proposals_v2[0], additional=FURTHER)
INIT, MORE, AUTH = Exchange.IKE_SA_INIT, Exchange.IKE_INTERMEDIATE, Exchange.IKE_AUTH
CREATE, FOLLOW, TELL = Exchange.CREATE_CHILD_SA, Exchange.IKE_FOLLOWUP_KE, Exchange.INFORMATIONAL
SOON = Lifetimes(ike_soft=None, ike_hard=None, child_soft=50.0, child_hard=None)


def _two_way(**changes: object) -> Configuration:
    return replace(DEFAULT, profile=ProfileName.TWO_WAY, **changes)


def _begun(configuration: Configuration) -> Pair:
    pair = Pair(configuration)
    pair.provoke(Trigger.OPERATOR_INITIATE)
    return pair


def _sa(pair: Pair) -> IkeSa:
    sa = next(sa for sa in pair.responder.all() if sa.up)
    assert isinstance(sa, IkeSa)
    return sa


def test_the_exchanges_come_between_ike_sa_init_and_ike_auth() -> None:
    """Each additional key exchange has its IKE_INTERMEDIATE, and AUTH covers them at both ends."""
    pair = _begun(_two_way(proposals_v2=(IKE,)))

    assert pair.started() == [INIT, MORE, MORE, AUTH]
    assert pair.peer.ike.established
    assert _sa(pair).keys.sk_d == pair.peer.ike.keys.sk_d


def test_support_is_told_only_with_an_offer_of_more() -> None:
    """A device without additional key exchanges begins as ever."""
    pair = _begun(_two_way())

    assert pair.sent[0].find(v2.Notify, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) is None


def test_a_peer_that_is_not_for_it_takes_the_plain_proposal() -> None:
    """The second proposal serves where IKE_INTERMEDIATE is not supported."""
    plain = DEFAULT.proposals_v2[0]
    pair = Pair(_two_way(proposals_v2=(IKE, plain)))
    pair.peer.configuration = replace(pair.peer.configuration, intermediate_limit=0)
    pair.provoke(Trigger.OPERATOR_INITIATE)

    assert pair.started() == [INIT, AUTH]
    assert _sa(pair).suite == plain


def _chosen(change: Callable[[v2.Transform], v2.Transform | None]) -> Callable[[Message], Message]:
    """An IKE_SA_INIT response with other choices of additional key exchanges."""

    def bend(message: Message) -> Message:
        offer = message.find(v2.SecurityAssociation)
        if offer is None or message.exchange != INIT:
            return message
        (taken,) = offer.proposals
        kept = tuple(each for each in map(change, taken.transforms) if each is not None)
        bent = v2.SecurityAssociation((replace_message(taken, transforms=kept, transform_count=None),))
        return replace_message(
            message, payloads=tuple(bent if each is offer else each for each in message.payloads)
        )

    return bend


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda t: v2.Transform(t.type, Group.ECP_256) if t.type in range(6, 13) else t, id="a duplicate"
        ),
        pytest.param(lambda t: None if t.type == 7 else t, id="one left out"),
        pytest.param(
            lambda t: v2.Transform(7, Group.NONE) if t.type == 7 else t, id="NONE that was not offered"
        ),
    ],
)
def test_a_choice_that_cannot_be_ends_it(change: Callable[[v2.Transform], v2.Transform | None]) -> None:
    """RFC 9370 section 2.2.1: after duplicates, or what was not offered, no IKE_INTERMEDIATE follows."""
    pair = Pair(_two_way(proposals_v2=(IKE,)))
    pair.peer.answers_with(change=_chosen(change))
    pair.provoke(Trigger.OPERATOR_INITIATE)

    assert pair.started() == [INIT]
    assert tuple(pair.responder.all()) == ()


def test_more_exchanges_without_support_told_end_it() -> None:
    """RFC 9370 section 2.2.1: the response must confirm IKE_INTERMEDIATE."""

    def silent(message: Message) -> Message:
        told = message.find(v2.Notify, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED)
        return replace_message(message, payloads=tuple(each for each in message.payloads if each is not told))

    pair = Pair(_two_way(proposals_v2=(IKE,)))
    pair.peer.answers_with(change=silent)
    pair.provoke(Trigger.OPERATOR_INITIATE)

    assert pair.started() == [INIT]


def test_a_child_is_rekeyed_with_all_its_key_exchanges() -> None:
    """CREATE_CHILD_SA, two IKE_FOLLOWUP_KE, then the Delete of the old child; both ends have the same keys."""
    pair = _begun(_two_way(child_proposals=(CHILD,), pfs_group=Group.CURVE25519, lifetimes=SOON))
    pair.sent.clear()
    pair.wait(51.0)

    assert pair.started() == [CREATE, FOLLOW, FOLLOW, TELL]
    assert _sa(pair).children[0].keys == pair.peer.ike.children[0].keys


def test_an_ike_sa_is_rekeyed_with_all_its_key_exchanges() -> None:
    """The new IKE SA is there after the last one, with the children of the old."""
    soon = replace(SOON, ike_soft=50.0, child_soft=None)
    pair = _begun(_two_way(proposals_v2=(IKE,), lifetimes=soon))
    pair.sent.clear()
    pair.wait(51.0)

    assert pair.started() == [CREATE, FOLLOW, FOLLOW, TELL]
    assert _sa(pair).keys.sk_d == pair.peer.ike.keys.sk_d
    assert len(_sa(pair).children) == 1


def test_a_peer_that_has_forgotten_is_asked_anew_and_at_last_left() -> None:
    """RFC 9370 section 2.2.4: after STATE_NOT_FOUND the whole is begun again, and after several tries the IKE SA is deleted."""
    pair = _begun(_two_way(child_proposals=(CHILD,), pfs_group=Group.CURVE25519, lifetimes=SOON))
    pair.sent.clear()
    forgotten = v2.Notify(notify_type=NotifyType.STATE_NOT_FOUND)

    def forget(message: Message) -> Message:
        return replace_message(message, payloads=(forgotten,)) if message.exchange == FOLLOW else message

    pair.peer.answers_with(change=forget)
    pair.wait(400.0)
    started = pair.started()

    assert started[:4] == [CREATE, FOLLOW, CREATE, FOLLOW]
    assert started.count(CREATE) > 3
    assert TELL in started


def test_a_request_to_rekey_what_we_are_rekeying_is_put_off() -> None:
    """RFC 9370 section 2.2.4: TEMPORARY_FAILURE while our additional key exchanges are under way."""
    pair = _begun(_two_way(child_proposals=(CHILD,), pfs_group=Group.CURVE25519, lifetimes=SOON))
    pair.peer.ignores("follow-up")
    pair.wait(51.0)
    answer = pair.play(next(pair.peer.rekey_child()))

    (refusal,) = answer.payloads
    assert refusal.notify_type == NotifyType.TEMPORARY_FAILURE


def test_responder_only_begins_none_of_it() -> None:
    """Under responder-only limits start nothing."""
    strict = replace(
        DEFAULT, proposals_v2=(IKE,), child_proposals=(CHILD,), pfs_group=Group.CURVE25519, lifetimes=SOON
    )
    pair = Pair(strict)
    pair.play(pair.peer.connect())
    pair.wait(60.0)

    assert pair.started() == []
