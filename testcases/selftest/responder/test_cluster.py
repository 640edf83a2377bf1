"""Two nodes behind one address: what a peer meets after the other one has taken over."""

from dataclasses import replace
from typing import Any

import pytest

from harness.clock import SeededEntropy
from harness.codes import NotifyType, ProfileName, Trigger
from harness.profile import DEFAULT
from harness.profile.configuration import Standby
from harness.responder import Cluster, device
from harness.wire import v2
from harness.wire.datagram import Endpoint
from testcases.selftest.responder.pairing import PEER, TARGET, Pair


def cluster(standby: Standby, profile: ProfileName = ProfileName.STRICT, **changes: Any) -> Pair:
    """A peer, and a device of two nodes."""
    configured = replace(DEFAULT, standby=standby, profile=profile, **changes)
    pair = Pair(configured)
    made = device(configured, SeededEntropy(1), local=TARGET, peer=PEER)
    assert isinstance(made, Cluster)
    pair.responder = made
    return pair


def test_a_device_alone_is_one_node() -> None:
    """Without a standby there is nothing to fail over to."""
    assert not isinstance(device(DEFAULT, SeededEntropy(1)), Cluster)


def test_a_cold_standby_has_no_sa_and_says_so() -> None:
    """RFC 7296 section 2.21.4: a request under an SPI it doesn't know gets INVALID_IKE_SPI, and starts nothing."""
    pair = cluster("cold")
    pair.play(pair.peer.connect())
    pair.provoke(Trigger.FAILOVER)
    pair.sent.clear()

    pair.play(pair.peer.liveness())

    assert [n.notify_type for m in pair.sent for n in m.all(v2.Notify)] == [NotifyType.INVALID_IKE_SPI]
    assert pair.started() == []


def test_a_cold_standby_serves_who_comes_anew() -> None:
    """The peer makes its SA again with the node that took over."""
    pair = cluster("cold")
    pair.play(pair.peer.connect())
    pair.provoke(Trigger.FAILOVER)

    pair.play(pair.peer.connect())

    assert [sa.up for sa in pair.responder.all()] == [True]


def test_a_synchronised_standby_goes_on() -> None:
    """Message IDs and keys are those of the failed node: a liveness check and a rekey are answered."""
    pair = cluster("synchronised")
    pair.play(pair.peer.connect())
    pair.play(pair.peer.liveness())
    pair.provoke(Trigger.FAILOVER)

    pair.play(pair.peer.rekey_child())

    assert pair.started() == []
    assert len(pair.peer.ike.children) == 1


def test_a_synchronised_standby_keeps_the_lifetimes() -> None:
    """What was left of a lifetime goes on: at its hard limit the SA is deleted by the node that took over."""
    pair = cluster("synchronised")
    pair.responder.reconfigure(replace(DEFAULT.with_lifetimes(ike_hard=100.0), standby="synchronised"), 0.0)
    pair.play(pair.peer.connect())
    pair.wait(60.0)
    pair.provoke(Trigger.FAILOVER)

    pair.wait(30.0)
    before = [sa.up for sa in pair.responder.all()]
    pair.wait(20.0)

    assert before == [True]
    assert [sa.up for sa in pair.responder.all()] == []


def test_what_was_half_open_went_with_the_node() -> None:
    """Only SAs whose peer has proved itself are synchronised."""
    pair = cluster("synchronised")
    pair.play(pair.peer.ike_sa_init())

    pair.provoke(Trigger.FAILOVER)

    assert list(pair.responder.all()) == []


@pytest.mark.parametrize("standby", ["cold", "synchronised"])
def test_a_two_way_standby_calls_from_the_shared_address(standby: Standby) -> None:
    """The node that takes over begins an IKE SA, from the address that the peer knows."""
    pair = cluster(standby, ProfileName.TWO_WAY)

    step = pair.responder.provoke(Trigger.FAILOVER, 0.0)

    assert [(d.source, d.destination) for d in step.send] == [(TARGET, PEER)]


@pytest.mark.parametrize("standby", ["cold", "synchronised"])
def test_a_responder_only_standby_calls_nobody(standby: Standby) -> None:
    """Whatever it took over, it starts nothing by taking over."""
    pair = cluster(standby)
    pair.play(pair.peer.connect())

    assert pair.responder.provoke(Trigger.FAILOVER, 0.0).send == ()


def test_cookies_of_the_failed_node_are_not_taken() -> None:
    """RFC 7296 section 2.6: a cookie learned from one node is none of the other's: it gives a new one."""
    pair = cluster("cold", cookie_threshold=0)
    first = pair.play(pair.peer.ike_sa_init(follow=False))
    pair.provoke(Trigger.FAILOVER)
    second = pair.play(pair.peer.ike_sa_init(follow=False))

    cookies = [message.find(v2.Notify).data for message in (first, second)]

    assert len(set(cookies)) == 2


def test_peers_of_each_family_find_it() -> None:
    """Both nodes listen at every address of the device."""
    both = (Endpoint("192.0.2.1", 500), Endpoint("2001:db8::1", 500))
    configured = replace(DEFAULT, standby="cold", profile=ProfileName.TWO_WAY, peer="2001:db8::2")
    made = device(configured, SeededEntropy(1), local=iter(both))

    made.provoke(Trigger.FAILOVER, 0.0)
    step = made.provoke(Trigger.FAILOVER, 1.0)

    assert [datagram.source for datagram in step.send] == [both[1]]
