"""RFC 6311: an IKE SA whose responder fails over from one node to another, and whose peer is such a cluster."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import SeededEntropy
from harness.codes import Exchange, NotifyType, ProfileName, Trigger
from harness.peer.v2.counters import counters
from harness.profile import DEFAULT, Cluster, Dpd, Exchanges, Retransmission
from harness.responder import Responder, Step
from harness.responder.state import IkeSa
from harness.wire import Message, decode, v2
from harness.wire.datagram import Datagram
from testcases.selftest.responder.pairing import PEER, TARGET, Pair

CLUSTERED = replace(DEFAULT, cluster=Cluster())
IDS, REPLAY = (
    NotifyType.IKEV2_MESSAGE_ID_SYNC_SUPPORTED,
    NotifyType.IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED,
)


def connected(configuration: Any = CLUSTERED) -> Pair:
    """A pair whose IKE SA stands."""
    pair = Pair(configuration)
    pair.play(pair.peer.connect())
    return pair


def fail_over(pair: Pair, stale: tuple[Any, ...] | None = None, seed: int = 7) -> Step:
    """Another node takes over, with what it was told last, and begins to serve."""
    told = pair.responder.export() if stale is None else stale
    pair.responder = Responder(pair.responder.configuration, SeededEntropy(seed), local=TARGET, peer=PEER)
    pair.responder.adopt(told, pair.now)
    pair.provoke(Trigger.FAILOVER)
    return pair.steps[-1]


def standing(pair: Pair) -> IkeSa:
    """The IKE SA at the responder."""
    (sa,) = [sa for sa in pair.responder.all() if sa.up]
    assert isinstance(sa, IkeSa)
    return sa


def test_a_window_without_end_leaves_message_ids_that_can_be_told() -> None:
    """However many requests the peer says it keeps, the synchronisation names a Message ID (sections 5.1, 6.3)."""
    pair = connected()
    endless = v2.Notify(notify_type=NotifyType.SET_WINDOW_SIZE, data=b"\xff" * 4)
    pair.play(pair.peer.informational(endless))

    assert fail_over(pair).events == ("synchronised",)


@pytest.mark.parametrize("ours", [None, Cluster(), Cluster(replay_counters=False)])
@pytest.mark.parametrize("theirs", [None, Cluster(), Cluster(message_ids=False)])
def test_only_what_both_assert_is_agreed(ours: Cluster | None, theirs: Cluster | None) -> None:
    """The responder asserts exactly what it is configured for and the initiator asserted too (section 5)."""
    pair = Pair(replace(DEFAULT, cluster=ours))
    pair.peer.configuration = replace(pair.peer.configuration, cluster=theirs)
    pair.play(pair.peer.connect())
    told = {n.notify_type for n in _opened_auth(pair).all(v2.Notify)}
    both = ours is not None and theirs is not None

    assert (IDS in told) == (both and ours.message_ids and theirs.message_ids)
    assert (REPLAY in told) == (both and ours.replay_counters and theirs.replay_counters)


def _opened_auth(pair: Pair) -> Message:
    pair.peer.ike.served = {}
    (said,) = [m for m in pair.sent if m.exchange == Exchange.IKE_AUTH]
    opened = pair.peer._opened(pair.peer.ike, said.encode(), said)
    assert isinstance(opened, Message)
    return opened


def test_a_stale_member_catches_up_with_its_peer() -> None:
    """A member that was told of the SA long ago synchronises, and then serves the peer's next request."""
    pair = connected()
    stale = pair.responder.export()
    for _ in range(5):
        pair.play(pair.peer.liveness())
    fail_over(pair, stale)
    answer = pair.play(pair.peer.liveness())

    assert answer is not None
    assert standing(pair).expected == pair.peer.ike.next_message_id


def test_without_synchronisation_a_stale_member_is_deaf() -> None:
    """Where it was not agreed, the same member takes the peer's next request for one outside the window."""
    pair = connected(DEFAULT)
    stale = pair.responder.export()
    for _ in range(5):
        pair.play(pair.peer.liveness())
    fail_over(pair, stale)

    assert pair.play(pair.peer.liveness()) is None


def test_the_synchronisation_has_message_id_zero_and_nothing_else() -> None:
    """The request is an INFORMATIONAL of Message ID 0 with IKEV2_MESSAGE_ID_SYNC and IPSEC_REPLAY_COUNTER_SYNC alone."""
    pair = connected()
    before = len(pair.sent)
    fail_over(pair)
    (asked,) = pair.sent[before:]

    assert (asked.exchange, asked.message_id, asked.is_response) == (Exchange.INFORMATIONAL, 0, False)


def test_replay_counters_alone_are_synchronised_in_an_exchange_like_any_other() -> None:
    """Without Message IDs to synchronise the request takes the next Message ID (section 5)."""
    pair = connected(replace(DEFAULT, cluster=Cluster(message_ids=False)))
    pair.provoke(Trigger.CLEAR)
    pair.play(pair.peer.connect())
    fail_over(pair)
    sent = pair.peer.flows[pair.peer.ike.children[0].spi_in].sent

    assert sent == Cluster().missed
    assert standing(pair).next_own == 1


def test_both_ends_skip_the_numbers_that_were_missed() -> None:
    """After the failover the member and its peer raise the sequence numbers of what they send (section 5.2)."""
    pair = connected()
    fail_over(pair)
    flow = pair.peer.flows[pair.peer.ike.children[0].spi_in]

    assert standing(pair).children[0].traffic.sent == Cluster().missed
    assert flow.sent == Cluster().missed


def test_a_request_that_was_under_way_is_asked_anew() -> None:
    """What the failed member had asked without an answer is asked again under a new Message ID."""
    pair = connected(replace(CLUSTERED, dpd=Dpd(interval=5.0)))
    pair.peer.ignores("liveness")
    pair.wait(5.5)
    pair.peer.answers_again()
    pair.provoke(Trigger.FAILOVER)
    sa = standing(pair)

    assert (sa.outstanding, sa.queue) == ((), ())
    assert pair.peer.ike.expected_message_id == sa.next_own


def test_a_strict_responder_starts_nothing_but_the_synchronisation() -> None:
    """Under responder-only a failover makes one INFORMATIONAL exchange and no other."""
    pair = connected()
    fail_over(pair)
    pair.wait(60.0)

    assert pair.started() == [Exchange.INFORMATIONAL]


def test_a_two_way_member_makes_no_second_ike_sa() -> None:
    """With an SA to synchronise, a two-way member does not begin another one."""
    pair = connected(replace(CLUSTERED, profile=ProfileName.TWO_WAY))
    fail_over(pair)

    assert pair.started() == [Exchange.INFORMATIONAL]


@pytest.mark.parametrize(
    "bent",
    [
        lambda data: b"\0" + data[1:] if data[0] else b"\1" + data[1:],
        lambda data: data[:4] + bytes(8),
        lambda data: data[:11],
    ],
)
def test_an_answer_that_does_not_fit_is_dropped(bent: Any) -> None:
    """Another nonce, Message IDs that go back, or another size: the response counts for nothing (section 5.1)."""
    pair = connected()
    before = standing(pair).next_own

    def change(message: Message) -> Message:
        (notify,) = message.payloads
        return replace_payloads(message, (v2.Notify(notify_type=notify.notify_type, data=bent(notify.data)),))

    pair.peer.answers_with(change=change)
    step = fail_over(pair)
    sa = standing(pair)

    assert "synchronised" not in step.events
    assert [each.own.kind for each in sa.outstanding] == ["synchronise"]
    assert sa.next_own > before


def replace_payloads(message: Message, payloads: tuple[Any, ...]) -> Message:
    """The message with other payloads."""
    from harness.wire import replace as replace_message

    return replace_message(message, payloads=payloads)


def test_an_answer_with_more_in_it_is_dropped() -> None:
    """A response with another payload beside the notify counts for nothing."""
    pair = connected()
    more = v2.Notify(notify_type=40_000)
    pair.peer.answers_with(change=lambda m: replace_payloads(m, (*m.payloads, more)))
    fail_over(pair)

    assert [each.own.kind for each in standing(pair).outstanding] == ["synchronise"]


def ask(pair: Pair, sends: int, expects: int, *more: Any, nonce: bytes = b"once", **changes: Any) -> Any:
    """The peer, as a cluster, synchronises."""
    told = counters(nonce, sends, expects)
    return pair.play(pair.peer.informational(told, *more, message_id=0, due=True, **changes))


def heard(answer: Message | None) -> tuple[bytes, int, int]:
    """Nonce, next to send and next expected of an answer."""
    assert answer is not None
    (notify,) = answer.payloads
    data = notify.data
    return data[:4], int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:], "big")


def test_the_peer_of_a_cluster_answers_with_the_higher_values() -> None:
    """M2 is at least M1, P2 at least P1 and beyond what this end used; the nonce comes back (section 5.1)."""
    pair = connected()
    answer = ask(pair, 40, 0)
    sa = standing(pair)

    assert heard(answer) == (b"once", 0, 40)
    assert (sa.expected, sa.next_own) == (40, 0)


def test_the_peer_follows_a_higher_expectation() -> None:
    """Where the cluster expects a later Message ID than this end would use, that is used."""
    pair = connected()

    assert heard(ask(pair, 40, 17)) == (b"once", 17, 40)


@pytest.mark.parametrize("sends", [0, 1])
def test_an_old_synchronisation_is_dropped(sends: int) -> None:
    """M1 must be above every Message ID that was seen from the cluster."""
    pair = connected()

    assert ask(pair, sends, 0) is None


def test_a_replayed_synchronisation_changes_nothing() -> None:
    """The same message once more, after another request was served, gets no answer and moves no counter."""
    pair = connected()
    ask(pair, 40, 0, mark="sync")
    pair.peer.ike.next_message_id = 40
    pair.play(pair.peer.liveness())
    before = standing(pair)
    sent = len(pair.sent)
    pair.play(pair.peer.again("sync"))

    assert len(pair.sent) == sent
    assert standing(pair).expected == before.expected


def test_a_repeated_synchronisation_whose_answer_was_lost_is_answered_again() -> None:
    """As long as nothing newer came, the same octets get the same response (RFC 7296 section 2.1)."""
    pair = connected()
    ask(pair, 40, 0, mark="sync")
    pair.play(pair.peer.again("sync"))
    first, second = pair.sent[-2:]

    assert first.encode() == second.encode()


def test_a_synchronisation_with_other_payloads_is_dropped() -> None:
    """Nothing but IPSEC_REPLAY_COUNTER_SYNC may stand beside IKEV2_MESSAGE_ID_SYNC."""
    pair = connected()

    assert ask(pair, 40, 0, v2.Notify(notify_type=40_000)) is None


def test_the_peer_raises_its_replay_counters_after_the_message_ids() -> None:
    """Both notifies in one request: the children's outgoing numbers rise; in a replay they don't (section 5.2)."""
    pair = connected()
    raised = v2.Notify(notify_type=NotifyType.IPSEC_REPLAY_COUNTER_SYNC, data=(500).to_bytes(4, "big"))
    ask(pair, 40, 0, raised)
    ask(pair, 39, 0, raised, nonce=b"late")

    assert standing(pair).children[0].traffic.sent == 500


def test_what_the_peer_had_asked_is_asked_again() -> None:
    """The peer of a cluster waits no longer for an answer of the failed member; it asks under a new Message ID."""
    pair = connected(replace(CLUSTERED, dpd=Dpd(interval=5.0)))
    pair.peer.ignores("liveness")
    pair.wait(5.5)
    answer = ask(pair, 40, 9)

    assert heard(answer)[1] == 9
    assert [each.message_id for each in standing(pair).outstanding] == [9]


def test_the_first_request_of_a_rekeyed_sa_is_no_synchronisation() -> None:
    """On an IKE SA that a rekey made, an ordinary request of Message ID 0 is served as ever."""
    pair = connected()
    pair.play(pair.peer.rekey_ike())
    answer = pair.play(pair.peer.liveness())

    assert answer is not None
    assert standing(pair).session.message_ids


def test_an_exported_sa_carries_nothing_that_is_under_way() -> None:
    """What members tell each other leaves out requests without answer and responses that could be repeated."""
    pair = connected(replace(CLUSTERED, dpd=Dpd(interval=5.0)))
    pair.peer.ignores("liveness")
    pair.wait(5.5)
    (told,) = pair.responder.export()
    assert isinstance(told, IkeSa)

    assert (told.outstanding, told.queue, told.served) == ((), (), ())


def test_an_adopted_sa_ends_with_its_own_lifetime() -> None:
    """The member that takes over deletes the IKE SA when it would have ended at the failed one."""
    configuration = CLUSTERED.with_lifetimes(ike_soft=50.0, ike_hard=60.0)
    pair = connected(configuration)
    pair.wait(40.0)
    fail_over(pair)
    pair.wait(19.0)
    before = [sa.up for sa in pair.responder.all()]
    pair.wait(2.0)

    assert before == [True]
    assert [sa for sa in pair.responder.all() if sa.up] == []


@given(st.lists(st.sampled_from(("peer", "device", "tell", "fail")), max_size=14))
@settings(max_examples=60, deadline=None)
def test_any_number_of_failovers_leaves_the_sa_alive(happenings: list[str]) -> None:
    """However often members fail, and however stale what the next one knows, peer and member still talk both ways."""
    lasting = Exchanges(retransmission=Retransmission(tries=3))
    pair = connected(replace(CLUSTERED, dpd=Dpd(interval=3.0), exchanges=lasting))
    told = pair.responder.export()
    for number, what in enumerate(happenings):
        if what == "peer":
            assert pair.play(pair.peer.liveness()) is not None
        elif what == "device":
            pair.wait(4.0)
        elif what == "tell":
            told = pair.responder.export()
        else:
            fail_over(pair, told, seed=number)
            told = pair.responder.export()
    pair.wait(4.0)

    assert pair.play(pair.peer.liveness()) is not None
    assert standing(pair).outstanding == ()


def test_no_synchronisation_makes_the_responder_raise() -> None:
    """A thousand notifies of any data under Message ID zero change or drop, and raise nothing."""
    pair, entropy = connected(), SeededEntropy(5)
    for _ in range(1000):
        data = entropy.octets(entropy.below(20))
        notify = v2.Notify(notify_type=NotifyType.IKEV2_MESSAGE_ID_SYNC + entropy.below(2), data=data)
        request = pair.peer.informational(notify, message_id=0, hostile=True)
        step = pair.responder.receive(request.datagram, 0.0)
        assert all(isinstance(decode(d.data), Message) for d in step.send if isinstance(d, Datagram))

    assert standing(pair).up
