"""What an IKEv2 device starts by itself under each of the four profiles, occasion by occasion."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.codes import Exchange, NotifyType, ProfileName, Trigger
from harness.profile import DEFAULT, Cluster, Dpd, Selector
from harness.wire import Message, v2
from testcases.selftest.responder.pairing import Pair

SECOND = Selector("198.51.100.0/25", "203.0.113.128/25")
Kinds = frozenset[str]
"""What was started: ike-sa, first-child, child-rekey, ike-rekey, liveness, delete, notify."""


class Watched(Pair):
    """A pair that notes what the device starts, with the peer's eyes."""

    def __init__(self, profile: ProfileName, **changes: Any) -> None:
        configuration = replace(DEFAULT, profile=profile, second_selector=SECOND, **changes)
        self.seen: list[str] = []
        super().__init__(configuration)
        receive = self.peer.receive

        def listen(datagram: Any, now: float) -> Any:
            received = receive(datagram, now)
            if received.message is not None and not received.message.is_response:
                self.seen.append(kind_of(received.message))
            return received

        self.peer.receive = listen


def kind_of(message: Message) -> str:
    """What a request of the device begins."""
    if message.exchange in (Exchange.IKE_SA_INIT, Exchange.IKE_AUTH):
        return "ike-sa"
    if message.exchange == Exchange.CREATE_CHILD_SA:
        if message.find(v2.TrafficSelectorsI) is None:
            return "ike-rekey"
        rekeyed = message.find(v2.Notify, NotifyType.REKEY_SA) is not None
        return "child-rekey" if rekeyed else "first-child"
    if message.find(v2.Delete) is not None:
        return "delete"
    return "notify" if message.payloads else "liveness"


def connected(profile: ProfileName, **changes: Any) -> Watched:
    """A device of this profile on whose IKE SA, made by the peer, stands a child."""
    pair = Watched(profile, **changes)
    pair.play(pair.peer.connect())
    return pair


def childless(profile: ProfileName) -> Watched:
    """The same, but without a child."""
    pair = Watched(profile)
    pair.play(pair.peer.ike_sa_init())
    pair.play(pair.peer.ike_auth(child=False))
    return pair


def provoked(
    trigger: Trigger, make: Callable[[ProfileName], Watched] = Watched
) -> Callable[[ProfileName], Kinds]:
    """What a local event makes the device start, within a minute, on what `make` prepares."""

    def occasion(profile: ProfileName) -> Kinds:
        pair = make(profile)
        pair.provoke(trigger)
        pair.wait(60.0)
        return frozenset(pair.seen)

    return occasion


def in_time(seconds: float, **lifetimes: float) -> Callable[[ProfileName], Kinds]:
    """What the passing of time makes a device with these lifetimes start, on what the peer made."""

    def occasion(profile: ProfileName) -> Kinds:
        spans = DEFAULT.with_lifetimes(**lifetimes).lifetimes
        pair = connected(profile, lifetimes=spans)
        pair.wait(seconds)
        return frozenset(pair.seen)

    return occasion


def after_delete(what: str) -> Callable[[ProfileName], Kinds]:
    """What the device starts when the peer has deleted its child or its IKE SA."""

    def occasion(profile: ProfileName) -> Kinds:
        pair = connected(profile)
        pair.play(pair.peer.delete_child() if what == "child" else pair.peer.delete_ike())
        pair.wait(60.0)
        return frozenset(pair.seen)

    return occasion


def peer_vanishes(profile: ProfileName) -> Kinds:
    """What the device starts when its peer answers no more."""
    pair = connected(profile, dpd=Dpd(interval=5.0))
    pair.peer.ignores("liveness")
    pair.wait(120.0)
    return frozenset(pair.seen)


def failover(profile: ProfileName) -> Kinds:
    """What a member of a cluster starts that takes the peer's IKE SA over."""
    pair = connected(profile, cluster=Cluster())
    pair.provoke(Trigger.FAILOVER)
    pair.wait(60.0)
    return frozenset(pair.seen)


NOTHING: Kinds = frozenset()
A, D, L, N = frozenset({"ike-sa"}), frozenset({"delete"}), frozenset({"liveness"}), frozenset({"notify"})
FIRST, CHILD, IKE = frozenset({"first-child"}), frozenset({"child-rekey"}), frozenset({"ike-rekey"})
STRICT, REKEY_OK, P1_ONLY, TWO_WAY = ProfileName

TABLE: dict[str, tuple[Callable[[ProfileName], Kinds], Kinds, Kinds, Kinds, Kinds]] = {
    # an occasion                      how it comes about           strict   rekey-ok  p1-only  two-way
    "boot": (provoked(Trigger.BOOT), NOTHING, NOTHING, NOTHING, A),
    "interface up": (provoked(Trigger.INTERFACE_UP), NOTHING, NOTHING, NOTHING, A),
    "routes converge": (provoked(Trigger.ROUTE_CONVERGENCE), NOTHING, NOTHING, NOTHING, A),
    "operator": (provoked(Trigger.OPERATOR_INITIATE), NOTHING, NOTHING, NOTHING, A),
    "reload": (provoked(Trigger.RELOAD), NOTHING, NOTHING, NOTHING, A),
    "failover without an SA": (provoked(Trigger.FAILOVER), NOTHING, NOTHING, NOTHING, A),
    "failover of a cluster": (failover, N, N, N, N),
    "traffic without an SA": (provoked(Trigger.MATCHING_TRAFFIC), NOTHING, NOTHING, NOTHING, A),
    "traffic without a child": (
        provoked(Trigger.MATCHING_TRAFFIC, childless),
        NOTHING,
        NOTHING,
        FIRST,
        FIRST,
    ),
    "traffic through a child": (
        provoked(Trigger.MATCHING_TRAFFIC, connected),
        NOTHING,
        NOTHING,
        NOTHING,
        NOTHING,
    ),
    "a hello without a child": (provoked(Trigger.MULTICAST, childless), NOTHING, NOTHING, FIRST, FIRST),
    "soft limits by volume": (
        provoked(Trigger.SOFT_EXPIRY, connected),
        NOTHING,
        CHILD | IKE | D,
        CHILD | IKE | D,
        CHILD | IKE | D,
    ),
    "hard limits by volume": (provoked(Trigger.HARD_EXPIRY, connected), D, D, D, D | FIRST),
    "the child's soft limit": (
        in_time(15.0, child_soft=10.0, child_hard=60.0),
        NOTHING,
        CHILD | D,
        CHILD | D,
        CHILD | D,
    ),
    "the child's hard limit": (in_time(15.0, child_soft=100.0, child_hard=10.0), D, D, D, D | FIRST),
    "the IKE SA's soft limit": (
        in_time(15.0, ike_soft=10.0, ike_hard=60.0),
        NOTHING,
        IKE | D,
        IKE | D,
        IKE | D,
    ),
    "the IKE SA's hard limit": (in_time(15.0, ike_soft=100.0, ike_hard=10.0), D, D, D, D | A),
    "the peer deletes the child": (after_delete("child"), NOTHING, NOTHING, NOTHING, FIRST),
    "the peer deletes the IKE SA": (after_delete("ike"), NOTHING, NOTHING, NOTHING, A),
    "the peer vanishes": (peer_vanishes, L, L, L, L | A),
    "clear": (provoked(Trigger.CLEAR, connected), D, D, D, D | A),
    "interface down": (provoked(Trigger.INTERFACE_DOWN, connected), D, D, D, D),
    "liveness finds the peer dead": (provoked(Trigger.DPD_LOSS, connected), NOTHING, NOTHING, NOTHING, A),
    "clock step": (provoked(Trigger.CLOCK_STEP, connected), NOTHING, NOTHING, NOTHING, NOTHING),
}


@pytest.mark.parametrize("profile", list(ProfileName), ids=str)
@pytest.mark.parametrize("occasion", list(TABLE))
def test_a_device_starts_exactly_what_its_profile_permits(occasion: str, profile: ProfileName) -> None:
    """On this occasion a device of this profile starts these exchanges and no others."""
    come_about, *expected = TABLE[occasion]

    assert come_about(profile) == expected[list(ProfileName).index(profile)]


@pytest.mark.parametrize("profile", list(ProfileName), ids=str)
@pytest.mark.parametrize(
    "what", ["liveness", "create_child", "rekey_child", "rekey_ike", "delete_child", "delete_ike"]
)
def test_every_profile_answers_whatever_the_peer_starts(what: str, profile: ProfileName) -> None:
    """Answering is never restricted: each request of the peer gets its response under each profile."""
    pair = connected(profile)

    assert pair.play(getattr(pair.peer, what)()) is not None
