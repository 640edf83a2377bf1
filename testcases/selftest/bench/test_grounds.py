"""Where peers stand: on loopback addresses, or where a target with sockets of its own says."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from harness.bench.catalogue import catalogue, select
from harness.bench.grounds import Loopback, own_loopback
from harness.bench.links import UdpPorts
from harness.bench.run import Bench, Settings
from harness.bench.stage import (
    SECOND_ADDRESS,
    STRANGER,
    LinkKind,
    NoSuchLink,
    UdpStage,
    abilities,
    grounds_of,
    link_to,
)
from harness.codes import Trigger
from harness.profile import DEFAULT
from harness.record import Verdict
from harness.target.contract import Addresses, NotApplicable, TargetUnavailable
from harness.target.probe import probe
from harness.target.reference import Reference
from harness.wire.datagram import Endpoint

HERE = own_loopback(60)


class Elsewhere:
    """A reference that is met from a single address, and has no device to be played in process."""

    name, version, interface, address = "elsewhere", "1", "lo", own_loopback(61)

    def __init__(self) -> None:
        self._target = Reference()
        self.abilities = self._target.abilities
        self.start, self.stop, self.provoke = self._target.start, self._target.stop, self._target.provoke

    def peer_addresses(self, count: int) -> tuple[str, ...]:
        return (HERE,)

    def inside(self) -> AbstractContextManager[None]:
        return nullcontext()


class NeverStarted(Elsewhere):
    """It only says where it would be."""

    def __init__(self) -> None:
        super().__init__()
        self.start = lambda configuration, peer: Addresses(peer, peer)


@pytest.fixture
def stage() -> Iterator[UdpStage]:
    """A stage for three peers with one address."""
    made = UdpStage(NeverStarted(), DEFAULT, ("alice", "bob", "carol"))
    yield made
    made.close()


def test_a_target_that_says_nothing_has_its_peers_on_loopback() -> None:
    """Without the ability, loopback serves."""
    assert isinstance(grounds_of(Reference()), Loopback)


def test_every_peer_stands_where_the_target_says(stage: UdpStage) -> None:
    """With it, nobody stands anywhere else."""
    assert {at.ike.address for at in stage.cast.values()} == {HERE}


def test_the_target_is_configured_for_its_own_address_and_that_of_the_first_peer(stage: UdpStage) -> None:
    """Addresses come from the grounds, whatever the case's configuration says."""
    told = stage.configuration
    assert (told.local_address, told.peer) == (Elsewhere.address, HERE)


def test_peers_that_share_an_address_have_ports_of_their_own(stage: UdpStage) -> None:
    """Three peers and the stranger fit on one address."""
    ends = [end for at in stage.cast.values() for end in (at.ike, at.natt)]
    assert len(set(ends)) == len(ends)


def test_ports_of_ike_that_somebody_else_has_are_done_without() -> None:
    """Of the two that belong together neither is kept then."""
    taken = UdpPorts()
    taken.bind(Endpoint(HERE, 4500))
    stage = UdpStage(NeverStarted(), DEFAULT, ("alice",))
    try:
        assert not {500, 4500} & {stage.cast["alice"].ike.port, stage.cast["alice"].natt.port}
    finally:
        stage.close()
        taken.close()


def test_the_stranger_never_has_the_port_of_ike(stage: UdpStage) -> None:
    """It comes from a port that no tunnel uses."""
    assert Endpoint(HERE, 500) not in (stage.cast[STRANGER].ike, stage.cast[STRANGER].natt)


def test_no_peer_can_move_where_there_is_one_address() -> None:
    """A case that needs another one does not apply."""
    with pytest.raises(NotApplicable, match="no second address"):
        UdpStage(NeverStarted(), DEFAULT, ("alice",), moving=True)


@pytest.mark.parametrize(("target", "has"), [(Elsewhere, False), (Reference, True)])
def test_a_second_address_is_an_ability_where_there_is_one(target: type, has: bool) -> None:
    """What a link can depends on where its peers stand."""
    assert (SECOND_ADDRESS in abilities(LinkKind.UDP, target())) is has


def test_a_case_is_played_from_a_single_address(tmp_path: Path) -> None:
    """Grounds of one address are enough for a case with one peer."""
    (entry,) = select(catalogue(), ("responder_only/f/peer-vanishes-half-way",))
    bench = Bench(Elsewhere(), Settings(tmp_path, link=LinkKind.UDP))
    result = bench.play(entry)
    bench.close()
    assert (result.verdict, result.why) == (Verdict.PASS, "")


def test_a_target_with_sockets_is_met_on_real_ones() -> None:
    """Nobody needs to say `--link udp` for it."""
    assert link_to(Elsewhere(), None) is LinkKind.UDP


@pytest.mark.parametrize("asked", [LinkKind.VIRTUAL, LinkKind.LOSSY])
def test_no_virtual_link_leads_to_sockets(asked: LinkKind) -> None:
    """Who asks for one is told what to do."""
    with pytest.raises(NoSuchLink, match="--link udp"):
        link_to(Elsewhere(), asked)


@pytest.mark.parametrize("asked", [None, *LinkKind])
def test_the_reference_is_met_on_any_link(asked: LinkKind | None) -> None:
    """It plays on each, by default on a virtual one."""
    assert link_to(Reference(), asked) is (asked or LinkKind.VIRTUAL)


def test_an_adapter_that_knows_its_limits_is_believed() -> None:
    """The reference refuses a trigger that does not exist."""
    probe(Reference())


def test_an_adapter_that_causes_what_can_not_exist_is_not_believed() -> None:
    """Its word would be worth nothing."""
    braggart = Elsewhere()
    braggart.provoke = lambda trigger: f"{trigger} happened"
    with pytest.raises(TargetUnavailable, match="a trigger that does not exist"):
        probe(braggart)


def test_an_adapter_that_claims_an_unknown_ability_is_not_believed() -> None:
    """A misspelt ability would never be met by a case."""
    braggart = Elsewhere()
    braggart.abilities = braggart.abilities | {"telepathy"}
    with pytest.raises(TargetUnavailable, match="telepathy"):
        probe(braggart)


def test_what_is_missing_for_a_target_is_told_before_the_first_case() -> None:
    """The probe asks an adapter to prepare."""

    class Bare(Elsewhere):
        def prepare(self) -> None:
            raise TargetUnavailable("gcc is not installed")

    with pytest.raises(TargetUnavailable, match="gcc"):
        probe(Bare())


def test_every_trigger_is_known_to_the_reference_that_runs() -> None:
    """Its refusal of what does not exist is no refusal of what does."""
    target = Reference()
    try:
        target.start(DEFAULT.__class__(local_address=own_loopback(62)), Endpoint(HERE, 40_000))
        assert target.provoke(Trigger.BOOT)
    finally:
        target.stop()
