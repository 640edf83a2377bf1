"""A responder with several peers: each meets the device with its own key, subnets, lifetimes and profile."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.clock import SeededEntropy
from harness.codes import ProfileName, Trigger
from harness.peer import Initiator, Request, Send
from harness.profile import DEFAULT, Configuration, Identity, Lifetimes, Peer
from harness.responder import Responder, Step
from harness.responder.neighbours import Neighbours
from harness.wire import Message, decode
from harness.wire.datagram import Endpoint
from testcases.selftest.responder.pairing import Pair

TARGET, TARGET_NATT = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500)
ALICE, BOB, CAROL = (f"192.0.2.{number}" for number in (2, 3, 99))

BOBS = Peer(
    remote_id=Identity("fqdn", "bob.example"),
    peer=BOB,
    psk=b"the key of bob",
    profile=ProfileName.TWO_WAY,
    local_subnets=("198.51.100.0/25",),
    remote_subnets=("10.3.0.0/16",),
    lifetimes=Lifetimes(ike_soft=50.0, ike_hard=60.0, child_soft=20.0, child_hard=30.0),
)
CAROLS = Peer(Identity("key_id", "carol"), None, b"the key of carol", remote_subnets=("10.99.0.0/16",))
HUB = replace(DEFAULT, further_peers=(BOBS, CAROLS))


class Hub:
    """A responder and its peers with nothing between them."""

    def __init__(self, configuration: Configuration = HUB) -> None:
        self.now = 0.0
        self.responder = Responder(configuration, SeededEntropy(1), local=TARGET)
        views = configuration.each_peer()
        self.peers = {
            address: self.peer(address, view)
            for address, view in zip((ALICE, BOB, CAROL), views, strict=False)
        }

    def peer(self, address: str, view: Configuration) -> Initiator:
        """A peer at an address, configured to meet this view of the device."""
        mirrored = replace(view.mirrored(), local_address=address)
        here, natt = Endpoint(address, 500), Endpoint(address, 4500)
        return Initiator(address, mirrored, SeededEntropy(7), here, natt, TARGET, TARGET_NATT)

    def play(self, script: Any) -> Any:
        """Perform a script; its result."""
        result = None
        while True:
            try:
                action = script.send(result)
            except StopIteration as end:
                return end.value
            result = self._act(action)

    def talk(self, step: Step, wanted: Callable[[Message], bool] = lambda _: False) -> Message | None:
        """Hand each datagram to its peer, and the peers' answers back."""
        answer = None
        for datagram in step.send:
            received = self.peers[datagram.destination.address].receive(datagram, self.now)
            if received.message is not None and wanted(received.message):
                answer = received.message
            for reply in received.send:
                self.talk(self.responder.receive(reply, self.now))
        return answer

    def wait(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.now + seconds
        while (due := self.responder.next_wake) is not None and due <= end:
            self.now = max(self.now, due)
            self.talk(self.responder.wake(self.now))
        self.now = end

    def up(self) -> set[str]:
        """The addresses of the peers whose SA serves."""
        return {sa.remote.address for sa in self.responder.all() if sa.up}

    def _act(self, action: Any) -> Message | None:
        if not isinstance(action, Request | Send):
            return None
        wanted = getattr(action, "answered_by", lambda _: False)
        return self.talk(self.responder.receive(action.datagram, self.now), wanted)


@pytest.fixture
def hub() -> Hub:
    """A strict device with alice, and with bob, towards whom it is two-way, and carol, who may be anywhere."""
    return Hub()


EACH = pytest.mark.parametrize("address", [ALICE, BOB, CAROL], ids=["alice", "bob", "carol"])


@EACH
def test_version_2_authenticates_each_peer_by_its_own_key(hub: Hub, address: str) -> None:
    """RFC 7296 section 2.15: IDi names the peer, and the key is the one shared with that peer."""
    hub.play(hub.peers[address].connect())

    assert hub.up() == {address}


@EACH
@pytest.mark.parametrize("mode", ["main_mode", "aggressive_mode"])
def test_version_1_authenticates_each_peer_by_its_own_key(hub: Hub, address: str, mode: str) -> None:
    """RFC 2409 section 5.4: Main Mode finds the key by the peer's address, Aggressive Mode by its identity."""
    hub.play(getattr(hub.peers[address], mode)())

    assert hub.up() == {address}


@EACH
def test_quick_mode_is_for_the_subnets_of_its_peer(hub: Hub, address: str) -> None:
    """Each peer's IPsec SAs carry what is configured for that peer."""
    hub.play(hub.peers[address].main_mode())
    hub.play(hub.peers[address].quick_mode())

    (sa,) = hub.responder.all()
    assert len(sa.children) == 1


def test_a_peer_gets_no_subnet_of_another(hub: Hub) -> None:
    """RFC 7296 section 2.9: selectors of another peer are TS_UNACCEPTABLE; the IKE SA stays."""
    alice, bob = hub.peers[ALICE], hub.peers[BOB]
    bob.configuration = replace(bob.configuration, local_subnets=alice.configuration.local_subnets)

    hub.play(bob.connect())

    (sa,) = hub.responder.all()
    assert (sa.up, sa.children) == (True, ())


@pytest.mark.parametrize("start", ["connect", "main_mode", "aggressive_mode"])
def test_no_key_opens_the_identity_of_another(hub: Hub, start: str) -> None:
    """Alice, who knows a key, is refused when she says that she is bob, from her own address or from his."""
    alices = hub.peers[ALICE].configuration
    for address in (ALICE, BOB):
        impostor = hub.peer(address, HUB)
        impostor.configuration = replace(alices, local_id=BOBS.remote_id or alices.local_id)
        hub.peers[address] = impostor
        hub.play(getattr(impostor, start)())

    assert hub.up() == set()


def test_bob_may_call_from_anywhere(hub: Hub) -> None:
    """In version 2 an identity counts and not an address: behind NAT he has another one."""
    elsewhere = "203.0.113.77"
    hub.peers[elsewhere] = hub.peer(elsewhere, HUB.each_peer()[1])

    hub.play(hub.peers[elsewhere].connect())

    assert hub.up() == {elsewhere}


def test_lifetimes_are_those_of_the_peer() -> None:
    """Bob's SA ends at his lifetime, alice's stands."""
    hub = Hub(replace(DEFAULT, further_peers=(replace(BOBS, profile=ProfileName.STRICT),)))
    for address in (ALICE, BOB):
        hub.play(hub.peers[address].connect())

    hub.wait(70.0)

    assert hub.up() == {ALICE}


def test_responder_only_is_a_matter_of_the_peer(hub: Hub) -> None:
    """One event, three peers: the device calls bob, towards whom it is two-way, and nobody else."""
    step = hub.responder.provoke(Trigger.INTERFACE_UP, 0.0)

    assert [datagram.destination.address for datagram in step.send] == [BOB]


def test_a_call_to_a_further_peer_completes(hub: Hub) -> None:
    """What the device begins towards bob ends with an SA under his key, with his subnets."""
    hub.talk(hub.responder.provoke(Trigger.INTERFACE_UP, 0.0))

    (sa,) = hub.responder.all()
    assert sa.up
    assert sa.children[0].remote[0].start == bytes([10, 3, 0, 0])


def test_rekeys_are_a_matter_of_the_peer(hub: Hub) -> None:
    """At a soft limit bob's SAs are rekeyed, alice's are not."""
    for address in (ALICE, BOB):
        hub.play(hub.peers[address].connect())

    step = hub.responder.provoke(Trigger.SOFT_EXPIRY, 0.0)

    assert {datagram.destination.address for datagram in step.send} == {BOB}


def test_an_event_reaches_the_sas_of_every_peer(hub: Hub) -> None:
    """When the interface goes down each peer is told by a Delete."""
    for address in (ALICE, BOB, CAROL):
        hub.play(hub.peers[address].connect())

    hub.talk(hub.responder.provoke(Trigger.INTERFACE_DOWN, 0.0))

    assert hub.up() == set()


def test_a_call_goes_out_from_an_address_of_the_peers_family() -> None:
    """With an IPv4 and an IPv6 address of its own the device calls an IPv6 peer from the latter."""
    six, four = Endpoint("2001:db8::1", 500), Endpoint("192.0.2.1", 500)
    afar = replace(BOBS, peer="2001:db8::3")
    responder = Responder(replace(DEFAULT, further_peers=(afar,)), SeededEntropy(1), local=(four, six))

    step = responder.provoke(Trigger.BOOT, 0.0)

    assert [(d.source, d.destination.address) for d in step.send] == [(six, "2001:db8::3")]


@pytest.mark.parametrize("whom", [DEFAULT.remote_id, None])
def test_two_peers_of_one_identity_are_refused(whom: Identity | None) -> None:
    """Nothing could tell them apart; the sentence names the identity."""
    twin = replace(BOBS, remote_id=whom)
    first = replace(DEFAULT, remote_id=whom)

    with pytest.raises(ValueError, match=str(whom or "anybody")):
        replace(first, further_peers=(twin,))


def test_a_representation_holds_no_key() -> None:
    """Neither a peer nor the device that has it shows a key when it is printed."""
    assert "the key of" not in repr(HUB)


def test_messages_of_the_device_are_well_formed(hub: Hub) -> None:
    """All that it sends to whichever peer reads as a message."""
    step = hub.responder.provoke(Trigger.BOOT, 0.0)

    assert all(isinstance(decode(datagram.data), Message) for datagram in step.send)


def test_an_interface_that_went_down_is_not_called_from(hub: Hub) -> None:
    """A two-way device lets go of bob when its interface goes down, and makes nothing anew."""
    hub.play(hub.peers[BOB].connect())

    hub.talk(hub.responder.provoke(Trigger.INTERFACE_DOWN, 0.0))
    hub.wait(60.0)

    assert hub.responder.all() == ()


DORA = Peer(Identity("fqdn", "dora.example"), "192.0.2.5", b"the key of dora", profile=ProfileName.TWO_WAY)


def test_a_new_peer_is_called_if_the_device_may(hub: Hub) -> None:
    """A configuration with one more tunnel: the device, two-way towards dora, calls her and nobody else."""
    step = hub.responder.reconfigure(replace(HUB, further_peers=(BOBS, CAROLS, DORA)), 0.0)

    assert [datagram.destination.address for datagram in step.send] == ["192.0.2.5"]


def test_a_new_peer_is_waited_for_under_responder_only(hub: Hub) -> None:
    """The same towards a strict peer starts nothing."""
    strict = replace(DORA, profile=ProfileName.STRICT)

    assert hub.responder.reconfigure(replace(HUB, further_peers=(BOBS, CAROLS, strict)), 0.0).send == ()


def test_an_address_is_the_same_however_it_is_written() -> None:
    """A peer whose IPv6 address is configured in capitals is the one that comes from there (RFC 5952)."""
    written = replace(DEFAULT, further_peers=(replace(CAROLS, peer="2001:DB8::1"),))

    assert Neighbours(written).at("2001:db8::1").configuration.psk == CAROLS.psk


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("trigger", list(Trigger), ids=str)
@pytest.mark.parametrize("missing", ["local_subnets", "remote_subnets"])
def test_a_device_without_subnets_survives_every_event(trigger: Trigger, version: int, missing: str) -> None:
    """There is nobody whose traffic could start something, as where clients are given addresses."""
    bare = replace(DEFAULT, profile=ProfileName.TWO_WAY, initiate_version=version)
    pair = Pair(replace(bare, **{missing: ()}))  # type: ignore[arg-type]  # an empty tuple is of every kind
    pair.play(pair.peer.main_mode() if version == 1 else pair.peer.ike_sa_init())
    pair.responder.provoke(trigger, 0.0)
    pair.wait(5.0)

    assert pair.responder.next_wake != 5.0


def test_a_device_without_suites_starts_nothing() -> None:
    """It has nothing to propose."""
    bare = Pair(replace(DEFAULT, profile=ProfileName.TWO_WAY, proposals_v2=()))

    assert bare.responder.provoke(Trigger.BOOT, 0.0).drop == "no suite of version 2 is configured"


def test_a_peer_that_is_configured_no_more_is_let_go(hub: Hub) -> None:
    """Its SA is deleted and not made again, and it finds nobody when it calls."""
    for address in (ALICE, BOB):
        hub.play(hub.peers[address].connect())

    hub.talk(hub.responder.reconfigure(replace(HUB, further_peers=(CAROLS,)), 0.0))
    hub.wait(60.0)
    hub.play(hub.peers[BOB].connect())

    assert hub.up() == {ALICE}


def test_a_device_that_becomes_responder_only_keeps_its_sas_and_rekeys_none(hub: Hub) -> None:
    """Bob's SA stays under the profile strict, and its soft limit passes without a word."""
    hub.play(hub.peers[BOB].connect())

    strict = replace(BOBS, profile=ProfileName.STRICT)
    step = hub.responder.reconfigure(replace(HUB, further_peers=(strict, CAROLS)), 0.0)

    assert step.send == ()
    assert hub.up() == {BOB}
    assert hub.responder.provoke(Trigger.SOFT_EXPIRY, 0.0).send == ()


def test_an_sa_is_shown_with_what_may_be_started(hub: Hub) -> None:
    """Each SA tells the profile towards its own peer, and who is its initiator."""
    hub.play(hub.peers[ALICE].connect())
    hub.talk(hub.responder.provoke(Trigger.INTERFACE_UP, 0.0))

    shown = {sa["remote"]: (sa["profile"], sa["role"]) for sa in hub.responder.show(0.0)}

    assert shown == {f"{ALICE}:500": ("strict", "responder"), f"{BOB}:500": ("two-way", "initiator")}


def test_a_hostile_identity_is_shown_in_print(hub: Hub) -> None:
    """What a peer calls itself reaches no terminal as it is."""
    loose = Hub(replace(DEFAULT, remote_id=None))
    alice = loose.peers[ALICE]
    alice.configuration = replace(alice.configuration, local_id=Identity("key_id", "\x1b[31mred\n"))

    loose.play(alice.connect())

    assert [sa["peer"] for sa in loose.responder.show(0.0)] == ["\\x1b[31mred\\n"]
