"""RFC 7296 sections 1.3.1 and 2.9: which children are made, for what traffic, in which mode."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.codes import NotifyType, ProfileName, Protocol, TsType
from harness.profile import DEFAULT, ChildPolicy, Selector
from harness.responder.state import IkeSa, Own
from harness.responder.v2.own import begin
from harness.wire import Message, v2
from harness.wire import replace as replace_message
from testcases.selftest.responder.pairing import Pair

OTHER = Selector("10.1.0.0/16", "10.2.0.0/16")
TWO_PARTS = replace(DEFAULT, second_selector=OTHER)


def connected(configuration: Any = DEFAULT) -> Pair:
    """A pair whose IKE SA stands, with its first child."""
    pair = Pair(configuration)
    pair.play(pair.peer.connect())
    return pair


def traffic(*pairs: tuple[str, str]) -> Any:
    """A bend that proposes these selectors, each of the peer's side and of the target's: a subnet or an address."""

    def change(message: Message) -> Message:
        proposed = {
            v2.TrafficSelectorsI: tuple(selector(mine) for mine, _ in pairs),
            v2.TrafficSelectorsR: tuple(selector(theirs) for _, theirs in pairs),
        }
        kept = (
            replace_message(p, selectors=proposed[type(p)]) if type(p) in proposed else p
            for p in message.payloads
        )
        return replace_message(message, payloads=tuple(kept))

    return change


def selector(subnet: str) -> v2.TrafficSelector:
    """All traffic of a subnet."""
    network = ip_network(subnet)
    return v2.TrafficSelector(
        ts_type=TsType.TS_IPV4_ADDR_RANGE, start=network[0].packed, end=network[-1].packed
    )


def agreed(answer: Message | None) -> list[tuple[str, str]]:
    """The ranges of TSi and TSr in an answer, pair by pair."""
    assert answer is not None
    tsi, tsr = answer.find(v2.TrafficSelectorsI), answer.find(v2.TrafficSelectorsR)
    return [(_text(mine), _text(theirs)) for mine, theirs in zip(tsi.selectors, tsr.selectors, strict=True)]


def _text(selector: Any) -> str:
    return f"{ip_address(selector.start)}-{ip_address(selector.end)}"


def notifies(answer: Message | None) -> list[int]:
    """The types of the notifies in an answer."""
    assert answer is not None
    return [notify.notify_type for notify in answer.all(v2.Notify)]


WHOLE = ("203.0.113.0-203.0.113.255", "198.51.100.0-198.51.100.255")
SECOND = ("10.2.0.0-10.2.255.255", "10.1.0.0-10.1.255.255")


def test_a_proposal_within_our_policy_comes_back_unchanged() -> None:
    """Where nothing has to be narrowed, TSi and TSr are those of the request."""
    pair = connected()
    answer = pair.play(
        pair.peer.create_child(change=traffic(("203.0.113.8/29", "198.51.100.16/28")), due=True)
    )

    assert agreed(answer) == [("203.0.113.8-203.0.113.15", "198.51.100.16-198.51.100.31")]
    assert notifies(answer) == []


def test_a_wider_proposal_is_narrowed_to_our_policy() -> None:
    """Of all traffic our subnets are taken; with one part of policy nothing more would be possible."""
    pair = connected()
    answer = pair.play(pair.peer.create_child(change=traffic(("0.0.0.0/0", "0.0.0.0/0")), due=True))

    assert agreed(answer) == [WHOLE]
    assert notifies(answer) == []


def test_more_selectors_than_a_payload_holds_are_narrowed_to_the_first() -> None:
    """Where our subnets cut each of 200 selectors in two, the answer has the first 255 parts (section 3.13)."""
    halves = replace(DEFAULT, local_subnets=("198.51.100.0/25", "198.51.100.128/25"))
    pair = connected(halves)
    many = tuple(
        replace_message(selector("198.51.100.0/24"), protocol=6, start_port=port, end_port=port)
        for port in range(200)
    )

    def change(message: Message) -> Message:
        payloads = (
            replace_message(p, selectors=many) if isinstance(p, v2.TrafficSelectorsR) else p
            for p in message.payloads
        )
        return replace_message(message, payloads=tuple(payloads))

    answer = pair.play(pair.peer.create_child(change=change, due=True))

    assert answer is not None
    assert [s.start_port for s in answer.find(v2.TrafficSelectorsR).selectors] == [n // 2 for n in range(255)]


def test_traffic_outside_our_policy_is_unacceptable() -> None:
    """TS_UNACCEPTABLE where not even a part is ours; the IKE SA stays."""
    pair = connected()
    answer = pair.play(
        pair.peer.create_child(change=traffic(("192.168.0.0/16", "198.51.100.0/24")), due=True)
    )

    assert notifies(answer) == [NotifyType.TS_UNACCEPTABLE]
    assert [len(sa.children) for sa in pair.responder.all() if sa.up] == [1]


@pytest.mark.parametrize(
    ("first", "part"),
    [(("203.0.113.7/32", "198.51.100.9/32"), WHOLE), (("10.2.0.7/32", "10.1.0.9/32"), SECOND)],
)
def test_the_first_choices_decide_which_part_is_taken(first: tuple[str, str], part: tuple[str, str]) -> None:
    """Where the proposal touches two parts of policy, the one that has the first selectors of both is taken."""
    pair = connected(TWO_PARTS)
    answer = pair.play(pair.peer.create_child(change=traffic(first, ("0.0.0.0/0", "0.0.0.0/0")), due=True))

    assert agreed(answer)[-1] == part
    assert NotifyType.ADDITIONAL_TS_POSSIBLE in notifies(answer)


def test_a_proposal_for_one_part_leaves_nothing_additional() -> None:
    """ADDITIONAL_TS_POSSIBLE is not sent where the other part of policy was not proposed."""
    pair = connected(TWO_PARTS)
    answer = pair.play(pair.peer.create_child(change=traffic(("10.2.0.0/16", "10.1.0.0/16")), due=True))

    assert agreed(answer) == [SECOND]
    assert notifies(answer) == []


def test_a_rekeyed_child_keeps_its_traffic() -> None:
    """A rekey that proposes more than the child carries is narrowed to the part in use (section 2.9.2)."""
    pair = connected(TWO_PARTS)
    pair.play(pair.peer.create_child())
    answer = pair.play(
        pair.peer.rekey_child(change=traffic(("0.0.0.0/0", "0.0.0.0/0")), due=True, delete_old=False)
    )

    assert agreed(answer) == [SECOND]


def test_two_children_of_different_selectors_stand_side_by_side() -> None:
    """A second child for the second pair of subnets leaves the first one as it is."""
    pair = connected(TWO_PARTS)
    pair.play(pair.peer.create_child())
    (sa,) = pair.responder.all()

    assert [child.local for child in sa.children] == [
        _ours("198.51.100.0/24"),
        _ours("10.1.0.0/16"),
    ]


def _ours(subnet: str) -> Any:
    from harness.responder.policy import selector as ours

    return (ours(subnet),)


SINGLE = replace(DEFAULT, children=ChildPolicy(single_pair=True))


def test_single_pair_required_refuses_a_range() -> None:
    """A policy of a child for each pair of addresses refuses a proposal that names none first."""
    pair = connected(SINGLE)
    answer = pair.play(pair.peer.create_child())

    assert notifies(answer) == [NotifyType.SINGLE_PAIR_REQUIRED]


def test_a_single_pair_is_narrowed_to_the_first_choices() -> None:
    """Under that policy a proposal whose first selectors are addresses gets a child for just them."""
    pair = connected(SINGLE)
    first = ("203.0.113.7/32", "198.51.100.9/32")
    answer = pair.play(
        pair.peer.create_child(change=traffic(first, ("203.0.113.0/24", "198.51.100.0/24")), due=True)
    )

    assert agreed(answer) == [("203.0.113.7-203.0.113.7", "198.51.100.9-198.51.100.9")]


def test_no_additional_sas_at_the_limit() -> None:
    """With a limit of two children the third is refused with NO_ADDITIONAL_SAS; a rekey is not a further one."""
    pair = connected(replace(TWO_PARTS, children=ChildPolicy(most=2)))
    answers = [pair.play(pair.peer.create_child()) for _ in range(2)]
    rekeyed = pair.play(pair.peer.rekey_child(delete_old=False))
    after = pair.play(pair.peer.create_child())

    assert [notifies(answer) for answer in answers] == [[], [NotifyType.NO_ADDITIONAL_SAS]]
    assert notifies(rekeyed) == []
    assert notifies(after) == [NotifyType.NO_ADDITIONAL_SAS]


TRANSPORT = v2.Notify(notify_type=NotifyType.USE_TRANSPORT_MODE)


@pytest.mark.parametrize("for_it", [True, False])
def test_transport_mode_is_agreed_only_if_configured(for_it: bool) -> None:
    """USE_TRANSPORT_MODE is answered by itself where configured; else the child is made in tunnel mode."""
    pair = connected(replace(DEFAULT, children=ChildPolicy(transport=for_it)))
    answer = pair.play(pair.peer.create_child(TRANSPORT))
    (sa,) = pair.responder.all()

    assert notifies(answer) == ([NotifyType.USE_TRANSPORT_MODE] if for_it else [])
    assert sa.children[-1].transport is for_it


def test_transport_mode_is_not_forced_on_a_peer() -> None:
    """A device that is for transport mode makes a tunnel where the peer does not ask for it."""
    pair = connected(replace(DEFAULT, children=ChildPolicy(transport=True)))
    answer = pair.play(pair.peer.create_child())

    assert notifies(answer) == []


@pytest.mark.parametrize(
    "notify",
    [
        v2.Notify(notify_type=NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED),
        v2.Notify(notify_type=NotifyType.NON_FIRST_FRAGMENTS_ALSO),
        v2.Notify(notify_type=NotifyType.IPCOMP_SUPPORTED, data=b"\x12\x34\x02"),
        v2.Notify(notify_type=40_000, data=b"what nobody knows"),
    ],
)
def test_what_is_not_supported_is_refused_by_silence(notify: v2.Notify) -> None:
    """TFC padding, fragments, IPComp and unknown status notifies change nothing, and nothing is said of them."""
    pair = connected()
    answer = pair.play(pair.peer.create_child(notify))

    assert notifies(answer) == []
    assert answer.find(v2.SecurityAssociation) is not None


def test_a_device_deletes_a_child_for_traffic_that_it_did_not_propose() -> None:
    """Where the peer answers with wider selectors than were proposed, the device deletes the child at once."""
    pair = connected(replace(DEFAULT, profile=ProfileName.TWO_WAY))
    pair.peer.answers_with(change=traffic(("0.0.0.0/0", "0.0.0.0/0")))
    (sa,) = pair.responder.all()
    assert isinstance(sa, IkeSa)
    context = pair.responder._context(0.0, pair.responder._neighbours.of(sa))
    step = pair.responder._apply(context, begin(context, sa, Own("new-child")))
    pair._talk(step)

    assert [len(sa.children) for sa in pair.responder.all()] == [1]
    assert len(pair.peer.ike.children) == 1


addresses = st.integers(0, 255)


@given(addresses, addresses, addresses, addresses)
@settings(max_examples=60, deadline=None)
def test_what_is_agreed_was_proposed_and_is_ours(a: int, b: int, c: int, d: int) -> None:
    """Whatever ranges are proposed, what comes back lies within the proposal and within our policy."""
    pair = connected()
    low, high = sorted((a, b))
    near, far = sorted((c, d))

    def ranges(message: Message) -> Message:
        kept = []
        for payload in message.payloads:
            if isinstance(payload, v2.TrafficSelectorsI | v2.TrafficSelectorsR):
                ours = isinstance(payload, v2.TrafficSelectorsR)
                net = bytes([198, 51, 100]) if ours else bytes([203, 0, 113])
                ends = (near, far) if ours else (low, high)
                start, end = (net + bytes([e]) for e in ends)
                one = v2.TrafficSelector(ts_type=TsType.TS_IPV4_ADDR_RANGE, start=start, end=end)
                payload = replace_message(payload, selectors=(one,))
            kept.append(payload)
        return replace_message(message, payloads=tuple(kept))

    answer = pair.play(pair.peer.create_child(change=ranges, due=True))
    (pairs,) = agreed(answer)

    assert pairs == (f"203.0.113.{low}-203.0.113.{high}", f"198.51.100.{near}-198.51.100.{far}")


def test_the_delete_of_a_child_is_of_its_protocol() -> None:
    """The Delete of an expired child names the protocol that the child has."""
    pair = connected(DEFAULT.with_lifetimes(child_soft=5.0, child_hard=10.0))
    heard: list[Message] = []
    receive = pair.peer.receive

    def listen(datagram: Any, now: float) -> Any:
        received = receive(datagram, now)
        heard.append(received.message)
        return received

    pair.peer.receive = listen
    pair.wait(11.0)

    assert [each.find(v2.Delete).protocol for each in heard if each.find(v2.Delete)] == [Protocol.ESP]
