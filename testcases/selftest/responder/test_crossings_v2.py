"""RFC 7296 section 2.25: rekeys and Deletes of the device that cross those of the peer, its stranger."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.clock import SeededEntropy
from harness.codes import Exchange, NotifyType, ProfileName, Trigger
from harness.peer import Initiator, Request
from harness.profile import DEFAULT, Exchanges, Retransmission
from harness.responder import Responder
from harness.responder.state import IkeSa, State
from harness.wire import Message, v2
from testcases.selftest.responder.pairing import PEER, PEER_NATT, TARGET, TARGET_NATT, Pair

SOON = Exchanges(busy=Retransmission(first=2.0, factor=2.0, tries=3))
TWO_WAY = replace(DEFAULT, profile=ProfileName.TWO_WAY, exchanges=SOON)
CHILD = TWO_WAY.with_lifetimes(child_soft=10.0, child_hard=1000.0)
IKE = TWO_WAY.with_lifetimes(ike_soft=10.0, ike_hard=1000.0)
BUSY, NOT_FOUND = NotifyType.TEMPORARY_FAILURE, NotifyType.CHILD_SA_NOT_FOUND


def connected(configuration: Any, seed: int = 0) -> Pair:
    """A pair with an IKE SA and a child, of this seed."""
    pair = Pair(configuration)
    pair.responder = Responder(configuration, SeededEntropy(f"d{seed}"), local=TARGET, peer=PEER)
    ends = PEER, PEER_NATT, TARGET, TARGET_NATT
    pair.peer = Initiator("alice", configuration.mirrored(), SeededEntropy(f"p{seed}"), *ends)
    pair.play(pair.peer.connect())
    return pair


def standing(pair: Pair) -> IkeSa:
    """The one IKE SA of the device that serves."""
    (sa,) = [sa for sa in pair.responder.all() if sa.up]
    assert isinstance(sa, IkeSa)
    return sa


def agree(pair: Pair) -> bool:
    """Whether both ends have one and the same IKE SA, with one and the same child."""
    sa, theirs = standing(pair), pair.peer.ike
    children = [(c.spi_out, c.spi_in, c.keys) for c in sa.children]
    known = [(c.spi_in, c.spi_out, c.keys) for c in theirs.children]
    return (sa.spi_i, sa.spi_r) == (theirs.spi_i, theirs.spi_r) and children == known and len(children) == 1


def cross(pair: Pair, steps: Iterator[Any], ask: str, *, noticed: bool) -> None:
    """The device rekeys at its soft limit while the peer does; noticed by the device alone, or by both ends."""
    pair.peer.ignores(ask)
    pair.wait(10.2)
    request = next(steps)
    assert isinstance(request, Request)
    if noticed:  # the device has the peer's request, the peer not yet the response
        pair.responder.receive(request.datagram, pair.now)
        pair.peer.answers_again()
        pair.wait(2.0)
    answer = pair.play(request)
    pair.peer.answers_again()
    while True:
        try:
            answer = pair.play(steps.send(answer))
        except StopIteration:
            break
    pair.wait(120.0)


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "unnoticed"])
@pytest.mark.parametrize("seed", range(12))
def test_crossing_rekeys_of_a_child_leave_one(seed: int, noticed: bool) -> None:
    """Whichever nonce is the lowest, and whether the peer saw it or not, one child is left, the same at both ends."""
    pair = connected(CHILD, seed)
    cross(pair, pair.peer.rekey_child(), "child-rekey", noticed=noticed)

    assert agree(pair)
    assert standing(pair).half_closed == ()


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "unnoticed"])
@pytest.mark.parametrize("seed", range(12))
def test_crossing_rekeys_of_the_ike_sa_leave_one(seed: int, noticed: bool) -> None:
    """Whichever nonce is the lowest, and whether the peer saw it or not, one IKE SA is left and it has the child."""
    pair = connected(IKE, seed)
    cross(pair, pair.peer.rekey_ike(), "ike-rekey", noticed=noticed)

    assert agree(pair)
    assert [sa for sa in pair.responder.all() if not sa.up] == []


@pytest.mark.parametrize("seed", range(6))
def test_who_made_the_lowest_nonce_deletes(seed: int) -> None:
    """After a collision the device deletes its own child if that has the lowest nonce, else the old one."""
    pair = connected(CHILD, seed)
    old = pair.peer.ike.children[0]
    deleted: list[bytes] = []
    receive = pair.peer.receive

    def listen(datagram: Any, now: float) -> Any:
        received = receive(datagram, now)
        if received.message is not None and not received.message.is_response:
            deleted.extend(spi for d in received.message.all(v2.Delete) for spi in d.spis)
        return received

    pair.peer.receive = listen
    cross(pair, pair.peer.rekey_child(), "child-rekey", noticed=True)
    renewal = old.renewal
    assert renewal is not None

    assert (deleted[0] == old.spi_out) == renewal.redundant


def notifies(answer: Message | None) -> list[int]:
    """The types of the notifies in an answer."""
    assert answer is not None
    return [notify.notify_type for notify in answer.all(v2.Notify)]


def occupied(configuration: Any, ask: str, trigger: Trigger | None = None) -> Pair:
    """A device whose own request of this kind waits, because its peer does not answer it."""
    pair = connected(configuration)
    pair.peer.ignores(ask)
    if trigger is None:
        pair.wait(10.2)
    else:
        pair.provoke(trigger)
    return pair


HARD = replace(DEFAULT, exchanges=SOON)
TABLE = {
    # while the device is …        the peer asks to …            and gets
    "rekeys child, rekey child": (CHILD, "child-rekey", None, "rekey_child", []),
    "rekeys child, new child": (CHILD, "child-rekey", None, "create_child", []),
    "rekeys child, rekey IKE SA": (CHILD, "child-rekey", None, "rekey_ike", [BUSY]),
    "rekeys child, delete child": (CHILD, "child-rekey", None, "delete_child", []),
    "rekeys child, delete IKE SA": (CHILD, "child-rekey", None, "delete_ike", []),
    "rekeys IKE SA, rekey child": (IKE, "ike-rekey", None, "rekey_child", [BUSY]),
    "rekeys IKE SA, new child": (IKE, "ike-rekey", None, "create_child", [BUSY]),
    "rekeys IKE SA, rekey IKE SA": (IKE, "ike-rekey", None, "rekey_ike", []),
    "rekeys IKE SA, delete child": (IKE, "ike-rekey", None, "delete_child", []),
    "rekeys IKE SA, delete IKE SA": (IKE, "ike-rekey", None, "delete_ike", []),
    "closes child, rekey child": (HARD, "delete", Trigger.HARD_EXPIRY, "rekey_child", [BUSY]),
    "closes child, new child": (HARD, "delete", Trigger.HARD_EXPIRY, "create_child", []),
    "closes child, rekey IKE SA": (HARD, "delete", Trigger.HARD_EXPIRY, "rekey_ike", [BUSY]),
    "closes child, delete child": (HARD, "delete", Trigger.HARD_EXPIRY, "delete_child", []),
    "closes IKE SA, rekey child": (HARD, "delete", Trigger.CLEAR, "rekey_child", [BUSY]),
    "closes IKE SA, new child": (HARD, "delete", Trigger.CLEAR, "create_child", [BUSY]),
    "closes IKE SA, rekey IKE SA": (HARD, "delete", Trigger.CLEAR, "rekey_ike", [BUSY]),
    "closes IKE SA, delete IKE SA": (HARD, "delete", Trigger.CLEAR, "delete_ike", []),
}


@pytest.mark.parametrize("collision", TABLE)
def test_a_request_that_collides_gets_what_is_said(collision: str) -> None:
    """Sections 2.25.1 and 2.25.2, combination by combination: TEMPORARY_FAILURE, or an answer as usual."""
    configuration, ask, trigger, what, expected = TABLE[collision]
    pair = occupied(configuration, ask, trigger)
    answer = pair.play(getattr(pair.peer, what)())
    pair.wait(1.0)

    assert notifies(answer) == expected


@pytest.mark.parametrize(
    ("collision", "pairs"),
    [
        ("rekeys child, delete child", 1),
        ("rekeys IKE SA, delete child", 1),
        ("closes child, delete child", 0),
    ],
)
def test_a_delete_that_collides_names_its_pair_unless_that_is_being_deleted(
    collision: str, pairs: int
) -> None:
    """A child that is being rekeyed is deleted as usual; one that this end deletes is answered without a Delete."""
    configuration, ask, trigger, what, _ = TABLE[collision]
    pair = occupied(configuration, ask, trigger)
    answer = pair.play(getattr(pair.peer, what)())

    assert len(answer.all(v2.Delete)) == pairs


def test_a_child_that_is_not_there_is_named_in_the_refusal() -> None:
    """The rekey of an unknown child gets CHILD_SA_NOT_FOUND with its SPI, without any collision."""
    pair = connected(DEFAULT)
    ghost = replace(pair.peer.ike.children[0], spi_in=b"gone")
    answer = pair.play(pair.peer.rekey_child(ghost, delete_old=False))
    (notify,) = answer.all(v2.Notify)

    assert (notify.notify_type, notify.spi) == (NOT_FOUND, b"gone")


def test_a_busy_peer_is_asked_again_later() -> None:
    """TEMPORARY_FAILURE makes the device wait, ask again, and go on when the peer is busy no more."""
    pair = connected(CHILD)
    pair.peer.refuses("child-rekey", BUSY)
    pair.wait(10.5)
    early = len(pair.started())
    pair.wait(0.4)
    pair.peer.refuses("child-rekey", None)
    at_once = len(pair.started())
    pair.wait(3.0)

    assert (early, at_once) == (1, 1)
    assert pair.started()[:2] == [Exchange.CREATE_CHILD_SA] * 2
    assert agree(pair)


def test_a_peer_that_stays_busy_loses_the_ike_sa() -> None:
    """After the last try the state is taken for out of sync: the IKE SA is deleted (section 2.25)."""
    pair = connected(CHILD)
    (first,) = pair.responder.all()
    pair.peer.refuses("child-rekey", BUSY)
    pair.wait(60.0)

    tries = [Exchange.CREATE_CHILD_SA] * (1 + SOON.busy.tries)
    assert pair.started()[: len(tries) + 1] == [*tries, Exchange.INFORMATIONAL]
    assert pair.responder.find(first.ours) is None


def test_a_child_that_the_peer_has_not_is_made_anew() -> None:
    """CHILD_SA_NOT_FOUND makes the device drop the child silently and ask for a new one, if its profile permits."""
    pair = connected(CHILD)
    pair.peer.ike.children = []
    pair.wait(12.0)

    assert pair.started() == [Exchange.CREATE_CHILD_SA] * 2
    assert agree(pair)


def test_a_rekey_ok_device_makes_no_child_anew() -> None:
    """Under a profile that may only rekey, CHILD_SA_NOT_FOUND ends the child and starts nothing."""
    pair = connected(replace(CHILD, profile=ProfileName.REKEY_OK))
    pair.peer.ike.children = []
    pair.wait(12.0)

    assert pair.started() == [Exchange.CREATE_CHILD_SA]
    assert standing(pair).children == ()


def test_a_rekey_that_is_refused_for_good_ends_the_ike_sa_with_the_child() -> None:
    """Where rekeying failed, the IKE SA is closed when the child has expired (section 2.8)."""
    pair = connected(TWO_WAY.with_lifetimes(child_soft=10.0, child_hard=20.0))
    (first,) = pair.responder.all()
    pair.peer.refuses("child-rekey", NotifyType.NO_ADDITIONAL_SAS)
    pair.wait(30.0)

    assert pair.responder.find(first.ours) is None


def test_the_peers_wish_for_another_group_is_followed_once() -> None:
    """INVALID_KE_PAYLOAD to a rekey with a key exchange is followed by one in the group that the peer names."""
    configuration = replace(CHILD, pfs_group=14)
    pair = connected(configuration)
    pair.peer.answers_with(change=_other_group)
    pair.wait(10.5)
    pair.peer.answers_with()
    pair.wait(5.0)
    asked = [m for m in pair.sent if m.exchange == Exchange.CREATE_CHILD_SA and not m.is_response]

    assert len(asked) == 2


def _other_group(message: Message) -> Message:
    from harness.wire import replace as replace_message

    notify = v2.Notify(notify_type=NotifyType.INVALID_KE_PAYLOAD, data=(19).to_bytes(2, "big"))
    return replace_message(message, payloads=(notify,))


def test_a_replaced_ike_sa_that_the_peer_leaves_standing_is_deleted() -> None:
    """A peer that rekeys the IKE SA and does not delete the old one is helped by a Delete, after a while."""
    pair = connected(DEFAULT)
    pair.play(pair.peer.rekey_ike(delete_old=False))
    before = [sa.state for sa in pair.responder.all()]
    pair.wait(3 * DEFAULT.exchanges.retransmission.patience)

    assert State.REKEYED in before
    assert pair.started() == [Exchange.INFORMATIONAL]
    assert [sa.up for sa in pair.responder.all()] == [True]
