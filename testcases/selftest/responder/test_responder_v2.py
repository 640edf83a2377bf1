"""The reference responder's IKEv2 half, driven by the peer, its stranger."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.clock import SeededEntropy
from harness.codes import Exchange, NotifyType, ProfileName, Trigger
from harness.peer import Send
from harness.profile import DEFAULT, Dpd, Selector
from harness.responder import Responder, Step
from harness.responder.deviants import DEVIANTS
from harness.wire import Message, decode, v2
from harness.wire import replace as replace_message
from harness.wire.datagram import Datagram
from testcases.selftest.responder.pairing import PEER, TARGET, Pair


@pytest.fixture
def pair() -> Pair:
    """A strict responder and its peer."""
    return Pair()


def two_way(**changes: Any) -> Pair:
    """A two-way device and its peer."""
    return Pair(replace(DEFAULT, profile=ProfileName.TWO_WAY, **changes))


def test_every_configured_suite_completes_the_initial_exchanges() -> None:
    """Each of the default suites brings up an IKE SA with a child."""
    states = []
    for suite in DEFAULT.proposals_v2:
        pair = Pair(replace(DEFAULT, proposals_v2=(suite,)))
        pair.play(pair.peer.connect())
        states.append([(sa.up, len(sa.children)) for sa in pair.responder.all()])

    assert states == [[(True, 1)]] * len(DEFAULT.proposals_v2)


def test_both_ends_agree_on_the_child_keys(pair: Pair) -> None:
    """The keys of the first child are the same at both ends, direction by direction."""
    pair.play(pair.peer.connect())
    (sa,) = pair.responder.all()

    assert sa.children[0].keys == pair.peer.ike.children[0].keys


def test_a_half_open_sa_is_forgotten_in_time(pair: Pair) -> None:
    """An SA whose peer does not come back is gone after the half-open lifetime, without a word."""
    pair.play(pair.peer.ike_sa_init())
    pair.wait(DEFAULT.lifetimes.half_open + 1)

    assert list(pair.responder.all()) == []
    assert pair.started() == []


def test_a_repeated_init_after_auth_is_ignored(pair: Pair) -> None:
    """RFC 7296 section 2.1: an IKE_SA_INIT repeated after its IKE_AUTH came gets no answer."""
    pair.play(pair.peer.ike_sa_init(mark="init"))
    pair.play(pair.peer.ike_auth())
    before = len(pair.sent)
    pair.play(pair.peer.again("init"))

    assert len(pair.sent) == before


def test_a_cookie_is_demanded_from_the_threshold_on() -> None:
    """With a threshold of two the third half-open SA needs a cookie."""
    pair = Pair(replace(DEFAULT, cookie_threshold=2))
    answers = [pair.play(pair.peer.ike_sa_init(follow=False)) for _ in range(3)]

    assert [a.find(v2.Notify, NotifyType.COOKIE) is not None for a in answers] == [False, False, True]


def test_unknown_spis_are_answered_with_a_limited_rate(pair: Pair) -> None:
    """RFC 7296 section 2.21.4: of a thousand requests for an unknown SPI within a second few are answered."""
    stray = Message(bytes(range(1, 9)), bytes(range(9, 17)), Exchange.INFORMATIONAL, 0x08, 5, ()).encode()
    for _ in range(1000):
        pair.play(Send(stray, PEER, TARGET))

    assert 1 <= len(pair.sent) <= 20


@pytest.mark.parametrize("trigger", [t for t in Trigger if t is not Trigger.CLOCK_STEP])
@pytest.mark.parametrize("version", [1, 2])
def test_strict_is_silent_on_every_trigger(trigger: Trigger, version: int) -> None:
    """Under responder-only no local event starts an exchange, whether an SA stands or not; Deletes are allowed."""
    pair = Pair(replace(DEFAULT, initiate_version=version, second_selector=SECOND))
    pair.provoke(trigger)
    pair.play(pair.peer.connect())
    pair.provoke(trigger)
    pair.wait(30.0)

    assert set(pair.started()) <= {Exchange.INFORMATIONAL}


SECOND = Selector("198.51.100.0/25", "203.0.113.128/25")
STARTS_WITHOUT_SA = (
    Trigger.BOOT,
    Trigger.INTERFACE_UP,
    Trigger.MATCHING_TRAFFIC,
    Trigger.SECOND_SELECTOR,
    Trigger.MULTICAST,
    Trigger.ROUTE_CONVERGENCE,
    Trigger.RELOAD,
    Trigger.CLEAR,
    Trigger.OPERATOR_INITIATE,
    Trigger.ADDRESS_CHANGE,
    Trigger.FAILOVER,
)


@pytest.mark.parametrize("trigger", STARTS_WITHOUT_SA)
def test_two_way_makes_an_sa_on_a_trigger(trigger: Trigger) -> None:
    """A two-way device without SA starts IKE_SA_INIT on the trigger, and its peer completes it with a child."""
    pair = two_way(second_selector=SECOND)
    pair.provoke(trigger)

    assert pair.started()[:2] == [Exchange.IKE_SA_INIT, Exchange.IKE_AUTH]
    assert [(sa.up, len(sa.children)) for sa in pair.responder.all()] == [(True, 1)]


def test_two_way_rekeys_a_child_at_its_soft_limit() -> None:
    """A two-way device rekeys the child at its soft limit and deletes the old one."""
    pair = Pair(
        replace(DEFAULT, profile=ProfileName.TWO_WAY).with_lifetimes(child_soft=10.0, child_hard=20.0)
    )
    pair.play(pair.peer.connect())
    pair.wait(15.0)

    assert pair.started() == [Exchange.CREATE_CHILD_SA, Exchange.INFORMATIONAL]
    assert [len(sa.children) for sa in pair.responder.all() if sa.up] == [1]


def test_two_way_rekeys_the_ike_sa_at_its_soft_limit() -> None:
    """A two-way device rekeys the IKE SA at its soft limit, owns the new one, and its children move there."""
    pair = Pair(replace(DEFAULT, profile=ProfileName.TWO_WAY).with_lifetimes(ike_soft=10.0, ike_hard=20.0))
    pair.play(pair.peer.connect())
    pair.wait(12.0)
    (heir,) = [sa for sa in pair.responder.all() if sa.up]

    assert (heir.we_started, len(heir.children)) == (True, 1)
    assert pair.started() == [Exchange.CREATE_CHILD_SA, Exchange.INFORMATIONAL]


def test_an_expired_child_is_deleted_and_the_peer_told() -> None:
    """At the hard limit of a child a strict device sends its Delete and nothing else."""
    pair = Pair(DEFAULT.with_lifetimes(child_soft=5.0, child_hard=10.0))
    pair.play(pair.peer.connect())
    pair.wait(15.0)

    assert pair.started() == [Exchange.INFORMATIONAL]
    assert pair.peer.ike.children == []


def test_a_lost_peer_is_given_up_without_a_new_start() -> None:
    """A strict device that finds its peer dead drops the SA after its retransmissions, and starts nothing."""
    pair = Pair(replace(DEFAULT, dpd=Dpd(interval=5.0)))
    pair.play(pair.peer.connect())
    pair.peer.ignores("liveness")
    pair.wait(60.0)

    assert list(pair.responder.all()) == []
    assert set(pair.started()) == {Exchange.INFORMATIONAL}


def test_the_same_seed_gives_the_same_octets() -> None:
    """Two responders with the same entropy and the same datagrams send the same octets."""
    runs = []
    for _ in range(2):
        pair = Pair()
        pair.play(pair.peer.connect())
        pair.play(pair.peer.rekey_ike())
        runs.append([m.encode() for m in pair.sent])

    assert runs[0] == runs[1]


def _dialogue() -> Iterator[Datagram]:
    """The datagrams of an honest peer: initial exchanges, a rekey of each kind, liveness, Deletes."""
    pair = Pair()
    said: list[Datagram] = []
    receive = pair.responder.receive

    def listen(datagram: Datagram, now: float) -> Step:
        said.append(datagram)
        return receive(datagram, now)

    pair.responder.receive = listen
    for script in (pair.peer.connect, pair.peer.create_child, pair.peer.rekey_child, pair.peer.rekey_ike):
        pair.play(script())
    pair.play(pair.peer.liveness())
    pair.play(pair.peer.delete_child())
    pair.play(pair.peer.delete_ike())
    yield from said


def test_no_datagram_makes_the_responder_raise() -> None:
    """Four thousand mutations of an honest dialogue, played in order into fresh responders, raise nothing."""
    entropy = SeededEntropy(3)
    honest = list(_dialogue())
    for _ in range(4000 // len(honest)):
        responder = Responder(DEFAULT, SeededEntropy(1), local=TARGET, peer=PEER)
        for datagram in honest:
            octets = bytearray(datagram.data)
            for _ in range(1 + entropy.below(3)):
                octets[entropy.below(len(octets))] = entropy.below(256)
            cut = bytes(octets[: entropy.below(len(octets) + 1)]) if entropy.chance(0.1) else bytes(octets)
            responder.receive(datagram._replace(data=cut), 0.0)
            responder.receive(datagram, 0.0)

    assert all(sa.version == 2 for sa in responder.all())


def test_every_deviant_still_completes_an_honest_handshake_or_says_why_not() -> None:
    """Most deviants break one rule only: all but those named bring up an IKE SA with an honest peer."""
    broken = set()
    for name, deviant in DEVIANTS.items():
        pair = Pair(rules=deviant.rules)
        pair.play(pair.peer.connect())
        if not any(sa.up for sa in pair.responder.all()):
            broken.add(name)

    assert broken <= {
        "mute",
        "returns-every-proposal",
        "answers-from-another-port",
        "sets-the-initiator-flag",
    }


def notifies(message: Message | None) -> list[int]:
    """The types of the notifies in an answer."""
    assert message is not None
    return [notify.notify_type for notify in message.all(v2.Notify)]


def test_a_count_that_is_not_true_is_malformed(pair: Pair) -> None:
    """A Delete that announces more SPIs than it has is answered with INVALID_SYNTAX, and ends the IKE SA."""
    pair.play(pair.peer.connect())

    answer = pair.play(pair.peer.informational(v2.Delete(protocol=3, spi_size=4, count=200)))

    assert notifies(answer) == [NotifyType.INVALID_SYNTAX]
    assert not any(sa.up for sa in pair.responder.all())


def test_a_proposal_without_a_mandatory_transform_is_not_taken(pair: Pair) -> None:
    """An ESP proposal that says nothing of extended sequence numbers fits nothing (RFC 7296 section 3.3.3)."""
    pair.play(pair.peer.ike_sa_init())

    def without_esn(message: Message) -> Message:
        return replace_message(message, payloads=tuple(map(_without_esn, message.payloads)))

    answer = pair.play(pair.peer.ike_auth(change=without_esn, due=True))

    assert notifies(answer) == [NotifyType.NO_PROPOSAL_CHOSEN]


def _without_esn(payload: Any) -> Any:
    if not isinstance(payload, v2.SecurityAssociation):
        return payload
    bare = [replace_message(p, transforms=p.transforms[:-1]) for p in payload.proposals]
    return replace_message(payload, proposals=tuple(bare))


def test_a_peer_that_asks_for_eap_is_not_authenticated(pair: Pair) -> None:
    """An IKE_AUTH without AUTH, which asks for EAP, is refused with AUTHENTICATION_FAILED (RFC 7296 section 2.16)."""
    pair.play(pair.peer.ike_sa_init())

    def without_auth(message: Message) -> Message:
        kept = tuple(p for p in message.payloads if not isinstance(p, v2.Authentication))
        return replace_message(message, payloads=kept)

    answer = pair.play(pair.peer.ike_auth(change=without_auth, due=True))

    assert notifies(answer) == [NotifyType.AUTHENTICATION_FAILED]


def test_a_peer_that_names_the_group_it_was_sent_ends_the_exchange() -> None:
    """INVALID_KE_PAYLOAD with the very group that was sent makes a two-way device give up, not ask for ever."""
    pair = two_way()
    (first,) = pair.responder.provoke(Trigger.BOOT, 0.0).send
    asked = decode(first.data)
    group = asked.find(v2.KeyExchange).group.to_bytes(2, "big")
    refusal = v2.Notify(notify_type=NotifyType.INVALID_KE_PAYLOAD, data=group)
    answer = Message(asked.spi_i, bytes(8), Exchange.IKE_SA_INIT, 0x20, 0, (refusal,)).encode()
    step = pair.responder.receive(Datagram(PEER, TARGET, answer), 0.1)

    assert step.send == ()
    assert list(pair.responder.all()) == []
