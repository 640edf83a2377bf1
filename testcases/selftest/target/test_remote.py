"""A device elsewhere as a target: what can be asked of it, what is run for it and when, and how it is said what is missing."""

import select
from pathlib import Path

import pytest

from harness.clock import WallClock
from harness.codes import Trigger
from harness.record import printable
from harness.target.contract import (
    Elsewhere,
    Event,
    Grounds,
    NotApplicable,
    NotCaused,
    Outcome,
    Provokes,
    TargetUnavailable,
)
from harness.target.named import NoSuchTarget, named
from harness.target.namespaces import wait_until
from harness.target.probe import probe
from harness.target.remote import Leave, Remote
from harness.target.shell import Command
from harness.wire.datagram import Endpoint
from testcases.selftest.target.edge import ABOUT, told, written

COMMANDS = Leave(commands=True)
PATIENCE_S = 10.0


def remote(place: Path, leave: Leave = COMMANDS, **tables: str) -> Remote:
    """The device of such a file."""
    return Remote(told(place, **tables), leave)


def ended(event: Event) -> Outcome:
    """What came of it, waited for."""
    clock = WallClock()
    late = clock.now() + PATIENCE_S
    while (outcome := event.outcome()) is None and clock.now() < late:
        select.select([], [], [], 0.01)
    assert outcome is not None
    return outcome


def test_it_can_what_its_file_says(tmp_path: Path) -> None:
    """Its abilities are what it answers, how it proves itself, what was claimed, and the triggers that can be caused."""
    device = remote(tmp_path, target=ABOUT + 'abilities = ["mobike"]\n', provoke='reload = "true"\n')

    assert device.abilities == {"responder", "v2", "v1-main", "psk", "mobike", "provoke", "reload"}


def test_it_has_the_qualities_that_the_bench_looks_for(tmp_path: Path) -> None:
    """It says where peers stand, can be provoked, and is somebody's."""
    assert all(isinstance(remote(tmp_path), quality) for quality in (Grounds, Provokes, Elsewhere))


def test_its_ports_are_those_of_the_file(tmp_path: Path) -> None:
    """A device behind a mapping is met where the mapping is."""
    device = remote(tmp_path, target=ABOUT + "port = 1500\nnat_port = 14500\n")

    at = device.start(device.configuration, Endpoint("192.0.2.2", 500))

    assert (str(at.ike), str(at.natt)) == ("192.0.2.1:1500", "192.0.2.1:14500")


def test_peers_stand_on_the_way_to_it(tmp_path: Path) -> None:
    """Without a word on it, peers have the address from which the way leads there."""
    device = remote(tmp_path, target=ABOUT.replace("192.0.2.1", "127.0.0.9"))

    assert device.peer_addresses(3) == ("127.0.0.1",)


def test_peers_stand_where_the_file_says(tmp_path: Path) -> None:
    """Addresses of this machine that the file names are dealt to peers in their order."""
    device = remote(
        tmp_path,
        target=ABOUT.replace("192.0.2.1", "127.0.0.9"),
        peers='addresses = ["127.0.0.3", "127.0.0.4"]\n',
    )

    assert device.peer_addresses(3) == ("127.0.0.3", "127.0.0.4")


def test_a_place_that_is_not_here_is_said_before_the_first_case(tmp_path: Path) -> None:
    """Peers can't stand on an address of another machine."""
    with pytest.raises(TargetUnavailable, match=r"no way leads from 198\.51\.100\.1 to 192\.0\.2\.1"):
        remote(tmp_path, peers='addresses = ["198.51.100.1"]\n').prepare()


@pytest.mark.parametrize("peers", ["", 'addresses = ["127.0.0.1"]\n'])
def test_peers_do_not_stand_where_the_device_is(peers: str, tmp_path: Path) -> None:
    """By its address the evidence tells the device from its peers, so they can't share one."""
    device = remote(tmp_path, target=ABOUT.replace("192.0.2.1", "127.0.0.1"), peers=peers)

    with pytest.raises(TargetUnavailable, match=r"127\.0\.0\.1, which is the device's own address"):
        device.prepare()


def test_a_trigger_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """The probe of adapters believes it."""
    device = remote(tmp_path, target=ABOUT.replace("192.0.2.1", "127.0.0.9"))

    probe(device)
    with pytest.raises(NotApplicable):
        device.provoke("no-such-trigger")


def test_a_trigger_without_a_command_says_what_to_add(tmp_path: Path) -> None:
    """It is not that the device can't: nobody said how."""
    with pytest.raises(NotCaused, match=r"\[provoke\] of .*edge.toml names no command for boot: add one"):
        remote(tmp_path).provoke(Trigger.BOOT)


def test_no_command_is_run_without_leave(tmp_path: Path) -> None:
    """A file alone makes nothing happen on this machine, whatever it names."""
    mark = tmp_path / "mark"
    touch = f'"touch {mark}"\n'
    device = remote(
        tmp_path,
        Leave(),
        provoke=f"boot = {touch}",
        probe=f"alive = {touch}log = {touch}restart = {touch}",
    )

    with pytest.raises(NotCaused, match="--allow-commands"):
        device.provoke(Trigger.BOOT)
    with pytest.raises(TargetUnavailable):
        device.restart()
    assert (device.crashed(), device.logs()) == (None, "")
    assert not mark.exists()


def test_a_command_that_succeeds_has_caused_its_trigger(tmp_path: Path) -> None:
    """Status 0 and what it printed are what came of it."""
    outcome = ended(remote(tmp_path, provoke='boot = "echo up again"\n').provoke(Trigger.BOOT))

    assert outcome == Outcome(True, "the command ended with status 0 and said: up again")


def test_a_command_that_fails_has_caused_nothing(tmp_path: Path) -> None:
    """Any other status says that the trigger did not come about, and is told."""
    outcome = ended(remote(tmp_path, provoke='boot = "exit 7"\n').provoke(Trigger.BOOT))

    assert outcome == Outcome(False, "the command ended with status 7")


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    """When its time is over nothing of it is left."""
    tell = tmp_path / "pid"
    command = Command(f"sleep 600 & echo $! > {tell}; wait", seconds=0.5)

    outcome = ended(command)

    assert outcome == Outcome(False, "the command was killed after 0.5 s")
    wait_until(lambda: not _lives(int(tell.read_text())), 10, "the end of the command's child")


def test_stopping_the_target_ends_its_commands(tmp_path: Path) -> None:
    """An interrupted run leaves no command behind."""
    device = remote(tmp_path, provoke='boot = "sleep 600"\n')
    event = device.provoke(Trigger.BOOT)

    device.stop()

    assert ended(event).caused is False


def test_what_a_command_prints_is_made_harmless(tmp_path: Path) -> None:
    """Control characters and the secrets of the file do not reach the evidence."""
    said = ended(
        remote(tmp_path, provoke="boot = \"printf 'a\\\\033[2Jb sesame\\\\nc'\"\n").provoke(Trigger.BOOT)
    ).says

    assert said == printable(said)
    assert "sesame" not in said
    assert said.endswith("<hidden> / c")


def test_only_the_last_of_much_output_is_kept(tmp_path: Path) -> None:
    """A command that prints without end fills neither memory nor the evidence."""
    outcome = ended(Command("seq 200000", seconds=PATIENCE_S))

    assert outcome.says.endswith(" / 200000")
    assert len(outcome.says) < 5_000


@pytest.mark.parametrize(
    ("tables", "trigger", "seconds"),
    [
        ({"waits": "hard_expiry = 100\n"}, Trigger.HARD_EXPIRY, 107.0),
        ({"lifetimes": "child_hard = 100\n"}, Trigger.HARD_EXPIRY, 107.0),
        ({"lifetimes": "child_hard = 100\nchild_soft = 20\n"}, Trigger.SOFT_EXPIRY, 23.0),
        ({"lifetimes": "child_hard = 100\n"}, Trigger.SOFT_EXPIRY, 107.0),
        ({"lifetimes": "child_hard = 100\n", "provoke": 'hard_expiry = "true"\n'}, Trigger.HARD_EXPIRY, 0.0),
        ({}, Trigger.HARD_EXPIRY, 0.0),
        ({"lifetimes": "child_hard = 100\n"}, Trigger.BOOT, 0.0),
    ],
)
def test_limits_are_waited_for(
    tables: dict[str, str], trigger: Trigger, seconds: float, tmp_path: Path
) -> None:
    """What comes about by itself is waited for, timers being coarse; a command comes before waiting."""
    assert remote(tmp_path, **tables).wait_for(trigger) == pytest.approx(seconds)


def test_a_device_that_does_not_live_is_told(tmp_path: Path) -> None:
    """Its owner's command says whether it lives."""
    assert remote(tmp_path, probe='alive = "true"\n').crashed() is None
    assert "status 3" in (remote(tmp_path, probe='alive = "exit 3"\n').crashed() or "")


def test_a_device_that_can_be_started_again_is(tmp_path: Path) -> None:
    """By its owner's command, and if that fails it is said."""
    mark = tmp_path / "mark"

    remote(tmp_path, probe=f'restart = "touch {mark}"\n').restart()

    assert mark.exists()
    with pytest.raises(TargetUnavailable, match="can't be started again"):
        remote(tmp_path, probe='restart = "false"\n').restart()


def test_the_stranger_is_another_peer(tmp_path: Path) -> None:
    """[identity.control] takes the place of the peer, not of the device."""
    device = remote(tmp_path, identity_control='remote_id = "fqdn:control.example"\npsk = "barley"\n')

    assert device.stranger is not None
    assert (str(device.stranger.remote_id), device.stranger.psk) == ("control.example", b"barley")
    assert device.stranger.local_id == device.configuration.local_id


def test_a_global_address_is_named_by_hand_as_well(tmp_path: Path) -> None:
    """A device that may be anybody's is sent nothing unless whoever runs us says that he may test it."""
    file = str(written(tmp_path, target=ABOUT.replace("192.0.2.1", "8.8.8.8")))

    with pytest.raises(NoSuchTarget, match=r"--i-may-test 8\.8\.8\.8"):
        named(file, Leave(addresses=frozenset({"8.8.4.4"})))
    assert named(file, Leave(addresses=frozenset({"8.8.8.8"}))).name == "edge-1"


@pytest.mark.parametrize(
    ("address", "spared"),
    [("192.0.2.9", False), ("8.8.8.8", False), ("9.9.9.9", False), ("1.1.1.1", True), ("2001:4860::1", True)],
)
def test_nothing_is_sent_to_anybody(address: str, spared: bool, tmp_path: Path) -> None:
    """A global address that is neither the device's nor named by hand is spared, whoever tells of it."""
    leave = Leave(addresses=frozenset({"8.8.8.8", "9.9.9.9"}))

    assert remote(tmp_path, leave, target=ABOUT.replace("192.0.2.1", "8.8.8.8")).spares(address) is spared


def test_a_kind_that_does_not_exist_names_those_that_do(tmp_path: Path) -> None:
    """The sentence has every kind."""
    with pytest.raises(NoSuchTarget, match=r"one of reference, .*remote, not 'toaster'"):
        named(str(written(tmp_path, target='kind = "toaster"\n')))


def _lives(pid: int) -> bool:
    """Whether a process is there that has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
