"""IKE_FOLLOWUP_KE after CREATE_CHILD_SA: the responder, driven by the peer, its stranger (RFC 9370 section 2.2.4)."""

from dataclasses import replace

import pytest

from harness.codes import Exchange, Group, NotifyType, ProfileName
from harness.profile import DEFAULT, Configuration, Exchanges, Lifetimes
from harness.responder.state import IkeSa
from harness.wire import Message, v2
from testcases.selftest.responder.pairing import Pair

FURTHER = (Group.ECP_256, Group.ML_KEM_768)
CHILD = replace(DEFAULT.child_proposals[0], additional=FURTHER)
IKE = replace(DEFAULT.proposals_v2[0], additional=FURTHER)
CREATE, FOLLOW = Exchange.CREATE_CHILD_SA, Exchange.IKE_FOLLOWUP_KE


def _configured(**changes: object) -> Configuration:
    known = {"child_proposals": (CHILD,), "pfs_group": Group.CURVE25519} | changes
    return replace(DEFAULT, **known)


@pytest.fixture
def pair() -> Pair:
    """Two ends with an IKE SA, whose children are made with two additional key exchanges."""
    made = Pair(_configured())
    made.play(made.peer.connect())
    made.sent.clear()
    return made


def _sa(pair: Pair) -> IkeSa:
    sa = next(sa for sa in pair.responder.all() if sa.up)
    assert isinstance(sa, IkeSa)
    return sa


def _notify(answer: Message) -> int:
    assert answer is not None
    (notify,) = answer.payloads
    assert isinstance(notify, v2.Notify)
    return notify.notify_type


def _agree(pair: Pair) -> Message:
    """CREATE_CHILD_SA, and nothing after it."""
    script = pair.peer.create_child()
    return pair.play(next(script))


def test_a_child_is_made_once_all_its_key_exchanges_are(pair: Pair) -> None:
    """CREATE_CHILD_SA and two IKE_FOLLOWUP_KE; both ends have the same keys in the end."""
    pair.play(pair.peer.create_child())
    ours, theirs = _sa(pair).children[-1], pair.peer.ike.children[-1]

    assert [m.exchange for m in pair.sent] == [CREATE, FOLLOW, FOLLOW]
    assert len(_sa(pair).children) == 2
    assert ours.keys == theirs.keys
    assert ours.spi_in == theirs.spi_out


def test_no_child_is_there_before_the_last_key_exchange(pair: Pair) -> None:
    """The SA is created only after the series is finished; nothing of it can be used before."""
    agreed = _agree(pair)
    pair.play(pair.peer.follow_up())

    assert agreed.find(v2.Notify, NotifyType.ADDITIONAL_KEY_EXCHANGE) is not None
    assert len(_sa(pair).children) == 1


def test_each_response_but_the_last_names_the_next_exchange(pair: Pair) -> None:
    """ADDITIONAL_KEY_EXCHANGE stands where another exchange is expected, each time with another link."""
    answers = [_agree(pair), pair.play(pair.peer.follow_up()), pair.play(pair.peer.follow_up())]
    named = [answer.find(v2.Notify, NotifyType.ADDITIONAL_KEY_EXCHANGE) for answer in answers]

    assert named[2] is None
    assert len({each.data for each in named[:2]}) == 2


def test_a_child_is_rekeyed(pair: Pair) -> None:
    """The rekeyed child stands in place of the old one, which its initiator deletes."""
    old = _sa(pair).children[0]
    pair.play(pair.peer.rekey_child())

    assert [m.exchange for m in pair.sent] == [CREATE, FOLLOW, FOLLOW, Exchange.INFORMATIONAL]
    (child,) = _sa(pair).children
    assert child.spi_in != old.spi_in
    assert child.keys == pair.peer.ike.children[0].keys


def test_an_ike_sa_is_rekeyed() -> None:
    """SKEYSEED of the new IKE SA is made of all key exchanges; the children go over to it."""
    pair = Pair(replace(DEFAULT, proposals_v2=(IKE,)))
    pair.play(pair.peer.connect())
    pair.sent.clear()
    pair.play(pair.peer.rekey_ike())
    answer = pair.play(pair.peer.liveness())

    assert [m.exchange for m in pair.sent[:3]] == [CREATE, FOLLOW, FOLLOW]
    assert answer.payloads == ()
    assert _sa(pair).keys.sk_d == pair.peer.ike.keys.sk_d
    assert len(_sa(pair).children) == 1


def test_until_the_end_the_old_ike_sa_serves() -> None:
    """Between the exchanges of a rekey the IKE SA answers as before."""
    pair = Pair(replace(DEFAULT, proposals_v2=(IKE,)))
    pair.play(pair.peer.connect())
    script = pair.peer.rekey_ike()
    first = script.send(pair.play(next(script)))
    pair.play(first)

    assert pair.play(pair.peer.liveness()).payloads == ()
    assert [sa.state for sa in pair.responder.all()] == ["established"]


def test_a_link_that_is_not_known_finds_no_state(pair: Pair) -> None:
    """STATE_NOT_FOUND, which is not fatal to the IKE SA."""
    _agree(pair)

    assert _notify(pair.play(pair.peer.follow_up(link=b"another"))) == NotifyType.STATE_NOT_FOUND
    assert _sa(pair).up


def test_a_request_out_of_the_blue_finds_no_state(pair: Pair) -> None:
    """Without any CREATE_CHILD_SA before it, and without the notify."""
    answer = pair.play(pair.peer.request(FOLLOW, v2.KeyExchange(Group.ECP_256, bytes(64))))

    assert _notify(answer) == NotifyType.STATE_NOT_FOUND


def test_who_goes_on_too_late_finds_no_state() -> None:
    """The state is deleted when the next request does not come in time."""
    pair = Pair(_configured(exchanges=Exchanges(follow_up=10.0)))
    pair.play(pair.peer.connect())
    _agree(pair)
    pair.wait(9.0)
    pair.play(pair.peer.follow_up())
    pair.wait(11.0)

    assert _sa(pair).following == ()
    assert _notify(pair.play(pair.peer.follow_up())) == NotifyType.STATE_NOT_FOUND


def test_a_child_deleted_meanwhile_is_not_replaced(pair: Pair) -> None:
    """The series that was to replace it finds no state, as the rekey of a child that is gone would (RFC 7296 section 2.25.1)."""
    pair.play(next(pair.peer.rekey_child()))
    pair.play(pair.peer.delete_child())
    answer = pair.play(pair.peer.follow_up())

    assert _notify(answer) == NotifyType.STATE_NOT_FOUND
    assert _sa(pair).children == ()


@pytest.mark.parametrize(
    ("kind", "configuration"),
    [
        ("rekey-child", _configured(lifetimes=Lifetimes(child_soft=50.0))),
        ("rekey-ike", replace(DEFAULT, proposals_v2=(IKE,), lifetimes=Lifetimes(ike_soft=50.0))),
    ],
)
def test_while_the_peer_makes_key_exchanges_for_a_rekey_we_begin_none(
    kind: str, configuration: Configuration
) -> None:
    """The peer's has been agreed to already: ours is put off."""
    pair = Pair(replace(configuration, profile=ProfileName.TWO_WAY))
    pair.play(pair.peer.connect())
    pair.wait(49.0)
    script = pair.peer.rekey_child() if kind == "rekey-child" else pair.peer.rekey_ike()
    following = script.send(pair.play(next(script)))
    pair.wait(2.0)

    assert [own.kind for own in _sa(pair).deferred] == [kind]
    assert pair.started() == []
    assert pair.play(following).find(v2.KeyExchange) is not None


def test_another_method_than_negotiated_is_refused(pair: Pair) -> None:
    """The method must match the n-th that was negotiated."""
    _agree(pair)
    pair.peer.ike.following.methods = (Group.ECP_384,)

    assert _notify(pair.play(pair.peer.follow_up())) == NotifyType.INVALID_SYNTAX


def test_a_repeated_request_gets_the_same_response(pair: Pair) -> None:
    """The exchange is one like others (RFC 7296 section 2.1)."""
    _agree(pair)
    request = pair.peer.follow_up()
    first = pair.responder.receive(request.datagram, pair.now)

    assert pair.responder.receive(request.datagram, pair.now).send == first.send != ()


def test_unfinished_ones_are_bounded(pair: Pair) -> None:
    """A peer that begins without end is told that it is too much."""
    answers = [_agree(pair) for _ in range(9)]

    assert _notify(answers[-1]) == NotifyType.TEMPORARY_FAILURE
    assert answers[-2].find(v2.SecurityAssociation) is not None


def test_without_a_first_key_exchange_there_are_no_others() -> None:
    """The first child, which comes with IKE_AUTH, and one without PFS are made at once."""
    pair = Pair(_configured(pfs_group=None))
    pair.play(pair.peer.connect())
    pair.play(pair.peer.create_child(pfs=False))

    assert FOLLOW not in [m.exchange for m in pair.sent]
    assert len(_sa(pair).children) == 2


def test_a_proposal_without_the_demanded_key_exchanges_is_not_chosen(pair: Pair) -> None:
    """Policy that wants additional key exchanges takes no suite without them."""
    (suite,) = pair.peer.configuration.child_proposals
    pair.peer.configuration = replace(
        pair.peer.configuration, child_proposals=(replace(suite, additional=()),)
    )

    assert _notify(pair.play(pair.peer.create_child())) == NotifyType.NO_PROPOSAL_CHOSEN
